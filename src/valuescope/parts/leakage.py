"""Value leakage: what steering one value does to all others (NeVA, section 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from valuescope.lab.ask import Ask
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.matrix import Matrix, MatrixAsks, deltas, matrix_asks, matrix_of
from valuescope.lab.parameters import require_known
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import Found, Measured, Strict
from valuescope.lab.strict import Matrix as Numbers2
from valuescope.metrics import circle_leakage, group_leakage, neighbour_test, value_leakage
from valuescope.parts.leakage_views import leakage_section, leakages_section


class LeakageSpec(Strict):
    """The matrix of every steered against every evaluated value, with one method's headline setting.

    `methods`: those whose matrices are measured besides, with tests and controls of their own. `questions`: per value.
    """

    method: str = "neva"
    questions: int = Field(default=20, ge=1)
    methods: tuple[str, ...] = ()
