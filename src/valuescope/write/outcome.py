"""What a job came to: items, rejections, cost, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from valuescope.data import Finding
from valuescope.judge.asking import Asker, Call
from valuescope.judge.reply_store import ModelReply
from valuescope.progress import Progress
from valuescope.write.acceptance import Written, by_value, set_findings
from valuescope.write.job import Job
from valuescope.write.kinds import SetPart
from valuescope.write.slot import Slot

PASSES = 3
"""How often calls that end in errors are asked, each time with the retries of the Asker."""


@dataclass
class CallTally:
    """Calls that a set rests on, whenever they were made, and what this process did for it.

    `minimum`: the calls of a set whose every reply is taken as it is. `made`: calls answered in this process;
    `failed`: attempts that ended in errors in it, after their retries.
    """

    minimum: int = 0
    calls: int = 0
    repairs: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    made: int = 0
    failed: int = 0

    def ask(self, asker: Asker, calls: Sequence[Call], progress: Progress, stage: str) -> list[ModelReply]:
        """The replies to calls; those that end in errors are asked again, up to `PASSES` times."""
        held = sum(asker.store is not None and asker.store.get(asker.key(call)) is not None for call in calls)
        for _ in range(PASSES):
            replies = asker.ask(calls, lambda done, total: progress(stage, done, total))
            errors = sum(bool(reply.error) for reply in replies)
            self.failed += errors
            if not errors:
                break
        answered = [reply for reply in replies if not reply.error]
        self.made += len(answered) - held
        self.calls += len(answered)
        self.input_tokens += sum(reply.input_tokens for reply in answered)
        self.output_tokens += sum(reply.output_tokens for reply in answered)
        return replies


@dataclass(frozen=True)
class Rejection:
    """An item that was written and not taken, and why.

    `stage`: "reply" (nothing readable was written), "item" (its own texts), "repeat" (too close to another item) or
    "set" (with the others of its value). `kinds` are the rules without their numbers, for counting.
    """

    key: str
    value: str
    part: str
    round: int
    stage: str
    kinds: tuple[str, ...]
    reasons: tuple[str, ...]
    item: Mapping[str, Any] | None


@dataclass
class PartOutcome:
    """What one part came to: `items` in the order of the plan; `read` counts all entries that were judged."""

    part: SetPart
    slots: tuple[Slot, ...]
    items: tuple[Written, ...] = ()
    rejections: list[Rejection] = field(default_factory=list)
    read: int = 0

    @property
    def missing(self) -> tuple[Slot, ...]:
        """The slots without an item."""
        filled = {item.slot.key for item in self.items}
        return tuple(slot for slot in self.slots if slot.key not in filled)

    def place(self, item: Written) -> int:
        """Where an item stands in the plan."""
        return self._places[item.slot.key]

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {slot.key: place for place, slot in enumerate(self.slots)}

    def reject(
        self,
        slot: Slot,
        number: int,
        stage: str,
        kinds: Sequence[str],
        reasons: Sequence[str],
        item: Mapping[str, Any] | None,
    ) -> None:
        """Note that what was written for a slot in round `number` is not taken."""
        kept = None if item is None else dict(item)
        self.rejections.append(
            Rejection(slot.key, slot.value, slot.part, number, stage, tuple(kinds), tuple(reasons), kept)
        )


@dataclass
class SetOutcome:
    """What a job came to. `stopped` says why it did not go on, where calls ended in errors."""

    job: Job
    parts: list[PartOutcome] = field(default_factory=list)
    tally: CallTally = field(default_factory=CallTally)
    stopped: str = ""

    @property
    def complete(self) -> bool:
        """Whether every part is there and no slot is empty."""
        return not self.stopped and not any(part.missing for part in self.parts)

    def findings(self) -> list[Finding]:
        """What is wrong with the items as sets: reported, not mended."""
        return [
            finding
            for part in self.parts
            for items in by_value(part.items).values()
            for finding, _ in set_findings(items, self.job.plan(part.part))
        ]
