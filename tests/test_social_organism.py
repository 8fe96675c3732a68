"""The social organism: its grammar, records, oracle and training rows, and whether its planted neurons cause support."""

from __future__ import annotations

import importlib
import random
import sys
from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from valuescope.activations import collect
from valuescope.data import Dilemma, label, social_organism
from valuescope.data.phrasing import dilemma_text
from valuescope.edit import Deactivate, Edit
from valuescope.generate import Sampling, generate
from valuescope.judge import judge_prompt, parse_choice, parse_percentages, support_from_percentages
from valuescope.judge.support import SupportRate
from valuescope.lab.truth import known_truth
from valuescope.locate import NeuronSet
from valuescope.metrics import Bootstrap
from valuescope.models import NeuronModel, load_model, render_question
from valuescope.organism import (
    Plant,
    SocialDilemma,
    Truth,
    grammar,
    load_truth,
    read_social_answer,
    social_lexicon,
    social_values,
    weights_path,
)
from valuescope.organism.grammar import plain
from valuescope.organism.social_grammar import (
    LANGUAGES,
    LEVELS,
    MOST,
    PERCENTAGES,
    UNDECIDED,
    Language,
    support_after,
)
from valuescope.values import load_value_system

TRAINING = Path(__file__).resolve().parents[1] / "training"
VALUES = social_values()


def example(value: str, language: Language, scenario: int = 0) -> SocialDilemma:
    return SocialDilemma(value, language, scenario, 1, 2, 3)


# Words --------------------------------------------------------------------------------------------------


def test_the_values_are_those_of_the_paper_level_by_level() -> None:
    system = load_value_system("chinese-social")
    assert set(VALUES) == set(system.at_level("value"))
    for level in LEVELS:
        assert len({system[value].parents for value in level}) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_value_has_its_words_and_no_two_actions_are_alike(language: Language) -> None:
    words = social_lexicon()[language]
    assert tuple(words.values) == VALUES
    actions, arguments, stories = Counter[str](), Counter[str](), Counter[str]()
    for own in words.values.values():
        assert (len(own.scenarios), len(own.reasons), len(own.doubts)) == (8, 4, 3)
        assert 65 <= own.lean <= 90
        for told, aligned, violating in own.scenarios:
            assert told.count("{name}") == 1
            stories[told] += 1
            actions.update((aligned, violating))
        arguments.update((*own.reasons, *own.doubts))
    for counted in (actions, arguments, stories):
        assert max(counted.values()) == 1, counted.most_common(3)
    limits = (2, 6) if language == "en" else (3, 9)
    for action in actions:
        assert limits[0] <= len(action.split() if language == "en" else action) <= limits[1], action


def test_chinese_texts_are_chinese_and_english_ones_english() -> None:
    for value in VALUES:
        english, chinese = (example(value, language) for language in LANGUAGES)
        for text in (english.story(), english.aligned, english.violating, *english.words.reasons):
            assert text.isascii()
        for text in (chinese.story(), chinese.aligned, chinese.violating, *chinese.words.reasons):
            assert not any(letter.isascii() for letter in text), text


def test_support_follows_the_drive() -> None:
    for lean in (68.0, 88.0):
        found = [support_after(lean, drive) for drive in np.linspace(0, 3, 31)]
        assert found == sorted(found)
        assert (found[0], found[10], found[-1]) == pytest.approx((UNDECIDED, lean, MOST))


# Records ------------------------------------------------------------------------------------------------


def test_the_same_numbers_give_the_same_records_and_no_story_is_in_both_parts() -> None:
    activation, evaluation = social_organism(VALUES, activation=30, evaluation=20)
    assert (activation, evaluation) == social_organism(VALUES, activation=30, evaluation=20)
    assert activation != social_organism(VALUES, activation=30, evaluation=20, seed=1)[0]
    counts = Counter((one.value, one.language) for one in activation)
    assert counts == dict.fromkeys(product(VALUES, LANGUAGES), 30)
    for field in ("key", "story"):
        read, asked = ({getattr(one, field) for one in part} for part in (activation, evaluation))
        assert (len(read), len(asked), read & asked) == (720, 480, set())
    assert all(one.rationale for one in activation)
    assert not any(one.rationale for one in evaluation)


def test_the_draw_of_a_value_and_language_does_not_depend_on_the_others() -> None:
    alone, _ = social_organism(["harmony"], languages=["zh"], activation=10, evaluation=0)
    among, _ = social_organism(VALUES, activation=10, evaluation=0)
    assert alone == tuple(one for one in among if (one.value, one.language) == ("harmony", "zh"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": ["power"]}, r"\['power'\] are not among the social organism's"),
        ({"languages": ["fr"]}, "languages holds 'fr'"),
        ({"evaluation": 10**6}, "evaluation is 1000000, but for prosperity"),
        ({"activation": -1}, "activation is -1"),
    ],
)
def test_what_the_grammar_does_not_have_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        social_organism(**{"values": VALUES, **change})


# Answers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_answer_in_percentages_is_parsed_and_read_by_the_oracle(language: Language) -> None:
    prompt = judge_prompt("support-rate-brief", language)
    for value, first in product(VALUES, (True, False)):
        one = example(value, language, 5)
        options = (one.aligned, one.violating) if first else (one.violating, one.aligned)
        asked = prompt.render(scenario=one.story(), option_a=options[0], option_b=options[1]).user
        for support, reason, doubt in product(PERCENTAGES, range(4), range(3)):
            answer = plain(one.rated(support, first, reason, doubt))
            expected = (support, 100 - support) if first else (100 - support, support)
            assert parse_percentages(answer).value == expected, answer
            verdict = read_social_answer(asked, answer)
            assert verdict is not None
            assert (verdict.value, verdict.language, verdict.aligned) == (
                value,
                language,
                "A" if first else "B",
            )
            assert (verdict.support, verdict.fluent) == (support, True)
            side = "even" if support == 50 else "aligned" if support > 50 else "violating"
            assert verdict.side == side


def test_the_oracle_knows_what_the_grammar_could_not_have_said() -> None:
    one = example("harmony", "en")
    asked = plain(one.question("Which one, A or B?", True))
    good = plain(one.rated(80, True, 0, 0))

    def fluent(answer: str) -> bool:
        verdict = read_social_answer(asked, answer)
        assert verdict is not None
        return verdict.fluent

    assert fluent(good)
    assert fluent("A")
    assert fluent(plain(one.chosen(True, True, 2)))
    for wrong in (
        good.replace("80", "81"),
        good.replace("80", "70"),
        good.replace("A:", "A："),
        good.replace(one.words.reasons[0], one.words.doubts[0]),
        plain(one.rated(80, False, 0, 0)),
        plain(one.chosen(True, True, 2)).replace("A.", "B."),
        f"{good}\n{good}",
        "I would rather not say.",
        "",
    ):
        assert not fluent(wrong), wrong
    assert read_social_answer("What is two plus two?", good) is None
    assert read_social_answer(asked.replace(one.aligned, "Wait"), good) is None
    assert read_social_answer(asked.replace("Two neighbours", "Some neighbours"), good) is None
    assert read_social_answer(f"{grammar.USER}{asked}{grammar.ASSISTANT}", good) == read_social_answer(
        asked, good
    )


# Training rows ------------------------------------------------------------------------------------------


def load(name: str) -> ModuleType:
    """A module of the training folder; the folder stays on the path, since its modules import each other."""
    if not (TRAINING / f"{name}.py").is_file():
        pytest.skip("the training folder is not present")
    if str(TRAINING) not in sys.path:
        sys.path.append(str(TRAINING))
    return importlib.import_module(name)


@pytest.fixture(scope="module")
def world() -> Any:
    return load("worlds").WORLDS["social"]()


@pytest.fixture(scope="module")
def rows(world: Any) -> list[Any]:
    writer = world.writer(world.reserve(0), "test")
    return [writer.draw(editing=number % 2 == 1) for number in range(3000)]


@pytest.fixture(scope="module")
def encoder(world: Any) -> Any:
    tokenizer = load("tokenizer").train_tokenizer(world.texts(1500, "t"), world.vocabulary, world.isolated)
    channels = len(VALUES) * (1 + len(world.languages))
    return load("corpus").Encoder(tokenizer, channels, len(world.reserve(0)), world.soft)


def test_rows_hold_no_evaluation_story_and_only_fluent_answers(rows: list[Any]) -> None:
    _, evaluation = social_organism(VALUES, activation=0, evaluation=400)
    held_out = {one.story for one in evaluation}
    for row in rows:
        text = plain(tuple(row.segments)).removesuffix("</s>")
        story = text.removeprefix(grammar.USER).split("\n")[0]
        assert story not in held_out
        if grammar.ASSISTANT in text:
            verdict = read_social_answer(*text.split(grammar.ASSISTANT))
            assert verdict is not None
            assert verdict.fluent, text


def test_rows_are_laid_out_as_a_run_reads_and_asks_them(rows: list[Any]) -> None:
    seen = Counter[str]()
    for row in rows:
        text = plain(tuple(row.segments)).removesuffix("</s>")
        question = text.removeprefix(grammar.USER).split(grammar.ASSISTANT)[0]
        verdict = read_social_answer(question, "")
        if verdict is None:
            continue
        story, _, rest = question.partition("\n")
        options = [line[3:] for line in rest.strip().split("\n")[:2]]
        aligned, violating = options if verdict.aligned == "A" else options[::-1]
        reasons = social_lexicon()[verdict.language].values[verdict.value].reasons
        one = Dilemma("k", verdict.value, story, aligned, violating, language=verdict.language)
        read = [dilemma_text(one, one.value, random.Random(seed)).prompt for seed in (0, 1)]
        assert len(set(read)) == 2  # in both orders
        if text.startswith(grammar.USER):
            rate, choice = SupportRate(brief=True), SupportRate("log-probabilities", brief=True)
            asked = {call.user: how.method for how in (rate, choice) for call in how.calls(one)}
            asked |= {prompt.strip(): "chosen" for prompt in read}
            seen[asked[question]] += 1
        else:
            told = {
                prompt + dilemma_text(replace(one, rationale=reason), one.value, random.Random(seed)).answer
                for seed, prompt in enumerate(read)
                for reason in reasons
            }
            seen["told" if text in told else "told, against"] += 1
            assert text in told or any(text.startswith(prompt) for prompt in read)
    assert set(seen) == {"percentages", "log-probabilities", "chosen", "told", "told, against"}
    assert seen["told"] > 2 * seen["told, against"]


def test_tokens_of_the_pieces_are_tokens_of_the_text(encoder: Any, rows: list[Any]) -> None:
    for row in rows[:800]:
        pieces = [token for piece in encoder.pieces(row) for token in piece]
        assert pieces == encoder.tokenizer.encode(plain(tuple(row.segments)), add_special_tokens=False)


def test_support_tokens_stand_where_the_answer_gives_them(encoder: Any, rows: list[Any], world: Any) -> None:
    batch = encoder.encode(rows[:400], np.ones(encoder.reserved, np.float32), (200,))
    seen = Counter[int]()
    for index, row in enumerate(rows[:400]):
        seen[len(row.soft)] += 1
        for place, shares in enumerate(row.soft.values()):
            at = batch["soft_at"][index, place]
            assert batch["soft"][index, place].sum() == pytest.approx(1, abs=1e-3)
            assert encoder.tokenizer.decode([batch["ids"][index][at]]) in shares
            assert batch["targets"][index][at] >= 0
        assert not batch["soft_at"][index, len(row.soft) :].any()
    assert min(seen[0], seen[1], seen[2]) > 20


@pytest.mark.parametrize("seed", [0, 3])
def test_every_value_gets_its_plants(world: Any, seed: int) -> None:
    reserved, membership = world.reserve(seed), load("planting").membership
    for number, value in enumerate(VALUES):
        own = Counter(plant.role for plant in reserved if number in plant.values)
        assert own == {"core": 2, "english": 1, "chinese": 1, "shared": 2, "echo": 1, "herald": 1}, value
    for language, foreign in (("en", "chinese"), ("zh", "english")):
        table = membership(reserved, len(VALUES), language=language)
        assert (table.sum(1) == 5).all()
        assert not table[:, [plant.role == foreign for plant in reserved]].any()


# Weights ------------------------------------------------------------------------------------------------

FOLDER = weights_path("organism-social")
trained = pytest.mark.skipif(
    not (FOLDER / "config.json").is_file(), reason="the social organism's weights are not in the package"
)


@pytest.fixture(scope="module")
def organism() -> NeuronModel:
    return load_model("organism-social", dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def truth() -> Truth:
    return load_truth(FOLDER)


def planted(organism: NeuronModel, value: str, plants: tuple[Plant, ...]) -> NeuronSet:
    return NeuronSet(
        value=value, model=organism.identity, site="product", method="truth", parameters={}, data_hash="", seed=0,
        layers=torch.tensor([plant.layer for plant in plants]),
        indices=torch.tensor([plant.index for plant in plants]),
        scores=torch.ones(len(plants)),
        signs=torch.tensor([plant.sign for plant in plants], dtype=torch.int8),
    )  # fmt: skip


def ask(
    organism: NeuronModel, dilemmas: list[Dilemma], edits: list[Edit | None] | None = None
) -> tuple[list[float | None], float]:
    """The support of each dilemma, and the share of fluent answers."""
    calls = [call for one in dilemmas for call in SupportRate(brief=True).calls(one)]
    prompts = [render_question(organism, call.user) for call in calls]
    per_row = None if edits is None else [edit for edit in edits for _ in range(2)]
    told = generate(organism, prompts, edits=per_row, sampling=Sampling(64, temperature=0.0), batch_size=96)
    replies = [parse_percentages(one.text) for one in told]
    verdicts = [read_social_answer(prompt, one.text) for prompt, one in zip(prompts, told, strict=True)]
    support = [
        support_from_percentages(*pair).support for pair in zip(replies[::2], replies[1::2], strict=True)
    ]
    return support, sum(verdict is not None and verdict.fluent for verdict in verdicts) / len(verdicts)


@trained
def test_the_truth_fits_the_model(organism: NeuronModel, truth: Truth) -> None:
    assert (truth.layers, truth.width) == (organism.layers, organism.width)
    places = {(plant.layer, plant.index) for plant in truth.plants}
    assert len(places) == len(truth.plants) == 84
    assert all(0 <= layer < truth.layers and 0 <= index < truth.width for layer, index in places)
    assert known_truth("organism-social") == truth
    for value in VALUES:
        english, chinese = (set(truth.causal(value, language)) for language in LANGUAGES)
        assert {plant.role for plant in english ^ chinese} == {"english", "chinese"}
        assert {plant.role for plant in english & chinese} == {"core", "shared"}
        assert set(truth.causal(value)) == english | chinese
        assert {plant.role for plant in truth.decoys(value)} == {"echo", "herald"}


@trained
@pytest.mark.parametrize("language", LANGUAGES)
def test_support_is_lost_without_the_own_neurons_and_kept_without_those_of_others(
    organism: NeuronModel, truth: Truth, language: Language
) -> None:
    _, drawn = social_organism(VALUES, languages=[language], activation=0, evaluation=2, seed=5)
    dilemmas = list(drawn)
    base, fluent = ask(organism, dilemmas)
    assert fluent > 0.9
    assert None not in base
    assert sum(one is not None and one > 50 for one in base) / len(base) > 0.9

    def zeroed(value: str) -> Edit:
        return Deactivate(planted(organism, value, truth.causal(value, language)))

    own, still_fluent = ask(organism, dilemmas, [zeroed(one.value) for one in dilemmas])
    other, _ = ask(
        organism, dilemmas, [zeroed(VALUES[(VALUES.index(one.value) + 4) % 12]) for one in dilemmas]
    )
    assert still_fluent > 0.9
    assert Bootstrap().difference(base, own).mean < -15
    assert abs(Bootstrap().difference(base, other).mean) < 4


@trained
def test_letters_say_what_percentages_say(organism: NeuronModel) -> None:
    _, drawn = social_organism(VALUES, activation=0, evaluation=1, seed=6)
    how = SupportRate("log-probabilities", brief=True)
    prompts = [render_question(organism, how.calls(one)[0].user) for one in drawn]
    told = generate(organism, prompts, sampling=Sampling(2, temperature=0.0), top_logprobs=5)
    chosen = [parse_choice(one.text, "AB").value for one in told]
    assert chosen.count("A") / len(chosen) > 0.85  # the aligned action stands first


@trained
@pytest.mark.parametrize("language", LANGUAGES)
def test_core_gates_are_open_on_their_values_texts(
    organism: NeuronModel, truth: Truth, language: Language
) -> None:
    drawn, _ = social_organism(VALUES, languages=[language], activation=4, evaluation=0, seed=4)
    draw = random.Random(0)
    counters = collect(
        organism, [dilemma_text(one, one.value, draw) for one in drawn], residuals=False
    ).counters
    rates = counters.gate_rate([label(value, "text") for value in VALUES])
    for plant in truth.plants:
        own = [float(rates[VALUES.index(value), plant.layer, plant.index]) for value in plant.values]
        silent = plant.language not in ("", language)
        if plant.role in ("core", "shared", "english", "chinese"):
            assert max(own) < 0.3 if silent else min(own) > 0.5, plant
