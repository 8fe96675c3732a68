"""Figure: the effect on each value under its own edit, beside random neurons."""

from __future__ import annotations

from valuescope.report.markup import Markup, join
from valuescope.report.names import method_name, setting_name
from valuescope.report.numbers import MISSING, Numbers, effect_numbers, sample, spread
from valuescope.report.palette import METHOD_COLOURS
from valuescope.report.scale import Scale, scale_over, spans, x_axis
from valuescope.report.summary import Method, Summary, ValueEffect
from valuescope.report.svg import PANEL_WIDTH, Figure, Panel, fitted, line, marker, text, text_width, whisker

_LABEL = 100
_ROW = 21
_HEAD = 56


def by_value_figure(summary: Summary) -> Figure | None:
    """One panel for each method with a row for each value; None where no method has values."""
    methods = [(index, method) for index, method in enumerate(summary.methods) if method.by_value]
    estimates = [
        one
        for _, method in methods
        for item in method.by_value.values()
        for one in (item.effect, item.random)
    ]
    if not spans(estimates):
        return None
    numbers = effect_numbers(summary)
    ends = [_base_to_edited(item, numbers) for _, method in methods for item in method.by_value.values()]
    right = PANEL_WIDTH - 10 - max(text_width(end, 11) for end in ends)
    scale = scale_over(spans(estimates), _LABEL + 8, right)
    return Figure(
        "by_value",
        f"Effect on each value under its own edit (change of {summary.measure_name})",
        "Coloured marks: the method's neurons, with intervals. Grey circles: random neurons. Numbers on "
        "the right: base and edited.",
        tuple(_panel(summary, method, index, scale) for index, method in methods),
    )


def _panel(summary: Summary, method: Method, index: int, scale: Scale) -> Panel:
    numbers, colour = effect_numbers(summary), f"m{index % METHOD_COLOURS}"
    name, setting = method_name(method.id), setting_name(method.headline)
    order = [value for value in summary.values if value in method.by_value]
    order += [value for value in method.by_value if value not in order]
    bottom = _HEAD + _ROW * len(order)
    said, rows = list[str](), list[Markup]()
    for row, value in enumerate(order):
        item, shown = method.by_value[value], summary.value_name(value)
        rows.append(_row(shown, item, _HEAD + _ROW * (row + 0.5), scale, numbers, index, colour))
        said.append(
            f"{shown}: {numbers.full(item.effect)} {sample(item.effect)}, random neurons "
            f"{numbers.full(item.random)}"
        )
    head = [
        text(0, 14, fitted(name, PANEL_WIDTH, 13), f"head f-{colour}"),
        text(0, 31, fitted(f"{setting}{_sizes(method)}", PANEL_WIDTH), "muted"),
        text(PANEL_WIDTH, 46, "base → edited", "end muted small"),
    ]
    body = join([head, x_axis(scale, _HEAD - 4, bottom, about=4, signed=True), rows])
    return Panel(name, f"{name}, {setting}. {'; '.join(said)}.", PANEL_WIDTH, bottom + 20, body)


def _sizes(method: Method) -> str:
    """The number of answers behind each row."""
    sizes = sorted(
        {item.effect.n for item in method.by_value.values() if item.effect is not None and item.effect.n}
    )
    return f"; n = {spread(sizes)} for each value" if sizes else ""


def _row(
    name: str, item: ValueEffect, y: float, scale: Scale, numbers: Numbers, index: int, colour: str
) -> Markup:
    drawn: list[Markup] = [text(_LABEL, y + 4, fitted(name, _LABEL), "end")]
    drawn.append(text(PANEL_WIDTH, y + 4, _base_to_edited(item, numbers), "end num muted"))
    random, effect = item.random, item.effect
    if random is not None and random.mean is not None:
        if random.low is not None and random.high is not None:
            drawn.append(line(scale(random.low), y + 4, scale(random.high), y + 4, "s-control faint"))
        drawn.append(
            marker(scale(random.mean), y + 4, 0, "h-control", size=3, hint=f"random: {numbers.full(random)}")
        )
    if effect is None or effect.mean is None:
        return join([drawn, text((scale.start + scale.end) / 2, y + 4, MISSING, "mid muted halo small")])
    if effect.low is not None and effect.high is not None:
        drawn.append(whisker(scale(effect.low), scale(effect.high), y - 2, f"s-{colour}", cap=2.5))
    hint = f"{name}: {numbers.full(effect)} {sample(effect)}"
    drawn.append(marker(scale(effect.mean), y - 2, index, f"f-{colour}", size=4, hint=hint))
    return join(drawn)


def _base_to_edited(item: ValueEffect, numbers: Numbers) -> str:
    ends = [None if one is None else one.mean for one in (item.base, item.edited)]
    return " → ".join("?" if end is None else numbers.plain(end) for end in ends)
