"""The table that a command prints after a ValueExploration run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from valuescope.report.fields import Fields
from valuescope.report.markup import visible
from valuescope.report.numbers import Numbers, spread
from valuescope.report.plain_table import plain_table
from valuescope.report.valueexploration.names import (
    languages,
    mean_present,
    missing_warnings,
    selection_name,
    selection_warnings,
)

POINTS = Numbers(1, minus="-")
_HEAD = (
    "language",
    "neurons",
    "measure",
    "own value (points)",
    "other values",
    "hit hardest",
    "p",
    "avg. precision",
    "neurons/value",
)
_LEFT = 3  # columns of words, the others are numbers


def exploration_table(summary: Mapping[str, Any]) -> str:
    """One line per language, set of neurons and measure: what deactivation does to a value's own support and to others'.

    Raises:
        ReportError: a field of the wrong type.
    """
    top = Fields.of(summary, "")
    languages = top.object("languages")
    order = top.texts("selection_order")
    rows = [
        tuple(visible(cell) for cell in row)
        for language in languages.raw
        for row in _rows(language, languages.object(language), order)
    ]
    highlighted = top.count("highlighted") or 4
    foot = (
        f"own value: mean change of support when a value's own neurons are off, [interval]; hit hardest: columns whose own "
        f"value is among the {highlighted} largest drops; p: permutation test of the diagonal"
    )
    said = [*_support_lines(top), *_warnings(top)]
    return "\n".join([plain_table(_HEAD, rows, left=_LEFT), foot, *map(visible, said)])


def _rows(language: str, block: Fields, order: Sequence[str]) -> Iterator[tuple[str, ...]]:
    selections = block.object("selections")
    for name in order:
        yield from _matrix_rows(language, selection_name(name), selections.object(name))
    for name in ("generating", "replacement"):
        if block.object(name).present("matrices"):
            yield from _matrix_rows(language, name, block.object(name))
    controls = block.object("controls")
    for kind in controls.raw:
        found = controls.object(kind).object("matrices")
        for measure in found.raw:
            for number, (path, matrix) in enumerate(found.items(measure), start=1):
                name = kind.replace("-", ", ") + (f" {number}" if len(found.raw[measure]) > 1 else "")
                yield _matrix_row(language, name, measure, Fields.of(matrix, path), None, "")


def _matrix_rows(language: str, name: str, block: Fields) -> Iterator[tuple[str, ...]]:
    truth, matrices = block.object("truth"), block.object("matrices")
    precision = (
        mean_present(truth.object("average_precision").raw.values()) if block.present("truth") else None
    )
    neurons = spread(block.object("neurons").raw.values()).replace("–", "-")
    for measure in matrices.raw:
        yield _matrix_row(language, name, measure, matrices.object(measure), precision, neurons)


def _matrix_row(
    language: str, name: str, measure: str, matrix: Fields, precision: float | None, neurons: str
) -> tuple[str, ...]:
    test = matrix.object("test")
    p = test.number("p")
    return (
        language,
        name,
        measure,
        POINTS.full(matrix.estimate("mean_diagonal")),
        POINTS.signed((matrix.object("mean_off_diagonal")).number("mean")),
        f"{test.count('own_among_largest')} of {len(test.texts('tested'))}",
        "-" if p is None else f"{p:.4f}",
        "-" if precision is None else f"{precision:.3f}",
        neurons or "-",
    )


def _support_lines(top: Fields) -> Iterator[str]:
    languages = top.object("languages")
    for language in languages.raw:
        support = languages.object(language).object("support")
        for measure in support.raw:
            block = support.object(measure)
            missing = block.object("missing")
            yield (
                f"support in {language} by {measure}: {POINTS.full(block.estimate('overall'), signed=False)} percent, "
                f"{missing.count('asked')} dilemmas in both orders, {missing.count('missing')} missing"
            )


def _warnings(top: Fields) -> Iterator[str]:
    for language, block in languages(top):
        for measure, warning in missing_warnings(block):
            yield f"WARNING: {language}, {measure}: {warning}"
        for name, warning in selection_warnings(top, block):
            yield f"warning: {language}, {selection_name(name)}: {warning}"
