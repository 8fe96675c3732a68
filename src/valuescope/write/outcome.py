"""What a job came to: items, rejections, cost, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field

from valuescope.data import Finding
from valuescope.write.acceptance import Written, by_value, set_findings
from valuescope.write.job import Job
from valuescope.write.kinds import Part
from valuescope.write.slot import Rejection, Slot
from valuescope.write.tally import Tally


@dataclass
class PartOutcome:
    """What one part came to: `items` in the order of the plan; `read` counts all entries that were judged."""

    part: Part
    slots: tuple[Slot, ...]
    items: tuple[Written, ...] = ()
    rejections: list[Rejection] = field(default_factory=list)
    read: int = 0

    @property
    def missing(self) -> tuple[Slot, ...]:
        """The slots without an item."""
        held = {one.slot.key for one in self.items}
        return tuple(slot for slot in self.slots if slot.key not in held)


@dataclass
class Outcome:
    """What a job came to. `stopped` says why it did not go on, where calls ended in errors."""

    job: Job
    parts: list[PartOutcome] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    stopped: str = ""

    @property
    def complete(self) -> bool:
        """Whether every part is there and no slot is empty."""
        return not self.stopped and not any(one.missing for one in self.parts)

    def findings(self) -> list[Finding]:
        """What is wrong with the items as sets: reported, not mended."""
        system = self.job.value_system
        return [
            finding
            for one in self.parts
            for held in by_value(one.items).values()
            for finding, _ in set_findings(held, self.job.count, system)
        ]
