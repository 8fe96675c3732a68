"""The sections on curves, ability and conversations: what they say, and that they are absent where nothing was measured."""

from __future__ import annotations

from typing import Any

import pytest
from summary_sample import sample_summary
from valuescope.report.charts.pareto import pareto_figure, read_curves
from valuescope.report.neva_tables import neva_tables
from valuescope.report.page import page
from valuescope.report.reading import read_summary
from valuescope.report.sections.neva import (
    ability_section,
    decoded_section,
    leakages_section,
    profiles_section,
    rates_section,
    turns_section,
)
from valuescope.report.sections.pareto import pareto_section, pareto_sentences

PARTS = (
    ability_section,
    decoded_section,
    leakages_section,
    pareto_section,
    profiles_section,
    rates_section,
    turns_section,
)


def estimate(mean: float | None, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"mean": mean, "ci": None if low is None else [low, high], "n": 40, "missing": 0}


def point(strength: float, control: float, fluency: float) -> dict[str, Any]:
    return {
        "strength": strength,
        "control": estimate(control, control - 0.1, control + 0.1),
        "fluency": estimate(fluency, fluency - 0.05, fluency),
        "leakage": estimate(0.02, 0.0, 0.04),
        "nlr_median": estimate(0.1),
        "undefined": 3,
        "random": estimate(0.01),
        "random_fluency": estimate(0.9),
    }


def floor(
    difference: dict[str, Any] | None, verdict: str | None, leak: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "floor": 0.9,
        "strength": 1.5,
        "control": estimate(0.4, 0.3, 0.5),
        "leakage": estimate(0.02),
        "difference": difference,
        "leakage_difference": leak,
        "verdict": verdict,
    }


def with_curves(**at_floor: Any) -> Any:
    methods = {
        name: {"parameter": "beta", "points": [point(1.0, 0.2, 1.0), point(2.0, 0.4, 0.8)], "at_floor": [one]}
        for name, one in {"neva": floor(None, None), **at_floor}.items()
    }
    return read_summary(
        {
            **sample_summary(),
            "pareto": {
                "reference": "neva",
                "questions": 4,
                "floors": [0.9],
                "base_fluency": estimate(1.0),
                "order": list(methods),
                "methods": methods,
            },
        }
    )


def test_nothing_is_drawn_where_nothing_was_measured() -> None:
    summary = read_summary(sample_summary())
    assert [part(summary) for part in PARTS] == [None] * len(PARTS)
    assert pareto_figure(summary) is None
    assert neva_tables(summary) == {}
    assert pareto_sentences(summary) == []


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (floor(estimate(0.2, 0.1, 0.3), "more", estimate(0.1, 0.05, 0.2)), "CAA beats NeVA"),
        (floor(estimate(-0.2, -0.3, -0.1), "less"), "CAA falls behind NeVA"),
        (floor(estimate(0.0, -0.1, 0.1), "no clear difference"), "CAA does not clearly differ from NeVA"),
        (
            {**floor(estimate(None), "cannot be said"), "control": estimate(None)},
            "CAA: no strength with at least 90%",
        ),
    ],
)
def test_a_sentence_says_what_the_interval_says(at: dict[str, Any], words: str) -> None:
    (said,) = pareto_sentences(with_curves(caa=at))
    assert said.startswith(words)
    assert ("it leaks more" in said) == (at["leakage_difference"] is not None)


def test_the_curves_are_read_and_drawn_with_base_and_random() -> None:
    summary = with_curves(caa=floor(estimate(0.2, 0.1, 0.3), "more"))
    curves = read_curves(summary)
    assert [(one.method, len(one.points)) for one in curves] == [("neva", 2), ("caa", 2)]
    drawn = pareto_figure(summary)
    assert drawn is not None
    assert len(drawn.panels) == 2
    first, second = (str(panel.body) for panel in drawn.panels)
    assert "the unedited model" in first
    assert first.count("random at strength") == 4
    assert "random at strength" not in second
    assert "NaN" not in first + second
    assert '<section id="pareto"' in page(summary)


def test_turns_and_ability_say_what_is_missing() -> None:
    raw = {
        **sample_summary(),
        "turns": {
            "asked": 5,
            "conversations": 2,
            "measured": 0,
            "reason": "the model has no chat template",
            "order": [],
            "methods": {},
        },
        "ability": {"mmlu": False, "note": "", "left_out": ["system-prompt"], "order": [], "methods": {}},
    }
    summary = read_summary(raw)
    assert "0 of 5 turns were measured: the model has no chat template" in str(turns_section(summary))
    assert "MMLU was not asked" in str(ability_section(summary))
    assert "System prompt: a message changes the prompt" in str(ability_section(summary))
