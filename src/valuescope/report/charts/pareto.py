"""Figure: control against fluency, and control against leakage, a curve for each method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from valuescope.metrics import Estimate
from valuescope.report.fields import Fields
from valuescope.report.markup import Markup, join
from valuescope.report.names import method_name
from valuescope.report.numbers import SHARES, effect_numbers, sample
from valuescope.report.palette import METHOD_COLOURS
from valuescope.report.scale import scale_over, spans, x_axis, y_axis
from valuescope.report.summary import Summary
from valuescope.report.svg import (
    Figure,
    Panel,
    fitted,
    headed_panel,
    line,
    marker,
    polyline,
    text,
    text_width,
)

_WIDTH, _LEFT, _TOP, _BOTTOM = 470.0, 58.0, 34.0, 330.0


@dataclass(frozen=True)
class Point:
    """One strength of a method; `random` is the control of equal size at that strength."""

    strength: float
    control: Estimate | None
    fluency: Estimate | None
    leakage: Estimate | None
    random: Estimate | None
    random_fluency: Estimate | None


@dataclass(frozen=True)
class Curve:
    """One method's points in order of strength."""

    method: str
    index: int
    points: tuple[Point, ...]


def read_curves(summary: Summary) -> tuple[Curve, ...]:
    """The curves of a summary; empty where none were measured."""
    block = Fields.of(summary.raw, "").object("pareto")
    rank = {method.id: place for place, method in enumerate(summary.methods)}
    curves = []
    for name in block.texts("order"):
        points = []
        for path, item in block.object("methods").object(name).items("points"):
            at = Fields.of(item, path)
            kinds = ("control", "fluency", "leakage", "random", "random_fluency")
            points.append(Point(at.number("strength") or 0.0, *(at.estimate(kind) for kind in kinds)))
        curves.append(Curve(name, rank.get(name, len(rank)), tuple(points)))
    return tuple(curves)


def pareto_figure(summary: Summary) -> Figure | None:
    """Both panels; None without any curve."""
    curves = read_curves(summary)
    if not any(spans(point.control for point in curve.points) for curve in curves):
        return None
    block = Fields.of(summary.raw, "").object("pareto")
    base = block.estimate("base_fluency")
    start = 1.0 if base is None or base.mean is None else base.mean
    return Figure(
        "pareto",
        f"Control and its price: change of {summary.measure_name} of the steered value against fluency and leakage",
        "Each line is a method from weak to strong, beginning at the unedited model; bars are intervals. Up is more control. "
        "First panel: right is more fluent. Second panel: left is less leakage (mean change of the values that are not "
        f"steered). Hollow grey: random controls of equal size. {block.count('questions')} questions per value.",
        (
            _panel(summary, curves, "fluent answers", lambda point: point.fluency, start, randoms=True),
            _panel(
                summary,
                curves,
                "mean change of other values",
                lambda point: point.leakage,
                0.0,
                randoms=False,
            ),
        ),
    )


def _panel(
    summary: Summary,
    curves: tuple[Curve, ...],
    title: str,
    across_of: Callable[[Point], Estimate | None],
    start: float,
    *,
    randoms: bool,
) -> Panel:
    every = [point for curve in curves for point in curve.points]
    numbers, right = effect_numbers(summary), _WIDTH - 8
    ups = [*(point.control for point in every), *(point.random for point in every if randoms)]
    beside = [across_of(point) for point in every] + [point.random_fluency for point in every if randoms]
    up = scale_over(spans(ups), _BOTTOM, _TOP)
    across = scale_over([*spans(beside), start], _LEFT, right, zero=not randoms)
    drawn: list[Markup] = [
        x_axis(across, _TOP, _BOTTOM, signed=not randoms),
        y_axis(up, _LEFT, right, about=5, signed=True),
    ]
    if randoms:
        for point in every:
            if (
                point.random
                and point.random_fluency
                and None not in (point.random.mean, point.random_fluency.mean)
            ):
                drawn.append(
                    marker(
                        across(point.random_fluency.mean or 0.0),
                        up(point.random.mean or 0.0),
                        0,
                        "h-control",
                        size=3,
                        hint=f"random at strength {point.strength:g}: {numbers.full(point.random)}, fluency "
                        f"{SHARES.full(point.random_fluency, signed=False)}",
                    )
                )
    said = []
    for curve in curves:
        colour, name = f"m{curve.index % METHOD_COLOURS}", method_name(curve.method)
        places = [(across(start), up(0.0))] if len(curve.points) > 1 else []
        for point in curve.points:
            price = across_of(point)
            if point.control is None or point.control.mean is None or price is None or price.mean is None:
                continue
            x, y = across(price.mean), up(point.control.mean)
            places.append((x, y))
            if point.control.low is not None and point.control.high is not None:
                drawn.append(line(x, up(point.control.low), x, up(point.control.high), f"s-{colour} faint"))
            if price.low is not None and price.high is not None:
                drawn.append(line(across(price.low), y, across(price.high), y, f"s-{colour} faint"))
            said.append(
                f"{name} at {point.strength:g}: {numbers.full(point.control)} {sample(point.control)}, {title} "
                f"{SHARES.full(price, signed=not randoms)}"
            )
            drawn.append(marker(x, y, curve.index, f"f-{colour}", size=4.5, hint=said[-1]))
        if len(places) > 1:
            drawn.append(polyline(places, f"s-{colour}"))
    drawn.append(marker(across(start), up(0.0), 1, "h-ink", size=5, hint="the unedited model"))
    drawn.append(text((_LEFT + right) / 2, _BOTTOM + 32, fitted(title, 300), "mid muted"))
    drawn.append(
        text(14, (_TOP + _BOTTOM) / 2, fitted("change of the steered value", 280), "mid muted", turn=-90)
    )
    key, bottom = _key(curves, _BOTTOM + 56)
    return headed_panel(f"Control against {title}", "; ".join(said), join([drawn, key]), _WIDTH, bottom)


def _key(curves: tuple[Curve, ...], top: float) -> tuple[Markup, float]:
    """The names of the methods in rows, and where they end."""
    drawn, x, y = [], _LEFT, top
    entries = [
        (method_name(curve.method), curve.index, f"f-m{curve.index % METHOD_COLOURS}") for curve in curves
    ]
    for name, shape, kind in [*entries, ("unedited", 1, "h-ink"), ("random", 0, "h-control")]:
        wide = 14 + text_width(name, 11) + 16
        if x + wide > _WIDTH and x > _LEFT:
            x, y = _LEFT, y + 18
        drawn.append(join([marker(x + 5, y - 4, shape, kind, size=4), text(x + 14, y, name)]))
        x += wide
    return join(drawn), y + 10
