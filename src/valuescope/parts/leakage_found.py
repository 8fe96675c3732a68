"""What a run found of value leakage (NeVA, section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import model_validator

from valuescope.lab.strict import Found, FoundRoot, Measured, Rows


def require_square(values: Sequence[str], delta: Rows) -> None:
    """Raise ValueError for a matrix that has not a row and a column for each value."""
    shape = {len(delta), *(len(row) for row in delta if row is not None)}
    if delta and shape != {len(values)}:
        raise ValueError(f"delta must have {len(values)} rows of {len(values)}, one for each value")


class DeltaFound(Found):
    """The paired changes (NeVA, eq. 1), rows steered, columns evaluated."""

    values: tuple[str, ...] = ()
    mean: Rows = ()
    low: Rows = ()
    high: Rows = ()
    n: tuple[tuple[int, ...], ...] = ()
    missing: tuple[tuple[int, ...], ...] = ()
    confidence: float | None = None

    @model_validator(mode="after")
    def _square(self) -> Self:
        require_square(self.values, self.mean)
        return self


class RatiosFound(Found):
    """Leak, gain and normalised leakage ratios (eqs. 2 to 4); `undefined` entries have no gain to divide by."""

    gain_floor: float | None = None
    leak: Rows = ()
    gain: tuple[float | None, ...] = ()
    at_floor: tuple[str, ...] = ()
    nlr: Rows = ()
    nlr_low: Rows = ()
    nlr_high: Rows = ()
    undefined: int = 0
    leak_mean: Measured | None = None
    nlr_mean: Measured | None = None
    nlr_median: Measured | None = None
    nlr_mean_defined: Measured | None = None
    nlr_median_defined: Measured | None = None


class GroupsFound(Found):
    """Leakage between groups (NGLR): `rows` says whether the matrix has the receiving or the steered group in rows."""

    groups: tuple[str, ...] = ()
    matrix: Rows = ()
    rows: Literal["receiving", "steered"] = "receiving"
    empty: tuple[str, ...] = ()


class CircleFound(Found):
    """Change and leak by distance on the circle, and their correlation with it."""

    distances: tuple[int, ...] = ()
    delta: tuple[Measured, ...] = ()
    leak: tuple[Measured, ...] = ()
    correlation: Measured | None = None


class NeighbourFound(Found):
    """Whether the change is confined to neighbours on the circle (permutation test)."""

    contrast: Measured | None = None
    neighbours: Measured | None = None
    others: Measured | None = None
    p: float | None = None
    permutations: int | None = None
    exact: bool | None = None
    reason: str = ""


class MatrixFound(Found):
    """Everything that is read off a matrix."""

    values: tuple[str, ...] = ()
    delta: DeltaFound = DeltaFound()
    leakage: RatiosFound = RatiosFound()
    group_leakage: GroupsFound = GroupsFound()
    circle: CircleFound | None = None
    test: NeighbourFound | None = None


class MethodLeakage(MatrixFound):
    """One method's matrix at its headline setting, and that of as many random neurons."""

    random: MatrixFound = MatrixFound()
    questions: int | None = None
    setting: str = ""


class LeakagesFound(FoundRoot[dict[str, MethodLeakage]]):
    """By method."""


class Distance(Found):
    """The mean change at one distance on the circle."""

    distance: int
    mean: Measured


class RandomFound(Found):
    """The matrix of random neurons, and its mean leak."""

    delta: Rows = ()
    leak_mean: Measured | None = None


class LeakageFound(Found):
    """The matrix of `leakage.method` in short; `undefined` names the values without a gain of their own."""

    method: str = ""
    setting: str = ""
    values: tuple[str, ...] = ()
    n: int | None = None
    base: tuple[float | None, ...] = ()
    delta: Rows = ()
    delta_low: Rows = ()
    delta_high: Rows = ()
    nlr: Rows = ()
    nlr_mean: float | None = None
    nlr_mean_ci: tuple[float, float] | None = None
    nlr_median: float | None = None
    undefined: tuple[str, ...] = ()
    gain_floor: float | None = None
    group_leakage: GroupsFound = GroupsFound()
    by_distance: tuple[Distance, ...] = ()
    random: RandomFound = RandomFound()
    leak_mean: Measured | None = None

    @model_validator(mode="after")
    def _square(self) -> Self:
        require_square(self.values, self.delta)
        return self
