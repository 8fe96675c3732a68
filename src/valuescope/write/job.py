"""What to write and how: the settings of one set, checked, and what it costs at least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.values import ValueSystem, load_value_system
from valuescope.write.kinds import KINDS, SetPart
from valuescope.write.plan import WritingPlan
from valuescope.write.slot import Batch, Slot, batches
from valuescope.write.writer_prompt import WriteError

ROUNDS = 6


@dataclass(frozen=True)
class Job:
    """What to write and how.

    Args:
        kind: c-voice, valueinsight, contrast or questions.
        values: ids; empty: all of the kind's level.
        languages: "en", "zh" or both; empty: the kind's own.
        per_value: items per value (or dimension) and part, and per language where the parts are not bilingual; None: the
            kind's default.
        parts: names of parts; empty: all. Topics are written with whatever needs them.
        seed: of scenes and combinations; sent with every call too.
        per_call: items asked for in one call; None: the part's own.
        rounds: how often what is missing is asked for, the first time included.
        temperature, top_p: None: the kind's own.
        max_tokens: of one reply; None: three times the estimate.
        paper_size: as many items of every part as the kind's paper has, in place of per_value.
        topics: of situational questions; empty: the project's own.
        rationale_apart: the rationale of a story in a call of its own, which is shown the story and both actions.
        exemplars: English descriptions are asked for one atomic value each, beside its baseline description.

    Raises:
        WriteError: a parameter that is unknown or out of range.
    """

    kind: str
    values: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    per_value: int | None = None
    parts: tuple[str, ...] = ()
    seed: int = 0
    per_call: int | None = None
    rounds: int = ROUNDS
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    paper_size: bool = False
    topics: tuple[str, ...] = ()
    rationale_apart: bool = False
    exemplars: bool = True

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise WriteError(f"kind {self.kind!r} is unknown; the kinds are {', '.join(KINDS)}")
        kind, system = KINDS[self.kind], self.value_system
        known = {
            "values": system.at_level(kind.level),
            "languages": ("en", "zh"),
            "parts": tuple(part.name for part in kind.parts),
        }
        for name, options in known.items():
            given = getattr(self, name)
            for one in given:
                if one not in options:
                    raise WriteError(f"{name}: {one!r} is unknown; {self.kind} has {', '.join(options)}")
            if len(set(given)) < len(given):
                raise WriteError(f"{name}: {', '.join(given)} names one twice; name each once")
            object.__setattr__(
                self, name, tuple(one for one in options if one in given) or self._all(name, options)
            )
        if self.paper_size and self.per_value is not None:
            raise WriteError(f"per_value is {self.per_value} beside paper_size; give one of them")
        for name, part in (("topics", "situations"), ("rationale_apart", "activation")):
            if getattr(self, name) and part not in {one.name for one in self.chosen}:
                raise WriteError(f"{name} is about the part {part}, which {self.kind} as asked for has not")
        if len(set(self.topics)) < len(self.topics):
            raise WriteError("topics: one stands twice; name each once")
        if self.per_value is None and not self.paper_size:
            object.__setattr__(self, "per_value", kind.per_value)
        for name, low in (("per_value", 1), ("per_call", 1), ("rounds", 1), ("max_tokens", 1), ("seed", 0)):
            number = getattr(self, name)
            if number is not None and number < low:
                raise WriteError(f"{name} is {number}; it must be {low} or more")
        if kind.even and self.per_value is not None and self.per_value % 2:
            raise WriteError(f"per_value is {self.per_value}; {self.kind} halves it, so give an even number")
        for name, high in (("temperature", 2.0), ("top_p", 1.0)):
            if getattr(self, name) is None:
                object.__setattr__(self, name, getattr(kind, name))
            if not 0 <= getattr(self, name) <= high:
                raise WriteError(f"{name} is {getattr(self, name)}; it must be from 0 to {high:g}")

    def _all(self, name: str, options: tuple[str, ...]) -> tuple[str, ...]:
        return KINDS[self.kind].languages if name == "languages" else options

    def count(self, part: SetPart) -> int:
        """Items of a part per value."""
        return part.paper if self.per_value is None else self.per_value

    @property
    def value_system(self) -> ValueSystem:
        """The system of the kind's values."""
        return load_value_system(KINDS[self.kind].system)

    def plan(self, part: SetPart) -> WritingPlan:
        """What a part is planned for."""
        return WritingPlan(
            self.value_system,
            self.values,
            self.languages,
            self.count(part),
            self.seed,
            self.topics,
            self.exemplars,
        )

    @property
    def chosen(self) -> tuple[SetPart, ...]:
        """The parts to write, in their order; topics wherever stories are written."""
        kind = KINDS[self.kind]
        parts = [part for part in kind.parts if part.name in self.parts or part.name == "topics"]
        return tuple(part.with_rationale_apart if self.rationale_apart else part for part in parts)

    def batches(self, part: SetPart, slots: Sequence[Slot]) -> list[Batch]:
        """Slots in calls."""
        size = part.per_call if self.per_call is None or part.name == "topics" else self.per_call
        return batches(slots, size)


def least_calls(job: Job, part: SetPart, slots: Sequence[Slot]) -> int:
    """The calls for slots whose every reply is taken as it is."""
    return len(job.batches(part, slots)) * (2 if part.refine else 1)
