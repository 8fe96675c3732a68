"""ValueLocate's evaluation in a run: both directions, ratings, repeated answers, sweeps, questionnaires, sensitivity."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from run_samples import (
    TWO,
    dilemma_spec,
    laboratory_of,
    rows_in,
    save_tiny_model,
    summary_bytes,
    summary_of,
)

from valuescope.lab.ask import question_of, run_of
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.locations import cut, edits, neuron_sets
from valuescope.locate import Location
from valuescope.metrics import Estimate
from valuescope.models import load_model
from valuescope.parts.compare import _first
from valuescope.parts.questionnaire_items import read_items
from valuescope.parts.sensitivity import effect_holds
from valuescope.run import Result, SpecError, estimate, make_spec, read_result, read_spec, run, write_report
from valuescope.values import load_value_system

BOTH = {"directions": ["up", "down"]}
METHODS = {
    "valuelocate": {
        "locator": "valuelocate",
        "edit": "amplify",
        **BOTH,
        "default": {"edit": {"gamma": 2.0}, "top": 5},
        "dose": [
            {"parameter": "gamma", "values": [1, 4], "questions": 1},
            {"parameter": "threshold", "values": [0.1, 0.9], "questions": 1},
        ],
    },
    "lpip": {
        "locator": "lpip",
        "edit": "amplify",
        "numbers": "delta",
        **BOTH,
        "default": {"locator": {"top": 9, "texts": 2}, "top": 4},
    },
    "random": {"locator": "random", "edit": "modulate", **BOTH, "default": {"locator": {"count": 5}}},
}
CHOICES = {
    "site": {"method": "valuelocate", "locator": {"site": "product"}},
    "strength": {"method": "valuelocate", "edit": {"delta_scale": 100.0}},
    "special tokens": {"method": "valuelocate", "special_tokens": True},
}


def write_questionnaire(folder: Path) -> Path:
    """A questionnaire of our own in the PVQ's form."""
    content = {
        "name": "Four portraits",
        "scale": ["not like me", "a little like me", "like me"],
        "key": {"power": ["1", "3"], "benevolence": ["2"], "security": ["4"]},
        "items": {
            "1": "They like to lead the group.",
            "2": "They help the neighbours.",
            "3": "They want the last word.",
            "4": "They lock the door at night.",
        },
    }
    path = folder / "portraits.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def content_of(model: Path | str, questionnaire: Path, **changes: Any) -> dict[str, Any]:
    """A small run with everything that ValueLocate's evaluation adds."""
    content = dilemma_spec(
        model,
        methods=METHODS,
        leakage=None,
        controls={"draws": 1, "matched": False},
        judge={"by": "valuescope_oracle/organism"},
        scores={"quality": True},
        runs=2,
        compare={"top": 3},
        questionnaires={
            "sets": {
                "portraits": {
                    "path": str(questionnaire),
                    "labels": ["no", "a bit", "yes"],
                    "minimum_mass": 0.0,
                }
            },
            "methods": ["valuelocate"],
        },
        sensitivity={"choices": CHOICES, "questions": 1},
    )
    content["data"]["parameters"] |= {"questions": 2, "tuning": 0}
    content["bootstrap"] = {"resamples": 20}
    return {**content, **changes}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model that can write digits, and a questionnaire."""
    folder = tmp_path_factory.mktemp("valuelocate")
    save_tiny_model(folder / "model")
    write_questionnaire(folder)
    return folder


@pytest.fixture(scope="module")
def content(place: Path) -> dict[str, Any]:
    made = content_of(place / "model", place / "portraits.json")
    # the tiny tokenizer has words only, so the ratings themselves are tested on the organism's
    made["questionnaires"]["sets"]["portraits"]["likert"] = False
    return made


@pytest.fixture(scope="module")
def done(content: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("out")
    return out, summary_of(content, out)


@pytest.fixture(scope="module")
def lab(content: dict[str, Any], done: tuple[Path, dict[str, Any]]) -> Laboratory:
    """The laboratory of the same run."""
    return laboratory_of(content, done[0], load_model(content["model"]["id"], dtype="float32", device="cpu"))


# Both directions and all measures ---------------------------------------------------------------------------


def test_every_method_is_measured_both_ways_in_every_measure(done: tuple[Path, dict[str, Any]]) -> None:
    for method in done[1]["methods"].values():
        assert list(method["ways"]) == ["up", "down"]
        for way in method["ways"].values():
            assert list(way) == ["success", "relevance", "quality", "fluent"]
            for found in way.values():
                assert set(found["by_value"]) == set(TWO)
                for arm in ("base", "edited", "random"):
                    assert found[arm]["n"] + found[arm]["missing"] == 2 * 2 * len(TWO)
                    assert found[arm]["runs"] == 2 or not found[arm]["n"]
        up, down = method["ways"]["up"], method["ways"]["down"]
        assert up["success"]["base"] == down["success"]["base"]


def test_the_intended_direction_is_the_methods_own_effect(done: tuple[Path, dict[str, Any]]) -> None:
    for method in done[1]["methods"].values():
        assert method["ways"]["up"]["success"]["effect"] == method["effect"]


def test_the_two_directions_are_two_edits(lab: Laboratory, done: tuple[Path, dict[str, Any]]) -> None:
    method = lab.spec.methods["valuelocate"]
    asks = [lab.trial(method, method.turned(method.default, way)).edited for way in ("up", "down")]
    up, down = (
        [
            row["text"]
            for path in sorted((done[0] / "asks" / ask.hash).iterdir())
            for row in json.loads(path.read_text())
        ]
        for ask in asks
    )
    assert len(up) == len(down) == 2 * 2 * len(TWO)
    assert up != down


def test_ratings_lie_on_their_scale(done: tuple[Path, dict[str, Any]]) -> None:
    rated = [
        method["ways"]["up"][m]["edited"]
        for method in done[1]["methods"].values()
        for m in ("relevance", "quality")
    ]
    assert all(1 <= one["mean"] <= 5 for one in rated if one["mean"] is not None)
    assert any(one["mean"] is not None for one in rated)
    measures = done[1]["judging"]["measures"]
    assert {"relevance", "quality"} < set(measures)
    assert measures["relevance"]["asked"] == measures["control success"]["asked"]
    assert len(done[1]["judging"]["prompts"]) == 4


def test_an_edit_that_goes_one_way_is_refused(content: dict[str, Any]) -> None:
    methods = {"m": {"locator": "vape", "edit": "deactivate", **BOTH}}
    with pytest.raises(SpecError, match="edit deactivate has one direction only"):
        make_spec({**content, "methods": methods, "questionnaires": None, "sensitivity": None}, "t")
    twice = {**METHODS["random"], "default": {"locator": {"count": 5}, "edit": {"direction": "negative"}}}
    with pytest.raises(SpecError, match="remove direction from the edit's parameters"):
        make_spec({**content, "methods": {"valuelocate": twice}, "sensitivity": None}, "t")


def test_what_needs_a_judge_model_says_so(content: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="scores are given by a model, and judge is 'oracle'"):
        make_spec({**content, "judge": "oracle"}, "t")
    with pytest.raises(SpecError, match="questionnaires ask items as prompts"):
        make_spec({**content, "judge": "oracle", "scores": None}, "t")


# Runs -------------------------------------------------------------------------------------------------------


def test_runs_draw_answers_anew_and_count_questions_once(done: tuple[Path, dict[str, Any]]) -> None:
    assert (question_of("a/b~run3"), run_of("a/b~run3"), run_of("a/b")) == ("a/b", 2, 0)
    texts: dict[int, dict[str, set[str]]] = {0: {}, 1: {}}
    for row in rows_in(done[0]):
        if not row["key"].startswith("portraits/"):
            texts[run_of(row["key"])].setdefault(question_of(row["key"]), set()).add(row["text"])
    assert len(texts[0]) == len(texts[1]) == 2 * len(TWO)
    assert texts[0] != texts[1]


def test_one_run_has_no_variance(content: dict[str, Any], tmp_path: Path) -> None:
    one = {
        **content,
        "runs": 1,
        "questionnaires": None,
        "sensitivity": None,
        "scores": None,
        "judge": "oracle",
    }
    methods = {"random": METHODS["random"]}
    summary = summary_of({**one, "methods": methods}, tmp_path)
    found = summary["methods"]["random"]["ways"]["down"]["success"]["edited"]
    assert (found["runs"], found["variance"]) == (1, None)
    assert (summary["questionnaires"], summary["sensitivity"]) == (None, None)


# Sweeps -----------------------------------------------------------------------------------------------------


def test_sweeps_over_edit_and_locator_in_both_directions(done: tuple[Path, dict[str, Any]]) -> None:
    gamma, threshold = done[1]["methods"]["valuelocate"]["sweeps"]
    assert (gamma["name"], [point["strength"] for point in gamma["points"]]) == ("gamma", [1.0, 4.0])
    assert [point["neurons"] for point in gamma["points"]] == [5, 5]
    low, high = (point["neurons"] for point in threshold["points"])
    assert low > 5 > high or low > high  # the threshold takes all that pass, whatever top says
    for point in (*gamma["points"], *threshold["points"]):
        assert set(point["ways"]) == {"up", "down"}
        assert set(point["ways"]["up"]["relevance"]["by_value"]) == set(TWO)
    dose = done[1]["methods"]["valuelocate"]["dose"]
    assert dose["name"] == "gamma"
    assert [{**point, "ways": 0, "neurons": 0} for point in dose["points"]] == [
        {**point, "ways": 0, "neurons": 0} for point in gamma["points"]
    ]
    assert (done[1]["methods"]["lpip"]["dose"], done[1]["methods"]["lpip"]["sweeps"]) == (None, None)


# Numbers of delta -------------------------------------------------------------------------------------------


def test_delta_numbers_keep_the_locators_neurons_and_their_rank(lab: Laboratory) -> None:
    spec, locations = lab.spec, lab.locations
    method = spec.methods["lpip"]
    own = locations.of(method.model_copy(update={"numbers": "own"}), method.default)
    location = locations.of(method, method.default)
    delta = locations.of(spec.methods["valuelocate"], spec.methods["valuelocate"].default)
    assert torch.equal(location.selected, own.selected)
    assert torch.equal(location.scores, own.scores)
    assert torch.equal(location.signed, delta.signed)
    assert location.site == "gate"
    for row, value in enumerate(location.values):
        found = neuron_sets(location, method.default)[value]
        assert set(zip(found.layers.tolist(), found.indices.tolist(), strict=True)) == set(
            _first(own, row, 4)
        )
    assert cut(location, 4).sizes() == dict.fromkeys(TWO, 4)


def test_a_neuron_of_delta_zero_stays_as_it_is(
    content: dict[str, Any], done: tuple[Path, dict[str, Any]]
) -> None:
    spec = make_spec(content, "t")
    method, location = (
        spec.methods["lpip"],
        Location.load(next((done[0] / "locate").glob("lpip-*.safetensors"))),
    )
    nothing = replace(location, signed=torch.zeros_like(location.signed), parameters={"numbers": "delta"})
    assert edits(method, method.default, nothing) == dict.fromkeys(TWO)
    signed = torch.where(torch.arange(location.signed.shape[-1]) % 2 == 0, 0.0, -0.5).expand_as(
        location.signed
    )
    half = replace(nothing, signed=signed, signs=torch.where(signed < 0, -1, 1))
    for edit in edits(method, method.turned(method.default, "down"), half).values():
        assert edit is None or bool((edit.neurons.indices % 2 == 1).all())
        assert edit is None or edit.direction == "negative"
    assert any(edits(method, method.default, half).values())


# The locators' table ----------------------------------------------------------------------------------------


def test_the_table_says_cost_and_overlap(done: tuple[Path, dict[str, Any]]) -> None:
    found = done[1]["compare"]
    assert [row["method"] for row in found["rows"]] == list(METHODS)
    assert all(row["seconds"] >= 0 and row["peak_growth"] >= 0 for row in found["rows"])
    assert found["rows"][1]["peak_estimate"] > 0
    assert found["rows"][0]["precision"] is None  # nobody planted anything in this model
    assert found["overlap"]["row_sizes"] == [3 * len(TWO)] * 3
    assert found["rows"][0]["mean_correlation"] is not None


# Sensitivity ------------------------------------------------------------------------------------------------


def test_each_choice_stands_beside_its_default(done: tuple[Path, dict[str, Any]]) -> None:
    rows = {row["choice"]: row for row in done[1]["sensitivity"]["rows"]}
    assert list(rows) == list(CHOICES)
    assert rows["site"]["was"] == {"site": "gate"}
    assert rows["site"]["becomes"] == {"site": "product"}
    assert rows["strength"]["was"] == {"delta_scale": 1.0}
    assert rows["special tokens"]["was"] == {"special_tokens": False}
    for row in rows.values():
        assert row["changes"] in (True, False, None)
        assert row["difference"]["n"] == len(TWO)
    assert (done[0] / "activations").is_dir()
    assert len(list(done[0].glob("activations-*"))) == 1


@pytest.mark.parametrize(
    ("low", "high", "random", "up", "down"),
    [(0.1, 0.3, 0.0, True, False), (-0.3, -0.1, 0.0, False, True), (0.1, 0.3, 0.2, False, False)],
)
def test_an_effect_holds_clear_of_zero_and_random(
    low: float, high: float, random: float, up: bool, down: bool
) -> None:
    effect, control = Estimate((low + high) / 2, low, high, 9), Estimate(random, None, None, 9)
    assert effect_holds(effect, control, 1) is up
    assert effect_holds(effect, control, -1) is down
    assert effect_holds(Estimate(0.1, None, None, 1), control, 1) is None


def test_a_choice_that_changes_nothing_or_an_unknown_parameter_is_refused(content: dict[str, Any]) -> None:
    for choice, message in (
        ({"method": "valuelocate"}, "sensitivity.choices.x changes nothing"),
        ({"method": "valuelocate", "locator": {"sight": "gate"}}, "did you mean 'site'"),
        ({"method": "valuelocat", "locator": {"site": "gate"}}, "did you mean 'valuelocate'"),
    ):
        with pytest.raises(SpecError, match=message):
            make_spec({**content, "sensitivity": {"choices": {"x": choice}}}, "t")


# Questionnaires ---------------------------------------------------------------------------------------------


def test_items_are_asked_as_questions_about_the_runs_values(done: tuple[Path, dict[str, Any]]) -> None:
    (block,) = done[1]["questionnaires"]
    assert (block["items"], block["about_run"]) == (4, {"power": 2, "benevolence": 1})
    found = block["prompts"]["methods"]["valuelocate"]["up"]["relevance"]
    assert (
        found["edited"]["n"] + found["edited"]["missing"] == 3 * 2
    )  # the oracle declines other worlds' questions
    assert block["likert"] is None


def test_items_of_values_below_the_runs_and_named_ones_are_found(
    place: Path, content: dict[str, Any]
) -> None:
    system = load_value_system("schwartz")
    raised = {**content, "values": {"level": "dimension"}, "methods": {"valuelocate": METHODS["valuelocate"]}}
    spec = make_spec(raised, "t")
    (items,) = read_items(spec.questionnaires, system, system.at_level("dimension"))
    assert sorted(items.value_of.values()) == [
        "conservation",
        "self-enhancement",
        "self-enhancement",
        "self-transcendence",
    ]
    made = json.loads(json.dumps(content))
    one = made["questionnaires"]["sets"]["portraits"]
    one["values"] = {"security": "power"}
    spec = make_spec(made, "t")
    assert len(read_items(spec.questionnaires, system, TWO)[0].value_of) == 4
    for change, message in (
        ({"values": {"security": "safety"}}, "values.security: 'safety' is none of the run's values"),
        ({"inventories": ["Other"]}, "has no 'Other'; it has Four portraits"),
        ({"path": "no-such-file.json"}, "questionnaires.sets.portraits.path: no-such-file.json"),
    ):
        made["questionnaires"]["sets"]["portraits"] = {**one, "values": {}, **change}
        spec = make_spec(made, "t")
        with pytest.raises(SpecError, match=message):
            read_items(spec.questionnaires, system, TWO)


# The whole --------------------------------------------------------------------------------------------------


def test_a_second_sitting_gives_the_same_summary(
    content: dict[str, Any], done: tuple[Path, dict[str, Any]]
) -> None:
    before = summary_bytes(done[0])
    for path in sorted((done[0] / "asks").glob("*/*.json"))[::2]:
        path.unlink()
    run(make_spec(content, "t"), done[0])
    assert summary_bytes(done[0]) == before


def test_the_dry_run_counts_every_answer(content: dict[str, Any], done: tuple[Path, dict[str, Any]]) -> None:
    cost = estimate(make_spec(content, "t"))
    # A threshold that no neuron passes leaves the base model, whose answers are there already.
    assert len(rows_in(done[0])) <= cost.answers <= 1.1 * len(rows_in(done[0]))
    assert cost.calls_per_answer == 4


def test_the_page_shows_every_part_and_nothing_new_without(
    done: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    page = (done[0] / "report.html").read_text(encoding="utf-8")
    for part in ("locators", "scores", "questionnaires", "sweeps", "sensitivity"):
        assert f'<section id="{part}"' in page
    with (done[0] / "tables" / "scores.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert {row["questions"] for row in rows} == {"run", "portraits"}
    assert {row["direction"] for row in rows} == {"up", "down"}
    assert (done[0] / "figures" / "sweep_valuelocate_threshold.svg").is_file()
    result = read_result(done[0])
    beside = {"compare", "questionnaires", "sensitivity", "methods.*.ways", "methods.*.sweeps"}
    plain = Result(result.head, {name: found for name, found in result.found.items() if name not in beside})
    assert len(plain.found) == len(result.found) - len(beside)
    write_report(plain, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not any(
        f'<section id="{part}"' in page for part in ("locators", "scores", "questionnaires", "sweeps")
    )
    assert not (tmp_path / "tables" / "scores.csv").exists()


@pytest.mark.parametrize("name", ["valuelocate", "valuelocate-organism", "valuelocate-sensitivity"])
def test_the_specifications_that_ship_are_whole(name: str) -> None:
    spec = read_spec(Path(__file__).parents[1] / "specs" / f"{name}.yaml")
    assert spec.name == name
    assert {"lpip", "qrnca", "cgvst", "valuelocate"} <= {method.locator for method in spec.methods.values()}


def test_a_comparison_of_locators_needs_one(content: dict[str, Any]) -> None:
    only = {"methods": {"m": {"intervention": "caa"}}, "questionnaires": None, "sensitivity": None}
    with pytest.raises(SpecError, match="compare is for locators, and no method has one"):
        make_spec({**content, **only}, "t")
