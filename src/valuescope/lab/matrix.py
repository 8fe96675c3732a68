"""Every value steered on the questions of every value: the matrix behind leakage, curves and automatic strengths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from valuescope.lab.ask import Ask, Outcomes
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.method import MethodSpec
from valuescope.lab.treatments import Treatments
from valuescope.metrics import Bootstrap, DeltaMatrix, Strength, delta_matrix


@dataclass(frozen=True)
class MatrixAsks:
    """The unedited model, and every value's treatment on the same items; `base_answers` and `answers` are what fluency
    is read off: all of them, or, where pairs are asked, the answers beside them, each under its own value's treatment."""

    base: Ask
    steered: Mapping[str, Ask]
    base_answers: Ask
    answers: tuple[Ask, ...]

    def __iter__(self) -> Iterator[Ask]:
        yield from (self.base, *self.steered.values(), self.base_answers, *self.answers)


@dataclass(frozen=True)
class Matrix:
    """The outcomes of `MatrixAsks`."""

    base: Outcomes
    steered: Mapping[str, Outcomes]
    base_answers: Outcomes
    answers: tuple[Outcomes, ...]


def matrix_asks(design: Design, method: MethodSpec, per_value: Treatments, questions: int) -> MatrixAsks:
    """The matrix of some treatments on the first questions (or pairs) of each value."""
    items = design.items(method.asked, questions)
    base = design.base(items)
    steered = {value: design.all(items, treatment, value) for value, treatment in per_value.items()}
    if not design.speaks_apart(method.asked):
        return MatrixAsks(base, steered, base, tuple(steered.values()))
    base_answers, answers = design.spoken(method, base, base, per_value)
    return MatrixAsks(base, steered, base_answers, (answers,))


def matrix_of(lab: Laboratory, asks: MatrixAsks) -> Matrix:
    """The matrix that was asked."""
    base, steered = lab.outcomes(asks.base), {value: lab.outcomes(ask) for value, ask in asks.steered.items()}
    if len(asks.answers) > 1 or asks.base_answers.hash == asks.base.hash:
        return Matrix(base, steered, base, tuple(steered.values()))
    base_answers, answers = lab.fluent(asks.base_answers, asks.answers[0])
    return Matrix(base, steered, base_answers, (answers,))


def strength_of(matrix: Matrix, strength: float, direction: int) -> Strength:
    """The matrix item by item, as `pareto_curves` reads it."""
    control, leakage = list[float | None](), list[float | None]()
    for place, item in enumerate(matrix.base):
        changes = {
            value: _change(item.success, outcomes[place].success)
            for value, outcomes in matrix.steered.items()
        }
        change = changes.pop(item.value)
        control.append(None if change is None else direction * change)
        leakage.append(_mean(list(changes.values())))
    fluent = [
        _mean(
            [None if arm[place].fluent is None else float(bool(arm[place].fluent)) for arm in matrix.answers]
        )
        for place in range(len(matrix.base_answers))
    ]
    return Strength(strength, control, leakage, fluent)


def deltas(matrix: Matrix, how: Bootstrap) -> DeltaMatrix:
    """The paired changes of the matrix (NeVA, eq. 1)."""
    values = tuple(matrix.steered)

    def by_value(outcomes: Outcomes) -> dict[str, list[float | None]]:
        return {
            value: [outcome.success for outcome in outcomes if outcome.value == value] for value in values
        }

    steered = {value: by_value(outcomes) for value, outcomes in matrix.steered.items()}
    return delta_matrix(by_value(matrix.base), steered, how=how)


def _change(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _mean(numbers: Sequence[float | None]) -> float | None:
    present = [number for number in numbers if number is not None]
    return sum(present) / len(present) if present else None
