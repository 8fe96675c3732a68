"""Requests on their way through an engine: those who ask from any thread, and the engine's thread that takes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from valuescope.generate.answer import Answer, Scores, TokenLogprob
from valuescope.generate.promise import EngineBusy, EngineClosed, Promise
from valuescope.generate.readings import Reading, readings_of
from valuescope.generate.request import Request, ScoreRequest
from valuescope.generate.row import OnText, RunningRow
from valuescope.models import Encoded

_LOOKED_AT = 512  # jobs at the head of the queue among which those of like length are found


class AnswerJob:
    """A request for an answer. `stuck_at` says behind how many tokens it ran out of memory though it was alone,
    `tried_again` whether it was in a batch that failed and had no row at fault."""

    def __init__(
        self,
        request: Request,
        future: Promise[Answer],
        row: Callable[[OnText | None], RunningRow],
        on_text: OnText | None,
    ) -> None:
        self.request = request
        self.future = future
        self.row = row(None if on_text is None else self._guarded(on_text))
        self.stuck_at: int | None = None
        self.tried_again = False

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
            except BaseException:  # also SystemExit: the engine's thread is not the caller's to end
                future.cancel()

        return tell


class ScoreJob:
    """A request for scores. `waiting` is what has still to be read for it, the longest first."""

    def __init__(self, request: ScoreRequest, future: Promise[Scores], rows: Sequence[Encoded]) -> None:
        self.request = request
        self.future = future
        self.waiting: list[Reading] = sorted(readings_of(rows), key=lambda reading: -len(reading.ids))
        self._prompt_tokens = rows[0].prompt_length
        self._logprobs: list[tuple[TokenLogprob, ...]] = [()] * len(rows)

    def take(self, reading: Reading, logprobs: Sequence[tuple[TokenLogprob, ...]]) -> None:
        """The log-probabilities of the continuations that a reading is for."""
        for place, tokens in zip(reading.places, logprobs, strict=True):
            self._logprobs[place] = tokens

    def scores(self) -> Scores:
        """All of them, in the order of the request."""
        return Scores(self._prompt_tokens, tuple(self._logprobs))


EngineJob = AnswerJob | ScoreJob


class Queue:
    """First come, first served: answers (but those of like length may go along with the first) and scores, which are
    taken apart from each other so that neither waits for the other."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._answers: deque[AnswerJob] = deque()
        self._scores: deque[ScoreJob] = deque()
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        self._closed = False
        self._some_cancelled = False

    def __len__(self) -> int:
        return len(self._answers) + len(self._scores)

    @property
    def answers(self) -> int:
        """Requests for an answer that wait."""
        return len(self._answers)

    @property
    def is_full(self) -> bool:
        """Whether a job would be refused, if none is taken before."""
        return self._limit is not None and len(self) >= self._limit

    @property
    def closed(self) -> bool:
        """Whether nothing more is taken."""
        return self._closed

    def require_open(self) -> None:
        """EngineClosed where nothing more is taken."""
        if self._closed:
            raise EngineClosed("the engine is closed")

    def require_room(self) -> None:
        """EngineBusy where a job would be refused."""
        if self.is_full:
            raise EngineBusy(f"{len(self)} requests are waiting, which is the limit: ask again later")

    def put(self, job: EngineJob, *, wait: bool = False) -> None:
        """Add a job; with `wait` as soon as there is room, else EngineBusy where there is none. EngineClosed."""
        with self._lock:
            while wait and self.is_full and not self._closed:
                self._room.wait()
            self.require_open()
            self.require_room()
            self._add(job)
            self._work.notify()

    def put_back(self, jobs: Sequence[AnswerJob]) -> None:
        """Jobs that had begun stand first again."""
        with self._lock:
            self._answers.extendleft(reversed(jobs))

    def wait(self) -> bool:
        """Wait for a job, or for the queue's end; whether there is a job."""
        with self._lock:
            while not len(self) and not self._closed:
                self._work.wait()
            return len(self) > 0

    def take_answers(self, rows: int, tokens: int, fits: Callable[[int, int], bool]) -> list[AnswerJob]:
        """The first job and others of about its length: at most `rows`, and `tokens` to read with their padding.

        `fits(count, need)` says whether there is memory for so many more rows of so many tokens. The first goes even
        if it is longer than `tokens`; where it does not fit none goes, so that it is not passed by for ever.
        """
        taken, left = list[AnswerJob](), list[AnswerJob]()
        longest = need = 0
        with self._lock:
            for _ in range(min(len(self._answers), _LOOKED_AT)):
                if len(taken) >= rows:
                    break
                job = self._answers.popleft()
                if taken and not alike(job.length, taken[0].length):
                    left.append(job)
                    continue
                longest, need = max(longest, job.length), max(need, job.need)
                padded = (len(taken) + 1) * longest
                if not fits(len(taken) + 1, need) or (taken and padded > tokens):
                    left.append(job)
                    break
                taken.append(job)
            self._answers.extendleft(reversed(left))
            self._room.notify(len(taken))
        return taken

    def take_scores(self, count: int) -> list[ScoreJob]:
        """The first jobs."""
        with self._lock:
            taken = [self._scores.popleft() for _ in range(min(count, len(self._scores)))]
            self._room.notify(len(taken))
        return taken

    def note_cancelled(self) -> None:
        """Some job was cancelled, which may be one that waits."""
        self._some_cancelled = True

    def take_cancelled(self) -> list[EngineJob]:
        """Those that were cancelled while they waited."""
        if not self._some_cancelled:
            return []
        with self._lock:
            self._some_cancelled = False
            gone, kept = list[EngineJob](), list[EngineJob]()
            for job in self._take_all():
                (gone if job.future.cancelled() else kept).append(job)
            for job in kept:
                self._add(job)
            self._room.notify(len(gone))
            return gone

    def close(self) -> None:
        """Take nothing more; `wait` no longer waits."""
        with self._lock:
            self._closed = True
            self._work.notify_all()
            self._room.notify_all()

    def empty(self) -> list[EngineJob]:
        """Take all jobs out."""
        with self._lock:
            self._room.notify_all()
            return self._take_all()

    def _add(self, job: EngineJob) -> None:
        if isinstance(job, ScoreJob):
            self._scores.append(job)
        else:
            self._answers.append(job)

    def _take_all(self) -> list[EngineJob]:
        jobs: list[EngineJob] = [*self._answers, *self._scores]
        self._answers.clear()
        self._scores.clear()
        return jobs


def alike(length: int, target: int) -> bool:
    """Whether padding one to the other wastes less than about half."""
    return max(length, target) <= 2 * min(length, target) + 16
