"""The figure of normalised leakage: every method, what is undefined, and nothing where nothing was measured."""

from __future__ import annotations

from typing import Any

from summary_sample import sample_summary
from valuescope.report.charts.leakage_ratios import leakage_ratios_figure
from valuescope.report.reading import read_summary


def with_leakages() -> tuple[dict[str, Any], list[str], list[str]]:
    """The sample summary with one method's ratios: the last value gains nothing, nothing leaks into group two."""
    summary = sample_summary()
    values, groups = list(summary["values"]), list(summary["groups"])[:2]
    ratios = [[0.25 * (i + 1) if i != j else None for j in range(len(values))] for i in range(len(values))]
    summary["leakages"] = {
        "neva": {
            "values": values,
            "leakage": {"nlr": ratios, "at_floor": [values[-1]]},
            "group_leakage": {"groups": groups, "matrix": [[1.0, 0.0], [0.0, 0.0]], "empty": [groups[1]]},
        }
    }
    return summary, values, groups


def test_each_pair_is_said_with_its_ratio_and_what_is_undefined_with_a_question_mark() -> None:
    summary, values, groups = with_leakages()
    figure = leakage_ratios_figure(read_summary(summary))
    assert figure is not None
    between_values, between_groups = figure.panels
    names = summary["value_names"]
    assert f"{names[values[1]]} to {names[values[0]]}: 0.50" in between_values.description
    assert f"{names[values[0]]} to {names[values[-1]]}: not defined" in between_values.description
    assert f"{names[values[0]]} to {names[values[0]]}: no leakage into itself" in between_values.description
    first, second = (summary["group_names"].get(group, group) for group in groups)
    assert f"{first} to {first}: 1.00" in between_groups.description
    assert f"{first} to {second}: not defined" in between_groups.description
    assert between_values.body.count("?") == len(values) - 1


def test_without_leakage_there_is_no_figure() -> None:
    assert leakage_ratios_figure(read_summary(sample_summary())) is None
