"""The summary of a run: what it holds, and that it says where something is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from run_samples import TWO, dilemma_spec, pairs_spec, read_summary, save_tiny_model, write_conva

from valuescope.data import Question
from valuescope.lab.ask import Outcome
from valuescope.lab.truth import chance_precision, precision_of_ranking, selection_against
from valuescope.locate import Location
from valuescope.models import ModelIdentity, load_model
from valuescope.organism import Plant, Truth
from valuescope.parts.answers import Examples
from valuescope.parts.method import SettingFound
from valuescope.parts.provenance import Provenance
from valuescope.run import Spec, SpecError, make_spec, read_result, run, terminal_text


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def folders(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Finished runs."""
    conva = write_conva(tmp_path_factory.mktemp("conva"))
    folders = {}
    for name, content in (("dilemma", dilemma_spec(model)), ("pairs", pairs_spec(model, conva))):
        folders[name] = tmp_path_factory.mktemp(name)
        run(Spec.model_validate(content), folders[name])
    return folders


@pytest.fixture(scope="module")
def summaries(folders: dict[str, Path]) -> dict[str, dict[str, Any]]:
    return {name: read_summary(folder) for name, folder in folders.items()}


def estimates(content: Any) -> list[dict[str, Any]]:
    """Every estimate of a summary."""
    if isinstance(content, dict):
        if {"mean", "ci", "n", "missing"} <= set(content):
            return [content]
        return [one for part in content.values() for one in estimates(part)]
    return [one for part in content for one in estimates(part)] if isinstance(content, list) else []


# The whole ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dilemma", "pairs"])
def test_it_holds_what_the_demo_promises(summaries: dict[str, dict[str, Any]], name: str) -> None:
    summary = json.loads(json.dumps(summaries[name], allow_nan=False))
    assert list(summary)[:4] == ["format", "experiment", "name", "spec_hash"]
    assert list(summary["value_names"]) == list(TWO)
    for method in summary["methods"].values():
        assert {"average_precision", "effect", "random", "random_matched", "fluency", "base_fluency"} <= set(
            method
        )
        assert {"mean", "ci", "n"} <= set(method["effect"])
        assert method["average_precision"] is None  # nobody planted anything in this model
    assert summary["leakage"]["values"] == list(TWO)
    assert np.shape(summary["leakage"]["delta"]) == (2, 2)
    assert "nlr_mean" in summary["leakage"]
    assert summary["seconds"] == pytest.approx(sum(summary["seconds_by_stage"].values()), abs=0.02)
    assert not summary["bundled_organism"]


@pytest.mark.parametrize("name", ["dilemma", "pairs"])
def test_every_estimate_has_its_interval_around_its_mean_and_its_number(
    summaries: dict[str, dict[str, Any]], name: str
) -> None:
    found = estimates(summaries[name])
    assert len(found) > 20
    for one in found:
        if one["mean"] is not None and one["ci"] is not None:
            assert one["ci"][0] <= one["mean"] <= one["ci"][1], one
        assert (one["n"] == 0) == (one["mean"] is None)


def test_default_and_found_are_both_shown(summaries: dict[str, dict[str, Any]]) -> None:
    method = summaries["dilemma"]["methods"]["valuelocate"]
    tried = method["search"]["tried"]
    assert len(tried) == 3
    assert sum(one["chosen"] for one in tried) == 1
    names = [setting["name"] for setting in method["settings"]]
    assert names == (["default"] if tried[0]["chosen"] else ["default", "found"])
    assert method["setting"] == names[-1]
    assert method["search"]["questions"] == 2 * len(TWO)
    assert "95%" not in method["search"]["rule"]
    assert "50%" in method["search"]["rule"]


def test_the_headline_is_one_of_the_settings(summaries: dict[str, dict[str, Any]]) -> None:
    for summary in summaries.values():
        for method in summary["methods"].values():
            (setting,) = [one for one in method["settings"] if one["name"] == method["setting"]]
            assert method["effect"] == setting["effect"]
            assert method["random"] == setting["random"]
            assert method["fluency"] == setting["fluency"]["mean"]


def test_controls_count_their_draws_and_items(summaries: dict[str, dict[str, Any]]) -> None:
    for method in summaries["dilemma"]["methods"].values():
        for setting in method["settings"]:
            assert setting["effect"]["n"] + setting["effect"]["missing"] == 4 * len(TWO)
            assert setting["random"]["n"] + setting["random"]["missing"] == 2 * 4 * len(TWO)
            assert setting["random_matched"]["n"] == setting["random"]["n"]


def test_doses_say_strength_effect_control_and_count(summaries: dict[str, dict[str, Any]]) -> None:
    dose = summaries["dilemma"]["methods"]["vape"]["dose"]
    assert (dose["name"], [point["strength"] for point in dose["points"]]) == ("top", [1.0, 3.0])
    assert all(point["effect"]["n"] == point["random"]["n"] == 2 * len(TWO) for point in dose["points"])
    for name, method in (("dilemma", "vape"), ("pairs", "neva")):
        points = summaries[name]["methods"][method]["dose"]["points"]
        assert all(point["fluency"]["mean"] is not None for point in points), name


def test_neurons_per_layer_add_up(summaries: dict[str, dict[str, Any]]) -> None:
    for summary in summaries.values():
        for method in summary["methods"].values():
            (setting,) = [one for one in method["settings"] if one["name"] == method["setting"]]
            assert {value: sum(counts) for value, counts in method["neurons_per_layer"].items()} == setting[
                "neurons"
            ]


def test_probes_stand_beside_their_baselines(summaries: dict[str, dict[str, Any]]) -> None:
    for summary in summaries.values():
        probes = summary["probes"]
        assert probes["layers"] == [1, 2, 3]
        for value in TWO:
            assert len(probes["accuracy"][value]) == 3
            assert 0 <= probes["bag_of_words"][value] <= 1
            assert 0 <= probes["shuffled"][value] <= 1
            assert probes["kept"][value] == [1, 2, 3]  # accuracy 0 keeps all


def test_both_kinds_of_questions_have_examples_of_every_arm(summaries: dict[str, dict[str, Any]]) -> None:
    examples = summaries["dilemma"]["examples"]
    assert sorted((one["value"], bool(one["system"])) for one in examples) == sorted(
        (value, described) for value in TWO for described in (False, True)
    )
    for one in examples:
        arms = [answer["arm"] for answer in one["answers"]]
        assert arms == (["base", "vape"] if one["system"] else ["base", "valuelocate", "neva"])


def test_pairs_are_measured_in_nats_by_no_judge(summaries: dict[str, dict[str, Any]]) -> None:
    measure = summaries["pairs"]["measure"]
    assert (measure["name"], measure["unit"], measure["judge"]) == (
        "preference",
        "nats per token",
        "none (log-probabilities)",
    )
    assert summaries["dilemma"]["measure"]["judge"] == "oracle"


def test_the_table_can_be_printed(folders: dict[str, Path]) -> None:
    for folder in folders.values():
        table = terminal_text(read_result(folder))
        assert "effect on target" in table
        assert all(line == line.rstrip() for line in table.splitlines())


def test_everything_else_depends_on_the_seed(
    model: Path, summaries: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    run(Spec.model_validate(dilemma_spec(model, seed=1)), tmp_path)
    other = read_summary(tmp_path)
    assert other["data"]["hash"] != summaries["dilemma"]["data"]["hash"]
    assert other["examples"] != summaries["dilemma"]["examples"]


# What cannot be run ---------------------------------------------------------------------------------------


def refused(content: dict[str, Any], model: Path, tmp_path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        run(make_spec(content, "t"), tmp_path, model=load_model(str(model), device="cpu"))
    assert not (tmp_path / "activations").exists(), "it should be found before the long pass over all texts"
    return str(caught.value)


def test_a_source_without_what_a_method_needs_is_refused_before_any_work(model: Path, tmp_path: Path) -> None:
    conva = write_conva(tmp_path / "conva")
    content = dilemma_spec(model, leakage=None)
    neva, vape = content["methods"]["neva"], content["methods"]["vape"]
    of = {"methods": {"m": {**neva, "asked": "pairs"}}}
    assert "methods.m.asked: source organism yields described, dilemma, not pairs" in refused(
        {**content, **of}, model, tmp_path / "a"
    )
    of = {
        "methods": {"m": {**neva, "asked": "described"}},
        "data": {"source": "conva", "parameters": {"folder": str(conva)}},
    }
    assert "methods.m.asked: source conva yields dilemma, pairs, not described" in refused(
        {**content, **of}, model, tmp_path / "b"
    )
    of["methods"] = {"m": {**vape, "asked": "dilemma"}}
    assert "methods.m: source conva yields no texts benevolence|text, power|text" in refused(
        {**content, **of}, model, tmp_path / "c"
    )
    of["methods"] = {"m": {**neva, "search": {"edit": [{"beta": 2.0}]}}}
    assert "methods.m.search: source conva yields no tuning questions asked as dilemma" in refused(
        {**content, **of}, model, tmp_path / "d"
    )


def test_values_must_be_at_the_level(model: Path, tmp_path: Path) -> None:
    content = dilemma_spec(model, values={"only": ["power", "thrift"]})
    assert "values.only: 'thrift' is not among the values at level 'value'" in refused(
        content, model, tmp_path / "a"
    )


# The truth ------------------------------------------------------------------------------------------------


@pytest.fixture
def truth() -> Truth:
    plants = (
        Plant(0, 1, "core", ("power",), 1, 1.5),
        Plant(2, 3, "shared", ("power", "security"), -1, 1.5),
        Plant(1, 0, "quiet", ("power",), 1, 0.1),  # never came alive
        Plant(1, 2, "echo", ("power",), 1, 1.5),
    )
    return Truth(3, 4, 0, plants, {})


def location(scores: torch.Tensor, selected: torch.Tensor) -> Location:
    return Location(
        method="test",
        site="product",
        values=("power", "security"),
        scores=scores,
        signed=scores,
        signs=torch.ones_like(scores),
        selected=selected,
        parameters={},
        model=ModelIdentity("m", None, "f", 3, 4),
        data_hash="",
        seed=0,
    )


def test_a_ranking_is_scored_against_the_neurons_that_cause(truth: Truth) -> None:
    assert [plant.role for plant in truth.causal("power")] == ["core", "shared"]
    assert [plant.role for plant in truth.decoys("power")] == ["echo"]
    scores = torch.zeros(2, 3, 4)
    scores[0, 0, 1], scores[0, 1, 2], scores[0, 2, 3] = 3.0, 2.0, 1.0  # found, a decoy, found
    scores[1, 2, 3] = 1.0
    found = precision_of_ranking(truth, location(scores, scores > 0))
    assert found == {"power": pytest.approx((1 + 2 / 3) / 2), "security": 1.0}
    assert chance_precision(truth, ("power", "security")) == pytest.approx(3 / 24)


def test_a_selection_is_scored_by_role(truth: Truth) -> None:
    selected = torch.zeros(2, 3, 4, dtype=torch.bool)
    selected[0, 0, 1] = selected[0, 1, 2] = selected[0, 0, 0] = True
    one = location(selected.float(), selected)
    found = selection_against(truth, {value: one.neuron_set(value) for value in one.values})
    assert found["recall"] == {"power": 0.5, "security": 0.0}
    assert found["precision"] == {"power": pytest.approx(1 / 3), "security": None}
    assert found["roles"]["core"] == {"found": 1, "of": 1}
    assert found["roles"]["shared"] == {"found": 0, "of": 2}
    assert found["roles"]["echo"] == {"found": 1, "of": 1}


# Small parts ----------------------------------------------------------------------------------------------


class Answered:
    """A laboratory with one method whose trial is given; `base` and `neva` are outcomes."""

    def __init__(self, base: list[Outcome], neva: list[Outcome]):
        questions = tuple(Question(f"power/{n}", "power", "dilemma", f"Q{n}?") for n in range(4))
        method = SimpleNamespace(asked="dilemma", ways=("up",))
        self.spec = SimpleNamespace(methods={"neva": method})
        self.settings, self.material = {"neva": None}, SimpleNamespace(questions=questions)
        self.asks = SimpleNamespace(edited=neva)
        self.before, self.after = base, neva

    def trial(self, *_: Any) -> Any:
        return self.asks

    def trial_of(self, *_: Any) -> Any:
        return SimpleNamespace(base_answers=self.before, answers=self.after)

    def settings_of(self, _: str) -> dict[str, None]:
        return {"default": None}

    def items(self, _: str) -> None:
        return None

    def repeated(self, _: None) -> None:
        return None

    def base(self, _: None) -> list[Outcome]:
        return self.before

    def outcomes(self, ask: list[Outcome]) -> list[Outcome]:
        return ask


def outcome(n: int, success: float | None, fluent: bool | None, missing: str = "") -> Outcome:
    return Outcome(f"power/{n}", "power", success, fluent, f"A{n}", missing)


def test_examples_are_the_first_questions_whatever_was_answered() -> None:
    base = [outcome(n, float(n == 3), n == 3) for n in range(4)]
    found = Examples(2).measure(Answered(base, base[1:])).root  # type: ignore[arg-type]
    assert [example.question for example in found] == ["Q1?", "Q2?"]  # the first was not asked of every arm
    first = found[0].answers[0]
    assert (first.arm, first.text, first.success, first.fluent) == ("base", "A1", False, False)
    none = [outcome(n, None, None) for n in range(4)]
    assert Examples(1).measure(Answered(none, none)).root[0].answers[0].success is None  # type: ignore[arg-type]


def test_missing_judgements_are_counted_by_kind() -> None:
    refused = outcome(1, None, None, "refused")
    lab = Answered([outcome(0, 1.0, True), refused], [refused, outcome(2, None, None)])
    assert Provenance(None).measure(lab).model_dump() == {  # type: ignore[arg-type]
        "answers": 4,
        "unjudged": 3,
        "by_kind": {"refused": 2, "unjudged": 1},
    }


@pytest.mark.parametrize(
    ("by_value", "mean"), [({"a": 0.5, "b": None, "c": 1.0}, 0.75), ({"a": None}, None), (None, None)]
)
def test_means_over_values_pass_over_what_is_missing(by_value: Any, mean: float | None) -> None:
    assert SettingFound(name="default", average_precision=by_value).mean_precision == mean
