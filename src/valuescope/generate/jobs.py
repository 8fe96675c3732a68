"""Requests on their way through an engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from valuescope.generate.answer import Answer, Scores, TokenLogprob
from valuescope.generate.promise import Promise
from valuescope.generate.request import Request, ScoreRequest
from valuescope.generate.row import OnText, Row
from valuescope.generate.scoring import Reading, readings_of
from valuescope.models import Encoded


class AnswerJob:
    """A request for an answer. `stuck_at` says behind how many tokens it ran out of memory though it was alone."""

    def __init__(
        self,
        request: Request,
        future: Promise[Answer],
        row: Callable[[OnText | None], Row],
        on_text: OnText | None,
    ) -> None:
        self.request = request
        self.future = future
        self.row = row(None if on_text is None else self._guarded(on_text))
        self.stuck_at: int | None = None

    @property
    def length(self) -> int:
        """Tokens to read before the next one can be drawn."""
        return len(self.row.prompt) + len(self.row.drawn)

    @property
    def need(self) -> int:
        """Tokens of context once the answer has its full length."""
        return len(self.row.prompt) + self.request.sampling.max_new_tokens

    def _guarded(self, on_text: OnText) -> OnText:
        """`on_text` that cancels the request where it raises: nobody listens any more."""
        future = self.future

        def tell(piece: str, logprobs: tuple[TokenLogprob, ...]) -> None:
            if future.cancelled():
                return
            try:
                on_text(piece, logprobs)
            except Exception:
                future.cancel()

        return tell


class ScoreJob:
    """A request for scores. `waiting` is what has still to be read for it, the longest first."""

    def __init__(self, request: ScoreRequest, future: Promise[Scores], rows: Sequence[Encoded]) -> None:
        self.request = request
        self.future = future
        self.waiting: list[Reading] = sorted(readings_of(rows), key=lambda one: -len(one.ids))
        self._prompt_tokens = rows[0].prompt_length
        self._found: list[tuple[TokenLogprob, ...]] = [()] * len(rows)

    def take(self, reading: Reading, found: Sequence[tuple[TokenLogprob, ...]]) -> None:
        """The log-probabilities of the continuations that a reading is for."""
        for place, tokens in zip(reading.places, found, strict=True):
            self._found[place] = tokens

    def scores(self) -> Scores:
        """All of them, in the order of the request."""
        return Scores(self._prompt_tokens, tuple(self._found))


Job = AnswerJob | ScoreJob


def future_of(job: Job) -> Promise[Any]:
    """The job's future, whatever it yields."""
    return job.future
