"""The numbers of a ValueExploration run as CSV, one row per cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from valuescope.metrics import Estimate
from valuescope.report.csv_tables import Row, csv_text
from valuescope.report.fields import Fields
from valuescope.report.valueexploration.names import languages

_ESTIMATE = ("mean", "low", "high", "n", "missing")


def exploration_tables(top: Fields) -> dict[str, str]:
    """File names and contents."""
    return {f"{name}.csv": csv_text(columns, rows(top)) for name, (columns, rows) in TABLES.items()}


def _numbers(found: Estimate | None) -> Row:
    return {name: None if found is None else getattr(found, name) for name in _ESTIMATE}


def _support(top: Fields) -> Iterator[Row]:
    for language, block in languages(top):
        for measure in block.object("support").raw:
            rates = block.object("support").object(measure).object("rates")
            for value in top.texts("values"):
                yield {
                    "language": language,
                    "measure": measure,
                    "value": value,
                    **_numbers(rates.estimate(value)),
                }


def _perturbation(top: Fields) -> Iterator[Row]:
    for language, block in languages(top):
        for neurons, measure, matrix in _matrices(block):
            values = matrix.texts("values")
            for i, row in enumerate(matrix.estimates("change")):
                for j, cell in enumerate(row):
                    yield {
                        "language": language,
                        "neurons": neurons,
                        "measure": measure,
                        "evaluated": values[i],
                        "neurons_off": values[j],
                        **_numbers(cell),
                    }


def _tests(top: Fields) -> Iterator[Row]:
    for language, block in languages(top):
        for neurons, measure, matrix in _matrices(block):
            test = matrix.object("test")
            yield {
                "language": language,
                "neurons": neurons,
                "measure": measure,
                **_numbers(test.estimate("statistic")),
                "own_among_largest": test.count("own_among_largest"),
                "tested": len(test.texts("tested")),
                "p": test.number("p"),
                "own_p": test.number("own_p"),
            }


def _matrices(block: Fields) -> Iterator[tuple[str, str, Fields]]:
    selections, controls = block.object("selections"), block.object("controls")
    for name in selections.raw:
        found = selections.object(name).object("matrices")
        yield from ((name, measure, found.object(measure)) for measure in found.raw)
    for name in ("generating", "replacement"):
        found = block.object(name).object("matrices")
        yield from ((name, measure, found.object(measure)) for measure in found.raw)
    for kind in controls.raw:
        found = controls.object(kind).object("matrices")
        for measure in found.raw:
            for draw, (path, item) in enumerate(found.items(measure)):
                yield f"{kind}-{draw}", measure, Fields.of(item, path)


def _neurons(top: Fields) -> Iterator[Row]:
    for language, block in languages(top):
        selections = block.object("selections")
        for name in selections.raw:
            found = selections.object(name).object("neurons_per_layer")
            for value in found.raw:
                for layer, count in enumerate(found.counts(value), start=1):
                    yield {
                        "language": language,
                        "selection": name,
                        "value": value,
                        "layer_from_1": layer,
                        "neurons": count,
                    }


TABLES: dict[str, tuple[list[str], Callable[[Fields], Iterator[Row]]]] = {
    "support": (["language", "measure", "value", *_ESTIMATE], _support),
    "perturbation": (
        ["language", "neurons", "measure", "evaluated", "neurons_off", *_ESTIMATE],
        _perturbation,
    ),
    "diagonal_tests": (
        ["language", "neurons", "measure", *_ESTIMATE, "own_among_largest", "tested", "p", "own_p"],
        _tests,
    ),
    "neurons_per_layer": (["language", "selection", "value", "layer_from_1", "neurons"], _neurons),
}
