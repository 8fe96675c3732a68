"""What was measured of an edit, in the few numbers that go along with it when it is shared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from valuescope.edit.layer_tables import EditError

LONGEST = 500
"""Characters of a text that goes along with an edit."""


@dataclass(frozen=True)
class Measurement:
    """A mean over `n` items with the ends of its interval (None where there is none); `missing` items had no number."""

    mean: float
    low: float | None
    high: float | None
    n: int
    missing: int = 0

    def __post_init__(self) -> None:
        ends = [end for end in (self.low, self.high) if end is not None]
        numbers = [self.mean, *ends]
        if not all(_is_number(number) for number in numbers) or len(ends) == 1 or ends != sorted(ends):
            raise EditError(
                f"mean is {self.mean!r} and the interval {self.low!r} to {self.high!r}; give finite numbers, the lower end first"
            )
        for name, least in (("n", 1), ("missing", 0)):
            count = getattr(self, name)
            if not isinstance(count, int) or isinstance(count, bool) or count < least:
                raise EditError(f"{name} is {count!r}; give a whole number that is at least {least}")

    def to_dict(self) -> dict[str, Any]:
        """`{"mean", "ci": [low, high] or None, "n", "missing"}`, as estimates stand in a run's summary."""
        ci = None if self.low is None else [self.low, self.high]
        return {"mean": self.mean, "ci": ci, "n": self.n, "missing": self.missing}

    @classmethod
    def from_dict(cls, content: Any) -> Self:
        """The inverse of `to_dict`; EditError for anything missing, unknown or out of range."""
        known = {"mean", "ci", "n", "missing", "interval"}
        if not isinstance(content, Mapping) or not {"mean", "n"} <= set(content) <= known:
            raise EditError(f"it is {content!r:.200}; give an object of mean, ci, n and missing")
        low, high = _ends(content.get("ci"))
        return cls(content["mean"], low, high, content["n"], content.get("missing", 0))


@dataclass(frozen=True)
class Evidence:
    """An evidence summary. What was not measured is None.

    `measure`: what was measured, on what and judged by whom. `effect` is the change of it under the edit, `random_control`
    that under random neurons (or vectors) of equal size, `fluency` the share of edited answers that are fluent. `null_share`:
    how many neurons as good the same search finds under exchanged labels, as a share of those that it found.
    """

    measure: str | None = None
    effect: Measurement | None = None
    random_control: Measurement | None = None
    fluency: Measurement | None = None
    null_share: float | None = None

    def __post_init__(self) -> None:
        if self.measure is not None:
            require_line(self.measure, "measure")
        if self.fluency is not None and not 0 <= self.fluency.mean <= 1:
            raise EditError(f"fluency: mean is {self.fluency.mean!r}; it is a share, from 0 to 1")
        if self.null_share is not None and not (_is_number(self.null_share) and self.null_share >= 0):
            raise EditError(f"null_share is {self.null_share!r}; give a finite number that is at least 0")

    def to_dict(self) -> dict[str, Any]:
        """What was measured, as JSON; the rest is absent."""
        present = {name: content for name, content in vars(self).items() if content is not None}
        return {
            name: content.to_dict() if isinstance(content, Measurement) else content
            for name, content in present.items()
        }

    @classmethod
    def from_dict(cls, content: Any) -> Self:
        """The inverse of `to_dict`; a null is absent too. EditError names the field that is unknown or out of range."""
        names = [field.name for field in fields(cls)]
        if not isinstance(content, Mapping) or set(content) - set(names):
            raise EditError(f"it is {content!r:.200}; give an object of {', '.join(names)}, each optional")
        read = dict[str, Any]()
        for name, part in content.items():
            measured = part is not None and name in ("effect", "random_control", "fluency")
            try:
                read[name] = Measurement.from_dict(part) if measured else part
            except EditError as error:
                raise EditError(f"{name}: {error}") from error
        return cls(**read)


def require_line(text: Any, name: str) -> None:
    """EditError unless `text` is one line that can be shown."""
    if not isinstance(text, str) or not text.strip() or not text.isprintable() or len(text) > LONGEST:
        raise EditError(f"{name} is {text!r:.80}; give one line of at most {LONGEST} characters")


def _ends(ci: Any) -> tuple[Any, Any]:
    if ci is None:
        return None, None
    if not isinstance(ci, list | tuple) or len(ci) != 2 or None in ci:
        raise EditError(f"ci is {ci!r:.80}; give both ends of the interval, or null")
    return ci[0], ci[1]


def _is_number(number: Any) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
