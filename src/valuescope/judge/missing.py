"""What could not be judged: the stage's error, the value of a reply or the kind of reason why it has none, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, Literal, TypeVar, get_args


class JudgeError(ValueError):
    """A prompt, scale, questionnaire or set of replies that cannot be judged with."""


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
            given = f"a reply with value {self.value!r} and missing {self.missing!r}"
            raise JudgeError(f"{given}; give a value, or None and one of {', '.join(MISSING_KINDS)}")
        if self.missing and self.missing not in MISSING_KINDS:
            raise JudgeError(f"missing is {self.missing!r}; the kinds are {', '.join(MISSING_KINDS)}")


MISSING_LIMIT = 0.10
"""The share of missing judgements above which a result says so."""


@dataclass(frozen=True)
class MissingCount:
    """`total` judgements, of which `by_kind` are missing (kind -> number, the commonest first)."""

    total: int
    by_kind: Mapping[str, int]

    @classmethod
    def of(cls, kinds: Iterable[str]) -> MissingCount:
        """Counted from one kind per judgement, "" for one that is there: `of(reply.missing for reply in replies)`."""
        counts = Counter(kinds)
        total = counts.total()
        del counts[""]
        commonest_first = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
        return cls(total, MappingProxyType(dict(commonest_first)))

    def __add__(self, more: MissingCount) -> MissingCount:
        """The count over both."""
        by_kind = Counter(self.by_kind) + Counter(more.by_kind)
        present = self.total - self.missing + more.total - more.missing
        return MissingCount.of([*by_kind.elements(), *[""] * present])

    @property
    def missing(self) -> int:
        """How many are missing."""
        return sum(self.by_kind.values())

    @property
    def share(self) -> float | None:
        """The missing share, 0..1; None where nothing was judged."""
        return self.missing / self.total if self.total else None

    def warning(self, limit: float = MISSING_LIMIT) -> str | None:
        """What to say where more than `limit` of the judgements are missing, or where there are none; else None.

        Raises:
            JudgeError: a limit outside of 0..1.
        """
        if not 0 <= limit <= 1:
            raise JudgeError(f"limit is {limit}; give a share between 0 and 1, such as {MISSING_LIMIT}")
        if self.share is None:
            return "NOTHING WAS JUDGED: there is no reply to compute a result from"
        if self.share <= limit:
            return None
        kinds = ", ".join(f"{kind} {number}" for kind, number in self.by_kind.items())
        return (
            f"{self.missing} OF {self.total} JUDGEMENTS ARE MISSING ({self.share:.0%}, more than {limit:.0%}): {kinds}. "
            "The result speaks for the rest only; what is missing is seldom missing by chance"
        )
