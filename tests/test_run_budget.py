"""A budget: what is cut, in which order, what stays, and what is left to tell."""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cost_samples import SteadyEstimator
from run_samples import dilemma_spec, pairs_spec, save_tiny_model, write_conva

from valuescope.data import organism_material
from valuescope.metrics import PAIRED_SHARE_SD, minimum_detectable
from valuescope.run import (
    BudgetError,
    RunFolder,
    Spec,
    detectable,
    make_spec,
    run,
    seconds_of,
    settled,
    within_budget,
)
from valuescope.run.budget import FEWEST_QUESTIONS, FEWEST_TEXTS, KEPT
from valuescope.run.plan import plan_of


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def whole(model: Path) -> Any:
    content = dilemma_spec(model, pareto={"questions": 2, "floors": [0.9]}, runs=2)
    content["controls"]["draws"] = 4
    for method in ("vape", "neva"):
        content["methods"][method]["dose"]["questions"] = 16
    content["data"]["parameters"] |= {"texts": 60, "descriptions": 60, "pairs": 60, "questions": 16}
    content["leakage"]["questions"] = 10
    return make_spec(content, "t")


def seconds(spec: Any) -> float:
    found = SteadyEstimator(spec).cost(spec).seconds
    assert found is not None
    return found.middle


@pytest.mark.parametrize(
    ("text", "number"), [("90s", 90), ("20m", 1200), ("1h", 3600), ("0.5h", 1800), (" 2m ", 120)]
)
def test_times(text: str, number: float) -> None:
    assert seconds_of(text) == number


@pytest.mark.parametrize("text", ["", "20", "m", "-5m", "0m", "20 minutes", "1h30m", "1d", "nan s"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(BudgetError, match="give seconds, minutes or hours, such as 90s, 20m or 1h"):
        seconds_of(text)


def test_what_fits_is_left_alone(whole: Any) -> None:
    assert within_budget(whole, 1.01 * seconds(whole) / KEPT, SteadyEstimator(whole)) == (whole, [])


def test_the_order_of_cuts(whole: Any) -> None:
    """A budget that falls step by step: each step touches the next setting only when the ones before are used up."""
    order = ["methods.", "controls.draws", "runs", "data.evaluation", "data.activation"]
    estimator, need, reached = SteadyEstimator(whole), seconds(whole), list[int]()
    for share in (0.9, 0.4, 0.3, 0.1):
        try:
            spec, cuts = within_budget(whole, share * need / KEPT, estimator)
        except BudgetError:
            break
        assert seconds(spec) <= share * need
        touched = {
            next(n for n, key in enumerate(order) if line.startswith(key))
            for line in cuts
            if known(line, order)
        }
        assert touched
        reached.append(max(touched))
        assert spec.controls.draws >= 1
        assert spec.controls.matched
        assert set(spec.methods) == set(whole.methods)
        assert spec.values == whole.values
        if 0 in touched:
            assert all(method.dose is None for method in spec.methods.values())
            assert spec.pareto is None
        if max(touched) > 1:  # what stands before is at its least
            assert spec.controls.draws == 1
        if max(touched) > 2:
            assert spec.runs == 1
        if max(touched) > 3:
            assert spec.data.evaluation == FEWEST_QUESTIONS
    assert reached == sorted(reached)
    assert {1, 2, 3} <= set(reached), reached


def known(line: str, order: list[str]) -> bool:
    return any(line.startswith(key) for key in order)


def test_each_cut_goes_no_further_than_it_must(whole: Any) -> None:
    budget = 0.6 * seconds(whole)
    spec, _ = within_budget(whole, budget / KEPT, SteadyEstimator(whole))
    draws, runs, asked = spec.controls.draws, spec.runs, spec.data.evaluation
    assert (draws, runs, asked) != (1, 1, FEWEST_QUESTIONS)
    if asked is not None:
        more = spec.model_copy(
            update={"data": spec.data.model_copy(update={"evaluation": round(asked / 0.8) + 1})}
        )
    elif runs < whole.runs:
        more = spec.model_copy(update={"runs": whole.runs})
    else:
        more = spec.model_copy(update={"controls": spec.controls.model_copy(update={"draws": draws + 1})})
    assert seconds(more) > budget


def test_the_lines_say_what_was_and_is(whole: Any) -> None:
    spec, cuts = within_budget(whole, 0.25 * seconds(whole) / KEPT, SteadyEstimator(whole))
    assert "controls.draws: 4 -> 1" in cuts
    assert "runs: 2 -> 1" in cuts
    assert "methods.vape.dose: left out" in cuts
    assert f"data.evaluation: all (16) -> {spec.data.evaluation}" in cuts
    assert any(line.startswith("leakage.questions: 10 -> ") for line in cuts)


def test_reading_is_cut_where_reading_is_what_costs(model: Path, tmp_path: Path) -> None:
    """Cuts that would save next to nothing are not made."""
    content = pairs_spec(model, write_conva(tmp_path, pairs=100))
    del content["methods"]["neva"]["dose"], content["leakage"]
    content["data"]["parameters"]["held_out"] = 0.02
    spec = make_spec(content, "t")
    least, cuts = within_budget(spec, 0.6 * seconds(spec) / KEPT, SteadyEstimator(spec))
    assert least.data.activation is not None
    assert least.data.activation >= FEWEST_TEXTS
    assert [line.partition(":")[0] for line in cuts] == ["data.activation"]


def test_too_little_says_what_is_needed(whole: Any) -> None:
    with pytest.raises(
        BudgetError, match=r"^budget: 0 s is too little: the least of this specification needs about \d+ s"
    ):
        within_budget(whole, 0.2, SteadyEstimator(whole))


def test_without_weights_nothing_can_be_fitted(whole: Any, model: Path, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_text((model / name).read_text())
    spec = whole.model_copy(update={"model": whole.model.model_copy(update={"id": str(tmp_path)})})
    with pytest.raises(BudgetError, match="its weights are not here, so nothing can be timed"):
        within_budget(spec, 60)


def test_an_exploration_is_cut_likewise(model: Path) -> None:
    content = {
        "name": "small",
        "experiment": "valueexploration",
        "model": {"id": "organism-social", "dtype": "float32"},
        "languages": ["en"],
        "values": {"system": "chinese-social", "only": ["equality", "justice", "freedom"]},
        "data": {"source": "organism-social", "parameters": {"activation": 30, "evaluation": 10}},
        "selections": {"vape": {}, "specificity": {"locator": "specificity"}},
        "sizes": [4, 10],
        "generating": {"max_new_tokens": 8},
        "support": {"brief": True, "max_new_tokens": 20},
        "controls": {"draws": 2, "matched": True},
    }
    spec = make_spec(content, "t")
    cut, cuts = within_budget(spec, 0.2 * seconds(spec) / KEPT, SteadyEstimator(spec))
    assert list(cut.selections) == ["vape"]
    assert (cut.sizes, cut.generating, cut.controls.draws) == ((), None, 1)
    assert cut.data.evaluation < 10
    assert "sizes: left out" in cuts


def test_the_cut_specification_is_an_ordinary_one(whole: Any, tmp_path: Path) -> None:
    """It is what is run: saved in spec.yaml with its own hash, and read as any other."""
    became = settled(whole, RunFolder(tmp_path), 0.25 * seconds(whole) / KEPT, lambda: SteadyEstimator(whole))
    assert became.spec.hash != whole.hash
    assert Spec.model_validate(became.spec.model_dump(mode="json")).hash == became.spec.hash
    material = plan_of(became.spec).design.material
    assert {
        len([q for q in material.questions if (q.value, q.setting) == kind])
        for kind in {(q.value, q.setting) for q in material.questions}
    } == {became.spec.data.evaluation}


def test_the_same_command_goes_on_with_the_same_run(whole: Any, tmp_path: Path) -> None:
    budget = 0.25 * seconds(whole) / KEPT

    def never() -> SteadyEstimator:
        raise AssertionError("timed again")

    first = settled(whole, RunFolder(tmp_path), budget, lambda: SteadyEstimator(whole))
    assert any(note.startswith("cut for the budget: ") for note in first.notes)
    assert any(note.startswith("smallest effect found with 80% power") for note in first.notes)
    assert settled(whole, RunFolder(tmp_path), budget, never) == first
    with pytest.raises(AssertionError, match="timed again"):
        settled(whole, RunFolder(tmp_path), budget / 2, never)
    other = whole.model_copy(update={"seed": 1})
    with pytest.raises(AssertionError, match="timed again"):
        settled(other, RunFolder(tmp_path), budget, never)


def test_another_run_in_the_folder_is_refused_and_kept(model: Path, tmp_path: Path) -> None:
    spec = make_spec(dilemma_spec(model, controls={"draws": 4}), "t")
    run(spec, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    became = settled(spec, RunFolder(tmp_path), 0.8 * seconds(spec), lambda: SteadyEstimator(spec))
    with pytest.raises(Exception, match="holds a run with another specification"):
        run(became.spec, tmp_path)
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}


def test_material_keeps_the_first_of_each_kind_and_pairs_together() -> None:
    material = organism_material(
        ("power", "benevolence"), texts=9, descriptions=8, pairs=7, questions=6, tuning=2
    )
    some = material.first(5, 3)
    for label in {text.label for text in material.texts}:
        of_label = [text for text in material.texts if text.label == label]
        assert [text for text in some.texts if text.label == label] == of_label[:5]
    sides = {
        role: {t.group for t in some.texts if t.label == f"power|{role}"} for role in ("positive", "negative")
    }
    assert sides["positive"] == sides["negative"]
    asked = [(q.value, q.setting) for q in some.questions]
    assert {asked.count(kind) for kind in asked} == {3}
    assert some.tuning == material.tuning
    assert material.first(None, None) == material


def test_the_detectable_effect_is_found_so_often() -> None:
    """Samples of a mean at the smallest detectable effect: a two-sided z test finds four in five of them."""
    n, sd = 40, 1.5
    effect = minimum_detectable(sd, n)
    means = np.random.default_rng(0).normal(effect, sd, (20_000, n)).mean(axis=1)
    assert abs(np.mean(np.abs(means) > 1.959964 * sd / sqrt(n)) - 0.8) < 0.01
    assert minimum_detectable(1.0, 100) == pytest.approx(0.2802, abs=1e-4)  # 1.960 + 0.842 in tables
    assert minimum_detectable(1.0, 100, power=0.9, confidence=0.99) == pytest.approx(0.3857, abs=1e-4)


def test_what_is_told_of_the_detectable_effect(whole: Any, model: Path, tmp_path: Path) -> None:
    text = detectable(plan_of(whole))
    assert f"{minimum_detectable(PAIRED_SHARE_SD, 16):.2f} for one value (n = 16)" in text
    assert f"{minimum_detectable(PAIRED_SHARE_SD, 32):.2f} over all (n = 32)" in text
    assert "for shares at 1/2, base and edited independent" in text
    pairs = plan_of(make_spec(pairs_spec(model, write_conva(tmp_path)), "t"))
    assert f"{minimum_detectable(0.5, 5):.2f} nats per token for one value (n = 5)" in detectable(pairs, 0.5)
    assert "not told" in detectable(pairs)
