"""The engine: one thread that owns a model and batches whatever is asked of it."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, overload

from valuescope.generate.answer import Answer, Scores
from valuescope.generate.batch import RunningBatch
from valuescope.generate.decoding import default_stop_ids
from valuescope.generate.jobs import AnswerJob, BankKeeper, Job, Queue, ScoreJob
from valuescope.generate.memory import is_out_of_memory, release_memory, tokens_that_fit
from valuescope.generate.request import (
    GenerationError,
    Request,
    ScoreRequest,
    encode_continuations,
    encode_prompt,
)
from valuescope.generate.row import OnText, Row
from valuescope.generate.scoring import score_rows
from valuescope.models import NeuronModel

_CALM_STEPS = 256  # steps without an out-of-memory error after which larger batches are tried again


class EngineError(RuntimeError):
    """What an engine cannot do as asked."""


class EngineBusy(EngineError):  # noqa: N818 - a state, as in queue.Full
    """The queue is full: ask again later."""


class EngineClosed(EngineError):  # noqa: N818
    """The engine was closed before it could answer."""


@dataclass(frozen=True)
class EngineStats:
    """What an engine did so far, and what it has to do. `tokens` counts generated ones."""

    queued: int
    running: int
    answered: int
    failed: int
    cancelled: int
    tokens: int
    largest_batch: int
    memory_backoffs: int


class Engine:
    """Answers and scores for many callers at once, from any thread.

    Requests are batched as they come, like lengths together; new rows join the running batch between two of its steps
    and finished ones leave it. Each row has its own edit, sampling and noise, and nothing that its neighbours do
    changes its answer (beyond the rounding of the last digits that another batch shape brings). Where memory runs out
    the batch is made smaller and the rows go on where they were.

    While an engine is open, ask its model through it. Other calls on the same model are safe and wait for its steps;
    but hooks and edits of your own (`edited`) must not be open on the thread that asks.

    max_rows: rows in a batch. max_queue: waiting requests beyond which `submit` raises EngineBusy (None: no limit).
    prefill_tokens: prompt tokens that are read at once, so that long prompts do not hold running answers up for long.
    """

    def __init__(
        self,
        model: NeuronModel,
        *,
        max_rows: int = 64,
        max_queue: int | None = None,
        prefill_tokens: int = 16384,
    ) -> None:
        for name, number in (("max_rows", max_rows), ("prefill_tokens", prefill_tokens)):
            if number < 1:
                raise EngineError(f"{name} is {number}, it must be at least 1")
        self.model = model
        self.max_rows = max_rows
        self._prefill_tokens = prefill_tokens
        self._stop_ids = default_stop_ids(model)
        self._tokenizing = threading.Lock()
        self._queue = Queue(max_queue)
        self._bank = BankKeeper(model)
        self._batch: RunningBatch | None = None
        self._running: dict[Row, AnswerJob] = {}
        self._rows_now = max_rows
        self._calm = 0
        self._token_limit = tokens_that_fit(model)
        self._counts = dict.fromkeys(
            ("answered", "failed", "cancelled", "tokens", "largest_batch", "memory_backoffs"), 0
        )
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="valuescope-engine", daemon=True)
        self._thread.start()
        atexit.register(self.close, drain=False, timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(drain=kind is None)

    @property
    def stats(self) -> EngineStats:
        """A snapshot."""
        return EngineStats(queued=len(self._queue), running=len(self._running), **self._counts)

    @overload
    def submit(self, request: Request, *, on_text: OnText | None = None) -> Future[Answer]: ...
    @overload
    def submit(self, request: ScoreRequest, *, on_text: None = None) -> Future[Scores]: ...
    def submit(
        self, request: Request | ScoreRequest, *, on_text: OnText | None = None
    ) -> Future[Answer] | Future[Scores]:
        """Put a request into the queue; the future yields its Answer or Scores.

        `future.cancel()` also works while the row is running: it leaves at the next step. `on_text(piece, logprobs)` is
        called from the engine's thread as the text grows (the pieces join to the answer's text); where it raises, the
        request is cancelled.

        Raises at once: GenerationError (no room, nothing to score), BatchError, NeuronSetError (an edit of another
        model), EngineBusy, EngineClosed, and EngineError where the calling thread has edits of its own on the model.
        """
        # The engine's thread would wait for this one, and this one for the engine.
        if self.model.lock._is_owned():  # type: ignore[attr-defined]
            raise EngineError(
                "this thread has hooks or edits on the engine's model (an open edited(...) block): give the edit to "
                "the request instead"
            )
        if request.edit is not None:
            request.edit.neurons.require(self.model, force=request.force)
        with self._tokenizing:
            job = self._job(request, on_text)
        if not self._queue.put(job):
            if self._queue.closed:
                raise EngineClosed("the engine is closed")
            raise EngineBusy(f"{len(self._queue)} requests are waiting, which is the limit: ask again later")
        return job.future

    def run(
        self,
        requests: Sequence[Request | ScoreRequest],
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Answer | Scores]:
        """Answers and scores in the order of the requests; the first failure is raised and the rest cancelled."""
        futures = list[Future[Answer] | Future[Scores]]()
        found = list[Answer | Scores]()
        try:
            futures += [self.submit(request) for request in requests]
            for future in futures:
                found.append(future.result())
                if progress is not None:
                    progress(len(found), len(futures))
        finally:
            for future in futures:
                future.cancel()
        return found

    def close(self, *, drain: bool = True, timeout: float | None = None) -> None:
        """Take nothing more; finish what is queued and running (`drain`), or fail it with EngineClosed.

        EngineError where that takes longer than `timeout` seconds.
        """
        atexit.unregister(self.close)
        self._stopping = self._stopping or not drain
        self._queue.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)
            if self._thread.is_alive():
                raise EngineError(
                    f"the engine still works after {timeout} seconds; close(drain=False) stops it"
                )

    # What follows runs on the engine's thread.

    def _work(self) -> None:
        while self._queue.wait(block=not self._running) or self._running:
            if self._stopping:
                self._fail_all(EngineClosed("the engine was closed before it could answer"))
                continue
            try:
                self._admit()
                self._step()
            except Exception as error:  # a fault of ours: those who wait must hear of it, and others go on
                self._fail_running(error)

    def _job(self, request: Request | ScoreRequest, on_text: OnText | None) -> Job:
        if isinstance(request, ScoreRequest):
            return ScoreJob(request, encode_continuations(self.model, request))
        if not request.sampling.use_cache:
            raise EngineError("an engine always caches; for answers without the cache see generate(...)")
        job = AnswerJob(request)
        row = Row(
            self.model,
            request,
            encode_prompt(self.model, request).input_ids,
            self._stop_ids,
            None if on_text is None else job.guarded(on_text),
        )
        return job.with_row(row)

    def _admit(self) -> None:
        """Fill the batch from the queue, as far as rows, memory and the tokens that may be read at once allow."""
        tokens = self._prefill_tokens
        while tokens > 0:
            if self._batch is not None and not self._batch.joinable:
                return
            room = self._rows_now - len(self._running)
            jobs = self._queue.take(room, tokens, self._free_tokens(), alone=not self._running)
            if not jobs:
                return
            tokens -= sum(job.length for job in jobs)
            if isinstance(jobs[0], ScoreJob):
                self._score([job for job in jobs if isinstance(job, ScoreJob)])
            else:
                self._start([job for job in jobs if isinstance(job, AnswerJob)])

    def _free_tokens(self) -> int | None:
        if self._token_limit is None:
            return None
        return self._token_limit - sum(job.need for job in self._running.values())

    def _start(self, jobs: Sequence[AnswerJob]) -> None:
        """Read new prompts, draw their first tokens, and let them join."""
        rows = [job.row for job in jobs]
        self._running |= {job.row: job for job in jobs}
        bank = self._bank.holding(row.edit for row in self._running)
        try:
            new = RunningBatch(self.model, rows, bank)
            new.step()
        except Exception as error:
            if is_out_of_memory(error):
                self._back_off(error)
                return
            for row in rows:
                self._fail(self._running.pop(row), error)
            return
        self._counts["largest_batch"] = max(self._counts["largest_batch"], len(self._running))
        if self._batch is None:
            self._batch = new
        else:
            try:
                self._batch.join(new, bank)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._back_off(error)
                return
        self._deliver()

    def _step(self) -> None:
        if self._batch is None:
            return
        for row, job in self._running.items():
            if job.future.cancelled():
                row.done = True
        self._deliver()
        if self._batch is None:
            return
        try:
            self._batch.step()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._back_off(error)
            return
        self._calm += 1
        if self._calm >= _CALM_STEPS and self._rows_now < self.max_rows:
            self._rows_now, self._calm = min(self.max_rows, 2 * self._rows_now), 0
        self._deliver()

    def _deliver(self) -> None:
        """Answer those whose rows are done, and let the rows go."""
        done = [row for row in self._running if row.done]
        for row in done:
            job = self._running.pop(row)
            if job.future.cancelled():
                self._counts["cancelled"] += 1
                continue
            try:
                answer = row.answer()
            except GenerationError as error:
                self._fail(job, error)
                continue
            self._counts["answered"] += 1
            self._counts["tokens"] += len(row.drawn)
            _settle(job.future, answer)
        if self._batch is None:
            return
        if not self._running:
            self._batch = None
        elif done and self._batch.joinable:
            self._batch.drop_done(self._bank.holding(row.edit for row in self._running))

    def _score(self, jobs: Sequence[ScoreJob]) -> None:
        jobs = [job for job in jobs if not job.future.cancelled()]
        if not jobs:
            return
        rows = [row for job in jobs for row in job.rows]
        edits = [job.request.edit for job in jobs for _ in job.rows]
        bank = self._bank.holding([*edits, *(row.edit for row in self._running)])
        found = []
        try:
            for start in range(0, len(rows), self.max_rows):
                part = slice(start, start + self.max_rows)
                found += score_rows(
                    self.model,
                    rows[part],
                    bank,
                    edits=edits[part],
                    on=[job.request.on for job in jobs for _ in job.rows][part],
                    top=max(job.request.top_logprobs for job in jobs),
                )
        except Exception as error:
            for job in jobs:
                self._fail(job, error)
            return
        for job in jobs:
            own, found = found[: len(job.rows)], found[len(job.rows) :]
            self._counts["answered"] += 1
            _settle(job.future, job.scores(own))

    def _back_off(self, error: Exception) -> None:
        """Make room after an out-of-memory error: half the rows go on, all from the state that they keep."""
        self._counts["memory_backoffs"] += 1
        self._calm = 0
        self._batch = None
        # The error's frames hold the tensors that must go.
        error.__traceback__ = None
        release_memory()
        jobs = list(self._running.values())
        if len(jobs) <= 1:
            self._fail_running(
                EngineError(
                    f"a single row does not fit into memory: shorten the prompt or the answer. {error}"
                )
            )
            return
        self._rows_now = max(1, len(jobs) // 2)
        self._running.clear()
        self._queue.put_back(jobs)

    def _fail_running(self, error: Exception) -> None:
        for job in self._running.values():
            self._fail(job, error)
        self._running.clear()
        self._batch = None

    def _fail_all(self, error: Exception) -> None:
        self._fail_running(error)
        for job in self._queue.empty():
            self._fail(job, error)

    def _fail(self, job: Job, error: Exception) -> None:
        self._counts["failed"] += 1
        if not job.future.cancelled():
            try:
                job.future.set_exception(error)
            except InvalidStateError:
                return  # cancelled in this very moment


def _settle(future: Future[Any], result: Answer | Scores) -> None:
    try:
        future.set_result(result)
    except InvalidStateError:
        return  # cancelled in this very moment
