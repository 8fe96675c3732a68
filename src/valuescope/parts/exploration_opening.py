"""How a ValueExploration page opens: what was run, the result in plain words, and one figure that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from valuescope.lab.result import Result
from valuescope.metrics import Estimate
from valuescope.parts.perturbation import PerturbationFound
from valuescope.parts.perturbation_views import (
    POINTS,
    MatrixRow,
    by_language,
    control_name,
    every_matrix,
    exploration,
    language_name,
    main_matrices,
    mean_present,
    p_words,
    selection_name,
)
from valuescope.parts.sight import InstrumentFound, sees
from valuescope.parts.support import LanguageFound
from valuescope.report.blocks import Code, Inline, Note, Opening, ResultBox, Strong
from valuescope.report.figure import Figure
from valuescope.report.numbers import MISSING, grouped, listing, plain_value
from valuescope.report.plots import DotFacet, Dots, dots

SIGNIFICANT = 0.05


def exploration_opening(result: Result) -> Opening:
    """Title, what was run, the hero figure and the verdict."""
    notes = []
    if result.head.bundled_organism:
        notes.append(
            Note(
                Strong("The model is an organism: "),
                "a small model whose value neurons were planted. Its numbers say how well neurons are found that are known "
                "to matter; they say nothing about published language models.",
            )
        )
    for language, block in by_language(result, "", LanguageFound).items():
        for measure, support in block.support.items():
            if support.missing.warning:
                words = f"{language_name(language)}, {measure}: {support.missing.warning}"
                notes.append(Note(words, warning=True))
    for language, sights in by_language(result, ".instrument", InstrumentFound).items():
        for measure, sight in sights.root.items():
            if sees(sight.for_minus_against) is False:
                words = f"{language_name(language)}, {measure}: told to hold and told to reject a value, the model answers alike"
                notes.append(Note(f"{words}; no method can be judged by this measure here.", warning=True))
    return Opening(
        result.head.name or "ValueExploration",
        lead=tuple(_what_was_run(result)),
        notes=notes,
        hero=hero(result),
        result=ResultBox(exploration_headline(result), tuple(_sentences(result))),
    )


def _what_was_run(result: Result) -> Iterator[Inline]:
    head = exploration(result)
    sizes = [
        f"{grouped(head.model[key])} {key}"
        for key in ("layers", "neurons", "parameters")
        if key in head.model
    ]
    yield "ValueExploration on model "
    yield Code(head.model.get("id") or "not named")
    yield (
        f" ({', '.join(sizes)}); {len(head.values)} values; dilemmas: {head.data.get('source') or 'not stated'}; edit: "
        f"{head.edit.name}; seed {plain_value(head.seed)}. Support is how far the model stands behind the action that keeps "
        "a value, in percent; every dilemma is asked with its options in both orders, and the same dilemmas are asked of "
        "the base model and of every edited one."
    )


def hit_hardest(matrix: PerturbationFound) -> bool:
    """Whether own values are hit hardest, clear of chance."""
    own, p = matrix.mean_diagonal, matrix.test.p
    return p is not None and p < SIGNIFICANT and own is not None and own.high is not None and own.high < 0


def exploration_headline(result: Result) -> str:
    """In how many measurements a value's own support falls most, clear of chance."""
    rows = main_matrices(result)
    clear = [row.where for row in rows if hit_hardest(row.matrix)]
    words = (
        f"Without the neurons that {selection_name(exploration(result).main)} finds for a value, the model's support of that "
        f"value falls most, and clear of chance, in {len(clear)} of {len(rows)} measurements"
    )
    return words + (f": {'; '.join(clear)}." if clear and len(clear) < len(rows) else ".")


def _sentences(result: Result) -> Iterator[tuple[str, tuple[str, ...]]]:
    for row in main_matrices(result):
        own, other, test = row.matrix.mean_diagonal, row.matrix.mean_off_diagonal, row.matrix.test
        if own is None or own.mean is None:
            yield row.where, (MISSING + (f". {test.reason}." if test.reason else ""),)
            continue
        against = listing(
            f"{control_name(kind)} neurons {POINTS.signed(point.mean if isinstance(point, Estimate) else point)}"
            for kind, point in control_changes(result, row).items()
        )
        words = (
            f"Without the neurons of {row.name}, a value's own support changes by {POINTS.full(own)} points, other values' "
            f"by {POINTS.signed(None if other is None else other.mean)} ({against}). In {test.hits} columns the own value is among the "
            f"{test.per_column} largest drops; {p_words(test.p)}. "
        )
        hardest = "Own values are hit hardest."
        words += hardest if hit_hardest(row.matrix) else "That own values are hit hardest is not shown."
        yield row.where, (words,)


def control_changes(result: Result, main: MatrixRow) -> dict[str, Estimate | float | None]:
    """The change of own values under each kind of control, over its draws where there are several."""
    kinds: dict[str, list[Estimate | None]] = {}
    for row in every_matrix(result):
        if (row.part, row.language, row.measure) == ("controls", main.language, main.measure):
            kinds.setdefault(row.key.rpartition("-")[0], []).append(row.matrix.mean_diagonal)
    return {
        kind: draws[0] if len(draws) == 1 else mean_present(draw.mean for draw in draws if draw is not None)
        for kind, draws in kinds.items()
    }


def hero(result: Result) -> Figure | None:
    """The change of own values beside that of other values and of the random controls, by language and measure."""
    return own_values_figure([own_values_facet(result, selection_name(exploration(result).main))])


def own_values_facet(result: Result, title: str) -> DotFacet:
    """A row for each language and measure."""
    rows = main_matrices(result)
    controls = [control_changes(result, row) for row in rows]
    languages = list(dict.fromkeys(row.language for row in rows))
    series = [
        Dots(
            "own value",
            tuple(languages.index(row.language) for row in rows),
            [row.matrix.mean_diagonal for row in rows],
        ),
        Dots("other values", "ink", [row.matrix.mean_off_diagonal for row in rows]),
    ]
    for kind in dict.fromkeys(kind for drawn in controls for kind in drawn):
        style = "control" if kind == "random" else "matched"
        name = f"own value, {control_name(kind)} neurons"
        series.append(Dots(name, style, [drawn.get(kind) for drawn in controls]))
    return DotFacet(title, [row.where for row in rows], series)


def own_values_figure(facets: Sequence[DotFacet]) -> Figure | None:
    """A panel for each facet."""
    return dots(
        "own_values",
        "Change of support without a value's own neurons",
        "Mean over values, with intervals over dilemmas; means over the draws of a control have none.",
        facets,
        axis="change of support (points)",
        numbers=POINTS,
    )
