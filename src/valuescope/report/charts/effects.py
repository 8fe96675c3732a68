"""Figure: the effect of each method beside its random controls, at every setting that was measured."""

from __future__ import annotations

from valuescope.metrics import Estimate
from valuescope.report.markup import Markup, join
from valuescope.report.names import asked_name, method_name, setting_name
from valuescope.report.numbers import Numbers, effect_numbers, sample
from valuescope.report.palette import METHOD_COLOURS
from valuescope.report.scale import Scale, scale_over, spans, x_axis
from valuescope.report.summary import Method, Setting, Summary
from valuescope.report.svg import PANEL_WIDTH, Figure, Panel, fitted, line, marker, text, text_width, whisker

_ROW = 32
_HEAD = 50
_SETTING = 26


def effects_figure(summary: Summary) -> Figure | None:
    """One panel for each method, all on one scale; None without methods."""
    shown = [
        estimate for method in summary.methods for one in method.settings for estimate in _rows(one).values()
    ]
    if not summary.methods or not spans(shown):
        return None
    scale = scale_over(spans(shown), 8, PANEL_WIDTH - 8)
    numbers = effect_numbers(summary)
    unit = f" ({summary.unit})" if summary.unit else ""
    axis = f"change of {summary.measure_name}{unit}"
    return Figure(
        "effects",
        f"Effect of each method on its target value: {axis}",
        "Edited minus base on the same questions, averaged over values, with intervals. Random: as many "
        "random neurons under the same edit. Matched: random neurons of the same layers and activation "
        "rates.",
        tuple(_panel(method, index, scale, numbers, axis) for index, method in enumerate(summary.methods)),
    )


def _rows(setting: Setting) -> dict[str, Estimate | None]:
    return {
        "its neurons": setting.effect,
        "random": setting.random,
        "matched": setting.random_matched,
    }


def _panel(method: Method, index: int, scale: Scale, numbers: Numbers, axis: str) -> Panel:
    colour = f"m{index % METHOD_COLOURS}"
    name = method_name(method.id)
    aim = {1: "should raise", -1: "should lower", None: "no stated direction"}[method.direction]
    about = f"{method.edit or 'no edit'}, {aim}; {asked_name(method.asked)}"
    parts = [
        text(0, 14, fitted(name, PANEL_WIDTH, 13), f"head f-{colour}"),
        text(0, 31, fitted(about, PANEL_WIDTH), "muted"),
    ]
    top, said = float(_HEAD), list[str]()
    rows: list[Markup] = []
    for setting in method.settings:
        headline = " · headline" if setting is method.chosen and len(method.settings) > 1 else ""
        rows.append(
            text(0, top + 10, fitted(setting_name(setting.name) + headline, PANEL_WIDTH), "bold halo")
        )
        top += _SETTING
        for row, (label, estimate) in enumerate(_rows(setting).items()):
            rows.append(_row(label, estimate, row, top, scale, numbers, index, colour))
            said.append(
                f"{setting_name(setting.name)}, {label}: {numbers.full(estimate)} {sample(estimate)}".strip()
            )
            top += _ROW
        top += 6
    grid = x_axis(scale, _HEAD - 6, top - 6, signed=True)
    caption = text(PANEL_WIDTH / 2, top + 26, fitted(axis, PANEL_WIDTH), "mid muted")
    return Panel(
        name,
        f"{name} ({about}). {'; '.join(said)}.",
        PANEL_WIDTH,
        top + 34,
        join([parts, grid, rows, caption]),
    )


def _row(
    label: str,
    estimate: Estimate | None,
    row: int,
    top: float,
    scale: Scale,
    numbers: Numbers,
    index: int,
    colour: str,
) -> Markup:
    """A line of text, and under it the mean with its interval."""
    ours = row == 0
    y = top + 11
    said, size = numbers.full(estimate), sample(estimate)
    left = fitted(f"{label}, {size}" if size else label, PANEL_WIDTH - 14 - text_width(said, 11))
    drawn: list[Markup] = [
        text(8, top, left, "halo" if ours else "halo muted"),
        text(PANEL_WIDTH, top, said, f"end num halo{' bold' if ours else ' muted'}"),
    ]
    if estimate is None or estimate.mean is None:
        drawn.append(line(8, y, PANEL_WIDTH - 8, y, "grid dot"))
        return join(drawn)
    stroke = f"s-{colour}" if ours else "s-control"
    if estimate.low is not None and estimate.high is not None:
        drawn.append(whisker(scale(estimate.low), scale(estimate.high), y, stroke))
    fill = f"f-{colour}" if ours else "f-control" if row == 1 else "h-control"
    hint = f"{label}: {said} {size}"
    drawn.append(
        marker(scale(estimate.mean), y, index if ours else 0, fill, size=5 if ours else 4, hint=hint)
    )
    return join(drawn)
