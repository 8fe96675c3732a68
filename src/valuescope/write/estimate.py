"""What a job costs at least, without asking anybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.write.job import Job
from valuescope.write.kinds import CONFLICTS, Part, Topics
from valuescope.write.request import render
from valuescope.write.slot import Slot

_PLACEHOLDER = "one thing worth having vs. another"


def least_calls(job: Job, part: Part, slots: Sequence[Slot]) -> int:
    """The calls for slots whose every reply is taken as it is."""
    return len(job.batches(part, slots)) * (2 if part.refine else 1)


@dataclass(frozen=True)
class Estimate:
    """What a part costs at least: every reply taken as it is."""

    part: str
    items: int
    calls: int
    input_tokens: int
    output_tokens: int


def estimate(job: Job) -> list[Estimate]:
    """Calls and tokens of each part, without asking anybody; tokens counted as a quarter of the prompts' characters."""
    placeholder = [dict.fromkeys(job.languages, f"{_PLACEHOLDER} ({place})") for place in range(CONFLICTS)]
    topics: Topics = dict.fromkeys(job.values, placeholder)
    found = []
    for part in job.chosen:
        slots = tuple(part.slots(part.name, job.plan, topics))
        asked = job.batches(part, slots)
        tokens_in = sum(len("".join(render(part, batch, job.value_system, {})[1:])) for batch in asked) // 4
        tokens_out = part.tokens * len(slots) * (len(job.languages) if part.bilingual else 1)
        if part.refine:  # the drafts are sent back and come again
            tokens_in, tokens_out = 2 * tokens_in + tokens_out, 2 * tokens_out
        found.append(Estimate(part.name, len(slots), least_calls(job, part, slots), tokens_in, tokens_out))
    return found
