"""How a comparison's page opens: what was compared, what differs, the results in plain words, and one figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from valuescope.compare.comparison import Comparison
from valuescope.compare.method_rows import method_names
from valuescope.lab.result import Result
from valuescope.parts.effect_tables import effects_facet, effects_of
from valuescope.parts.exploration_opening import hit_hardest, own_values_facet, own_values_figure
from valuescope.parts.method import methods_of
from valuescope.parts.opening import worked
from valuescope.parts.perturbation import ExplorationHead
from valuescope.parts.perturbation_views import language_name, main_matrices
from valuescope.report.blocks import Code, Inline, Note, Opening, ResultBox, Strong
from valuescope.report.figure import Figure
from valuescope.report.names import method_name
from valuescope.report.numbers import grouped, listing, plain_value


def comparison_opening(comparison: Comparison) -> Opening:
    """Title, what differs, the result of every model, and the figure."""
    found = comparison.found
    items = [(row.model, (row.result,)) for row in found.models]
    exploring = isinstance(comparison.head, ExplorationHead)
    words = " ".join(_support_words(comparison) if exploring else _method_words(comparison))
    return Opening(
        f"{comparison.head.name or 'runs'} on {len(found.models)} models",
        kicker="valuescope comparison",
        lead=tuple(_what_was_compared(comparison)),
        notes=tuple(_notes(comparison)),
        hero=_own_values(comparison) if exploring else _effects(comparison),
        result=ResultBox(words, items),
    )


def _what_was_compared(comparison: Comparison) -> Iterator[Inline]:
    head, found = comparison.head, comparison.found
    yield "Models: "
    for place, row in enumerate(found.models):
        yield ", " if place else ""
        yield Code(row.model)
    words = f"; {len(found.values)} values; data: {plain_value(head.data.get('source') or 'not stated')}"
    if head.data.get("questions") is not None:
        words += f" with {grouped(head.data['questions'])} evaluation questions"
    judge = f"; judge: {head.measure.judge}" if head.measure.judge else ""
    seed = "not stated" if head.seed is None else str(head.seed)
    yield f"{words}{judge}; seed {seed}. The measure is {found.measure or 'not stated'} ({found.unit})."
    if not found.decisive:
        yield " All runs have the same data, prompts, judge, values, seed and measure."


def _notes(comparison: Comparison) -> Iterator[Note]:
    found = comparison.found
    if found.decisive:
        decided = listing(dict.fromkeys(difference.decides for difference in found.decisive))
        yield Note(
            f"These runs are not of one specification: they differ in {decided}. A difference of their numbers need not be one of "
            "their models.",
            warning=True,
        )
    for difference in found.decisive:
        values = "; ".join(f"{label}: {value}" for label, value in difference.values.items())
        yield Note(Code(difference.key), f" ({difference.decides}): {values}", warning=True)
    for labels in _same_models(comparison):
        yield Note(f"{listing(labels)} are runs of the same model: their weights are equal.", warning=True)
    organisms = [run.label for run in comparison.runs if run.head.bundled_organism]
    if organisms:
        yield Note(
            Strong(f"{listing(organisms)}: "),
            "small bundled models with planted value neurons. Their numbers say nothing about published language models.",
        )


def _same_models(comparison: Comparison) -> Iterator[list[str]]:
    labels = dict[str, list[str]]()
    for run in comparison.runs:
        labels.setdefault(run.fingerprint or run.label, []).append(run.label)
    yield from (group for group in labels.values() if len(group) > 1)


def _method_words(comparison: Comparison) -> Iterator[str]:
    """On how many models each method did what it should, of those where that can be told."""
    rows, models = comparison.found.methods, [row.model for row in comparison.found.models]
    blind = [model for model in models if any(row.tells is False for row in rows if row.model == model)]
    results, counts = {run.label: run.result for run in comparison.runs}, list[str]()
    for name in method_names(comparison.runs):
        seen = [row.model for row in rows if row.method == name and row.tells is not False]
        worked_on = sum(_worked(results[model], name) for model in seen)
        counts += [f"{method_name(name)} on {worked_on} of {len(seen)}"] if seen else []
    if counts:
        where = "models where it can be told" if blind else "models"
        yield (
            "Moved its target value as intended, clear of random neurons and with fluent answers: "
            f"{listing(counts)} {where}."
        )
    elif not rows:
        yield "These runs measured no method."
    if blind:
        yield (
            f"On {listing(blind)} it cannot be told: the measure does not tell a positive instruction from a negative one there, so "
            "that no effect there says whether a method works."
        )


def _worked(result: Result, name: str) -> bool:
    method = methods_of(result).get(name)
    return bool(method and method.chosen and worked(method, method.chosen, result))


def _support_words(comparison: Comparison) -> Iterator[str]:
    """In how many measurements of each model own values are hit hardest."""
    counts = list[str]()
    for run in comparison.runs:
        rows = main_matrices(run.result)
        counts.append(f"on {run.label} in {sum(hit_hardest(row.matrix) for row in rows)} of {len(rows)}")
    yield f"Without a value's own neurons its support falls most, clear of chance: {listing(counts)} measurements."
    blind = [
        (row.model, f"{language_name(row.language)} {row.measure}")
        for row in comparison.found.instrument
        if not row.tells
    ]
    if blind:
        where = listing(
            f"{model} ({', '.join(measure for label, measure in blind if label == model)})"
            for model in dict.fromkeys(model for model, _ in blind)
        )
        yield f"It cannot be told on {where}, where the measure does not tell two opposite instructions apart."


def _effects(comparison: Comparison) -> Figure | None:
    facets = [
        effects_facet(methods_of(run.result), run.result, run.label)
        for run in comparison.runs
        if methods_of(run.result)
    ]
    return _stacked(effects_of(facets, comparison.runs[0].result))


def _own_values(comparison: Comparison) -> Figure | None:
    facets = [own_values_facet(run.result, run.label) for run in comparison.runs]
    return _stacked(own_values_figure(facets))


def _stacked(figure: Figure | None) -> Figure | None:
    """With its panels below each other, since the opening's figure stands beside the result."""
    return figure and replace(figure, columns=1)
