"""The page's section on control and its price: the curves, and who has more control at equal fluency."""

from __future__ import annotations

from valuescope.metrics import verdict_of
from valuescope.report.charts.pareto import pareto_figure
from valuescope.report.fields import Fields
from valuescope.report.html import details, estimate_cell, figure, section, table
from valuescope.report.markup import Child, Markup, tag
from valuescope.report.names import method_name
from valuescope.report.numbers import MISSING, SHARES, effect_numbers
from valuescope.report.summary import Summary


def block_of(summary: Summary, name: str) -> Fields | None:
    """A block of the summary that some runs have; None where this one has not."""
    top = Fields.of(summary.raw, "")
    return top.object(name) if top.present(name) else None


def pareto_section(summary: Summary) -> Markup | None:
    """The curves, who has more control at equal fluency, and the numbers at every strength."""
    block, drawn = block_of(summary, "pareto"), pareto_figure(summary)
    if block is None or drawn is None:
        return None
    said = [tag("li", one) for one in pareto_sentences(summary)]
    return section(
        "pareto",
        "Control and its price",
        figure(drawn),
        tag("ul", said) if said else None,
        _floors_table(summary, block),
        details("Every strength", _points_table(summary, block)),
    )


def pareto_sentences(summary: Summary) -> list[str]:
    """For each method beside the reference, at each floor of fluency: what the interval of the difference says."""
    block = block_of(summary, "pareto")
    if block is None:
        return []
    numbers, reference, said = effect_numbers(summary), block.text("reference"), []
    for name in block.texts("order"):
        if name == reference:
            continue
        for path, item in block.object("methods").object(name).items("at_floor"):
            at = Fields.of(item, path)
            floor = at.number("floor") or 0.0
            where = f"with at least {floor:.0%} of the base's fluency"
            own, difference = at.estimate("control"), at.estimate("difference")
            if own is None or own.mean is None or difference is None or difference.mean is None:
                said.append(f"{method_name(name)}: no strength {where}, so nothing can be compared.")
                continue
            words = {
                "more": f"beats {method_name(reference)}",
                "less": f"falls behind {method_name(reference)}",
                "no clear difference": f"does not clearly differ from {method_name(reference)}",
                "cannot be said": "cannot be compared",
            }[at.text("verdict") or "cannot be said"]
            leak = at.estimate("leakage_difference")
            price = ""
            if leak is not None and leak.mean is not None:
                price = {
                    "more": "; it leaks more",
                    "less": "; it leaks less",
                    "no clear difference": "; its leakage does not clearly differ",
                    "cannot be said": "",
                }[verdict_of(leak)] + f" ({numbers.full(leak)})"
            said.append(
                f"{method_name(name)} {words} {where}: control {numbers.full(own)}, difference "
                f"{numbers.full(difference)}{price}."
            )
    return said


def _floors_table(summary: Summary, block: Fields) -> Markup:
    numbers, rows = effect_numbers(summary), list[list[Child]]()
    for name in block.texts("order"):
        for path, item in block.object("methods").object(name).items("at_floor"):
            at = Fields.of(item, path)
            strength = at.number("strength")
            rows.append(
                [
                    method_name(name),
                    f"{at.number('floor') or 0:.0%}",
                    MISSING if strength is None else f"{strength:.3g}",
                    estimate_cell(at.estimate("control"), numbers),
                    estimate_cell(at.estimate("leakage"), numbers),
                    "reference"
                    if name == block.text("reference")
                    else estimate_cell(at.estimate("difference"), numbers),
                ]
            )
    head = [
        "Method",
        "Floor of fluency",
        "Strength",
        "Control",
        "Leakage there",
        "Control against the reference",
    ]
    return table("The largest control at equal fluency, interpolated along each curve", head, rows)


def _points_table(summary: Summary, block: Fields) -> Markup:
    numbers, rows = effect_numbers(summary), list[list[Child]]()
    for name in block.texts("order"):
        own = block.object("methods").object(name)
        for path, item in own.items("points"):
            at = Fields.of(item, path)
            undefined = at.count("undefined")
            rows.append(
                [
                    f"{method_name(name)}, {own.text('parameter') or 'as set'} {at.number('strength') or 0:g}",
                    estimate_cell(at.estimate("control"), numbers),
                    estimate_cell(at.estimate("fluency"), SHARES, signed=False),
                    estimate_cell(at.estimate("leakage"), numbers),
                    [
                        estimate_cell(at.estimate("nlr_median"), SHARES, signed=False),
                        tag("small", f"{undefined} undefined") if undefined else None,
                    ],
                    estimate_cell(at.estimate("random"), numbers),
                ]
            )
    head = ["Method and strength", "Control", "Fluency", "Leakage", "NLR, median", "Random control"]
    return table("Control, fluency and leakage at each strength", head, rows)
