"""Summaries of the previous format, whose keys were sorted by name, read as the present one has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from run_samples import read_summary
from summary_sample import estimate, result_of, sample_summary

from valuescope.lab.result import FORMAT
from valuescope.run import read_result, write_report
from valuescope.run.format1 import upgraded

BOTH: dict[str, Any] = {"up": {"success": {}, "fluent": {}}, "down": {"success": {}, "fluent": {}}}
EXPLORATION: dict[str, Any] = {
    "format": 1,
    "experiment": "valueexploration",
    "values": ["justice", "freedom"],
    "value_names": {
        "en": {"justice": "Justice", "freedom": "Freedom"},
        "zh": {"justice": "公正", "freedom": "自由"},
    },
    "groups": [
        {"id": "social", "name": "Social level", "values": ["justice", "freedom"]},
        {"id": "national", "name": "National level", "values": []},
    ],
    "language_order": ["zh", "en"],
    "selection_order": ["vape", "sparse"],
    "languages": {
        language: {
            "selections": {
                name: {"truth": None, "neurons": {"justice": 2, "freedom": 1}} for name in ("vape", "sparse")
            }
        }
        for language in ("zh", "en")
    },
}


def on_disk(summary: dict[str, Any]) -> dict[str, Any]:
    """A summary as the previous format stood on the disk."""
    content: dict[str, Any] = json.loads(json.dumps(summary, sort_keys=True))
    return content


def comparison() -> dict[str, Any]:
    """The sample with all that has an order of its own."""
    summary = sample_summary() | {"method_order": ["vape", "valuelocate", "neva"]}
    summary |= {"group_order": list(summary["groups"]), "sensitivity": None, "compare": None}
    curve = {"parameter": "beta", "points": [], "at_floor": []}
    methods = dict.fromkeys(("vape", "neva"), curve)
    pareto = {"reference": "vape", "questions": 2, "floors": [0.9], "base_fluency": estimate(1.0)}
    summary["pareto"] = {**pareto, "order": list(methods), "methods": methods}
    for method in summary["methods"].values():
        method |= {"intervention": None, "sweeps": None, "ways": BOTH}
    return summary


def test_what_was_sorted_stands_in_order_again() -> None:
    summary, content = comparison(), upgraded(on_disk(comparison()))
    assert content["format"] == FORMAT
    assert not {"method_order", "group_order", "order", "sensitivity"} & {*content, *content["pareto"]}
    assert list(content["methods"]) == summary["method_order"]
    assert list(content["groups"]) == list(content["group_names"]) == summary["group_order"]
    assert list(content["pareto"]["methods"]) == ["vape", "neva"]
    for by_value in (
        content["value_names"],
        content["methods"]["neva"]["by_value"],
        content["probes"]["kept"],
    ):
        assert list(by_value) == summary["values"]
    ways = {name: method["ways"] for name, method in content["methods"].items()}
    assert list(ways["vape"]) == ["down", "up"]  # what its edit is meant to do comes first
    assert list(ways["neva"]) == ["up", "down"]
    assert list(ways["neva"]["up"]) == ["success", "fluent"]


def test_names_of_values_and_groups_are_by_id_for_every_experiment() -> None:
    content = upgraded(on_disk(EXPLORATION))
    assert content["value_names"] == {"justice": "Justice", "freedom": "Freedom"}
    assert content["value_names_zh"] == {"justice": "公正", "freedom": "自由"}
    assert list(content["value_names"]) == content["values"]
    assert content["groups"] == {"social": ["justice", "freedom"], "national": []}
    assert content["group_names"] == {"social": "Social level", "national": "National level"}
    assert list(content["languages"]) == ["zh", "en"]
    selections = content["languages"]["en"]["selections"]
    assert list(selections) == ["vape", "sparse"]
    assert list(selections["vape"]["neurons"]) == ["justice", "freedom"]
    assert not {"language_order", "selection_order"} & set(content)
    assert content["bundled_organism"] is False
    selections["vape"]["truth"] = {"chance": 0.1}
    assert upgraded({**EXPLORATION, "languages": content["languages"]})["bundled_organism"] is True


def test_a_report_of_the_previous_format_can_be_written(tmp_path: Path) -> None:
    """`valuescope report` works on a folder that the previous version left."""
    summary = sample_summary() | {"method_order": ["vape", "valuelocate", "neva"]}
    summary["group_order"] = list(summary["groups"])
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    (old / "summary.json").write_text(json.dumps(on_disk(summary)), encoding="utf-8")
    write_report(read_result(old), old)
    write_report(result_of(sample_summary()), new)
    files = [path.relative_to(new) for path in sorted(new.rglob("*")) if path.is_file()]
    assert len(files) > 10
    for file in files:
        if file.name != "report.html":  # whose parameters and times are facts in the order of the file
            assert (old / file).read_bytes() == (new / file).read_bytes(), file
    assert read_summary(old)["format"] == 1, "what a run left is not rewritten"


def test_the_present_format_stays_as_it_is() -> None:
    content = {"format": FORMAT, "methods": {"b": {"order": [1]}, "a": None}}
    assert upgraded(content) == content
    assert list(upgraded(content)["methods"]) == ["b", "a"]


@pytest.mark.parametrize("content", [{}, {"format": 3}, [], None])
def test_another_format_is_refused(content: Any) -> None:
    with pytest.raises(ValueError, match=r"^format is (None|3); this version reads formats 1 and 2; update"):
        upgraded(content)
