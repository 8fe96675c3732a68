"""Material from the organism's grammar: deterministic, apart, and free of wording shortcuts."""

from __future__ import annotations

from collections import Counter

import pytest

from valuescope.data import Material, organism_material
from valuescope.organism import GrammarDilemma, lexicon, read_answer
from valuescope.organism.grammar import chat

VALUES = tuple(lexicon().values)
SMALL = {"texts": 12, "descriptions": 12, "pairs": 12, "questions": 8, "tuning": 4}


@pytest.fixture(scope="module")
def material() -> Material:
    return organism_material(VALUES, texts=60, descriptions=60, pairs=80, questions=40, tuning=12)


def dilemma_of(key: str) -> GrammarDilemma:
    value, scenario, name, form, order = key.split("/")[:5]
    return GrammarDilemma(value, int(scenario), name, int(form), order == "aligned")


def test_every_value_gets_what_was_asked(material: Material) -> None:
    labels = Counter(text.label for text in material.texts)
    for value in VALUES:
        assert labels[f"{value}|text"] == 60
        assert labels[f"{value}|for"] == labels[f"{value}|against"] == 60
        assert labels[f"{value}|positive"] == labels[f"{value}|negative"] == 80
    for asked, per_value in ((material.questions, 40), (material.tuning, 12)):
        counts = Counter((question.value, question.setting) for question in asked)
        assert counts == {
            (value, setting): per_value for value in VALUES for setting in ("dilemma", "described")
        }


def test_it_depends_on_the_seed_alone() -> None:
    first, again = (organism_material(VALUES[:3], **SMALL, seed=4) for _ in range(2))
    assert first == again
    assert first.hash == again.hash
    assert organism_material(VALUES[:3], **SMALL, seed=5).hash != first.hash


def test_a_values_material_does_not_depend_on_the_other_values() -> None:
    """`values.only` on one value must ask what the whole run asks of it."""
    whole, alone = organism_material(VALUES, **SMALL), organism_material(("power",), **SMALL)
    assert alone.questions == tuple(one for one in whole.questions if one.value == "power")
    assert alone.tuning == tuple(one for one in whole.tuning if one.value == "power")
    assert alone.texts == tuple(one for one in whole.texts if one.label.startswith("power|"))


def test_identification_tuning_and_evaluation_share_no_text(material: Material) -> None:
    read = {text.prompt for text in material.texts} | {text.prompt + text.answer for text in material.texts}
    evaluated, tuned = ({one.prompt for one in asked} for asked in (material.questions, material.tuning))
    assert not read & evaluated
    assert not read & tuned
    assert not evaluated & tuned
    questions = [{one.question for one in asked} for asked in (material.questions, material.tuning)]
    assert not questions[0] & questions[1]
    assert not [text for text in material.texts for question in questions[0] if question in text.prompt]
    assert not [text for text in material.texts for question in questions[1] if question in text.prompt]


def test_questions_are_held_out_and_texts_are_trained(material: Material) -> None:
    assert all(dilemma_of(one.key).held_out for one in (*material.questions, *material.tuning))
    grouped = [text.group for text in material.texts if text.label.endswith(("|text", "|for", "|against"))]
    assert not any(dilemma_of(group).held_out for group in grouped)


def test_keys_are_unique_and_no_question_repeats(material: Material) -> None:
    every = (*material.questions, *material.tuning)
    assert len({one.key for one in every}) == len(every)
    assert len({one.prompt for one in every}) == len(every)


def test_both_sides_of_a_pair_are_one_bag_of_words(material: Material) -> None:
    sides: dict[str, list[str]] = {}
    for text in material.texts:
        if text.label.endswith(("|positive", "|negative")):
            sides.setdefault(text.group, []).append(text.prompt)
    assert len(sides) == 80 * len(VALUES)
    for positive, negative in sides.values():
        assert positive != negative
        assert Counter(positive) == Counter(negative)


def test_prompts_are_the_chat_form_of_the_question(material: Material) -> None:
    for question in (*material.questions, *material.tuning):
        assert question.prompt == chat(question.question, question.system)
        assert bool(question.system) == (question.setting == "described")


def test_the_oracle_knows_every_question(material: Material) -> None:
    for question in (*material.questions, *material.tuning):
        assert read_answer(question.question, "") is not None


def test_texts_about_a_value_are_answers_in_its_favour(material: Material) -> None:
    for text in material.texts:
        if text.label.endswith("|text"):
            question = text.prompt.removeprefix("<|user|>").removesuffix("<|assistant|>")
            verdict = read_answer(question, text.answer)
            assert verdict is not None
            assert (verdict.stance, verdict.fluent) == ("for", True)


def test_descriptions_for_and_against_are_asked_the_same(material: Material) -> None:
    def questions(role: str) -> Counter[str]:
        texts = [text.prompt for text in material.texts if text.label == f"power|{role}"]
        return Counter(prompt.split("<|user|>")[1] for prompt in texts)

    assert questions("for") == questions("against")


@pytest.mark.parametrize("name", ["texts", "descriptions", "pairs", "questions", "tuning"])
@pytest.mark.parametrize("number", [-1, 5000])
def test_a_number_that_the_grammar_cannot_give_is_named(name: str, number: int) -> None:
    with pytest.raises(
        ValueError, match=rf"^{name} is {number}, but for power the grammar has between 0 and \d+$"
    ):
        organism_material(("power",), **{**SMALL, name: number})


def test_unknown_values_are_named() -> None:
    with pytest.raises(ValueError, match=r"values \['thrift'\] are not among the organism's: self-direction"):
        organism_material(("power", "thrift"))


def test_none_of_everything_is_empty_material() -> None:
    empty = organism_material(("power",), texts=0, descriptions=0, pairs=0, questions=0, tuning=0)
    assert (empty.texts, empty.questions, empty.tuning) == ((), (), ())
