"""The numbers as CSV: one row for each fact, an empty cell for what is missing, layers counted from 1."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from valuescope.metrics import Estimate
from valuescope.report.markup import clean
from valuescope.report.summary import Matrix, Summary

Row: TypeAlias = dict[str, str | int | float | bool | None]


def csv_tables(summary: Summary) -> dict[str, str]:
    """File name -> content of every table. A table without rows still has its head."""
    return {f"{name}.csv": csv_text(columns, rows(summary)) for name, (columns, rows) in TABLES.items()}


def csv_text(columns: list[str], rows: Iterable[Row]) -> str:
    """A table as CSV with its head."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return out.getvalue()


def _cell(value: str | int | float | bool | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return clean(value) if isinstance(value, str) else repr(value)


def _estimate_columns(name: str) -> list[str]:
    return [f"{name}_{part}" for part in ("mean", "low", "high", "n", "missing")]


def _estimate(name: str, found: Estimate | None) -> Row:
    values = (None,) * 5 if found is None else (found.mean, found.low, found.high, found.n, found.missing)
    return dict(zip(_estimate_columns(name), values, strict=True))


def _json(items: Mapping[str, Any]) -> str:
    return json.dumps(items, sort_keys=True, ensure_ascii=False, default=str)


_SETTING = ("effect", "random", "random_matched", "fluency", "base_fluency")
_METHODS = [
    *("method", "setting", "headline", "locator", "edit", "asked", "direction"),
    *("neurons_least", "neurons_most", "average_precision", "chance_precision"),
    *(column for name in _SETTING for column in _estimate_columns(name)),
    *("locator_parameters", "edit_parameters"),
]


def _methods(summary: Summary) -> Iterable[Row]:
    for method in summary.methods:
        for setting in method.settings:
            row: Row = {
                "method": method.id,
                "setting": setting.name,
                "headline": setting is method.chosen,
                "locator": method.locator,
                "edit": method.edit,
                "asked": method.asked,
                "direction": method.direction,
                "neurons_least": min(setting.neurons.values(), default=None),
                "neurons_most": max(setting.neurons.values(), default=None),
                "average_precision": method.precision_of(setting),
                "chance_precision": method.chance_precision,
                "locator_parameters": _json(setting.locator_parameters),
                "edit_parameters": _json(setting.edit_parameters),
            }
            for name in _SETTING:
                row |= _estimate(name, getattr(setting, name))
            yield row


_VALUE = ("base", "edited", "effect", "random")
_BY_VALUE = [
    *("method", "setting", "value", "neurons", "average_precision", "recall", "precision"),
    *(column for name in _VALUE for column in _estimate_columns(name)),
]


def _by_value(summary: Summary) -> Iterable[Row]:
    for method in summary.methods:
        setting = method.chosen
        for value, found in method.by_value.items():
            row: Row = {"method": method.id, "setting": method.headline, "value": value}
            if setting is not None:
                row |= {
                    "neurons": setting.neurons.get(value),
                    "average_precision": setting.average_precision.get(value),
                    "recall": setting.recall.get(value),
                    "precision": setting.precision.get(value),
                }
            for name in _VALUE:
                row |= _estimate(name, getattr(found, name))
            yield row


_DOSE = [
    *("method", "parameter", "strength"),
    *(column for name in ("effect", "random", "fluency") for column in _estimate_columns(name)),
]


def _dose(summary: Summary) -> Iterable[Row]:
    for method in summary.methods:
        for point in method.dose:
            row: Row = {"method": method.id, "parameter": method.dose_name, "strength": point.strength}
            for name in ("effect", "random", "fluency"):
                row |= _estimate(name, getattr(point, name))
            yield row


_LEAKAGE = [
    "method",
    "setting",
    "steered",
    "evaluated",
    "base",
    "delta",
    "low",
    "high",
    "n",
    "nlr",
    "random_delta",
]


def _leakage(summary: Summary) -> Iterable[Row]:
    found = summary.leakage
    if found is None:
        return

    def at(matrix: Matrix, steered: int, seen: int) -> float | None:
        return matrix[steered][seen] if matrix else None

    for i, steered in enumerate(found.values):
        for j, evaluated in enumerate(found.values):
            yield {
                "method": found.method,
                "setting": found.setting,
                "steered": steered,
                "evaluated": evaluated,
                "base": found.base[j] if j < len(found.base) else None,
                "delta": at(found.delta, i, j),
                "low": at(found.low, i, j),
                "high": at(found.high, i, j),
                "n": found.n,
                "nlr": at(found.nlr, i, j),
                "random_delta": at(found.random_delta, i, j),
            }


def _layers(summary: Summary) -> Iterable[Row]:
    for method in summary.methods:
        for value, counts in method.neurons_per_layer.items():
            for layer, count in enumerate(counts, start=1):
                yield {
                    "method": method.id,
                    "setting": method.headline,
                    "value": value,
                    "layer_from_1": layer,
                    "neurons": count,
                }


def _answers(summary: Summary) -> Iterable[Row]:
    for number, example in enumerate(summary.examples, start=1):
        for answer in example.answers:
            yield {
                "example": number,
                "value": example.value,
                "system": example.system,
                "question": example.question,
                "arm": answer.arm,
                "text": answer.text,
                "success": answer.success,
                "fluent": answer.fluent,
            }


TABLES: dict[str, tuple[list[str], Callable[[Summary], Iterable[Row]]]] = {
    "methods": (_METHODS, _methods),
    "by_value": (_BY_VALUE, _by_value),
    "dose": (_DOSE, _dose),
    "leakage_delta": (_LEAKAGE, _leakage),
    "neurons_per_layer": (["method", "setting", "value", "layer_from_1", "neurons"], _layers),
    "answers": (["example", "value", "system", "question", "arm", "text", "success", "fluent"], _answers),
}
