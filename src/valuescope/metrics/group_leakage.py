"""Leakage between groups of values, such as Schwartz's higher-order dimensions (NeVA eq. 5 and 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from valuescope.metrics.bootstrap import Floats, MetricError
from valuescope.metrics.delta import DeltaMatrix, nullable_rows
from valuescope.metrics.leakage import positive_part


@dataclass(frozen=True, eq=False)
class GroupLeakage:
    """Leakage between G groups: [G, G], ROWS = group of the STEERED value, COLUMNS = of the EVALUATED value.

    `mass` is NeVA eq. 5 and `nglr` eq. 6, both transposed: the paper's row g is our column g. So a COLUMN
    of `nglr` sums to 1 and says where the leakage into that group came from. A group that received none
    keeps a column of zeros and stands in `empty`. `missing` counts pairs of values without data, which add
    nothing.
    """

    groups: tuple[str, ...]
    mass: Floats
    nglr: Floats
    nglr_low: Floats
    nglr_high: Floats
    empty: tuple[str, ...]
    missing: int

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON types (rows = steered group, columns = evaluated group)."""
        return {
            "rows": "steered",
            "columns": "evaluated",
            "groups": list(self.groups),
            "mass": nullable_rows(self.mass),
            "nglr": nullable_rows(self.nglr),
            "nglr_low": nullable_rows(self.nglr_low),
            "nglr_high": nullable_rows(self.nglr_high),
            "empty": list(self.empty),
            "missing": self.missing,
        }


def group_leakage(
    delta: DeltaMatrix, groups: Mapping[str, Sequence[str]], *, only: Mapping[str, str] | None = None
) -> GroupLeakage:
    """Leakage mass and NGLR between groups, with percentile intervals from the resamples of the questions.

    `groups[value]` names the groups of each value, `{v: system.groups(v) for v in delta.values}`. A value
    of several groups (Schwartz's hedonism) counts in full in each, as eq. 5 reads when its sums run over
    the members of a group; `only={"hedonism": "openness-to-change"}` counts it in that one alone. Leak
    within a group belongs to the diagonal; a value's effect on itself is no leak.

    Raises:
        MetricError: a value without a group, or `only` naming a group that the value is not in.
    """
    for value in delta.values:
        if not groups.get(value):
            raise MetricError(f"value {value!r} has no group; name at least one")
    chosen = {value: tuple(groups[value]) for value in delta.values}
    for value, group in (only or {}).items():
        if group not in chosen.get(value, ()):
            known = ", ".join(chosen.get(value, ())) or "none, since it is not a value of this matrix"
            raise MetricError(f"only: {value!r} is not in group {group!r}; its groups: {known}")
        chosen[value] = (group,)
    names = tuple(dict.fromkeys(group for value in delta.values for group in chosen[value]))
    member = np.array([[name in chosen[value] for value in delta.values] for name in names], dtype=np.float64)
    leak = positive_part(delta.mean)
    mass = _mass(leak, member)
    low, high = delta.how.intervals(_column_shares(_mass(positive_part(delta.draws), member)))
    received = mass.sum(axis=0)
    off = ~np.eye(len(delta.values), dtype=bool)
    return GroupLeakage(
        groups=names,
        mass=mass,
        nglr=_column_shares(mass),
        nglr_low=low,
        nglr_high=high,
        empty=tuple(name for name, total in zip(names, received, strict=True) if total == 0),
        missing=int(np.isnan(leak[off]).sum()),
    )


def _mass(leak: Floats, member: Floats) -> Floats:
    """Leak [..., V, V] summed over the members [G, V] of both groups: [..., G, G]."""
    mass: Floats = np.einsum("gi,...ij,hj->...gh", member, np.nan_to_num(leak), member)
    return mass


def _column_shares(mass: Floats) -> Floats:
    """Each column divided by its sum; a column of zeros stays."""
    received = mass.sum(axis=-2, keepdims=True)
    shares = np.zeros_like(mass)
    np.divide(mass, received, out=shares, where=received > 0)
    return shares
