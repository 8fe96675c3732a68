"""Trials: arms that are paired item by item, and controls of the same size and strength."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from run_samples import TWO, dilemma_spec, pairs_spec, save_tiny_model, write_conva
from valuescope.run.arms import Arm, ArmRunner, Outcome
from valuescope.run.loading import silent
from valuescope.run.spec import Setting
from valuescope.run.stages import Locations, cut, edits, neuron_sets, read_activations, read_material
from valuescope.run.trial import Laboratory, first_of_each, with_typical
from valuescope.run.ways import with_strength

from valuescope.data import ContrastPair, Question
from valuescope.edit import Modulate
from valuescope.generate import Answer
from valuescope.models import NeuronModel, load_model
from valuescope.run import RunFolder, Spec, arms


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(model_folder: Path) -> NeuronModel:
    return load_model(str(model_folder), dtype="float32", device="cpu")


def set_up(model: NeuronModel, content: dict[str, Any], out: Path) -> Laboratory:
    spec, folder = Spec.model_validate(content), RunFolder(out)
    material = read_material(spec, folder, TWO)
    activations = read_activations(spec, folder, model, material, silent)
    locations = Locations(spec, folder, model, material, activations)
    return Laboratory(spec, material, locations, ArmRunner(model, spec, folder, silent))


@pytest.fixture
def laboratory(model: NeuronModel, model_folder: Path, tmp_path: Path) -> Laboratory:
    return set_up(model, dilemma_spec(model_folder), tmp_path / "run")


@pytest.fixture
def pairs_laboratory(model: NeuronModel, model_folder: Path, tmp_path: Path) -> Laboratory:
    return set_up(model, pairs_spec(model_folder, write_conva(tmp_path / "conva")), tmp_path / "run")


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


def test_every_arm_of_a_trial_asks_the_same_in_the_same_order(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Arm] = []
    run = laboratory.runner.run
    monkeypatch.setattr(laboratory.runner, "run", lambda arm: (seen.append(arm), run(arm))[1])
    method = laboratory.spec.methods["neva"]
    trial = laboratory.trial("neva", method, method.default)
    assert len({arm.name for arm in seen}) == len(seen) == 2 + 2 * 2
    assert len({tuple(item.key for item in arm.items) for arm in seen}) == 1
    keys = [one.key for one in trial.base]
    for outcomes in (trial.edited, *trial.random, *trial.matched):
        assert [one.key for one in outcomes] == keys
    for arm in seen[1:]:
        for item, edit in zip(arm.items, arm.edits, strict=True):
            assert edit is not None
            assert edit.neurons.value == item.value
    assert seen[0].edits == (None,) * len(keys)


def test_an_edit_that_changes_nothing_changes_no_answer(laboratory: Laboratory) -> None:
    """Base and edited runs share batch shapes and noise, so that only an edit can make a difference."""
    method = laboratory.spec.methods["neva"]
    items = laboratory.items("dilemma")
    location = laboratory.locations.of(method, method.default)
    idle = {value: Modulate(location.neuron_set(value), beta=0.0) for value in TWO}
    base, edited = laboratory.base("dilemma", items), laboratory.edited("idle", items, idle)
    assert [one.text for one in edited] == [one.text for one in base]
    moved = {value: Modulate(location.neuron_set(value), beta=30.0) for value in TWO}
    assert [one.text for one in laboratory.edited("moved", items, moved)] != [one.text for one in base]


def test_an_edit_that_changes_nothing_changes_no_margin(pairs_laboratory: Laboratory) -> None:
    method = pairs_laboratory.spec.methods["neva"]
    items = pairs_laboratory.items("pairs")
    location = pairs_laboratory.locations.of(method, method.default)
    idle = {value: Modulate(location.neuron_set(value), beta=0.0) for value in TWO}
    base, edited = pairs_laboratory.base("pairs", items), pairs_laboratory.edited("idle", items, idle)
    assert [one.success for one in edited] == [one.success for one in base]
    assert pairs_laboratory.effect(base, edited).mean == 0


def test_a_value_without_neurons_is_asked_without_an_edit(laboratory: Laboratory) -> None:
    method = laboratory.spec.methods["neva"]
    none = method.default.model_copy(update={"locator": {"alpha": 0.1, "accuracy": 1.0, "layers": [0, 0]}})
    location = laboratory.locations.of(method, none)
    empty = replace(location, selected=torch.zeros_like(location.selected))
    assert edits(method, none, empty) == dict.fromkeys(TWO)
    items = laboratory.items("dilemma")
    outcomes = laboratory.edited("none", items, dict.fromkeys(TWO))
    assert outcomes == laboratory.base("dilemma", items)


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
    neva = laboratory.spec.methods["neva"]
    trial = laboratory.trial("neva", neva, Setting(locator={"alpha": 0.7, "accuracy": 0.0}))
    assert len(trial.control_warnings) == len(TWO)
    assert all("have no partner left in their layer" in said for said in trial.control_warnings)
    assert all(
        said.startswith(f"random-matched: {value}: ")
        for said, value in zip(trial.control_warnings, TWO, strict=False)
    )
    assert laboratory.trial("neva", neva, neva.default).control_warnings == ()


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
    method = pairs_laboratory.spec.methods["neva"]
    trial = pairs_laboratory.trial("neva", method, method.default)
    assert all(isinstance(one.success, float) and one.fluent is None for one in trial.base)
    assert Counter(one.value for one in trial.answers) == dict.fromkeys(TWO, 2)
    assert [one.key for one in trial.answers] == [one.key for one in trial.base_answers]
    assert all(one.fluent is not None for one in trial.answers)
    assert (
        pairs_laboratory.fluency(trial.base_answers).mean == 1.0
    )  # of four, none is among the least likely 5%


# Arms -----------------------------------------------------------------------------------------------------


def test_batches_on_disk_are_not_asked_again(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    items = laboratory.items("dilemma")
    first = laboratory.base("dilemma", items)
    stored = sorted((laboratory.runner.folder.path / "answers/base/dilemma").iterdir())
    assert [path.name for path in stored] == ["000000.json", "000005.json"]
    calls: list[int] = []
    generate = arms.generate

    def counted(model: NeuronModel, prompts: list[str], **more: Any) -> list[Answer]:
        calls.append(len(prompts))
        return generate(model, prompts, **more)

    monkeypatch.setattr(arms, "generate", counted)
    laboratory._base.clear()
    assert laboratory.base("dilemma", items) == first
    assert calls == []
    stored[1].unlink()
    laboratory._base.clear()
    assert laboratory.base("dilemma", items) == first
    assert calls == [3]


def test_progress_counts_the_items_of_an_arm(laboratory: Laboratory) -> None:
    seen: list[tuple[str, int, int]] = []
    laboratory.runner.progress = lambda *step: seen.append(step)
    laboratory.base("dilemma", laboratory.items("dilemma"))
    assert seen == [("base/dilemma", 5, 8), ("base/dilemma", 8, 8)]


def test_an_answer_is_scored_by_the_tokens_that_were_drawn(
    pairs_laboratory: Laboratory, model: NeuronModel
) -> None:
    """As text it may melt into its prompt, `Mei` and `s` into `Meis`, and have no token of its own."""
    runner, tokenizer = pairs_laboratory.runner, model.tokenizer
    question = Question("k", "power", "dilemma", "Should Mei", "Should Mei")
    drawn = tuple(tokenizer("or not", add_special_tokens=False)["input_ids"])
    answers = [
        Answer("s", drawn, True),
        Answer("  ", drawn, True),
        Answer("", (), True),
        Answer("s", drawn[:1], False),
    ]
    scores = runner._scores([question] * 4, answers)
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
    generate = arms.generate

    def reading(model: NeuronModel, prompts: list[str], **more: Any) -> list[Answer]:
        read.extend(model.tokenizer(prompt)["input_ids"] for prompt in prompts)
        return generate(model, prompts, **more)

    monkeypatch.setattr(arms, "generate", reading)
    asked = (
        Question("a", "power", "dilemma", "Should Mei"),
        Question("b", "power", "dilemma", "Should Mei", "Should Mei"),
    )
    laboratory.base("mine", asked)
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


def test_a_dose_changes_one_strength() -> None:
    setting = Setting(locator={"alpha": 0.1}, edit={"beta": 0.9, "direction": "negative"})
    dosed = with_strength(setting, "beta", 2.0)
    assert dosed.edit == {"beta": 2.0, "direction": "negative"}
    assert with_strength(setting, "top", 3.0) == setting.model_copy(update={"top": 3})
    assert setting.edit["beta"] == 0.9
