"""Figure: the model's value profile before and after each value is steered."""

from __future__ import annotations

import math
from collections.abc import Sequence

from valuescope.report.markup import Markup, join, tag
from valuescope.report.names import method_name, setting_name, short_names
from valuescope.report.numbers import MISSING, effect_numbers
from valuescope.report.scale import Scale, labelled, scale_over
from valuescope.report.summary import Leakage, Summary
from valuescope.report.svg import SMALL_WIDTH, Figure, Panel, fitted, line, marker, polygon, polyline, text

_SMALL, _LARGE = float(SMALL_WIDTH), 2.0 * SMALL_WIDTH + 28
_LEAST = 3  # axes; fewer make no shape


def radar_figure(summary: Summary) -> Figure | None:
    """The base profile, then one small radar for each steered value; None for fewer than three values."""
    leakage = summary.leakage
    if leakage is None or not leakage.delta or len(leakage.base) != len(leakage.values):
        return None
    if len(leakage.values) < _LEAST or all(level is None for level in leakage.base):
        return None
    order = sorted(
        range(len(leakage.values)),
        key=lambda i: (
            summary.values.index(leakage.values[i])
            if leakage.values[i] in summary.values
            else len(summary.values)
        ),
    )
    names = [summary.value_name(leakage.values[i]) for i in order]
    shorts = short_names(names)
    base = [leakage.base[i] for i in order]
    profiles = {i: [_after(leakage, i, seen) for seen in order] for i in order}
    levels = [level for row in [base, *profiles.values()] for level in row if level is not None]
    scale = _radius(levels, summary.unit)
    large = _panel("Base model", names, shorts, base, None, None, scale, summary, _LARGE)
    small = [
        _panel(f"{names[place]} steered", names, shorts, base, profiles[i], place, scale, summary, _SMALL)
        for place, i in enumerate(order)
    ]
    return Figure(
        "radar",
        f"Value profile before and after: {summary.measure_name}",
        f"{method_name(leakage.method)}, {setting_name(leakage.setting)}. Grey: the base model. Coloured: "
        "one value steered, its axis in bold. All on one scale. A gap: missing.",
        (large, *small),
        small=True,
    )


def _after(leakage: Leakage, steered: int, seen: int) -> float | None:
    before, change = leakage.base[seen], leakage.delta[steered][seen]
    return None if before is None or change is None else before + change


def _radius(levels: Sequence[float], unit: str) -> Scale:
    """From the centre to the outer ring; shares start at 0 and end at a quarter's multiple."""
    if unit == "share":
        return Scale(0.0, min(1.0, max(0.25, math.ceil(max(levels) * 4 - 1e-9) / 4)), 0.0, 1.0)
    return scale_over(levels, 0.0, 1.0)


def _panel(
    title: str,
    names: Sequence[str],
    shorts: Sequence[str],
    base: Sequence[float | None],
    after: Sequence[float | None] | None,
    steered: int | None,
    scale: Scale,
    summary: Summary,
    size: float,
) -> Panel:
    large = after is None
    middle, radius = size / 2, size / 2 - (92 if large else 28)
    height = 2 * radius + (72 if large else 78)
    centre = (middle, 24 + (height - 24) / 2)
    turns = [2 * math.pi * place / len(names) for place in range(len(names))]

    def at(place: int, share: float) -> tuple[float, float]:
        return centre[0] + radius * share * math.sin(turns[place]), centre[1] - radius * share * math.cos(
            turns[place]
        )

    parts: list[Markup] = [text(0, 14, fitted(title, size * 0.92, 13), "head")]
    rings = round(scale.high * 4) if summary.unit == "share" else 4
    ticks = [tick for tick in scale.ticks(rings) if scale(tick) > 0]
    for tick in ticks:
        parts.append(tag("g", polygon([at(place, scale(tick)) for place in range(len(names))], "grid")))
    parts += [line(*centre, *at(place, 1.0), "grid") for place in range(len(names))]
    for place in range(len(names)):
        x, y = at(place, 1.0 + (10 if large else 11) / radius)
        side = "mid" if abs(math.sin(turns[place])) < 0.25 else "end" if math.sin(turns[place]) < 0 else ""
        room = size / 2 - abs(x - middle) - 2 if side != "mid" else size / 2
        label = fitted(f"{shorts[place]} · {names[place]}", room, 9.5) if large else shorts[place]
        parts.append(
            text(x, y + 4, label, f"small {side}{' bold' if place == steered else '' if large else ' muted'}")
        )
    if large:
        for tick, shown in labelled(ticks):  # between the first two axes, where no name stands
            (x0, y0), (x1, y1) = at(0, scale(tick)), at(1, scale(tick))
            parts.append(text((x0 + x1) / 2, (y0 + y1) / 2 + 3, shown, "mid small muted num halo"))
    parts.append(
        _outline([None if level is None else at(i, scale(level)) for i, level in enumerate(base)], "control")
    )
    if after is not None:
        points = [None if level is None else at(i, scale(level)) for i, level in enumerate(after)]
        parts.append(_outline(points, "m0"))
        own = points[steered] if steered is not None else None
        if own is not None:
            parts.append(marker(*own, 0, "f-m0", size=3.5))
    numbers, levels = effect_numbers(summary), base if after is None else after
    said = ", ".join(
        f"{name} {MISSING if level is None else numbers.plain(level)}"
        for name, level in zip(names, levels, strict=True)
    )
    return Panel(title, f"{title}: {said}.", size, height, join(parts), wide=large)


def _outline(points: Sequence[tuple[float, float] | None], colour: str) -> Markup:
    """A closed shape through all points, or, where some are missing, lines between present neighbours."""
    present = [point for point in points if point is not None]
    if len(present) == len(points):
        return join([polygon(present, f"f-{colour} soft"), polygon(present, f"s-{colour}")])
    drawn = [marker(*point, 0, f"f-{colour}", size=2.2) for point in present]
    for first, second in zip(points, [*points[1:], points[0]], strict=True):
        if first is not None and second is not None:
            drawn.append(polyline([first, second], f"s-{colour}"))
    return join(drawn)
