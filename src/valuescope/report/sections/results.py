"""The page's first sections: what was run, the headline table, the effects and the doses."""

from __future__ import annotations

from valuescope.report.charts.by_value import by_value_figure
from valuescope.report.charts.dose import dose_figure
from valuescope.report.charts.effects import effects_figure
from valuescope.report.charts.layers import layers_figure
from valuescope.report.html import absent, badge, estimate_cell, figure, paragraph, section, table
from valuescope.report.markup import Child, Markup, tag
from valuescope.report.names import asked_name, method_name, setting_name
from valuescope.report.numbers import (
    MISSING,
    NO_NEURONS,
    SHARES,
    Numbers,
    effect_numbers,
    grouped,
    listing,
    neurons_of,
    plain_value,
)
from valuescope.report.summary import Method, Setting, Summary
from valuescope.report.verdict import fluency_verdict, headline, method_sentences, verdict

PRECISION = Numbers(3)


def opening(summary: Summary) -> Markup:
    """Title, what was run, and the result in plain words."""
    organism = (
        paragraph(
            tag("strong", "The model is the bundled organism: "),
            "a small model with planted value neurons, trained on text from a grammar. Its numbers say "
            "how well the methods find and use neurons that are known to matter; they say nothing about "
            "published language models.",
            class_="note",
        )
        if summary.organism
        else None
    )
    lists = [
        tag("li", name, tag("ul", [tag("li", one) for one in settings]))
        for name, settings in method_sentences(summary)
    ]
    return tag(
        "header",
        paragraph("valuescope report", class_="kicker"),
        tag("h1", summary.name or "run"),
        paragraph(_what_was_run(summary), class_="lead"),
        organism,
        _too_much_missing(summary),
        tag(
            "div",
            tag("h2", "Result"),
            paragraph(headline(summary)),
            tag("ul", lists) if lists else None,
            class_="result",
        ),
    )


def _too_much_missing(summary: Summary) -> Markup | None:
    """Said before any result: the judge left more without a judgement than the run allows."""
    if summary.judging is None or not summary.judging.warnings:
        return None
    said = [paragraph(tag("strong", "Warning: "), one) for one in summary.judging.warnings]
    return tag("div", said, class_="warning", role="alert")


def _what_was_run(summary: Summary) -> list[Child]:
    model, data, measure = summary.model, summary.data, summary.measure
    said: list[Child] = ["Model ", tag("code", plain_value(model.get("id") or "not named"))]
    size = [
        f"{grouped(model[key])} {key}"
        for key in ("layers", "neurons", "parameters")
        if model.get(key) is not None
    ]
    said.append(f" ({', '.join(size)})" if size else "")
    said.append(f"; {len(summary.values)} values; data: {plain_value(data.get('source') or 'not stated')}")
    if data.get("questions") is not None:
        said.append(f" with {grouped(data['questions'])} evaluation questions")
    said.append(f"; judge: {plain_value(measure.get('judge') or 'not stated')}")
    said.append("; seed not stated. " if summary.seed is None else f"; seed {summary.seed}. ")
    explanation = f": {plain_value(measure['explanation'])}" if measure.get("explanation") else ""
    unit = f" ({summary.unit})" if summary.unit else ""
    said.append(f"The measure is {summary.measure.get('name') or 'not stated'}{unit}{explanation}. ")
    said.append(
        "Base and edited answers are paired: the same questions and, where answers are sampled, the same "
        "noise."
    )
    return said


def results_section(summary: Summary) -> Markup:
    """The headline table."""
    if not summary.methods:
        return section("results", "Results", absent("No method was measured in this run."))
    numbers = effect_numbers(summary)
    rows = [
        _result_row(method, setting, numbers) for method in summary.methods for setting in method.settings
    ]
    unit = f" ({summary.unit})" if summary.unit else ""
    head = [
        "Method and setting",
        "Edit",
        "Neurons per value",
        "Average precision (chance)",
        f"Effect on the target{unit}",
        "Random neurons",
        "Random, matched",
        "Fluency (base)",
        "Verdict",
    ]
    note = paragraph(
        "Intervals are 95% bootstrap intervals over questions unless the specification says otherwise. ",
        tag("em", "Average precision"),
        ": the method's ranking against the planted truth. ",
        tag("em", "Random, matched"),
        ": random neurons with the same layers and activation rates. Clear of random: the whole interval "
        "lies in the intended direction beyond 0 and beyond the mean of every control.",
        class_="small",
    )
    caption = "Every method at every setting that was measured; the headline setting is marked"
    return section("results", "Results", table(caption, head, rows, class_="results"), note)


def _result_row(method: Method, setting: Setting, numbers: Numbers) -> list[Child]:
    is_headline = setting is method.chosen and len(method.settings) > 1
    mark = tag("span", "headline", class_="badge plain") if is_headline else None
    precision = method.precision_of(setting)
    chance = f"({PRECISION.plain(method.chance_precision)})" if method.chance_precision is not None else None
    fluency = estimate_cell(setting.fluency, SHARES, signed=False)
    base = setting.base_fluency.mean if setting.base_fluency else None
    below = tag("small", f"base {SHARES.plain(base)}")
    return [
        [method_name(method.id), tag("small", setting_name(setting.name)), mark],
        [method.edit or MISSING, tag("small", asked_name(method.asked))],
        neurons_of(method.edit, setting.neurons.values()),
        tag("span", "none" if method.edit in NO_NEURONS else "no truth", class_="missing")
        if precision is None
        else [tag("b", PRECISION.plain(precision)), tag("small", chance) if chance else None],
        estimate_cell(setting.effect, numbers),
        estimate_cell(setting.random, numbers),
        estimate_cell(setting.random_matched, numbers),
        [fluency, below] if fluency != MISSING else MISSING,
        [badge(verdict(method, setting)), " ", badge(fluency_verdict(setting))],
    ]


def effects_section(summary: Summary) -> Markup:
    """Effects beside controls, then value by value."""
    drawn = [chart(summary) for chart in (effects_figure, by_value_figure)]
    if not any(drawn):
        return section("effects", "Effects", absent("No effect was measured in this run."))
    return section("effects", "Effects", [figure(one) for one in drawn if one])


def dose_section(summary: Summary) -> Markup:
    """Dose and response."""
    drawn = dose_figure(summary)
    if drawn is None:
        return section(
            "dose", "Dose and response", absent("No sweep over the edit's strength was part of this run.")
        )
    without = [method_name(method.id) for method in summary.methods if not method.dose]
    missing = absent(f"No sweep for {listing(without)}.") if without else None
    return section("dose", "Dose and response", figure(drawn), missing)


def layers_section(summary: Summary) -> Markup:
    """Where the neurons are."""
    drawn = layers_figure(summary)
    title = "Neurons per layer"
    if drawn is None:
        return section("layers", title, absent("No counts of neurons per layer were recorded."))
    return section("layers", title, figure(drawn))
