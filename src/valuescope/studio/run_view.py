"""A finished run as the studio reads it: its leakage matrices, and its answers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valuescope.lab.result import Result
from valuescope.parts.answers import Example, ExamplesFound
from valuescope.parts.leakage_found import DeltaFound, LeakageFound, LeakagesFound
from valuescope.run import read_result

Cell = dict[str, float | None]
"""`mean`, `low`, `high` and `n` of one cell of a matrix, as the page reads it."""


class RunViewError(ValueError):
    """A run that the studio cannot show."""


@dataclass(frozen=True)
class RunView:
    """A run's result. `name` is its specification's."""

    folder: Path
    result: Result

    @classmethod
    def read(cls, folder: Path) -> RunView:
        """The run in a folder; what `read_result` raises where there is none."""
        return cls(folder, read_result(folder))

    @property
    def name(self) -> str:
        """What the specification calls it."""
        return self.result.head.name

    def matrices(self) -> list[dict[str, Any]]:
        """Every leakage matrix, rows steered, columns evaluated, with that of as many random neurons."""
        several, short = self.result.found.get("leakages"), self.result.found.get("leakage")
        if isinstance(several, LeakagesFound) and several.root:
            return [
                self._matrix(method, matrix.delta.values, _cells(matrix.delta), _cells(matrix.random.delta))
                for method, matrix in several.root.items()
            ]
        if not isinstance(short, LeakageFound):
            return []
        counts = [[short.n] * len(short.values)] * len(short.values)
        cells = _grid(len(short.values), short.delta, short.delta_low, short.delta_high, counts)
        return [self._matrix(short.method, short.values, cells, _grid(len(short.values), short.random.delta))]

    def _matrix(
        self, method: str, values: Sequence[str], cells: list[list[Cell]], random: list[list[Cell]]
    ) -> dict[str, Any]:
        names = [self.result.head.value_name(value) for value in values]
        return {"method": method, "names": names, "values": list(values), "cells": cells, "random": random}

    def answers(self, *, search: str = "", value: str = "", most: int = 50) -> dict[str, Any]:
        """Questions with every arm's answer, and how many there are in all; a search looks into questions and answers."""
        found = self.result.found.get("examples")
        examples: Sequence[Example] = found.root if isinstance(found, ExamplesFound) else ()
        words = search.casefold()
        fitting = [
            example
            for example in examples
            if (not value or example.value == value)
            and any(
                words in text.casefold()
                for text in (example.question, *(arm.text for arm in example.answers))
            )
        ]
        return {
            "total": len(fitting),
            "values": sorted({example.value for example in examples}),
            "questions": [example.model_dump() for example in fitting[:most]],
        }


def _cells(delta: DeltaFound) -> list[list[Cell]]:
    return _grid(len(delta.values), delta.mean, delta.low, delta.high, delta.n)


def _grid(size: int, mean: Any, low: Any = (), high: Any = (), n: Any = ()) -> list[list[Cell]]:
    """By row and column mean, ends of the interval and n, None for what is missing; empty where nothing was measured."""

    def at(rows: Any, row: int, column: int) -> float | None:
        return None if row >= len(rows) or rows[row] is None else rows[row][column]

    parts = {"mean": mean, "low": low, "high": high, "n": n}
    return [
        [{name: at(rows, row, column) for name, rows in parts.items()} for column in range(size)]
        for row in range(len(mean))
    ]
