"""Where a conversation takes place: a model on an engine, its edits, and what was said."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

from valuescope.chat.conversation import Conversation, ConversationError, Exchange
from valuescope.chat.steering import Steering
from valuescope.generate import Answer, Engine, Request, Sampling
from valuescope.models import render_chat

Side = Literal["base", "edited"]


@dataclass
class Reply:
    """An answer that is being written, and the base model's beside it where both were asked for."""

    question: str
    strengths: dict[str, float]
    answers: dict[Side, Future[Answer]] = field(default_factory=dict)
    _heard: SimpleQueue[tuple[Side, str | None]] = field(default_factory=SimpleQueue)

    def start(self, engine: Engine, side: Side, request: Request) -> None:
        """Have one side written; what `Engine.submit` raises."""
        future = engine.submit(request, on_text=lambda piece, _: self._heard.put((side, piece)))
        self.answers[side] = future
        future.add_done_callback(lambda _: self._heard.put((side, None)))

    def pieces(self) -> Iterator[tuple[Side, str]]:
        """The text of both sides as it grows, until both have ended; raises what made a side fail."""
        writing = set(self.answers)
        while writing:
            side, piece = self._heard.get()
            if piece is not None:
                yield side, piece
            else:
                writing.remove(side)
                self.answers[side].result()

    def cancel(self) -> None:
        """Stop writing."""
        for future in self.answers.values():
            future.cancel()


class Room:
    """One conversation on an engine. `compare`: the base model answers every question too, with the same noise.

    Number t of the noise of question n decides token t of its answer, whatever edits act, so a question that is taken back
    and asked again under other strengths differs by them alone.
    """

    def __init__(self, engine: Engine, steering: Steering, sampling: Sampling, *, system: str = "") -> None:
        self.engine, self.steering, self.sampling = engine, steering, sampling
        self.conversation = Conversation(system)
        self.compare = False

    def ask(self, question: str) -> Reply:
        """Have the question answered, after all that was said; `keep` adds the answer to the conversation.

        Raises ConversationError for an empty question, ChatError, and what `Engine.submit` raises, such as GenerationError
        where the conversation has outgrown the model's context.
        """
        if not question.strip():
            raise ConversationError("the question is empty")
        prompt = render_chat(self.engine.model, self.conversation.messages(question))
        key = str(len(self.conversation.exchanges))
        request = Request(prompt, self.steering.edit(), self.sampling, key=key, force=self.steering.force)
        reply = Reply(question, self.steering.strengths)
        if self.compare:
            reply.start(self.engine, "base", replace(request, edit=None))
        reply.start(self.engine, "edited", request)
        return reply

    def begin(self, system: str = "") -> None:
        """Forget what was said, and begin anew under a system message (empty: the model's own settings)."""
        self.conversation = Conversation(system)

    def keep(self, reply: Reply) -> Exchange:
        """Wait for the answer and add it to the conversation."""
        answer = reply.answers["edited"].result()
        base = reply.answers["base"].result().text if "base" in reply.answers else None
        exchange = Exchange(reply.question, answer.text, reply.strengths, answer.finished, base)
        self.conversation.exchanges.append(exchange)
        return exchange

    def save(self, path: Path) -> Path:
        """Write the transcript, with what is needed to ask the same again; returns `path`."""
        head = {
            "model": self.engine.model.identity.to_dict(),
            "sampling": self.sampling.to_dict(),
            "edits": {name: self.steering.find(name).to_dict() for name in self.steering.strengths},
        }
        return self.conversation.save(path, head)
