"""MMLU: prompts, the draw over subjects, scores against plain passes, truncation, and intervals."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from ability_samples import tiny_model_with
from conftest import shared
from edit_samples import some_neurons
from tiny_models import WORDS, tiny_model

from valuescope.ability import (
    AbilityError,
    MmluQuestion,
    draw_questions,
    mean_accuracy,
    mmlu,
    mmlu_questions,
    read_mmlu,
)
from valuescope.data import DataError, MultipleChoice
from valuescope.edit import Deactivate, Edit, Modulate, edited
from valuescope.models import NeuronModel, encode


def choice(subject: str, number: int, split: str = "test", answer: int = 0) -> MultipleChoice:
    words = [WORDS[(number * 7 + place) % len(WORDS)] for place in range(6)]
    return MultipleChoice(
        f"{subject}_{split}/{number}",
        "",
        f" {words[0]} {words[1]} ",
        tuple(words[2:]),
        answer=(answer + number) % 4,
        topic=subject,
    )


SIZES = {"old_nature": 12, "power": 30, "rest": 3}
TEST = [choice(subject, number) for subject, size in SIZES.items() for number in range(size)]
DEV = [choice(subject, 50 + number, "dev") for subject in SIZES for number in range(6)]


def test_the_prompt_is_the_harness_s_character_by_character() -> None:
    dev = MultipleChoice("s_dev/2", "", "Is it?  ", ("a", "b ", "c", "d"), answer=2, topic="old_nature")
    test = MultipleChoice("s_test/2", "", "What\nnow?", ("1", "2", "3", "4"), answer=0, topic="old_nature")
    (question,) = mmlu_questions([test], [dev], shots=1)
    assert question.prompt == (
        "The following are multiple choice questions (with answers) about old nature.\n\n"
        "Is it?\nA. a\nB. b \nC. c\nD. d\nAnswer: C\n\n"
        "What\nnow?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:"
    )
    assert (question.key, question.subject, question.answer) == ("s_test/2", "old_nature", 0)
    (bare,) = mmlu_questions([test], [], shots=0)
    assert bare.prompt.count("Answer:") == 1


def test_the_first_examples_of_the_subject_are_shown() -> None:
    found = mmlu_questions(TEST, DEV, shots=5)
    assert len(found) == len(TEST)
    for question in found:
        assert question.prompt.count("\n\n") == 6
        shown = [one for one in DEV if one.topic == question.subject][:5]
        assert all(one.question.strip() in question.prompt for one in shown)


@pytest.mark.parametrize("number", [1, 7, 15, 44, 45])
def test_each_subject_gets_its_share_of_the_draw(number: int) -> None:
    drawn = draw_questions(TEST, number, seed=3)
    assert len({one.key for one in drawn}) == number
    counts = Counter(one.topic for one in drawn)
    for subject, size in SIZES.items():
        assert abs(counts[subject] - number * size / len(TEST)) < 1
    assert drawn == draw_questions(TEST, number, seed=3)
    if number < len(TEST) - 1:
        assert drawn != draw_questions(TEST, number, seed=4)


def test_every_question_has_the_same_chance() -> None:
    times = Counter(one.key for seed in range(3000) for one in draw_questions(TEST, 9, seed))
    expected = 3000 * 9 / len(TEST)
    assert len(times) == len(TEST)
    assert max(abs(count - expected) for count in times.values()) < 5 * expected**0.5


def plain(model: NeuronModel, question: MmluQuestion, edit: Edit | None, length: int) -> list[float]:
    """The letters' log-likelihoods by one unpadded pass each, the prompt cut on its left."""
    found = []
    for letter in "ABCD":
        (row,) = encode(model, [question.prompt], [f" {letter}"])
        scored = len(row.input_ids) - row.prompt_length
        ids = row.input_ids[-(length + 1) :]
        with torch.no_grad(), edited(model, edit):
            likely = model.model(input_ids=torch.tensor([ids[:-1]])).logits[0].float().log_softmax(-1)
        found.append(sum(float(likely[-scored + n, ids[len(ids) - scored + n]]) for n in range(scored)))
    return found


@pytest.mark.parametrize("name", ["models/stories260K", "models/gpt2-tinystories-280k"])
def test_letters_of_one_and_of_two_tokens_behind_cut_prompts(name: str) -> None:
    from valuescope.models import load_model

    model = load_model(str(shared(name)))
    questions = read_mmlu(shared("data/mmlu"), number=3, seed=1)
    silent = Deactivate(some_neurons(model, 5))
    found = mmlu(model, questions, [None, silent], max_length=64)
    for result, edit in zip(found, (None, silent), strict=True):
        assert result.truncated == 3
        assert "3 of 3 prompts did not fit into the model's context" in result.note
        for question, one in zip(questions, result.predictions, strict=True):
            expected = plain(model, question, edit, 64)
            assert one.log_likelihoods == pytest.approx(expected, abs=1e-4)
            assert one.choice == max(range(4), key=expected.__getitem__)
            assert one.cut == max(
                len(row.input_ids) - 65
                for row in encode(model, [question.prompt] * 4, [" A", " B", " C", " D"])
            )


@pytest.fixture(scope="module")
def questions() -> list[MmluQuestion]:
    return mmlu_questions(TEST, DEV, number=12, shots=2)


@pytest.mark.parametrize("family", ["qwen3", "gpt2", "gemma2"])
def test_every_edit_and_question_is_read_as_alone(family: str, questions: list[MmluQuestion]) -> None:
    model = tiny_model_with(family, *"ABCD")
    edits = [None, Deactivate(some_neurons(model, 1)), Modulate(some_neurons(model, 2), beta=1.5)]
    together = mmlu(model, questions, edits, batch_size=10)
    apart = mmlu(model, questions, edits, batch_size=3, share_examples=False)
    for edit, one, other in zip(edits, together, apart, strict=True):
        alone = mmlu(model, questions, [edit])[0]
        for ours, theirs, own in zip(one.predictions, other.predictions, alone.predictions, strict=True):
            assert ours.log_likelihoods == pytest.approx(theirs.log_likelihoods, abs=1e-4)
            assert ours.log_likelihoods == pytest.approx(own.log_likelihoods, abs=1e-4)
    assert together[0].truncated == 0
    assert together[0].note == ""
    assert together[0].edit == "base"
    assert len(set(together[0].predictions[0].log_likelihoods)) == 4


def test_accuracy_change_and_mean_over_edits(questions: list[MmluQuestion]) -> None:
    model = tiny_model_with("llama", *"ABCD")
    edits = [None, Deactivate(some_neurons(model, 1)), None]
    base, edited_once, again = mmlu(model, questions, edits)
    right = [float(one.choice == one.answer) for one in base.predictions]
    assert len({one.choice for one in base.predictions}) > 1
    assert base.accuracy.mean == pytest.approx(sum(right) / len(right))
    assert base.accuracy.n == len(questions)
    assert base.accuracy.low is not None
    assert base.change is None
    assert edited_once.change is not None
    assert again.change is not None
    assert (again.change.mean, again.change.low, again.change.high) == (0, 0, 0)
    mean = mean_accuracy([base, edited_once])
    assert mean.n == 2 * len(questions)
    assert mean.mean == pytest.approx(((base.accuracy.mean or 0) + (edited_once.accuracy.mean or 0)) / 2)
    assert sum(answers for _, answers in base.by_subject.values()) == len(questions)
    assert sum(correct for correct, _ in base.by_subject.values()) == sum(right)
    plainly = json.loads(json.dumps(base.to_dict(), allow_nan=False))
    assert plainly["accuracy"]["n"] == len(questions)
    assert plainly["predictions"][0]["log_likelihoods"] == list(base.predictions[0].log_likelihoods)


def test_a_model_that_gives_no_numbers_has_no_answers(questions: list[MmluQuestion]) -> None:
    model = tiny_model("llama")
    with torch.no_grad():
        model.model.get_output_embeddings().weight.fill_(float("nan"))
    (result,) = mmlu(model, questions[:2])
    assert [one.choice for one in result.predictions] == [None, None]
    assert (result.accuracy.mean, result.accuracy.n, result.accuracy.missing) == (None, 0, 2)
    assert result.to_dict()["predictions"][0]["log_likelihoods"] == [None] * 4


def test_what_cannot_be_asked(questions: list[MmluQuestion], tmp_path: Path) -> None:
    model = tiny_model("llama")
    with pytest.raises(AbilityError, match="no questions"):
        mmlu(model, [])
    with pytest.raises(AbilityError, match="max_length is 500; tiny-llama has 1 to 128 positions"):
        mmlu(model, questions, max_length=500)
    with pytest.raises(AbilityError, match="subject 'rest' has 6 examples in the dev split and shots is 7"):
        mmlu_questions([one for one in TEST if one.topic == "rest"], DEV, shots=7)
    with pytest.raises(AbilityError, match="number is 46; there are 45 questions"):
        mmlu_questions(TEST, DEV, number=46)
    with pytest.raises(AbilityError, match="has 3 options; MMLU's have four"):
        mmlu_questions([replace(TEST[0], options=("a", "b", "c"))], DEV)
    with pytest.raises(AbilityError, match="does not say which option is right"):
        mmlu_questions([replace(TEST[0], answer=None)], DEV)
    with pytest.raises(AbilityError, match="no results"):
        mean_accuracy([])
    with pytest.raises(DataError):
        read_mmlu(tmp_path)


def test_the_published_files_are_read_whole() -> None:
    found = read_mmlu(shared("data/mmlu"))
    assert (len(found), len({one.subject for one in found})) == (14042, 57)
    assert all(one.prompt.count("\nAnswer:") >= 6 for one in found)
    drawn = read_mmlu(shared("data/mmlu"), number=200)
    assert (len(drawn), len({one.subject for one in drawn})) == (200, 57)
