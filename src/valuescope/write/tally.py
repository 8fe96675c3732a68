"""What a set cost: calls and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.judge.asking import Asker, Call
from valuescope.judge.reply_store import ModelReply
from valuescope.progress import Progress

PASSES = 3
"""How often calls that end in errors are asked, each time with the retries of the Asker."""


@dataclass
class Tally:
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
