"""What to write and how: the settings of one set, checked, and what it costs at least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.values import ValueSystem, load_value_system
from valuescope.write.item_exchange import render
from valuescope.write.kinds import CONFLICTS, KINDS, SetPart, Topics, WritingPlan
from valuescope.write.slot import Batch, Slot, batches
from valuescope.write.writer_prompt import WriteError

ROUNDS = 6
_PLACEHOLDER = "one thing worth having vs. another"


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
        if self.per_value is None:
            object.__setattr__(self, "per_value", kind.per_value)
        for name, low in (("per_value", 1), ("per_call", 1), ("rounds", 1), ("max_tokens", 1), ("seed", 0)):
            number = getattr(self, name)
            if number is not None and number < low:
                raise WriteError(f"{name} is {number}; it must be {low} or more")
        if kind.even and self.count % 2:
            raise WriteError(f"per_value is {self.count}; {self.kind} halves it, so give an even number")
        for name, high in (("temperature", 2.0), ("top_p", 1.0)):
            if getattr(self, name) is None:
                object.__setattr__(self, name, getattr(kind, name))
            if not 0 <= getattr(self, name) <= high:
                raise WriteError(f"{name} is {getattr(self, name)}; it must be from 0 to {high:g}")

    def _all(self, name: str, options: tuple[str, ...]) -> tuple[str, ...]:
        return KINDS[self.kind].languages if name == "languages" else options

    @property
    def count(self) -> int:
        """Items per value and part."""
        assert self.per_value is not None
        return self.per_value

    @property
    def value_system(self) -> ValueSystem:
        """The system of the kind's values."""
        return load_value_system(KINDS[self.kind].system)

    @property
    def plan(self) -> WritingPlan:
        """What the parts are planned for."""
        return WritingPlan(self.value_system, self.values, self.languages, self.count, self.seed)

    @property
    def chosen(self) -> tuple[SetPart, ...]:
        """The parts to write, in their order; topics wherever stories are written."""
        kind = KINDS[self.kind]
        return tuple(part for part in kind.parts if part.name in self.parts or part.name == "topics")

    def batches(self, part: SetPart, slots: Sequence[Slot]) -> list[Batch]:
        """Slots in calls."""
        size = part.per_call if self.per_call is None or part.name == "topics" else self.per_call
        return batches(slots, size)


def least_calls(job: Job, part: SetPart, slots: Sequence[Slot]) -> int:
    """The calls for slots whose every reply is taken as it is."""
    return len(job.batches(part, slots)) * (2 if part.refine else 1)


@dataclass(frozen=True)
class PartEstimate:
    """What a part costs at least: every reply taken as it is."""

    part: str
    items: int
    calls: int
    input_tokens: int
    output_tokens: int


def estimate(job: Job) -> list[PartEstimate]:
    """Calls and tokens of each part, without asking anybody; tokens counted as a quarter of the prompts' characters."""
    placeholder = [dict.fromkeys(job.languages, f"{_PLACEHOLDER} ({place})") for place in range(CONFLICTS)]
    topics: Topics = dict.fromkeys(job.values, placeholder)
    estimates = []
    for part in job.chosen:
        slots = tuple(part.slots(part.name, job.plan, topics))
        asked = job.batches(part, slots)
        tokens_in = sum(len("".join(render(part, batch, job.value_system, {})[1:])) for batch in asked) // 4
        tokens_out = part.tokens * len(slots) * (len(job.languages) if part.bilingual else 1)
        if part.refine:  # the drafts are sent back and come again
            tokens_in, tokens_out = 2 * tokens_in + tokens_out, 2 * tokens_out
        estimates.append(
            PartEstimate(part.name, len(slots), least_calls(job, part, slots), tokens_in, tokens_out)
        )
    return estimates
