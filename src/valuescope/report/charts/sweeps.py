"""Figures: score and quality over the strength of the edit, both ways (ValueLocate, figs. 3, 5, 6 and 10 to 16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.metrics import Estimate
from valuescope.report.curve import Axis, axis_over, draw_curve, spaced
from valuescope.report.fields import Fields
from valuescope.report.markup import Markup, join
from valuescope.report.names import measure_name, method_name
from valuescope.report.numbers import Numbers, plain_value, sample, spread
from valuescope.report.scale import Scale, scale_over, spans, y_axis
from valuescope.report.summary import Summary
from valuescope.report.svg import PANEL_WIDTH, Figure, Panel, fitted, line, marker, text

_LEFT, _TOP, _SCORE_BOTTOM = 52.0, 78.0, 222.0
_QUALITY_TOP, _QUALITY_BOTTOM = 252.0, 322.0
_HEIGHT = 360.0
_RIGHT = PANEL_WIDTH - 6
_COLOURS = {"up": "m1", "down": "m0"}
_SHAPES = {"up": 2, "down": 3}
_NUMBERS = Numbers(2)
_FEW = 4
"""Up to so many values get a panel each beside the one over all."""


@dataclass(frozen=True)
class _Curve:
    """Estimates by strength of one measure."""

    way: str
    arm: str
    points: tuple[Estimate | None, ...]


def sweep_figures(summary: Summary) -> list[Figure]:
    """One figure for each method and sweep that was measured both ways or rated."""
    figures = []
    for name in summary.raw.get("method_order", summary.raw.get("methods", {})):
        method = Fields.of(summary.raw["methods"][name], f"methods.{name}")
        if not method.present("ways"):
            continue
        for path, item in method.items("sweeps"):
            drawn = _figure(summary, name, Fields.of(item, path))
            if drawn is not None:
                figures.append(drawn)
    return figures


def _figure(summary: Summary, name: str, sweep: Fields) -> Figure | None:
    points = sorted(
        (Fields.of(item, path) for path, item in sweep.items("points")),
        key=lambda one: one.number("strength") or 0.0,
    )
    strengths = [one.number("strength") or 0.0 for one in points]
    if not points:
        return None
    measures = list(sweep.object("base").raw)
    score = "relevance" if "relevance" in measures else "success"
    quality = next((one for one in ("quality", "fluent") if one in measures), "")
    values: list[str] = ["", *(summary.values if 1 < len(summary.values) <= _FEW else ())]
    curves = {value: _curves(points, score, value) for value in values}
    below = {value: _curves(points, quality, value) for value in values}
    over = scale_over(
        spans(one for found in curves.values() for curve in found for one in curve.points),
        _SCORE_BOTTOM,
        _TOP,
        zero=score == "success",
    )
    under = scale_over(
        spans(one for found in below.values() for curve in found for one in curve.points),
        _QUALITY_BOTTOM,
        _QUALITY_TOP,
        zero=quality == "fluent",
    )
    across = axis_over(strengths, _LEFT, _RIGHT)
    parameter = sweep.text("name")
    label = {"top": "neurons edited for each value"}.get(parameter, parameter)
    return Figure(
        f"sweep_{name}_{parameter}",
        f"{method_name(name)}: {measure_name(score)} and {measure_name(quality)} over {label}",
        "Filled: the method's neurons, edited towards the value (triangles) and away from it (diamonds). Hollow, dashed: as "
        "many random neurons. Dotted: the unedited model. Bands and bars: intervals over questions.",
        tuple(
            _panel(
                summary.value_name(value) if value else "All values",
                (score, quality),
                (curves[value], below[value]),
                (over, under),
                across,
                strengths,
                label,
                sweep.object("base") if not value else None,
            )
            for value in values
        ),
    )


def _curves(points: Sequence[Fields], measure: str, value: str) -> list[_Curve]:
    found = []
    for way in ("up", "down"):
        for arm in ("random", "edited"):
            own = []
            for point in points:
                block = point.object("ways").object(way).object(measure)
                own.append((block.object("by_value").object(value) if value else block).estimate(arm))
            if any(one is not None for one in own):
                found.append(_Curve(way, arm, tuple(own)))
    return found


def _panel(
    title: str,
    measures: tuple[str, str],
    curves: tuple[list[_Curve], list[_Curve]],
    scales: tuple[Scale, Scale],
    across: Axis,
    strengths: list[float],
    label: str,
    base: Fields | None,
) -> Panel:
    score, quality = measures
    sizes = {one.n for curve in curves[0] for one in curve.points if one is not None and one.n}
    parts: list[Markup] = [
        text(0, 14, fitted(title, PANEL_WIDTH, 13), "head"),
        text(PANEL_WIDTH, 14, f"n = {spread(sizes)}", "end muted"),
        text(0, _TOP - 12, measure_name(score), "muted"),
        y_axis(scales[0], _LEFT, _RIGHT),
        y_axis(scales[1], _LEFT, _RIGHT, about=2),
        text(0, _QUALITY_TOP - 9, measure_name(quality), "muted halo"),
        join(
            text(across(one), _QUALITY_BOTTOM + 15, plain_value(one), "mid muted num")
            for one in spaced(strengths, across)
        ),
        text(
            (_LEFT + _RIGHT) / 2,
            _HEIGHT - 8,
            fitted(label + (" (log scale)" if across.log else ""), 240),
            "mid muted",
        ),
        _key({curve.way for curve in curves[0]}),
    ]
    said = []
    for measure, found, scale in zip(measures, curves, scales, strict=True):
        unedited = None if base is None else base.estimate(measure)
        if unedited is not None and unedited.mean is not None:
            parts.append(line(_LEFT, scale(unedited.mean), _RIGHT, scale(unedited.mean), "s-ink dot"))
        for curve in found:
            hollow = curve.arm == "random"
            pairs = list(zip(strengths, curve.points, strict=True))
            colour = "control" if hollow else _COLOURS[curve.way]
            parts.append(
                draw_curve(pairs, across, scale, colour, _SHAPES[curve.way], _NUMBERS, hollow=hollow)
            )
            said += [
                f"{measure_name(measure)}, {curve.way}, {curve.arm}, at {plain_value(strength)}: "
                f"{_NUMBERS.full(one, signed=False)} {sample(one) if one else ''}".strip()
                for strength, one in pairs
            ]
    return Panel(title, f"{title}. {'; '.join(said)}.", PANEL_WIDTH, _HEIGHT, join(parts))


def _key(ways: set[str]) -> Markup:
    drawn, x = [], 0.0
    for way, word in (("up", "towards"), ("down", "away")):
        if way in ways:
            drawn += [
                marker(x + 5, 34, _SHAPES[way], f"f-{_COLOURS[way]}", size=4),
                text(x + 14, 38, word, "muted"),
            ]
            drawn += [
                marker(x + 75, 34, _SHAPES[way], "h-control", size=3.5),
                text(x + 84, 38, "random", "muted"),
            ]
            x += 150
    return join(drawn)
