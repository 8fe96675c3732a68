"""Figure: how well probes read each value off each layer, beside a bag of words and shuffled labels."""

from __future__ import annotations

import math
from itertools import pairwise

from valuescope.report.markup import Markup, join
from valuescope.report.numbers import MISSING, SHARES
from valuescope.report.scale import Scale, y_axis
from valuescope.report.summary import Probes, Summary
from valuescope.report.svg import SMALL_WIDTH, Figure, Panel, fitted, line, marker, polyline, text

_WIDTH, _HEIGHT = float(SMALL_WIDTH), 158.0
_LEFT, _TOP, _BOTTOM = 30.0, 28.0, 120.0
_ROOM_BETWEEN_MARKS = 5.0


def probes_figure(summary: Summary) -> Figure | None:
    """One small panel for each value; None without probes."""
    probes = summary.probes
    if probes is None or not probes.layers or not any(probes.accuracy.values()):
        return None
    order = [value for value in summary.values if value in probes.accuracy]
    order += [value for value in probes.accuracy if value not in order]
    sizes = [
        f"{size} {of}"
        for size, of in ((probes.n_train, "to train"), (probes.n_validation, "to validate"))
        if size is not None
    ]
    return Figure(
        "probes",
        "Probe accuracy on held-out texts, by layer",
        "Filled marks: layers kept. Dashed: a bag of words, without the model. Dotted: probes on shuffled "
        f"labels. Texts for each value: {', '.join(sizes) or 'not stated'}.",
        tuple(_panel(summary, probes, value) for value in order),
        small=True,
    )


def _panel(summary: Summary, probes: Probes, value: str) -> Panel:
    name, curve, kept = summary.value_name(value), probes.accuracy[value], set(probes.kept.get(value, ()))
    baselines = {
        "bag of words": probes.bag_of_words.get(value),
        "shuffled labels": probes.shuffled.get(value),
    }
    levels = [level for level in [*curve, *baselines.values()] if level is not None]
    up = Scale(min(0.4, *levels, 1.0) if levels else 0.4, 1.0, _BOTTOM, _TOP)
    first, last = probes.layers[0], probes.layers[-1]
    across = Scale(first - 0.5, last + 0.5, _LEFT, _WIDTH - 6)
    parts: list[Markup] = [
        text(0, 13, fitted(name, _WIDTH * 0.88, 11), "bold"),
        y_axis(up, _LEFT, _WIDTH - 6, about=3),
    ]
    for label, style in (("bag of words", "s-ink dash"), ("shuffled labels", "s-muted dot")):
        level = baselines[label]
        if level is not None:
            parts.append(line(_LEFT, up(level), _WIDTH - 6, up(level), style))
    parts.append(_curve(probes.layers, curve, kept, across, up))
    every = max(1, math.ceil(22 * len(probes.layers) / (_WIDTH - _LEFT)))
    for place, layer in enumerate(probes.layers):
        if place % every == 0:
            parts.append(text(across(layer), _BOTTOM + 14, str(layer), "mid muted num"))
    parts.append(text((_LEFT + _WIDTH) / 2, _BOTTOM + 29, "layer", "mid muted"))
    said = ", ".join(
        f"layer {layer} {MISSING if level is None else SHARES.plain(level)}"
        for layer, level in zip(probes.layers, curve, strict=False)
    )
    rest = ", ".join(f"{label} {SHARES.plain(level)}" for label, level in baselines.items())
    return Panel(name, f"{name}: {said or MISSING}; {rest}.", _WIDTH, _HEIGHT, join(parts))


def _curve(
    layers: tuple[int, ...], curve: tuple[float | None, ...], kept: set[int], across: Scale, up: Scale
) -> Markup:
    """Lines between neighbouring layers that have an accuracy, and a mark at each."""
    found = [
        None if level is None else (across(layer), up(level))
        for layer, level in zip(layers, curve, strict=False)
    ]
    drawn = [
        polyline([first, second], "s-m2")
        for first, second in pairwise(found)
        if first is not None and second is not None
    ]
    size = 3.5 if (across.end - across.start) / len(layers) >= 2 * _ROOM_BETWEEN_MARKS else 1.8
    for layer, point, level in zip(layers, found, curve, strict=False):
        if point is not None and level is not None:
            hint = f"layer {layer}: {SHARES.plain(level)}{', kept' if layer in kept else ''}"
            drawn.append(marker(*point, 0, "f-m2" if layer in kept else "h-m2", size=size, hint=hint))
    return join(drawn)
