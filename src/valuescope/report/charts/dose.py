"""Figure: the effect against the edit's strength, with fluency beneath on the same axis."""

from __future__ import annotations

from collections.abc import Sequence

from valuescope.metrics import Estimate
from valuescope.report.curve import Axis, axis_over, draw_curve, spaced
from valuescope.report.markup import Markup, join
from valuescope.report.names import method_name
from valuescope.report.numbers import MISSING, Numbers, effect_numbers, plain_value, sample, spread
from valuescope.report.palette import METHOD_COLOURS
from valuescope.report.scale import Scale, scale_over, spans, y_axis
from valuescope.report.summary import Method, Summary
from valuescope.report.svg import PANEL_WIDTH, Figure, Panel, fitted, line, marker, text

_LEFT = 52
_TOP, _EFFECT_BOTTOM = 62, 206
_FLUENCY_TOP, _FLUENCY_BOTTOM = 236, 306
_HEIGHT = 344


def dose_figure(summary: Summary) -> Figure | None:
    """One panel for each method that has a sweep; None without any."""
    methods = [(index, method) for index, method in enumerate(summary.methods) if method.dose]
    if not methods:
        return None
    found = [one for _, method in methods for point in method.dose for one in (point.effect, point.random)]
    effects = scale_over(spans(found), _EFFECT_BOTTOM, _TOP)
    return Figure(
        "dose",
        f"Dose and response: change of {summary.measure_name} over the strength of the edit",
        "Above: the method's neurons (filled) and random neurons (hollow), with intervals. Below: the "
        "share of fluent answers; the dotted line is the base model's.",
        tuple(_panel(summary, method, index, effects) for index, method in methods),
    )


def _panel(summary: Summary, method: Method, index: int, effects: Scale) -> Panel:
    numbers, colour, name = effect_numbers(summary), f"m{index % METHOD_COLOURS}", method_name(method.id)
    points = sorted(method.dose, key=lambda point: point.strength)
    strengths = [point.strength for point in points]
    across, fluency = (
        axis_over(strengths, _LEFT, PANEL_WIDTH - 6),
        Scale(0.0, 1.0, _FLUENCY_BOTTOM, _FLUENCY_TOP),
    )
    right = PANEL_WIDTH - 6
    label = method.dose_name + (" (log scale)" if across.log else "")
    axes = [
        y_axis(effects, _LEFT, right, signed=True),
        y_axis(fluency, _LEFT, right, about=2),
        [
            text(across(one), _FLUENCY_BOTTOM + 15, plain_value(one), "mid muted num")
            for one in spaced(strengths, across)
        ],
        text((_LEFT + right) / 2, _HEIGHT - 6, fitted(label, 200), "mid muted"),
        _settings(method, across, strengths),
        text(_LEFT, _FLUENCY_TOP - 9, "fluent answers", "muted halo"),
    ]
    if not spans(p.fluency for p in points):
        axes.append(text((_LEFT + right) / 2, _FLUENCY_BOTTOM - 24, f"fluency {MISSING}", "mid muted halo"))
    base = method.chosen.base_fluency if method.chosen else None
    if base is not None and base.mean is not None:
        axes.append(line(_LEFT, fluency(base.mean), right, fluency(base.mean), "s-ink dot"))
    curves = [
        draw_curve(
            [(p.strength, p.random) for p in points], across, effects, "control", 0, numbers, hollow=True
        ),
        draw_curve([(p.strength, p.effect) for p in points], across, effects, colour, index, numbers),
        draw_curve([(p.strength, p.fluency) for p in points], across, fluency, colour, index, Numbers(2)),
    ]
    key = [
        text(0, 14, fitted(name, PANEL_WIDTH, 13), f"head f-{colour}"),
        marker(5, 33, index, f"f-{colour}", size=4),
        text(14, 37, f"its neurons{_size([p.effect for p in points])}", "muted"),
        marker(153, 33, 0, "h-control", size=3.5),
        text(162, 37, f"random neurons{_size([p.random for p in points])}", "muted"),
    ]
    said = "; ".join(
        f"{method.dose_name} {plain_value(p.strength)}: {numbers.full(p.effect)} {sample(p.effect)}, random "
        f"{numbers.full(p.random)}, fluency {Numbers(2).full(p.fluency, signed=False)}"
        for p in points
    )
    return Panel(name, f"{name}. {said}.", PANEL_WIDTH, _HEIGHT, join([axes, curves, key]))


def _size(estimates: Sequence[Estimate | None]) -> str:
    sizes = {one.n for one in estimates if one is not None and one.n}
    return f" (n = {spread(sizes)})" if sizes else ""


def _settings(method: Method, across: Axis, strengths: Sequence[float]) -> list[Markup]:
    """A line at the strength of each setting, where it lies within the sweep."""
    drawn: list[Markup] = []
    places: dict[float, list[str]] = {}
    for setting in method.settings:
        strength = setting.edit_parameters.get(
            method.dose_name, setting.locator_parameters.get(method.dose_name)
        )
        known = isinstance(strength, int | float) and not isinstance(strength, bool)
        if known and setting.name and strengths[0] <= strength <= strengths[-1]:
            places.setdefault(float(strength), []).append(setting.name)
    for row, (strength, names) in enumerate(sorted(places.items())):
        x, shown = across(strength), fitted(", ".join(names), 110, 9.5)
        late = x > PANEL_WIDTH - 80
        drawn.append(line(x, _TOP - 10, x, _FLUENCY_BOTTOM, "axis dash"))
        drawn.append(
            text(
                x - 3 if late else x + 3,
                _TOP - 4 + 11 * (row % 2),
                shown,
                f"small muted halo{' end' if late else ''}",
            )
        )
    return drawn
