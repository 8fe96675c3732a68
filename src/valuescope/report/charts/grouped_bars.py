"""Figures of grouped bars with intervals: support rates, feeding against generating, replaced data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from valuescope.metrics import Estimate
from valuescope.report.markup import Markup, join, tag
from valuescope.report.numbers import Numbers, sample, spread
from valuescope.report.palette import METHOD_COLOURS
from valuescope.report.scale import Scale, scale_over, spans, y_axis
from valuescope.report.svg import PANEL_WIDTH, Figure, Panel, fitted, line, polygon, rect, text, text_width

_PERCENT = Numbers(1)
_LEFT, _RIGHT = 44.0, 8.0
_BAR, _WIDEST, _GAP = 13.0, 26.0, 13.0
_KEY = 16.0
_HEIGHT = 170.0
_NAME_ROOM = 120.0
_FILL = 0.7  # of full colour, so that the intervals stay readable on it
_STAR_ROOM = 1.08  # beyond the last interval
_EVEN = 50.0  # percent: neither option is supported more


@dataclass(frozen=True)
class BarSeries:
    """One bar for every group, None where nothing was measured.

    `starred`: the groups whose bar gets a star. `dashed`: hollow bars with a dashed outline.
    """

    name: str
    bars: tuple[Estimate | None, ...]
    starred: tuple[bool, ...] = ()
    dashed: bool = False


def support_figure(
    values: Sequence[str], panels: Mapping[str, Sequence[BarSeries]], *, name: str = "support_rates"
) -> Figure | None:
    """Support rates in percent (ValueExploration, fig. 4): a panel per measure or model, a series per language.

    None without any rate.
    """
    return _figure(
        name,
        "Support rate of each value",
        "Mean support of the value-aligned option, both orders of the options averaged, with intervals over dilemmas. "
        "Dotted: 50%, where neither option is preferred.",
        values,
        panels,
        axis="support of the aligned option (%)",
        domain=(0.0, 100.0),
        reference=_EVEN,
    )


def strategies_figure(
    values: Sequence[str], panels: Mapping[str, Sequence[BarSeries]], *, name: str = "strategies"
) -> Figure | None:
    """Feeding against generating (fig. 8): each value's change under its own neurons, a panel per language.

    None without any change.
    """
    return _figure(
        name,
        "Feeding against generating: change of each value's support with its own neurons off",
        "Points of support, paired by dilemma, with intervals. A star: the value's own drop is among the largest of its "
        "neurons' column.",
        values,
        panels,
        axis="change of support (points)",
    )


def replacement_figure(
    values: Sequence[str], panels: Mapping[str, Sequence[BarSeries]], *, name: str = "replacement"
) -> Figure | None:
    """Replaced data (fig. 7): the change under neurons found from each set of texts, a panel per language.

    None without any change.
    """
    return _figure(
        name,
        "Replaced data: change of each value's support with its own neurons off",
        "Points of support, paired by dilemma, with intervals. Filled: neurons found from the dilemmas. Dashed: neurons "
        "found from another set of texts in their place. A star: the value's own drop is among the largest of its neurons' "
        "column.",
        values,
        panels,
        axis="change of support (points)",
    )


def _figure(
    name: str,
    title: str,
    description: str,
    groups: Sequence[str],
    panels: Mapping[str, Sequence[BarSeries]],
    *,
    axis: str,
    domain: tuple[float, float] | None = None,
    reference: float | None = None,
) -> Figure | None:
    shown = {heading: series for heading, series in panels.items() if series}
    found = spans(bar for series in shown.values() for one in series for bar in one.bars)
    if not found or not groups:
        return None
    found += [end * _STAR_ROOM for end in (min(found), max(found)) if not domain]
    scale = Scale(*domain, 1.0, 0.0) if domain else scale_over(found, 1.0, 0.0)
    sizes = {
        bar.n for series in shown.values() for one in series for bar in one.bars if bar is not None and bar.n
    }
    return Figure(
        name,
        title,
        f"{description} n = {spread(sizes)} for each bar.",
        tuple(
            _panel(heading, groups, series, scale, axis, reference, signed=domain is None)
            for heading, series in shown.items()
        ),
    )


def _panel(
    title: str,
    groups: Sequence[str],
    series: Sequence[BarSeries],
    domain: Scale,
    axis: str,
    reference: float | None,
    *,
    signed: bool,
) -> Panel:
    names = [fitted(group, _NAME_ROOM) for group in groups]
    step = max(_BAR * len(series) + _GAP, (PANEL_WIDTH - _LEFT - _RIGHT) / len(groups))
    reach = max(text_width(shown, 11) * 0.72 - step * (place + 0.5) + 6 for place, shown in enumerate(names))
    left = max(_LEFT, reach)
    right = left + step * len(groups)
    key, top = _key(series, left, right)
    up = domain.moved(top + _HEIGHT, top)
    bar = min(_WIDEST, (step - _GAP) / len(series))
    parts: list[Markup] = [
        text(0, 14, fitted(title, right, 13), "head"),
        key,
        text(0, top - 10, axis, "muted"),
        y_axis(up, left, right, about=5, signed=signed),
    ]
    if reference is not None:
        parts.append(line(left, up(reference), right, up(reference), "s-muted dot"))
    said = list[str]()
    for place, group in enumerate(groups):
        middle = left + step * (place + 0.5)
        for index, one in enumerate(series):
            estimate = one.bars[place]
            hint = f"{group}, {one.name}: {_PERCENT.full(estimate, signed=signed)} {sample(estimate)}".strip()
            starred = bool(one.starred) and one.starred[place]
            said.append(hint + (", starred" if starred else ""))
            x = middle + bar * (index - len(series) / 2)
            parts.append(_bar(estimate, x, bar, up, index, one.dashed, starred, hint))
        parts.append(text(middle + 3, top + _HEIGHT + 14, names[place], "end", turn=-45))
    below = max(text_width(shown, 11) for shown in names) * 0.72
    return Panel(
        title, f"{title}. {axis}. {'; '.join(said)}.", right + _RIGHT, top + _HEIGHT + 20 + below, join(parts)
    )


def _bar(
    estimate: Estimate | None,
    x: float,
    width: float,
    up: Scale,
    index: int,
    dashed: bool,
    starred: bool,
    hint: str,
) -> Markup:
    zero, middle = up(0.0), x + width / 2
    if estimate is None or estimate.mean is None:
        return tag("g", tag("title", hint), text(middle, zero - 4, "?", "mid muted"))
    end = up(estimate.mean)
    colour = f"m{index % METHOD_COLOURS}"
    style = f"h-{colour} dash" if dashed else f"f-{colour}"
    drawn = [rect(x + 1, min(zero, end), width - 2, abs(zero - end), style, opacity=_FILL)]
    tips = [end]
    if estimate.low is not None and estimate.high is not None:
        low, high = up(estimate.low), up(estimate.high)
        tips += [low, high]
        drawn += [line(middle, low, middle, high, "s-ink")]
        drawn += [line(middle - 2.5, tip, middle + 2.5, tip, "s-ink") for tip in (low, high)]
    if starred:
        drawn.append(_star(middle, max(tips) + 8 if estimate.mean < 0 else min(tips) - 8))
    return tag("g", tag("title", hint), drawn)


def _star(x: float, y: float, size: float = 5.0) -> Markup:
    corners = []
    for point in range(10):
        radius = size if point % 2 == 0 else size * 0.42
        angle = math.pi * (point / 5 - 0.5)
        corners.append((x + radius * math.cos(angle), y + radius * math.sin(angle)))
    return polygon(corners, "f-ink")


def _key(series: Sequence[BarSeries], left: float, right: float) -> tuple[Markup, float]:
    """The names of the series with their colours and n, in as many rows as they need, and where the chart begins."""
    x, y, drawn = 0.0, 33.0, list[Markup]()
    for index, one in enumerate(series):
        sizes = {bar.n for bar in one.bars if bar is not None and bar.n}
        label = fitted(f"{one.name} (n = {spread(sizes)})", right - 16)
        width = 16 + text_width(label, 11) + 14
        if x > 0 and x + width > right:
            x, y = 0.0, y + _KEY
        colour = f"m{index % METHOD_COLOURS}"
        drawn.append(
            rect(x + 1, y - 9, 10, 10, f"h-{colour} dash" if one.dashed else f"f-{colour}", opacity=_FILL)
        )
        drawn.append(text(x + 16, y, label, "muted"))
        x += width
    return join(drawn), y + 36
