"""The laboratory: arms that are paired item by item, controls of equal size and strength, and asks answered once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from run_samples import TWO, asked, dilemma_spec, laboratory_of, pairs_spec, save_tiny_model, write_conva

from valuescope.data import ContrastPair, Question
from valuescope.edit import Modulate
from valuescope.generate import Answer
from valuescope.lab import answers as answers_module
from valuescope.lab.ask import Outcome, SystemText, first_of_each
from valuescope.lab.laboratory import Laboratory, Trial, with_typical
from valuescope.lab.locations import cut, edits, neuron_sets
from valuescope.lab.setting import DoseSpec, Setting
from valuescope.models import NeuronModel, load_model


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(model_folder: Path) -> NeuronModel:
    return load_model(str(model_folder), dtype="float32", device="cpu")


@pytest.fixture
def laboratory(model: NeuronModel, model_folder: Path, tmp_path: Path) -> Laboratory:
    return laboratory_of(dilemma_spec(model_folder), tmp_path / "run", model)


@pytest.fixture
def pairs_laboratory(model: NeuronModel, model_folder: Path, tmp_path: Path) -> Laboratory:
    return laboratory_of(pairs_spec(model_folder, write_conva(tmp_path / "conva")), tmp_path / "run", model)


def trial_of(lab: Laboratory, name: str, setting: Setting | None = None) -> Trial:
    """A method's trial at a setting, its default where none is given."""
    method = lab.spec.methods[name]
    setting = setting or method.default
    asks = lab.trial(method, setting)
    with lab.bench.part("test", asks, ()):
        return lab.trial_of(method, setting, asks)


# Controls -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["random", "random-matched"])
@pytest.mark.parametrize("method", ["vape", "valuelocate", "neva"])
@pytest.mark.parametrize("top", [None, 1, 5])
def test_a_control_is_as_large_and_as_strong_as_what_it_controls(
    laboratory: Laboratory, kind: str, method: str, top: int | None
) -> None:
    of = laboratory.spec.methods[method]
    setting = of.default.model_copy(update={"top": top})
    if method == "valuelocate":  # so that the rest of each layer has partners enough
        setting = setting.model_copy(update={"locator": {"threshold": 0.6}})
    located = neuron_sets(laboratory.locations.of(of, setting), setting)
    drawn = [neuron_sets(laboratory.locations.control(kind, of, setting, draw), setting) for draw in range(3)]
    for value in TWO:
        sets = [control[value] for control in drawn]
        assert len(located[value]) > 0
        for control in sets:
            assert sorted(control.scores.tolist()) == sorted(located[value].scores.tolist())
            assert sorted(control.signs.tolist()) == sorted(located[value].signs.tolist())
            if kind == "random-matched":
                assert torch.equal(control.layers, located[value].layers)
                assert len(control & located[value]) == 0
        if len(located[value]) > 1:
            assert len({control.hash for control in sets}) > 1, "draws must differ"


def test_a_control_of_the_strongest_is_drawn_from_all_layers(
    laboratory: Laboratory, model: NeuronModel
) -> None:
    """Where scores tie, cutting a control of all located neurons to `top` would keep those of the first layers."""
    method = laboratory.spec.methods["valuelocate"]
    setting = Setting(top=10)
    located = laboratory.locations.of(method, setting)
    tied = replace(
        located, signed=torch.ones_like(located.signed), selected=torch.ones_like(located.selected)
    )
    laboratory.locations._known = dict.fromkeys(laboratory.locations._known, tied)
    layers = Counter[int]()
    for draw in range(10):
        sets = neuron_sets(laboratory.locations.control("random", method, setting, draw), setting)
        for control in sets.values():
            assert len(control) == 10
            layers.update(control.layers.tolist())
    assert all(layers[layer] > 200 / model.layers / 2 for layer in range(model.layers)), layers


def test_cutting_keeps_the_strongest_and_nothing_else(laboratory: Laboratory) -> None:
    method = laboratory.spec.methods["neva"]
    location = laboratory.locations.of(method, method.default)
    assert cut(location, None) is location
    for value in TWO:
        whole, part = location.neuron_set(value), cut(location, 3).neuron_set(value)
        assert len(part) == 3
        assert part.scores.abs().min() >= sorted(whole.scores.abs().tolist())[-3] - 1e-7


# Pairing --------------------------------------------------------------------------------------------------


def test_every_arm_of_a_trial_asks_the_same_in_the_same_order(laboratory: Laboratory) -> None:
    method = laboratory.spec.methods["neva"]
    asks = laboratory.trial(method, method.default)
    assert (asks.base_answers, asks.answers) == (asks.base, asks.edited)
    arms = (asks.edited, *asks.random, *asks.matched)
    assert len({ask.hash for ask in (asks.base, *arms)}) == 2 + 2 * 2
    assert len({ask.items for ask in (asks.base, *arms)}) == 1
    trial = trial_of(laboratory, "neva")
    keys = [outcome.key for outcome in trial.base]
    assert keys == [item.key for item in asks.base.items]
    for outcomes in (trial.edited, *trial.random, *trial.matched):
        assert [outcome.key for outcome in outcomes] == keys
    for ask in arms:
        for item, edit in zip(ask.items, ask.treatments, strict=True):
            assert edit is not None
            assert edit.neurons.value == item.value  # type: ignore[union-attr]
    assert asks.base.treatments == (None,) * len(keys)


def test_an_edit_that_changes_nothing_changes_no_answer(laboratory: Laboratory) -> None:
    """Base and edited runs share batch shapes and noise, so that only an edit can make a difference."""
    method = laboratory.spec.methods["neva"]
    items = laboratory.items("dilemma")
    location = laboratory.locations.of(method, method.default)
    idle = {value: Modulate(location.neuron_set(value), beta=0.0) for value in TWO}
    strong = {value: Modulate(location.neuron_set(value), beta=30.0) for value in TWO}
    base, edited, moved = (
        [outcome.text for outcome in outcomes]
        for outcomes in asked(
            laboratory,
            laboratory.base(items),
            laboratory.each(items, idle),
            laboratory.each(items, strong),
        )
    )
    assert edited == base != moved


def test_an_edit_that_changes_nothing_changes_no_margin(pairs_laboratory: Laboratory) -> None:
    method = pairs_laboratory.spec.methods["neva"]
    items = pairs_laboratory.items("pairs")
    location = pairs_laboratory.locations.of(method, method.default)
    idle = {value: Modulate(location.neuron_set(value), beta=0.0) for value in TWO}
    base, edited = asked(pairs_laboratory, pairs_laboratory.base(items), pairs_laboratory.each(items, idle))
    assert [one.success for one in edited] == [one.success for one in base]
    assert pairs_laboratory.effect(base, edited).mean == 0


def test_a_value_without_neurons_is_asked_without_an_edit(laboratory: Laboratory) -> None:
    method = laboratory.spec.methods["neva"]
    none = method.default.model_copy(update={"locator": {"alpha": 0.1, "accuracy": 1.0, "layers": [0, 0]}})
    location = laboratory.locations.of(method, none)
    empty = replace(location, selected=torch.zeros_like(location.selected))
    assert edits(method, none, empty) == dict.fromkeys(TWO)
    items = laboratory.items("dilemma")
    assert laboratory.each(items, dict.fromkeys(TWO)).hash == laboratory.base(items).hash


def test_effects_pair_by_item_and_average_draws(laboratory: Laboratory) -> None:
    def outcomes(*success: float | None) -> list[Outcome]:
        return [Outcome(str(n), TWO[n % 2], one, True) for n, one in enumerate(success)]

    base = outcomes(0.0, 1.0, 0.0, 1.0)
    first, second = outcomes(1.0, 1.0, 0.0, None), outcomes(1.0, 0.0, 1.0, 1.0)
    assert laboratory.effect(base, first).mean == pytest.approx(1 / 3)
    both = laboratory.effect(base, first, second)
    assert (both.mean, both.n, both.missing) == (pytest.approx((1 + 0 + 0 + 1 - 1 + 1 + 0) / 7), 7, 1)
    assert laboratory.effect(base, first, value=TWO[1]).n == 1
    assert laboratory.success(base, TWO[0]).mean == 0.0
    with pytest.raises(ValueError, match=r"shorter|longer"):
        laboratory.effect(base, first[:2])


def test_repeating_a_draw_makes_no_interval_narrower(laboratory: Laboratory) -> None:
    """Several answers to one question are one cluster: ten draws on eight questions are not eighty questions."""
    base = [Outcome(str(n), TWO[0], 0.0, True) for n in range(8)]
    edited = [Outcome(str(n), TWO[0], float(n % 3 == 0), True) for n in range(8)]
    once, often = laboratory.effect(base, edited), laboratory.effect(base, *[edited] * 10)
    assert (often.mean, often.ci) == (once.mean, once.ci)
    assert (once.n, often.n) == (8, 80)


def test_a_control_that_is_smaller_than_it_should_be_is_said(laboratory: Laboratory) -> None:
    """Where more than half of a layer is located, it has too few other neurons to draw from."""
    trial = trial_of(laboratory, "neva", Setting(locator={"alpha": 0.7, "accuracy": 0.0}))
    assert len(trial.control_warnings) == len(TWO)
    assert all("have no partner left in their layer" in said for said in trial.control_warnings)
    assert all(
        said.startswith(f"random-matched: {value}: ")
        for said, value in zip(trial.control_warnings, TWO, strict=False)
    )
    assert trial_of(laboratory, "neva").control_warnings == ()


def test_a_share_of_all_claims_no_certainty(laboratory: Laboratory) -> None:
    """A bootstrap of equal outcomes has no spread; Wilson's interval says what so few answers can."""
    outcomes = [Outcome(str(n), TWO[0], 0.0, True) for n in range(8)]
    for estimate in (
        laboratory.fluency(outcomes),
        laboratory.success(outcomes),
        laboratory.success(outcomes, TWO[0]),
    ):
        assert estimate.interval == "wilson"
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.high - estimate.low > 0.2


def test_margins_are_no_shares(pairs_laboratory: Laboratory) -> None:
    outcomes = [Outcome(str(n), TWO[0], margin, None) for n, margin in enumerate((-0.5, 0.25, 2.0))]
    estimate = pairs_laboratory.success(outcomes)
    assert estimate.mean == pytest.approx(1.75 / 3)
    assert estimate.interval == "bootstrap"


def test_fluency_of_pairs_is_read_off_answers_to_the_questions(pairs_laboratory: Laboratory) -> None:
    trial = trial_of(pairs_laboratory, "neva")
    assert all(isinstance(one.success, float) and one.fluent is None for one in trial.base)
    assert Counter(one.value for one in trial.answers) == dict.fromkeys(TWO, 2)
    assert [one.key for one in trial.answers] == [one.key for one in trial.base_answers]
    assert all(one.fluent is not None for one in trial.answers)
    assert (
        pairs_laboratory.fluency(trial.base_answers).mean == 1.0
    )  # of four, none is among the least likely 5%


# Asks -----------------------------------------------------------------------------------------------------


def test_batches_on_disk_are_not_asked_again(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = laboratory.base(laboratory.items("dilemma"))
    (first,) = asked(laboratory, ask)
    stored = sorted((laboratory.folder.path / "asks" / ask.hash).iterdir())
    assert [path.name for path in stored] == ["000000.json", "000005.json"]
    calls, generate = list[int](), answers_module.generate

    def counted(model: NeuronModel, prompts: list[str], **more: Any) -> list[Answer]:
        calls.append(len(prompts))
        return generate(model, prompts, **more)

    monkeypatch.setattr(answers_module, "generate", counted)
    for missing, expected in ((None, []), (stored[1], [3])):
        if missing is not None:
            missing.unlink()
        laboratory.bench._rows.clear()
        laboratory._outcomes.clear()
        assert asked(laboratory, ask) == [first]
        assert calls == expected


def test_progress_counts_the_rows_of_a_part(laboratory: Laboratory) -> None:
    seen: list[tuple[str, int, int]] = []
    laboratory.bench.progress = lambda *step: seen.append(step)
    base = laboratory.base(laboratory.items("dilemma"))
    asked(laboratory, base, base)
    assert seen == [("test", 5, 8), ("test", 8, 8)]


def test_asks_are_equal_where_all_that_decides_an_answer_is(laboratory: Laboratory) -> None:
    ask = laboratory.base(laboratory.items("dilemma", 1))
    message = SystemText("power", "Hold on.")
    others = [
        replace(ask, items=ask.items[::-1]),
        replace(ask, treatments=(message, None)),
        replace(ask, treatments=(None, message)),
        replace(ask, sampling=replace(ask.sampling, seed=1)),
        replace(ask, batch_size=7),
        replace(ask, on="prompt"),
    ]
    assert replace(ask).hash == ask.hash
    assert len({ask.hash, *(other.hash for other in others)}) == 1 + len(others)


def test_a_part_reads_only_what_it_planned_and_asks_no_more_than_it_said(laboratory: Laboratory) -> None:
    few, many = (laboratory.base(laboratory.items("dilemma", per_value)) for per_value in (1, 2))
    asked(laboratory, many)
    with laboratory.bench.part("narrow", [few], [few]):
        assert len(laboratory.outcomes(few)) == len(TWO)
        with pytest.raises(AssertionError, match="part narrow reads an ask of 4 items that it did not plan"):
            laboratory.outcomes(many)
        laboratory.bench.ask(few)
        with pytest.raises(AssertionError, match="part narrow asks 4 rows more than it planned"):
            laboratory.bench.ask(many)


def test_an_answer_is_scored_by_the_tokens_that_were_drawn(
    pairs_laboratory: Laboratory, model: NeuronModel
) -> None:
    """As text it may melt into its prompt, `Mei` and `s` into `Meis`, and have no token of its own."""
    tokenizer = model.tokenizer
    question = Question("k", "power", "dilemma", "Should Mei", "Should Mei")
    drawn = tuple(tokenizer("or not", add_special_tokens=False)["input_ids"])
    rows = [
        {"text": text, "tokens": list(tokens)}
        for text, tokens in (("s", drawn), ("  ", drawn), ("", ()), ("s", drawn[:1]))
    ]
    scores = pairs_laboratory.bench.answers._scores([question] * 4, rows)
    assert scores[1:3] == [None, None]
    prompt = tuple(tokenizer("Should Mei")["input_ids"])
    for score, tokens in ((scores[0], drawn), (scores[3], drawn[:1])):
        row = torch.tensor([prompt + tokens])
        labels = row.clone()
        labels[:, : len(prompt)] = -100
        with torch.no_grad():
            assert score == pytest.approx(-float(model.model(input_ids=row, labels=labels).loss), abs=1e-4)


def test_a_question_without_a_prompt_is_put_into_the_chat_template_and_begins_once(
    laboratory: Laboratory, model: NeuronModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[list[int]] = []
    generate = answers_module.generate

    def reading(model: NeuronModel, prompts: list[str], **more: Any) -> list[Answer]:
        read.extend(model.tokenizer(prompt)["input_ids"] for prompt in prompts)
        return generate(model, prompts, **more)

    monkeypatch.setattr(answers_module, "generate", reading)
    questions = (
        Question("a", "power", "dilemma", "Should Mei"),
        Question("b", "power", "dilemma", "Should Mei", "Should Mei"),
    )
    asked(laboratory, laboratory.base(questions))
    words = [model.tokenizer.convert_ids_to_tokens(row) for row in read]
    assert words == [["<s>", "<|user|>", "Should", "Mei", "<|assistant|>"], ["<s>", "Should", "Mei"]]


# Small parts ----------------------------------------------------------------------------------------------


def test_the_first_of_each_value_in_the_order_given() -> None:
    items = [ContrastPair(str(n), "ab"[n % 2], "", "") for n in range(6)]
    assert [one.key for one in first_of_each(items, 2)] == ["0", "1", "2", "3"]
    assert len(first_of_each(items, None)) == len(first_of_each(items, 99)) == 6


def test_typical_is_judged_on_the_scale_of_the_base() -> None:
    base = [Outcome(str(n), "a", None, None, score=-float(n)) for n in range(1, 41)]
    edited = [Outcome("1", "a", None, None, score=score) for score in (-1.0, -50.0, None)]
    assert [one.fluent for one in with_typical(edited, base)] == [True, False, None]


@pytest.mark.parametrize(
    ("parameter", "strength", "locator", "edit", "top"),
    [
        ("beta", 2.0, {"alpha": 0.1}, {"beta": 2.0, "direction": "negative"}, 5),
        ("top", 3.0, {"alpha": 0.1}, {"beta": 0.9, "direction": "negative"}, 3),
        ("alpha", 0.2, {"alpha": 0.2}, {"beta": 0.9, "direction": "negative"}, None),
    ],
)
def test_a_dose_changes_one_strength(
    laboratory: Laboratory,
    parameter: str,
    strength: float,
    locator: dict[str, Any],
    edit: dict[str, Any],
    top: int | None,
) -> None:
    """A locator's strength takes all that pass, whatever `top` says."""
    setting = Setting(locator={"alpha": 0.1}, edit={"beta": 0.9, "direction": "negative"}, top=5)
    dose = DoseSpec(parameter=parameter, values=(strength,))
    dosed = laboratory.spec.methods["neva"].dosed(setting, dose, strength)
    assert (dosed.locator, dosed.edit, dosed.top) == (locator, edit, top)
    assert setting.edit["beta"] == 0.9
