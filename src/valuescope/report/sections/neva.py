"""The page's sections on NeVA's evaluation: leakage of every method, ability, conversations, profiles, tokens.

Each gives None where the run did not ask for it.
"""

from __future__ import annotations

from valuescope.metrics import verdict_of
from valuescope.report.charts.leakage_ratios import leakage_ratios_figure
from valuescope.report.charts.rates import leakages_figure, rates_figure
from valuescope.report.fields import Fields
from valuescope.report.html import estimate_cell, figure, paragraph, section, table
from valuescope.report.markup import Child, Markup, tag
from valuescope.report.names import method_name
from valuescope.report.numbers import MINUS, MISSING, SHARES, Numbers, effect_numbers, listing
from valuescope.report.sections.pareto import block_of
from valuescope.report.summary import Summary

_NATS = Numbers(3)


# Values ---------------------------------------------------------------------------------------------------


def rates_section(summary: Summary) -> Markup | None:
    """Success and fluency by value and method."""
    drawn = rates_figure(summary)
    return None if drawn is None else section("rates", "Control success and fluency by value", figure(drawn))


def leakages_section(summary: Summary) -> Markup | None:
    """Every method's matrix, ratios and test."""
    block, drawn = block_of(summary, "leakages"), leakages_figure(summary)
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
    ratios_of_all = leakage_ratios_figure(summary)
    return section(
        "leakages",
        "Leakage of every method",
        figure(drawn),
        table("Leakage ratios", head, rows),
        note,
        None if ratios_of_all is None else figure(ratios_of_all),
    )


def profiles_section(summary: Summary) -> Markup | None:
    """Every profile's effect on every value, beside the sum of single edits and random neurons."""
    block = block_of(summary, "profiles")
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
    block = block_of(summary, "ability")
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
    block = block_of(summary, "turns")
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
    block = block_of(summary, "decoded")
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
