"""The page's sections on NeVA's evaluation: curves, leakage of every method, ability, conversations, profiles, tokens.

Each gives None where the run did not ask for it.
"""

from __future__ import annotations

from valuescope.metrics import verdict_of
from valuescope.report.charts.pareto import pareto_figure
from valuescope.report.charts.rates import leakages_figure, rates_figure
from valuescope.report.fields import Fields
from valuescope.report.html import details, estimate_cell, figure, paragraph, section, table
from valuescope.report.markup import Child, Markup, tag
from valuescope.report.names import method_name
from valuescope.report.numbers import MINUS, MISSING, SHARES, Numbers, effect_numbers, listing
from valuescope.report.summary import Summary

_NATS = Numbers(3)


def _block(summary: Summary, name: str) -> Fields | None:
    top = Fields.of(summary.raw, "")
    return top.object(name) if top.present(name) else None


# Curves ---------------------------------------------------------------------------------------------------


def pareto_section(summary: Summary) -> Markup | None:
    """The curves, who has more control at equal fluency, and the numbers at every strength."""
    block, drawn = _block(summary, "pareto"), pareto_figure(summary)
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
    block = _block(summary, "pareto")
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


# Values ---------------------------------------------------------------------------------------------------


def rates_section(summary: Summary) -> Markup | None:
    """Success and fluency by value and method."""
    drawn = rates_figure(summary)
    return None if drawn is None else section("rates", "Control success and fluency by value", figure(drawn))


def leakages_section(summary: Summary) -> Markup | None:
    """Every method's matrix, ratios and test."""
    block, drawn = _block(summary, "leakages"), leakages_figure(summary)
    if block is None or drawn is None:
        return None
    numbers, rows = effect_numbers(summary), list[list[Child]]()
    for name in block.raw:
        own = block.object(name)
        ratios, random, test = (
            own.object("leakage"),
            own.object("random").object("leakage"),
            own.object("test"),
        )
        p, undefined = test.number("p"), ratios.count("undefined") or 0
        rows.append(
            [
                method_name(name),
                estimate_cell(ratios.estimate("nlr_mean"), SHARES, signed=False),
                estimate_cell(ratios.estimate("nlr_median"), SHARES, signed=False),
                [
                    estimate_cell(ratios.estimate("nlr_mean_defined"), SHARES, signed=False),
                    tag("small", f"{undefined} undefined"),
                ],
                estimate_cell(ratios.estimate("leak_mean"), numbers),
                estimate_cell(random.estimate("leak_mean"), numbers),
                estimate_cell(test.estimate("contrast"), numbers),
                (test.text("reason") or MISSING) if p is None else f"{p:.3g}",
            ]
        )
    head = [
        "Method",
        "NLR, mean",
        "NLR, median",
        "NLR, mean of defined",
        "Leak, mean",
        "Leak of random control",
        "Neighbours less others",
        "p",
    ]
    note = paragraph(
        "NLR divides each increase by the evaluated value's own gain. Where a value gains nothing the gain is a floor and its "
        "ratios are arbitrary and large: they are counted as undefined, and the mean over all is then no fair summary. p: how "
        "often values exchanged at random on the circle give neighbours as large a share of the change (permutation test).",
        class_="small",
    )
    return section(
        "leakages", "Leakage of every method", figure(drawn), table("Leakage ratios", head, rows), note
    )


def profiles_section(summary: Summary) -> Markup | None:
    """Every profile's effect on every value, beside the sum of single edits and random neurons."""
    block = _block(summary, "profiles")
    if block is None:
        return None
    numbers, parts = effect_numbers(summary), list[Child]()
    for name in block.texts("order"):
        one = block.object("profiles").object(name)
        targets, arms, counts = one.object("targets"), one.object("arms"), one.object("neurons")
        order = ("profile", "sum", "random")
        rows: list[list[Child]] = []
        for value in summary.values:
            weight = targets.number(value)
            rows.append(
                [
                    summary.value_name(value),
                    "none" if weight is None else f"{weight:+g}".replace("-", MINUS),
                    *(
                        estimate_cell(arms.object(arm).object("by_value").estimate(value), numbers)
                        for arm in order
                    ),
                ]
            )
        for what, title in (("towards", "Towards the target"), ("others", "Values without a target")):
            cells = [estimate_cell(arms.object(arm).estimate(what), numbers) for arm in order]
            rows.append([tag("strong", title), "", *cells])
        rows.append(
            [
                tag("strong", "Fluent answers"),
                "",
                *(estimate_cell(arms.object(arm).estimate("fluency"), SHARES, signed=False) for arm in order),
            ]
        )
        sizes = {arm: counts.count(arm) for arm in order}
        head = ["Value", "Target", *(f"{title} ({sizes[arm]} neurons)" for arm, title in _ARMS.items())]
        parts += [
            table(f"Profile {name}: change of {summary.measure_name}", head, rows),
            _against_sum(one, numbers),
        ]
    note = paragraph(
        f"Solved over the neurons of {method_name(block.text('method'))} with at most "
        f"{block.number('overlap_budget') or 0:.0%} of them shared with other values, at beta {block.number('beta') or 0:g}.",
        class_="small",
    )
    return section("profiles", "Target profiles", note, *parts)


_ARMS = {"profile": "Solved as one edit", "sum": "Single edits added", "random": "Random neurons"}


def _against_sum(one: Fields, numbers: Numbers) -> Markup:
    against = one.object("against_sum")
    said = []
    for what, name in (("towards", "towards the target"), ("others", "on the values without a target")):
        found = against.estimate(what)
        if found is None or found.mean is None:
            continue
        word = {"more": "more", "less": "less", "no clear difference": "no clear difference"}.get(
            verdict_of(found)
        )
        said.append(f"{name} {word or 'cannot be said'} ({numbers.full(found)})")
    return paragraph(
        f"Solved as one edit against single edits added: {'; '.join(said) or 'nothing to compare'}.",
        class_="small",
    )


# Ability and conversations --------------------------------------------------------------------------------


def ability_section(summary: Summary) -> Markup | None:
    """MMLU and perplexity before and after."""
    block = _block(summary, "ability")
    if block is None:
        return None
    rows: list[list[Child]] = []
    for name in block.texts("order"):
        one = block.object("methods").object(name)
        row: list[Child] = [method_name(name)]
        for what, numbers in (("mmlu", Numbers(3)), ("nats", _NATS)):
            found = one.object(what)
            row += [
                estimate_cell(found.estimate("base"), numbers, signed=False),
                estimate_cell(found.estimate("edited"), numbers, signed=False),
                estimate_cell(found.estimate("change"), numbers),
            ]
        rows.append(row)
    head = [
        "Method",
        *("MMLU, base", "MMLU, edited", "Change"),
        *("Neutral text, base (nats per token)", "Edited", "Change"),
    ]
    left_out = [method_name(name) for name in block.texts("left_out")]
    words = "MMLU was not asked: its files do not ship with valuescope. " if not block.flag("mmlu") else ""
    if left_out:
        words += (
            f"{listing(left_out)}: a message changes the prompt and not the model, so it has no score here. "
        )
    empty = [method_name(name) for name in block.texts("nothing_found")]
    if empty:
        words += f"{listing(empty)}: nothing was found for any value, so the model is the base. "
    words += block.text("note")
    return section(
        "ability",
        "General ability",
        table("Before and after, averaged over the edits of all values", head, rows),
        paragraph(words, class_="small") if words else None,
    )


def turns_section(summary: Summary) -> Markup | None:
    """Control turn by turn."""
    block = _block(summary, "turns")
    if block is None:
        return None
    measured, asked = block.count("measured") or 0, block.count("asked") or 0
    short = f" {measured} of {asked} turns were measured: {block.text('reason')}." if measured < asked else ""
    intro = paragraph(
        f"Questions about one value, one after the other in one conversation; conversations per "
        f"value: {block.count('conversations')}.{short}"
    )
    if not measured:
        return section("turns", "Over several turns", intro)
    head = ["Arm", *(f"Turn {turn + 1}" for turn in range(measured)), "Change of effect, last against first"]
    rows: list[list[Child]] = [["Base model", *_turns(block, "base"), ""]]
    for name in block.texts("order"):
        one = block.object("methods").object(name)
        rows.append(
            [
                method_name(name),
                *_turns(one, "success"),
                estimate_cell(one.estimate("last_against_first"), SHARES),
            ]
        )
    return section("turns", "Over several turns", intro, table("Control success by turn", head, rows))


def _turns(fields: Fields, name: str) -> list[Child]:
    return [
        estimate_cell(Fields({"cell": item}, path).estimate("cell"), SHARES, signed=False)
        for path, item in fields.items(name)
    ]


# Tokens ---------------------------------------------------------------------------------------------------


def decoded_section(summary: Summary) -> Markup | None:
    """What the probes' directions mean in tokens."""
    block = _block(summary, "decoded")
    if block is None:
        return None
    values, rows = block.object("values"), list[list[Child]]()
    for value in summary.values:
        one = values.object(value)
        tokens = [tag("code", token) for token in one.texts("tokens")]
        accuracy = SHARES.plain(one.number("accuracy"))
        spaced = [part for token in tokens for part in (token, " ")]
        rows.append(
            [summary.value_name(value), str(one.count("layer") or MISSING), accuracy, spaced or MISSING]
        )
    return section(
        "decoded",
        "Directions in words",
        table(
            "The tokens nearest to each value's direction, at the layer of its most accurate probe",
            ["Value", "Layer", "Probe accuracy", "Tokens"],
            rows,
        ),
    )
