"""What was read out of one reply: a value, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, get_args

from valuescope.judge.error import JudgeError

MissingKind = Literal[
    "refusal",
    "empty",
    "unparseable",
    "out of range",
    "contradictory",
    "cut off",
    "low mass",
    "no log-probabilities",
    "error",
]
MISSING_KINDS: tuple[MissingKind, ...] = get_args(MissingKind)
"""refusal: the asked one declines. empty: nothing was said. unparseable: no statement in the asked form.
out of range: a number that is not on the scale, or a letter that was not offered. contradictory: two statements that
cannot both hold. cut off: the reply ended before its statement. low mass, no log-probabilities: see `Rating`.
error: the call failed."""

T = TypeVar("T")


@dataclass(frozen=True)
class Reply(Generic[T]):
    """One reply: its value, or None and the kind of missing; never both, never neither."""

    value: T | None
    missing: MissingKind | Literal[""] = ""

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.missing):
            raise JudgeError(
                f"a reply with value {self.value!r} and missing {self.missing!r}; give a value, or None and "
                f"one of {', '.join(MISSING_KINDS)}"
            )
        if self.missing and self.missing not in MISSING_KINDS:
            raise JudgeError(f"missing is {self.missing!r}; the kinds are {', '.join(MISSING_KINDS)}")
