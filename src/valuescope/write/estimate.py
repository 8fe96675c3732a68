"""What a job comes to before anybody is asked: items by value and topic, calls and tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from valuescope.write.item_exchange import render
from valuescope.write.job import Job, least_calls
from valuescope.write.plan import CONFLICTS, Topics

_PLACEHOLDER = "one thing worth having vs. another"


@dataclass(frozen=True)
class PartEstimate:
    """What a part costs at least: every reply taken as it is.

    `by_value`, `by_topic` and `by_atomic` count the items that are planned; `by_topic` is empty where the topics are still to
    be written, `by_atomic` where the plan names no atomic values.
    """

    part: str
    items: int
    calls: int
    input_tokens: int
    output_tokens: int
    by_value: Mapping[str, int]
    by_topic: Mapping[str, int]
    by_atomic: Mapping[str, int]


def estimate(job: Job) -> list[PartEstimate]:
    """Calls and tokens of each part, without asking anybody; tokens counted as a quarter of the prompts' characters."""
    placeholder = [dict.fromkeys(job.languages, f"{_PLACEHOLDER} ({place})") for place in range(CONFLICTS)]
    topics: Topics = dict.fromkeys(job.values, placeholder)
    estimates, system = [], job.value_system
    for part in job.chosen:
        slots = tuple(part.slots(part.name, job.plan(part), topics))
        texts = len(slots) * (len(job.languages) if part.bilingual else 1)
        prompts = (render(part, batch, system, {})[1:] for batch in job.batches(part, slots))
        tokens_in = sum(len(text) for prompt in prompts for text in prompt) // 4
        tokens_out = part.tokens * texts
        if (
            part.refine
        ):  # the drafts are sent with a prompt about as long, and come again or get further fields
            tokens_in, tokens_out = (
                2 * tokens_in + tokens_out,
                tokens_out + part.second_turn.tokens * texts,
            )
        estimates.append(
            PartEstimate(
                part.name,
                len(slots),
                least_calls(job, part, slots),
                tokens_in,
                tokens_out,
                Counter(slot.value for slot in slots),
                Counter(slot.topic for slot in slots if slot.topic and "atomic" in slot.fixed),
                Counter(slot.fixed["atomic"] for slot in slots if "atomic" in slot.fixed),
            )
        )
    return estimates
