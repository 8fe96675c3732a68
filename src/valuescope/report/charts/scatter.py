"""Figure: two measures of the same items against each other, with their correlation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.metrics import Estimate
from valuescope.report.markup import Markup, join, tag
from valuescope.report.numbers import SHARES
from valuescope.report.palette import METHOD_COLOURS
from valuescope.report.scale import Scale, x_axis, y_axis
from valuescope.report.svg import PANEL_WIDTH, Figure, Panel, fitted, line, text

_LEFT, _TOP = 52.0, 78.0
_SIDE = PANEL_WIDTH - _LEFT - 14
_BINS = 40  # places per side: items nearer than this are drawn as one larger mark
_LARGEST, _SMALLEST = 8.0, 1.8


@dataclass(frozen=True)
class Scatter:
    """Two measures of the same items in percent; None where missing.

    `pearson` and `spearman` are their correlations, None where undefined; `reason` then says why.
    """

    title: str
    points: tuple[tuple[float | None, float | None], ...]
    pearson: Estimate | None = None
    spearman: Estimate | None = None
    reason: str = ""


def scatter_figure(
    scatters: Sequence[Scatter],
    *,
    x: str = "support stated in percent",
    y: str = "support by log-probabilities (%)",
    name: str = "agreement",
    title: str = "Stated percentages against log-probabilities",
) -> Figure | None:
    """One panel for each pair of measures, in percent on both axes; None where no item has both."""
    shown = [one for one in scatters if _present(one)]
    if not shown:
        return None
    n = ", ".join(f"{one.title}: {len(_present(one))}" for one in shown)
    return Figure(
        name,
        title,
        "Each mark is a dilemma, and a larger one several dilemmas at the same place; the dashed line is where both measures "
        f"agree. r: Pearson, rho: Spearman, with intervals. n by panel: {n}.",
        tuple(_panel(one, index, x, y) for index, one in enumerate(shown)),
    )


def _present(shown: Scatter) -> list[tuple[float, float]]:
    return [(one, other) for one, other in shown.points if one is not None and other is not None]


def _panel(shown: Scatter, index: int, x: str, y: str) -> Panel:
    colour, right, bottom = f"m{index % METHOD_COLOURS}", _LEFT + _SIDE, _TOP + _SIDE
    across, up = Scale(0.0, 100.0, _LEFT, right), Scale(0.0, 100.0, bottom, _TOP)
    found = _present(shown)
    missing = len(shown.points) - len(found)
    words = [f"n = {len(found)}" + (f", {missing} missing" if missing else "")]
    words += [
        f"{label} = {SHARES.full(estimate)}"
        for label, estimate in (("r", shown.pearson), ("rho", shown.spearman))
        if estimate is not None and estimate.mean is not None
    ]
    words += ["no correlation:", shown.reason] if shown.reason else []
    places = Counter((_middle(one), _middle(other)) for one, other in found)
    most = max(places.values())
    marks = list[Markup]()
    for (one, other), count in sorted(places.items(), key=lambda item: (-item[1], item[0])):
        radius = max(_SMALLEST, _LARGEST * math.sqrt(count / most)) if most > 1 else 2.4
        hint = tag("title", f"{one:.0f} and {other:.0f}: {count}")
        marks.append(
            tag(
                "circle", hint, cx=across(one), cy=up(other), r=radius, class_=f"f-{colour}", fill_opacity=0.6
            )
        )
    body = join(
        [
            text(0, 14, fitted(shown.title, PANEL_WIDTH, 13), f"head f-{colour}"),
            [text(0, 31 + 14 * row, fitted(said, PANEL_WIDTH), "muted") for row, said in enumerate(words)],
            x_axis(across, _TOP, bottom),
            y_axis(up, _LEFT, right),
            line(_LEFT, bottom, right, _TOP, "s-muted dash"),
            marks,
            text((_LEFT + right) / 2, bottom + 30, fitted(x, _SIDE), "mid muted"),
            text(12, (_TOP + bottom) / 2, fitted(y, _SIDE), "mid muted", turn=-90),
        ]
    )
    said = f"{shown.title}: {x} against {y}. {'; '.join(words)}."
    return Panel(shown.title, said, PANEL_WIDTH, bottom + 38, body)


def _middle(percent: float) -> float:
    """The middle of the place that a percentage is drawn in."""
    return 100.0 * round(percent / 100.0 * _BINS) / _BINS
