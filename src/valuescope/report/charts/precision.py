"""Figure: how well each method's ranking meets the planted truth."""

from __future__ import annotations

from valuescope.metrics import Estimate
from valuescope.report.fields import Fields
from valuescope.report.markup import Markup, join
from valuescope.report.names import method_name
from valuescope.report.numbers import Numbers, sample
from valuescope.report.palette import METHOD_COLOURS
from valuescope.report.scale import Scale, x_axis
from valuescope.report.summary import Summary
from valuescope.report.svg import PANEL_WIDTH, Figure, Panel, fitted, line, marker, text, whisker

_WIDTH = PANEL_WIDTH * 1.8
_LEFT, _ROW, _TOP = 150.0, 26.0, 34.0
_DIGITS = Numbers(3)


def precision_figure(summary: Summary) -> Figure | None:
    """One row for each method: average precision over values with its interval, and chance; None without a truth."""
    block = Fields.of(summary.raw.get("compare"), "compare")
    rows = [Fields.of(item, path) for path, item in block.items("rows")]
    found = [(row.text("method"), row.estimate("precision")) for row in rows]
    shown = [(method, one) for method, one in found if one is not None and one.mean is not None]
    if not shown:
        return None
    chance = block.number("chance_precision")
    return Figure(
        "locators_precision",
        "Average precision of each locator's ranking against the planted neurons",
        "1 means that all neurons that cause a value's answers are ranked before all others. Marks: the mean over values, "
        "with intervals over values. Dotted: chance.",
        (_panel(shown, chance),),
    )


def _panel(shown: list[tuple[str, Estimate]], chance: float | None) -> Panel:
    scale, right = Scale(0.0, 1.0, _LEFT, _WIDTH - 60), _WIDTH - 60
    bottom = _TOP + _ROW * len(shown)
    parts: list[Markup] = [
        text(0, 14, "Average precision", "head"),
        x_axis(scale, _TOP - 6, bottom),
    ]
    if chance is not None:
        parts.append(line(scale(chance), _TOP - 6, scale(chance), bottom, "s-ink dot"))
    said = []
    for row, (method, one) in enumerate(shown):
        y, colour = _TOP + _ROW * (row + 0.5), f"m{row % METHOD_COLOURS}"
        parts.append(text(_LEFT - 8, y + 4, fitted(method_name(method), _LEFT - 10), "end"))
        if one.low is not None and one.high is not None:
            parts.append(whisker(scale(one.low), scale(one.high), y, f"s-{colour}"))
        hint = f"{method_name(method)}: {_DIGITS.full(one, signed=False)} {sample(one)}"
        said.append(hint)
        parts.append(marker(scale(one.mean or 0.0), y, row, f"f-{colour}", hint=hint))
        parts.append(text(right + 8, y + 4, _DIGITS.plain(one.mean), "num"))
    tail = f" Chance: {_DIGITS.plain(chance)}." if chance is not None else ""
    return Panel("Average precision", f"{'; '.join(said)}.{tail}", _WIDTH, bottom + 24, join(parts))
