"""The page of a comparison: every number is that of its run, what differs, what is missing, and what cannot be told."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from comparison_samples import NAMES, changed, exploration_spec, methods_spec, record
from test_parts_shown import HOSTILE, Outline

from valuescope.cli import main
from valuescope.compare import compare, read_runs, write_comparison
from valuescope.compare.comparison import ComparisonFound
from valuescope.metrics import Estimate

VALUES = ("power", "benevolence")


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return record(tmp_path_factory.mktemp("methods"), methods_spec)


@pytest.fixture(scope="module")
def exploration(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return record(tmp_path_factory.mktemp("exploration"), exploration_spec)


@pytest.fixture(scope="module")
def compared(methods: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("compared") / "out"
    assert main(["compare", *map(str, methods), "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def explored(exploration: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("explored") / "out"
    assert main(["compare", *map(str, exploration), "--out", str(out)]) == 0
    return out


def rows_of(folder: Path, table: str, **fields: str) -> list[dict[str, str]]:
    """The rows of a table with these fields, without them."""
    with (folder / "tables" / f"{table}.csv").open(encoding="utf-8", newline="") as handle:
        rows = [
            row for row in csv.DictReader(handle) if all(row[key] == word for key, word in fields.items())
        ]
    return [{key: word for key, word in row.items() if key not in fields} for row in rows]


def page_of(*folders: Path, out: Path, side_by_side: bool = False) -> str:
    """The page of a comparison."""
    page = write_comparison(compare(read_runs(folders), side_by_side=side_by_side), out)
    text = page.read_text(encoding="utf-8")
    Outline(text)
    return text


def words(page: str) -> str:
    """A page's text."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def estimates(content: Any) -> Iterator[dict[str, Any]]:
    if isinstance(content, dict) and {"mean", "ci", "n"} <= set(content):
        yield content
    elif isinstance(content, dict | list):
        for part in content.values() if isinstance(content, dict) else content:
            yield from estimates(part)


# Every number is that of its run --------------------------------------------------------------------------


def test_scores_are_those_of_each_run_to_the_last_digit(methods: list[Path], compared: Path) -> None:
    for name, run in zip(NAMES, methods, strict=True):
        mine = rows_of(compared, "scores", model=name)
        theirs = [{**row, "model": name} for row in rows_of(run, "scores")]
        assert len(mine) == len(theirs) > 0
        for row, original in zip(mine, theirs, strict=True):
            assert row["tells"] == "false"  # a random model hears no instruction
            named = {key.removeprefix("score_"): word for key, word in row.items() if key != "tells"}
            assert named == {key: word for key, word in original.items() if key != "model"}


@pytest.mark.parametrize("table", ["sweeps", "dose"])
def test_points_over_the_strength_are_those_of_each_run(
    methods: list[Path], compared: Path, table: str
) -> None:
    for name, run in zip(NAMES, methods, strict=True):
        points = [list(row.values()) for row in rows_of(compared, table, model=name)]
        originals = [list(row.values()) for row in rows_of(run, table)]
        width = len(points[0])
        assert points
        if table == "dose":
            assert points == originals
        else:  # one row for both arms, where the run has a row for each
            assert width == 6 + 2 * 5
            flat = [
                [*row[:6], arm, *row[start : start + 5]]
                for row in points
                for arm, start in (("edited", 6), ("random", 11))
            ]
            assert flat == originals


def test_methods_stand_with_effect_controls_fluency_leakage_and_ability(
    methods: list[Path], compared: Path
) -> None:
    found = ComparisonFound.model_validate(
        json.loads((compared / "comparison.json").read_text(encoding="utf-8"))
    )
    assert [(row.model, row.method) for row in found.methods] == [
        (model, method) for model in NAMES for method in ("valuelocate", "neva")
    ]
    for row in found.methods:
        summary = json.loads((methods[NAMES.index(row.model)] / "summary.json").read_text(encoding="utf-8"))
        block = summary["methods"][row.method]
        chosen = block["settings"][0]
        for field in ("effect", "random", "random_matched"):
            assert getattr(row, field).to_dict() == block[field]
        assert row.fluency is not None
        assert row.fluency.to_dict() == chosen["fluency"]
        assert row.neurons == chosen["neurons"]
        assert row.nats is not None
        assert row.nats.to_dict() == summary["ability"]["methods"][row.method]["nats"]["edited"]
        assert row.mmlu is None  # not asked, and so no number
        if row.method == "neva":
            assert row.leak is not None
            assert row.leak.to_dict() == summary["leakage"]["leak_mean"]
        else:
            assert row.leak is None
    matrix = json.loads((methods[1] / "summary.json").read_text(encoding="utf-8"))["leakage"]["delta"]
    cells = [row["change"] for row in rows_of(compared, "leakage", model="right", method="neva")]
    assert cells == [repr(cell) if cell is not None else "" for row in matrix for cell in row]


def test_support_rates_and_changes_are_those_of_each_run(exploration: list[Path], explored: Path) -> None:
    for name, run in zip(NAMES, exploration, strict=True):
        block = json.loads((run / "summary.json").read_text(encoding="utf-8"))["languages"]["en"]
        for measure, support in block["support"].items():
            rows = rows_of(explored, "support", model=name, language="en", measure=measure)
            by_value = {row["value"]: row for row in rows}
            for value, rate in {**support["rates"], "all": support["overall"]}.items():
                assert by_value[value]["rate_mean"] == ("" if rate["mean"] is None else repr(rate["mean"]))
                assert by_value[value]["rate_n"] == str(rate["n"])
            gap = support["position_gap"]["mean"]
            assert by_value["all"]["order_gap_mean"] == ("" if gap is None else repr(gap))
        matrix = block["selections"]["vape"]["matrices"]["log-probabilities"]
        control = block["controls"]["random-matched"]["matrices"]["log-probabilities"][0]
        rows = rows_of(explored, "changes", model=name, measure="log-probabilities")
        cells = [row for row in rows if row["neurons_off"] != "each"]
        assert len(cells) == 4
        changes, randoms = ([cell for row in block["change"] for cell in row] for block in (matrix, control))
        for row, change, random in zip(cells, changes, randoms, strict=True):
            for field, estimate in (("change_mean", change["mean"]), ("random_matched_mean", random["mean"])):
                assert row[field] == ("" if estimate is None else repr(estimate))


def test_what_percentages_could_not_be_read_is_missing_and_no_zero(explored: Path) -> None:
    content = json.loads((explored / "comparison.json").read_text(encoding="utf-8"))
    stated = [row["rate"] for row in content["support"] if row["measure"] == "percentages"]
    assert stated
    assert all(rate["mean"] is None and rate["missing"] for rate in stated)
    assert any(row["rate"]["mean"] is not None for row in content["support"])
    assert "matrices_en_log-probabilities" in {path.stem for path in (explored / "figures").iterdir()}


# The page -------------------------------------------------------------------------------------------------


def test_the_same_runs_give_the_same_bytes(methods: list[Path], compared: Path, tmp_path: Path) -> None:
    page_of(*methods, out=tmp_path / "again")
    files = [path.relative_to(compared) for path in compared.rglob("*") if path.is_file()]
    assert {path.parts[0] for path in files} == {"comparison.html", "comparison.json", "figures", "tables"}
    for path in files:
        assert (tmp_path / "again" / path).read_bytes() == (compared / path).read_bytes(), path


def test_the_page_shows_both_models_and_every_section(compared: Path) -> None:
    page = (compared / "comparison.html").read_text(encoding="utf-8")
    sections = re.findall(r'<section id="([^"]+)"', page)
    assert sections == [
        "models",
        "instrument",
        "overview",
        "rates",
        "scores",
        "sweeps",
        "leakage",
        "settings",
    ]
    assert {path.stem for path in (compared / "figures").iterdir()} >= {
        *("effects", "instrument", "rates", "sweep_valuelocate_gamma", "dose_neva", "leakage"),
    }
    for text in (
        "tiny on 2 models",
        "All runs have the same data, prompts, judge",
        "comparison.json (every number)",
    ):
        assert text in words(page)


def test_where_the_measure_sees_nothing_it_cannot_be_told_and_no_method_is_best(
    methods: list[Path], compared: Path, tmp_path: Path
) -> None:
    blind = (compared / "comparison.html").read_text(encoding="utf-8")
    assert "cannot be told" in blind
    assert 'badge good">the measure sees' not in blind
    assert "<small>best</small>" not in blind
    assert "On left and right it cannot be told" in words(blind)

    def seeing(summary: dict[str, Any]) -> None:
        summary["instrument"]["answers"]["for_minus_against"] = {
            "mean": 0.5,
            "ci": [0.4, 0.6],
            "n": 4,
            "missing": 0,
        }

    def unasked(summary: dict[str, Any]) -> None:
        summary["instrument"] = None

    told = changed(methods[0], tmp_path / "told", summary=seeing)
    silent = changed(methods[1], tmp_path / "silent", summary=unasked)
    page = page_of(told, silent, out=tmp_path / "out")
    assert page.count('badge good">the measure sees') >= 3
    assert "cannot be told</span>" not in page
    assert "instrument not asked" in page
    assert "The instrument was not asked on right" in words(page)


def test_a_method_that_a_run_has_not_is_missing_there(methods: list[Path], tmp_path: Path) -> None:
    def without(summary: dict[str, Any]) -> None:
        del summary["methods"]["valuelocate"]
        summary["ability"] = summary["rates"] = None

    other = changed(methods[1], tmp_path / "other", summary=without)
    comparison = compare(read_runs([methods[0], other]))
    row = next(row for row in comparison.found.methods if (row.model, row.method) == ("right", "valuelocate"))
    assert {field for field, value in row if isinstance(value, Estimate | float)} == set()
    page = words(page_of(methods[0], other, out=tmp_path / "out"))
    assert "No sweep of ValueLocate over gamma on right" in page
    assert "Rates by value were not asked on right" in page
    scores = rows_of(tmp_path / "out", "scores", model="right")
    assert scores == []
    file = rows_of(tmp_path / "out", "methods", model="right", method="valuelocate")[0]
    assert file["effect_mean"] == file["effect_n"] == file["fluency_mean"] == ""


# Side by side ---------------------------------------------------------------------------------------------


def test_side_by_side_says_at_the_top_what_differs(methods: list[Path], tmp_path: Path) -> None:
    def fewer(summary: dict[str, Any]) -> None:
        summary["values"] = ["benevolence"]
        for method in summary["methods"].values():
            method["by_value"] = {"benevolence": method["by_value"]["benevolence"]}

    other = changed(
        methods[1], tmp_path / "other", spec={"seed": 7, "values.only": ["benevolence"]}, summary=fewer
    )
    top = words(page_of(methods[0], other, out=tmp_path / "out", side_by_side=True).partition("<nav")[0])
    assert "Warning: These runs are not of one specification: they differ in values and seed." in top
    assert "seed (seed): left: 0; right: 7" in top
    assert "values.only (values): left: [power, benevolence]; right: [benevolence]" in top
    assert "All runs have the same" not in top
    found = compare(read_runs([methods[0], other]), side_by_side=True).found
    assert found.values == VALUES
    assert {(row.model, row.value) for row in found.by_value} == {
        ("left", "power"),
        ("left", "benevolence"),
        ("right", "benevolence"),
    }


def test_runs_that_agree_are_the_same_side_by_side(
    methods: list[Path], compared: Path, tmp_path: Path
) -> None:
    page = page_of(*methods, out=tmp_path / "out", side_by_side=True)
    assert page == (compared / "comparison.html").read_text(encoding="utf-8")


# Hostile names --------------------------------------------------------------------------------------------


def test_hostile_names_stand_on_the_page_as_text(methods: list[Path], tmp_path: Path) -> None:
    def hostile(summary: dict[str, Any]) -> None:
        summary["model"]["id"] = HOSTILE.replace("\ud800", "")
        summary["name"] = HOSTILE.replace("\ud800", "")
        summary["value_names"] = dict.fromkeys(summary["value_names"], HOSTILE.replace("\ud800", ""))
        summary["measure"]["name"] = "control success"
        summary["methods"] = {f"{name}{HOSTILE[:40]}": block for name, block in summary["methods"].items()}
        summary["leakage"] = None

    folders = [changed(run, tmp_path / run.name, summary=hostile) for run in methods]
    page = page_of(*folders, out=tmp_path / "out")
    assert "<script" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page
    for path in (tmp_path / "out" / "figures").iterdir():
        assert "<script" not in path.read_text(encoding="utf-8")
        assert re.fullmatch(r"[A-Za-z0-9._-]+", path.name)


def test_everything_in_the_json_is_an_estimate_with_its_number(compared: Path) -> None:
    content = json.loads((compared / "comparison.json").read_text(encoding="utf-8"))
    found = list(estimates(content))
    assert len(found) > 100
    for estimate in found:
        if estimate["mean"] is None:
            assert estimate["ci"] is None
        elif estimate["ci"] is not None:
            assert estimate["ci"][0] <= estimate["mean"] <= estimate["ci"][1]
