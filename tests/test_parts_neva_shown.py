"""The sections on curves, leakage ratios, ability and conversations: what they say, and nothing where nothing was measured."""

from __future__ import annotations

from typing import Any

import pytest
from summary_sample import result_of, sample_summary

from valuescope.lab.result import Result
from valuescope.parts.ability import Ability
from valuescope.parts.decoded import Decoded
from valuescope.parts.leakage import Leakages
from valuescope.parts.pareto import Pareto
from valuescope.parts.profiles import Profiles
from valuescope.parts.rates import Rates
from valuescope.parts.turns import Turns
from valuescope.report.blocks import Opening, Section, every
from valuescope.report.document import page
from valuescope.report.figure import Figure

PARTS = (Ability, Decoded, Leakages, Pareto, Profiles, Rates, Turns)


def html_of(section: Section | None) -> str:
    """A section as it stands on a page."""
    return page("t", Opening("t"), [section])


def figure_of(section: Section | None, name: str) -> Figure:
    assert section is not None
    (figure,) = [block for block in every(section.blocks) if isinstance(block, Figure) and block.name == name]
    return figure


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


def with_curves(**at_floor: Any) -> Result:
    methods = {
        name: {"parameter": "beta", "points": [point(1.0, 0.2, 1.0), point(2.0, 0.4, 0.8)], "at_floor": [one]}
        for name, one in {"neva": floor(None, None), **at_floor}.items()
    }
    return result_of(
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
    result = result_of(sample_summary())
    assert [part.shown(result) for part in PARTS] == [None] * len(PARTS)


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
    html = html_of(Pareto.shown(with_curves(caa=at)))
    assert words in html
    assert ("it leaks more" in html) == (at["leakage_difference"] is not None)


def test_the_curves_are_read_and_drawn_with_base_and_random() -> None:
    result = with_curves(caa=floor(estimate(0.2, 0.1, 0.3), "more"))
    curves = result.of(Pareto).methods
    assert [(name, len(curve.points)) for name, curve in curves.items()] == [("neva", 2), ("caa", 2)]
    figure = figure_of(Pareto.shown(result), "pareto")
    assert len(figure.panels) == 2
    words = [panel.words for panel in figure.panels]
    assert "unedited model" in figure.description
    assert words[0].count("random, ") == 4
    assert "random" not in words[1]
    assert "nan" not in " ".join(words).lower()


def test_each_pair_is_said_with_its_ratio_and_what_is_undefined_as_such() -> None:
    """One method's ratios: the last value gains nothing, nothing leaks into group two."""
    summary = sample_summary()
    values, groups = list(summary["values"]), list(summary["groups"])[:2]
    size = range(len(values))
    summary["leakages"] = {
        "neva": {
            "values": values,
            "leakage": {
                "nlr": [[0.25 * (i + 1) if i != j else None for j in size] for i in size],
                "at_floor": [values[-1]],
            },
            "group_leakage": {"groups": groups, "matrix": [[1.0, 0.0], [0.0, 0.0]], "empty": [groups[1]]},
        }
    }
    figure = figure_of(Leakages.shown(result_of(summary)), "leakage_ratios")
    between_values, between_groups = (panel.words for panel in figure.panels)
    names = [summary["value_names"][value] for value in values]
    first, second = (summary["group_names"][group] for group in groups)
    for i, j, words in (
        (1, 0, "NLR 0.50"),
        (0, -1, "not defined, no gain"),
        (0, 0, "no leakage into itself"),
    ):
        assert f"{names[i]} steered, {names[j]} evaluated: {words}" in between_values
    into = "leakage into {} that came from steering {}: {}"
    assert into.format(first, first, "1.00") in between_groups
    assert into.format(second, first, "not defined, nothing leaked into it") in between_groups


def test_turns_and_ability_say_what_is_missing() -> None:
    turns = {"asked": 5, "conversations": 2, "measured": 0, "reason": "the model has no chat template"}
    ability = {"mmlu": False, "questions": 4, "shots": 1, "left_out": ["system-prompt"]}
    summary = {**sample_summary(), "turns": {**turns, "order": []}, "ability": {**ability, "order": []}}
    result = result_of(summary)
    assert "0 of 5 turns were measured: the model has no chat template" in html_of(Turns.shown(result))
    assert "MMLU was not asked" in html_of(Ability.shown(result))
    assert "System prompt: a message changes the prompt" in html_of(Ability.shown(result))
