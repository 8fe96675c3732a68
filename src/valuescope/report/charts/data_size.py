"""Figure: how well neurons found from more or less data hit their own value (ValueExploration, eq. 4 and fig. 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from valuescope.metrics import Estimate
from valuescope.report.curve import axis_over, draw_curve, spaced
from valuescope.report.markup import Markup, join
from valuescope.report.numbers import SHARES, Numbers, grouped
from valuescope.report.palette import METHOD_COLOURS
from valuescope.report.scale import scale_over, spans, y_axis
from valuescope.report.svg import Figure, Panel, fitted, marker, text, text_width

_WIDTH = 500.0
_LEFT, _TOP, _BOTTOM = 92.0, 66.0, 236.0
_ROW = 15.0
_POINTS = Numbers(1)


@dataclass(frozen=True)
class SizePoint:
    """Eq. 4 at one size: the score, how many of `values` were found, and the summed drop on the diagonal in points."""

    size: int
    score: Estimate
    found: int
    values: int
    drop: float | None


def data_size_figure(
    curves: Mapping[str, Sequence[SizePoint]], *, evaluated: int | None = None, name: str = "data_size"
) -> Figure | None:
    """A curve for each name (a language) over the size of the data; None without any score.

    `evaluated`: how many dilemmas each matrix was measured on.
    """
    shown = {
        label: sorted(points, key=lambda point: point.size) for label, points in curves.items() if points
    }
    if not spans(point.score for points in shown.values() for point in points):
        return None
    n = "" if evaluated is None else f" n = {grouped(evaluated)} dilemmas to evaluate on."
    return Figure(
        name,
        "Performance over the size of the data",
        "Half the share of values whose own drop is among the largest of their neurons' column, half the summed drop on the "
        f"diagonal against the largest such sum of the curve (eq. 4), with intervals over dilemmas.{n} Scores of different "
        "curves are not comparable in height.",
        (_panel(shown),),
    )


def _panel(curves: Mapping[str, Sequence[SizePoint]]) -> Panel:
    sizes = sorted({float(point.size) for points in curves.values() for point in points})
    across = axis_over(sizes, _LEFT, _WIDTH - 6)
    found = spans(point.score for points in curves.values() for point in points)
    up = scale_over([*found, 1.0], _BOTTOM, _TOP)
    kept = spaced(sizes, across)
    parts: list[Markup] = [
        text(0, 14, "Score by size", "head"),
        y_axis(up, _LEFT, _WIDTH - 6),
        text(0, _TOP - 10, "score (eq. 4)", "muted"),
    ]
    x, said, y = 0.0, list[str](), _BOTTOM + 16
    for size in kept:
        parts.append(text(across(size), y, grouped(int(size)), "mid muted num"))
    caption = "items per value that neurons were found from" + (" (log scale)" if across.log else "")
    parts.append(text((_LEFT + _WIDTH) / 2, y + 16, caption, "mid muted"))
    y += 38
    parts.append(text(0, y, "values found, and summed drop in points:", "muted"))
    for index, (label, points) in enumerate(curves.items()):
        colour = f"m{index % METHOD_COLOURS}"
        shown = fitted(label, 150)
        parts += [marker(x + 5, 33, index, f"f-{colour}", size=4), text(x + 14, 37, shown, "muted")]
        x += 14 + text_width(shown, 11) + 18
        parts.append(
            draw_curve([(point.size, point.score) for point in points], across, up, colour, index, SHARES)
        )
        rows = (y + _ROW * (2 * index + 1) + 2, y + _ROW * (2 * index + 2))
        parts.append(text(0, rows[0], fitted(label, _LEFT - 24), f"f-{colour}"))
        for point in points:
            drop = "?" if point.drop is None else _POINTS.plain(point.drop)
            said.append(
                f"{label}, {point.size} items: {SHARES.full(point.score, signed=False)}, {point.found} of {point.values} "
                f"values found, summed drop {drop} points"
            )
            if point.size in kept:
                parts.append(
                    text(across(point.size), rows[0], f"{point.found}/{point.values}", f"mid num f-{colour}")
                )
                parts.append(text(across(point.size), rows[1], drop, "mid num muted small"))
    height = y + _ROW * 2 * len(curves) + 8
    return Panel("Score by size", f"Score by size. {'; '.join(said)}.", _WIDTH, height, join(parts))
