"""Curves, leakage of every method, profiles, automatic strength, conversations and ability in one run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from run_samples import (
    VALUES,
    dilemma_spec,
    pairs_spec,
    read_summary,
    rows_in,
    save_tiny_model,
    summary_bytes,
    summary_of,
    write_conva,
    write_csv,
)

from valuescope.run import Spec, SpecError, estimate, make_spec, run

SOON = {"locator": {"alpha": 0.1, "accuracy": 0.0}}
METHODS: dict[str, Any] = {
    "neva": {
        "locator": "neva",
        "edit": "modulate",
        "default": SOON,
        "dose": [
            {"parameter": "alpha", "values": [0.2], "questions": 1},
            {"parameter": "beta", "values": [0.5, 4.0], "questions": 1},
        ],
    },
    "exclusive": {"locator": "neva-exclusive", "edit": "modulate", "default": SOON},
    "automatic": {
        "locator": "neva",
        "edit": "modulate",
        "default": SOON,
        "automatic": {
            "parameter": "beta",
            "low": 0.5,
            "high": 2.0,
            "points": 2,
            "rounds": 1,
            "max_leakage": 1.0,
        },
    },
    "message": {"intervention": "system-prompt"},
}


def write_mmlu(folder: Path) -> Path:
    columns = ["question", "choice0", "choice1", "choice2", "choice3", "answer"]
    rows = [[f"Which {n}?", "power", "help", "nature", "rule", n % 4] for n in range(6)]
    for split in ("dev", "test"):
        write_csv(folder / split / f"anatomy_{split}.csv", columns, rows)
    return folder


def content(model: Path, mmlu: Path, **changes: Any) -> dict[str, Any]:
    return dilemma_spec(
        model,
        values={"only": list(VALUES)},
        methods=METHODS,
        leakage={"method": "neva", "methods": list(METHODS), "questions": 2},
        pareto={"questions": 2, "floors": [0.9, 0.5]},
        profiles={
            "targets": {"both": {VALUES[0]: 1.0, VALUES[1]: -0.5}},
            "overlap_budget": 1.0,
            "questions": 2,
        },
        ability={"mmlu": str(mmlu), "number": 4, "shots": 1},
        turns={"turns": 3, "conversations": 2},
        decoded=4,
        generate={"max_new_tokens": 4, "batch_size": 60},
        controls={"draws": 1, "matched": False},
        **changes,
    )


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return save_tiny_model(tmp_path_factory.mktemp("model")), write_mmlu(tmp_path_factory.mktemp("mmlu"))


@pytest.fixture(scope="module")
def folder(places: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    run(Spec.model_validate(content(*places)), out)
    return out


@pytest.fixture(scope="module")
def summary(folder: Path, places: tuple[Path, Path]) -> dict[str, Any]:
    """The summary of the same run taken up again, with nothing left to do."""
    before = summary_bytes(folder)
    run(Spec.model_validate(content(*places)), folder)
    assert summary_bytes(folder) == before
    return read_summary(folder)


def test_every_method_has_a_matrix_with_a_control_and_a_test(summary: dict[str, Any]) -> None:
    assert list(summary["leakages"]) == list(METHODS)
    for block in summary["leakages"].values():
        for one in (block, block["random"]):
            assert one["delta"]["n"] == [[2] * 3] * 3
            assert one["leakage"]["nlr_mean"]["n"] == 6
            assert one["test"]["p"] is None, "three values have no others beside neighbours"
            assert one["test"]["reason"]
    assert summary["leakages"]["neva"]["delta"]["mean"] == summary["leakage"]["delta"]


def test_curves_hold_control_leakage_and_fluency_at_each_strength(summary: dict[str, Any]) -> None:
    block = summary["pareto"]
    assert list(block["methods"]) == list(METHODS)
    points = {name: one["points"] for name, one in block["methods"].items()}
    assert [point["strength"] for point in points["neva"]] == [0.5, 4.0]
    assert block["methods"]["neva"]["parameter"] == "beta"
    assert [len(points[name]) for name in ("exclusive", "automatic", "message")] == [1, 1, 1]
    for point in points["neva"]:
        assert point["control"]["n"] == point["fluency"]["n"] == 6
        assert point["random"]["n"] == 6
        assert point["undefined"] in range(7)
    for name, one in block["methods"].items():
        for floor, at in zip((0.9, 0.5), one["at_floor"], strict=True):
            assert at["floor"] == floor
            assert (at["difference"] is None) == (name == "neva")
    assert block["methods"]["neva"]["at_floor"][0]["control"]["mean"] >= 0, (
        "the unedited model is on the curve"
    )


def test_a_profile_stands_beside_the_sum_of_single_edits_and_random_neurons(summary: dict[str, Any]) -> None:
    one = summary["profiles"]["profiles"]["both"]
    assert set(one["arms"]) == {"profile", "sum", "random"}
    assert one["neurons"]["profile"] == one["neurons"]["sum"] == one["neurons"]["random"] > 0  # a budget of 1
    assert one["arms"]["profile"]["by_value"] == one["arms"]["sum"]["by_value"]
    assert one["against_sum"]["towards"]["mean"] == 0.0
    assert one["arms"]["profile"]["towards"]["n"] == 4
    assert one["arms"]["profile"]["others"]["n"] == 2


def test_the_strength_that_was_found_is_the_best_that_is_allowed(summary: dict[str, Any]) -> None:
    search = summary["methods"]["automatic"]["search"]
    assert all(one["leakage"] is not None for one in search["tried"])
    tried = [one["edit_parameters"]["beta"] for one in search["tried"]]
    assert tried[:2] == [0.5, 2.0]
    assert "at most 1 mean change" in search["rule"]


def test_conversations_say_how_far_control_lasts(summary: dict[str, Any]) -> None:
    block = summary["turns"]
    assert block["measured"] == 3
    assert block["reason"] == ""
    assert len(block["base"]) == 3
    assert list(block["methods"]) == list(METHODS)
    for one in block["methods"].values():
        assert len(one["success"]) == len(one["effect"]) == len(one["fluency"]) == 3
        assert one["last_against_first"]["n"] + one["last_against_first"]["missing"] == 2 * len(VALUES)


def test_conversations_end_where_the_context_does(places: tuple[Path, Path], tmp_path: Path) -> None:
    only = {"neva": {**METHODS["neva"], "dose": None}}
    changes = {"generate": {"max_new_tokens": 220, "batch_size": 6}, "leakage": None}
    spec = dilemma_spec(places[0], methods=only, turns={"turns": 3, "conversations": 1}, **changes)
    spec["data"]["parameters"]["questions"] = 1
    block = summary_of(spec, tmp_path)["turns"]
    assert block["measured"] < 3
    assert "might not fit into the model's 256 positions" in block["reason"]


def test_ability_is_averaged_over_the_edits_and_leaves_messages_out(summary: dict[str, Any]) -> None:
    block = summary["ability"]
    assert block["left_out"] == ["message"]
    assert list(block["methods"]) == ["neva", "exclusive", "automatic"]
    for one in block["methods"].values():
        assert one["edits"] == 3
        assert (one["mmlu"]["base"]["n"], one["mmlu"]["edited"]["n"]) == (4, 12)
        assert one["nats"]["change"]["mean"] != 0.0


def test_directions_are_told_in_tokens(summary: dict[str, Any]) -> None:
    values = summary["decoded"]["values"]
    assert set(values) == set(VALUES)
    assert all(len(one["tokens"]) == 4 and one["layer"] in (1, 2, 3) for one in values.values())


def test_curves_of_pairs_take_fluency_from_the_answers_beside_them(
    places: tuple[Path, Path], tmp_path: Path
) -> None:
    neva = {
        **METHODS["neva"],
        "asked": "pairs",
        "dose": {"parameter": "beta", "values": [0.5], "questions": 2},
    }
    message = {"intervention": "system-prompt", "asked": "pairs"}
    spec = pairs_spec(
        places[0],
        write_conva(tmp_path / "conva"),
        methods={"neva": neva, "message": message},
        pareto={"questions": 2, "floors": [0.5]},
        leakage={"method": "neva", "methods": ["message"], "questions": 2},
    )
    block = summary_of(spec, tmp_path / "run")["pareto"]
    for one in block["methods"].values():
        assert one["points"][0]["control"]["n"] == 4
        assert one["points"][0]["fluency"]["n"] == 4


# What cannot be -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pareto": {"methods": ["nava"]}}, "did you mean 'neva'"),
        ({"pareto": {"floors": [0.0]}}, "each is a share of the base's fluency"),
        (
            {"profiles": {"method": "message", "targets": {"a": {"power": 1}}}},
            "profiles are solved for edit modulate",
        ),
        ({"ability": {"perplexity": False}}, "neither mmlu nor perplexity"),
        ({"turns": {"turns": 1}}, "turns.turns: give a whole number from 2"),
        ({"leakage": {"methods": ["x"]}}, "leakage.method 'x' is unknown"),
    ],
)
def test_what_cannot_be_is_said(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make_spec(dilemma_spec("m", methods=METHODS, **changes), "t")


def test_a_strength_needs_tuning_questions_and_a_number() -> None:
    for change, message in (
        ({"automatic": {"parameter": "direction", "low": 1, "high": 2}}, "automatic.parameter 'direction'"),
        ({"automatic": {"parameter": "beta", "low": 2, "high": 1}}, "low must be the smaller"),
    ):
        with pytest.raises(SpecError, match=message):
            make_spec(dilemma_spec("m", methods={"neva": {**METHODS["neva"], **change}}), "t")


def test_the_folder_of_mmlu_is_named_where_it_is_not_there(places: tuple[Path, Path], tmp_path: Path) -> None:
    spec = dilemma_spec(places[0], methods={"neva": {**METHODS["neva"], "dose": None}}, leakage=None)
    spec["ability"] = {"mmlu": str(tmp_path / "nowhere")}
    with pytest.raises(SpecError, match=r"ability\.mmlu"):
        run(Spec.model_validate(spec), tmp_path / "run")


# The report -----------------------------------------------------------------------------------------------


def test_the_report_shows_every_part(folder: Path, summary: dict[str, Any]) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    for id_ in ("pareto", "rates", "leakages", "profiles", "ability", "turns", "decoded"):
        assert f'<section id="{id_}"' in page
    for name in ("pareto", "rates", "leakages"):
        assert (folder / "figures" / f"{name}.svg").is_file()
    rows = {
        name: (folder / "tables" / f"{name}.csv").read_text(encoding="utf-8").count("\n") - 1
        for name in ("pareto", "pareto_floors", "leakages", "rates", "ability", "turns", "profiles")
    }
    arms, values = len(METHODS) + 1, len(VALUES)
    assert rows == {
        "pareto": 5,
        "pareto_floors": 8,
        "leakages": 4 * values**2,
        "rates": arms * values,
        "ability": 6,
        "turns": 3 * arms,
        "profiles": 3 * values,
    }
    assert "MMLU" in page


def test_the_estimate_counts_the_new_arms(folder: Path, places: tuple[Path, Path]) -> None:
    written, planned = len(rows_in(folder)), estimate(Spec.model_validate(content(*places))).answers
    # It counts a found setting for every search, which may be the default.
    assert written <= planned <= 1.4 * written
