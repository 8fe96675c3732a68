"""What the judge left without a judgement, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from valuescope.report.fields import Fields


@dataclass(frozen=True)
class MeasureMissing:
    """How many answers a judge was asked about for one measure, and how many got no judgement, by kind."""

    measure: str
    asked: int
    missing: int
    by_kind: Mapping[str, int]

    @property
    def words(self) -> str:
        """`control success: 12 of 480 missing (2.5%; refusal 9, error 3)`."""
        share = f"{self.missing / self.asked:.1%}" if self.asked else "none asked"
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.by_kind.items()))
        inside = f"{share}; {kinds}" if kinds else share
        return f"{self.measure}: {self.missing:,} of {self.asked:,} missing ({inside})"


@dataclass(frozen=True)
class Judging:
    """A run's judge: who it is, its prompts ("name version hash"), and what it left missing.

    `warnings` are sentences about a missing share that passes the run's limit.
    """

    judge: str
    prompts: tuple[str, ...]
    tokens: int | None
    measures: tuple[MeasureMissing, ...]
    warnings: tuple[str, ...]


def read_judging(fields: Fields) -> Judging:
    """The typed form of the summary's block `judging`."""
    measures = fields.object("measures")
    return Judging(
        judge=fields.text("judge"),
        prompts=fields.texts("prompts"),
        tokens=fields.count("tokens"),
        measures=tuple(_measure(name, measures.object(name)) for name in measures.raw),
        warnings=fields.texts("warnings"),
    )


def _measure(name: str, fields: Fields) -> MeasureMissing:
    kinds = fields.object("by_kind")
    by_kind = {kind: kinds.count(kind) or 0 for kind in kinds.raw}
    return MeasureMissing(name, fields.count("asked") or 0, fields.count("missing") or 0, by_kind)
