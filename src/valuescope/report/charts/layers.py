"""Figure: how many neurons each method found in each layer, by value."""

from __future__ import annotations

from collections.abc import Sequence

from valuescope.report.markup import Markup, join
from valuescope.report.names import method_name, setting_name
from valuescope.report.numbers import MISSING
from valuescope.report.palette import METHOD_COLOURS
from valuescope.report.summary import Method, Summary
from valuescope.report.svg import PANEL_WIDTH, Figure, Panel, fitted, rect, text, text_width

_LABEL = 104
_TOTAL = 40
_BAR_TOP, _BAR_BOTTOM = 52, 88
_ROW = 19
_STRONGEST = 0.75


def layers_figure(summary: Summary) -> Figure | None:
    """One panel for each method: rows are values, columns layers; None without counts."""
    methods = [
        (index, method)
        for index, method in enumerate(summary.methods)
        if any(method.neurons_per_layer.values())
    ]
    if not methods:
        return None
    return Figure(
        "neurons_per_layer",
        "Neurons found in each layer",
        "Rows are values, columns are layers counted from 1; the bars above add up the values, the "
        "numbers on the right add up the layers.",
        tuple(_panel(summary, method, index) for index, method in methods),
    )


def _panel(summary: Summary, method: Method, index: int) -> Panel:
    counts = method.neurons_per_layer
    order = [*summary.values, *(value for value in counts if value not in summary.values)]
    rows = [(summary.value_name(value), counts.get(value)) for value in order]
    return layer_panel(method_name(method.id), setting_name(method.headline), rows, index)


def layer_panel(
    title: str, subtitle: str, counts: Sequence[tuple[str, Sequence[int] | None]], index: int
) -> Panel:
    """A table of neurons by label (rows) and layer (columns) with their sum as bars; None is missing.

    `index` chooses the colour.
    """
    present = [row for _, row in counts if row is not None]
    colour = f"m{index % METHOD_COLOURS}"
    layers = max(len(row) for row in present)
    step = (PANEL_WIDTH - _LABEL - _TOTAL - 8) / layers
    peak = max((count for row in present for count in row), default=0)
    parts = [
        text(0, 14, fitted(title, PANEL_WIDTH, 13), f"head f-{colour}"),
        text(0, 31, fitted(subtitle, PANEL_WIDTH), "muted"),
        _bars(present, layers, step, colour),
        text(PANEL_WIDTH, _BAR_BOTTOM, "all", "end muted"),
    ]
    top, said = _BAR_BOTTOM + 6.0, list[str]()
    for shown, row in counts:
        parts.append(text(_LABEL, top + 13, fitted(shown, _LABEL), "end"))
        parts.append(_row(row, top, step, peak, colour))
        said.append(f"{shown}: " + (MISSING if row is None else f"{sum(row)} ({', '.join(map(str, row))})"))
        top += _ROW
    parts += _layer_numbers(layers, step, top)
    return Panel(
        title,
        f"{title}, {subtitle}; per layer from the first. {'; '.join(said)}.",
        PANEL_WIDTH,
        top + 34,
        join(parts),
    )


def _bars(rows: Sequence[Sequence[int]], layers: int, step: float, colour: str) -> Markup:
    totals = [sum(row[layer] for row in rows if layer < len(row)) for layer in range(layers)]
    peak = max(totals) or 1
    drawn = []
    for layer, total in enumerate(totals):
        height = (_BAR_BOTTOM - _BAR_TOP) * total / peak
        x = _LABEL + 8 + layer * step
        drawn.append(rect(x + step * 0.08, _BAR_BOTTOM - height, step * 0.84, height, f"f-{colour}"))
        if step >= text_width(str(total), 9.5) + 2:
            drawn.append(text(x + step / 2, _BAR_BOTTOM - height - 3, str(total), "mid small muted num"))
    return join(drawn)


def _row(row: Sequence[int] | None, top: float, step: float, peak: int, colour: str) -> Markup:
    if row is None:
        return text(_LABEL + 8, top + 13, MISSING, "muted")
    drawn = []
    for layer, count in enumerate(row):
        x = _LABEL + 8 + layer * step
        share = _STRONGEST * (0.12 + 0.88 * count / peak) if count else 0.0
        gap = min(1.0, step * 0.1)
        drawn.append(
            rect(
                x + gap / 2,
                top + 1,
                step - gap,
                _ROW - 2,
                f"f-{colour}" if count else "panel",
                opacity=share or None,
            )
        )
        if step >= max(text_width(str(peak), 11) + 3, 12):
            drawn.append(text(x + step / 2, top + 13.5, str(count), f"mid num{'' if count else ' muted'}"))
    drawn.append(text(PANEL_WIDTH, top + 13.5, str(sum(row)), "end num bold"))
    return join(drawn)


def _layer_numbers(layers: int, step: float, top: float) -> list[Markup]:
    every = next(one for one in (1, 2, 4, 5, 8, 10, 16, 20, 40, 1000) if one * step >= 20 or one == 1000)
    drawn = [
        text(_LABEL + 8 + (layer - 0.5) * step, top + 13, str(layer), "mid muted num")
        for layer in range(1, layers + 1)
        if layer == 1 or layer % every == 0
    ]
    return [*drawn, text(_LABEL + 8 + layers * step / 2, top + 28, "layer", "mid muted")]
