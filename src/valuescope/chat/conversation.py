"""What was said so far, and its transcript."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from valuescope.files import write_json_atomic

TRANSCRIPT_VERSION = 1


class ConversationError(ValueError):
    """Something that a conversation cannot do, such as take back a question before there is one."""


@dataclass(frozen=True)
class Exchange:
    """A question and its answer. `strengths`: of the edits that acted on it. `base`: the base model's answer to the same, with
    the same noise, where it was asked for; the conversation goes on from `answer`. `finished`: not cut at the limit."""

    question: str
    answer: str
    strengths: Mapping[str, float]
    finished: bool
    base: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        content = {"question": self.question, "answer": self.answer, "strengths": dict(self.strengths)}
        compared = {} if self.base is None else {"base": self.base}
        return content | {"finished": self.finished} | compared


@dataclass
class Conversation:
    """A system message (empty: the model's own settings) and the exchanges so far."""

    system: str = ""
    exchanges: list[Exchange] = field(default_factory=list)

    def messages(self, question: str) -> list[dict[str, str]]:
        """The conversation so far, and one more question, as a chat template reads it."""
        messages = [{"role": "system", "content": self.system}] if self.system else []
        for exchange in self.exchanges:
            messages.append({"role": "user", "content": exchange.question})
            messages.append({"role": "assistant", "content": exchange.answer})
        return [*messages, {"role": "user", "content": question}]

    def undo(self) -> Exchange:
        """Take the last question and its answer back; ConversationError where there is none."""
        if not self.exchanges:
            raise ConversationError("there is nothing to take back: no question was asked yet")
        return self.exchanges.pop()

    def save(self, path: Path, head: Mapping[str, Any]) -> Path:
        """Write the transcript as JSON: what was asked of what (`head`), and every exchange; returns `path`."""
        if path.suffix != ".json":
            raise ConversationError(f"{path}: a transcript is JSON: give a path that ends in .json")
        exchanges = [exchange.to_dict() for exchange in self.exchanges]
        content = {"version": TRANSCRIPT_VERSION, **head, "system": self.system, "exchanges": exchanges}
        return write_json_atomic(path, content)
