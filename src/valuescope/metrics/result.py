"""What measures give: an estimate with its interval, and results whose fields are their JSON-able content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class MetricError(ValueError):
    """Outcomes that a measure cannot be computed from."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval.

    `n` items entered the mean and `missing` did not. `mean` is None for n = 0; `low` and `high` are None
    where there are fewer than two clusters, since one cluster says nothing about spread. `interval` names
    the method.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    missing: int = 0
    interval: str = "bootstrap"

    @property
    def ci(self) -> tuple[float, float] | None:
        """(low, high), or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def to_dict(self) -> dict[str, Any]:
        """`{"mean", "ci": [low, high] or None, "n", "missing", "interval"}`."""
        ci = None if self.ci is None else list(self.ci)
        return {"mean": self.mean, "ci": ci, "n": self.n, "missing": self.missing, "interval": self.interval}


@dataclass(frozen=True)
class MetricResult:
    """What a measure found. `layout` says what the rows and columns of its matrices are."""

    layout: ClassVar[Mapping[str, str]] = {}

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content: the layout and the fields in order, None for NaN; no resamples (`repr=False`)."""
        content = {entry.name: plain(getattr(self, entry.name)) for entry in fields(self) if entry.repr}
        return {**self.layout, **content}


def plain(content: Any) -> Any:
    """JSON-able content of a field: mappings with texts as keys, sequences and arrays as lists, None for NaN."""
    if hasattr(content, "to_dict"):
        return content.to_dict()
    if isinstance(content, Mapping):
        return {str(key): plain(entry) for key, entry in content.items()}
    if isinstance(content, np.ndarray):
        return plain(content.tolist())
    if isinstance(content, tuple | list):
        return [plain(entry) for entry in content]
    return None if isinstance(content, float) and np.isnan(content) else content
