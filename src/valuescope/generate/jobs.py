"""Requests on their way through an engine: the queue, and the edits that its batches need."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace

from valuescope.edit import Edit, EditBank
from valuescope.generate.answer import Answer, Scores, TokenLogprob
from valuescope.generate.request import Request, ScoreRequest
from valuescope.generate.row import OnText, Row
from valuescope.models import Encoded, NeuronModel

_KEPT_EDITS = 32
_LOOKED_AT = 512  # jobs at the head of the queue among which those of like length are found


class AnswerJob:
    """A request for an answer."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.future: Future[Answer] = Future()
        self.row: Row

    def with_row(self, row: Row) -> AnswerJob:
        """The job with its row."""
        self.row = row
        return self

    @property
    def length(self) -> int:
        """Tokens to read before the next one can be drawn."""
        return len(self.row.prompt) + len(self.row.drawn)

    @property
    def need(self) -> int:
        """Tokens of context once the answer has its full length."""
        return len(self.row.prompt) + self.request.sampling.max_new_tokens

    def guarded(self, on_text: OnText) -> OnText:
        """`on_text` that cancels the request where it raises: nobody listens any more."""

        def tell(piece: str, logprobs: tuple[TokenLogprob, ...]) -> None:
            try:
                on_text(piece, logprobs)
            except Exception:
                self.future.cancel()

        return tell


class ScoreJob:
    """A request for scores; `rows` are its continuations, each behind the prompt."""

    def __init__(self, request: ScoreRequest, rows: Sequence[Encoded]) -> None:
        self.request = request
        self.rows = rows
        self.future: Future[Scores] = Future()

    @property
    def length(self) -> int:
        """Tokens to read."""
        return sum(len(row.input_ids) for row in self.rows)

    @property
    def need(self) -> int:
        """Tokens of context; they are given back at once."""
        return self.length

    def scores(self, found: Sequence[tuple[TokenLogprob, ...]]) -> Scores:
        """The scores, with as many alternatives as were asked for."""
        limit = self.request.top_logprobs
        cut = tuple(
            tuple(replace(token, top=token.top[:limit]) for token in continuation) for continuation in found
        )
        return Scores(self.rows[0].prompt_length, cut)


Job = AnswerJob | ScoreJob


class Queue:
    """Waiting jobs, first come first served, but for those of like length that may go along."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def closed(self) -> bool:
        """Whether nothing more is taken."""
        return self._closed

    def put(self, job: Job) -> bool:
        """False where the queue is full or closed."""
        with self._changed:
            if self._closed or (self._limit is not None and len(self._jobs) >= self._limit):
                return False
            self._jobs.append(job)
            self._changed.notify()
            return True

    def wait(self, *, block: bool) -> bool:
        """Whether there is a job; with `block` waits for one, or for the queue's end."""
        with self._changed:
            while block and not self._jobs and not self._closed:
                self._changed.wait()
            return bool(self._jobs)

    def put_back(self, jobs: Sequence[Job]) -> None:
        """Jobs that had begun stand first again."""
        with self._changed:
            self._jobs.extendleft(reversed(jobs))

    def close(self) -> None:
        """Take nothing more; `wait` no longer waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def empty(self) -> list[Job]:
        """Take all jobs out."""
        with self._changed:
            jobs = list(self._jobs)
            self._jobs.clear()
            return jobs

    def take(self, rows: int, tokens: int, free: int | None, *, alone: bool) -> list[Job]:
        """The first job, and others of its kind and about its length, within rows, tokens to read and free context.

        The first goes even if it is larger than `tokens`, and where it would be `alone` even if it is larger than
        `free`. Cancelled jobs are left out.
        """
        with self._changed:
            seen = [self._jobs.popleft() for _ in range(min(len(self._jobs), _LOOKED_AT))]
            taken, left = list[Job](), list[Job]()
            full = False
            for job in seen:
                if job.future.cancelled():
                    continue
                if full or not self._goes_along(job, taken, rows):
                    left.append(job)
                    continue
                fits = free is None or sum(one.need for one in taken) + job.need <= free
                if taken:
                    full = not fits or sum(one.length for one in taken) + job.length > tokens
                else:
                    full = not fits and not alone
                (left if full else taken).append(job)
            self._jobs.extendleft(reversed(left))
            return taken

    @staticmethod
    def _goes_along(job: Job, taken: Sequence[Job], rows: int) -> bool:
        if isinstance(job, AnswerJob) and len(taken) >= rows:
            return False
        return not taken or (type(job) is type(taken[0]) and _alike(job.length, taken[0].length))


class BankKeeper:
    """Keeps the tables of the edits that were asked for last, so that they are built once and not for every batch."""

    def __init__(self, model: NeuronModel) -> None:
        self._model = model
        self._edits: list[Edit | None] = []
        self._bank = EditBank(model, [None])

    def holding(self, edits: Iterable[Edit | None]) -> EditBank:
        """A bank that holds all of these."""
        wanted = dict.fromkeys(edits)
        if any(edit not in self._bank for edit in wanted):
            older = [edit for edit in self._edits if edit not in wanted]
            self._edits = [*older[-_KEPT_EDITS:], *wanted]
            # Whether an edit may act on this model was settled when it was asked for.
            self._bank = EditBank(self._model, [None, *self._edits], force=True)
        return self._bank


def _alike(length: int, other: int) -> bool:
    """Whether padding one to the other wastes less than about half."""
    return max(length, other) <= 2 * min(length, other) + 16
