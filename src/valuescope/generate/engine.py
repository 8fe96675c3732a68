"""The engine: one thread that owns a model and batches whatever is asked of it."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from functools import partial
from types import TracebackType
from typing import Self, overload

from valuescope.generate.answer import Answer, Scores
from valuescope.generate.decoding import default_stop_ids
from valuescope.generate.jobs import AnswerJob, EngineJob, Queue, ScoreJob
from valuescope.generate.promise import EngineClosed, EngineError, EngineFailed, Promise, hinders_waiting
from valuescope.generate.request import Request, ScoreRequest, encode_continuations, encode_prompt
from valuescope.generate.row import OnText, RunningRow
from valuescope.generate.worker import Worker
from valuescope.models import NeuronModel
from valuescope.progress import StepProgress

_EXIT_SECONDS = 10.0
_WORKERS: weakref.WeakSet[Worker] = weakref.WeakSet()


@dataclass(frozen=True)
class EngineStats:
    """What an engine did so far, and what it has to do. `tokens` counts generated ones, of every row that has ended."""

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
    the batch is made smaller and the rows go on where they were. Scores are read in pieces between the steps.

    While an engine is open, ask its model through it. Other calls of this package on the same model are safe and wait
    for its steps; hooks and edits of your own (`edited`) make it wait, and must not be open on a thread that waits for
    an answer. Calls past this package (`model.model(...)` on another thread) may see the engine's edits.

    max_rows: rows in a batch. max_queue: waiting requests beyond which `submit` raises EngineBusy (None: no limit).
    prefill_tokens: tokens with their padding that are read at once, so that long prompts and many continuations do not
    hold running answers up for long. An engine that nobody holds any more finishes its work and ends.
    """

    def __init__(
        self,
        model: NeuronModel,
        *,
        max_rows: int = 64,
        max_queue: int | None = None,
        prefill_tokens: int = 16384,
    ) -> None:
        for name, number in (
            ("max_rows", max_rows),
            ("max_queue", 1 if max_queue is None else max_queue),
            ("prefill_tokens", prefill_tokens),
        ):
            if number < 1:
                raise EngineError(f"{name} is {number}, it must be at least 1")
        self.model = model
        self.max_rows = max_rows
        self._stop_ids = default_stop_ids(model)
        self._tokenizing = threading.Lock()
        # The first call of a tokenizer may change its settings, which must not happen while another thread uses it.
        model.tokenizer("a")
        self._queue = Queue(max_queue)
        self._worker = Worker(model, self._queue, max_rows=max_rows, prefill_tokens=prefill_tokens)
        self._worker.thread.start()
        # Not by methods: a future that is kept does not keep the engine and its model.
        self._hinders = partial(hinders_waiting, model.lock, self._worker.thread.ident)
        _WORKERS.add(self._worker)
        weakref.finalize(self, self._worker.stop, drain=True).atexit = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(drain=kind is None)

    @property
    def alive(self) -> bool:
        """Whether requests are taken and answered: not after `close`, an error that ended the thread, or a fork."""
        return self._worker.thread.is_alive() and self._worker.failure is None and not self._queue.closed

    @property
    def stats(self) -> EngineStats:
        """A snapshot."""
        return EngineStats(
            queued=len(self._queue), running=self._worker.running, **asdict(self._worker.tally)
        )

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
        request is cancelled. It must not wait, and nor must callbacks of the future: all answers wait for them.

        Raises at once: GenerationError (no room, nothing to score), BatchError, NeuronSetError or SteeringError (an
        edit of another model), EngineBusy, EngineClosed (EngineFailed where an error ended the engine's thread), and EngineError where the calling thread has edits of its own on the model.
        """
        return self._submit(request, on_text, wait=False).future

    def run(
        self, requests: Sequence[Request | ScoreRequest], *, progress: StepProgress | None = None
    ) -> list[Answer | Scores]:
        """Answers and scores in the order of the requests; the first failure is raised and the rest cancelled.

        Where the queue is full it waits for room.
        """
        futures = list[Future[Answer] | Future[Scores]]()
        results = list[Answer | Scores]()
        try:
            for request in requests:
                futures.append(self._submit(request, None, wait=True).future)
            for future in futures:
                results.append(future.result())
                if progress is not None:
                    progress(len(results), len(futures))
        finally:
            for future in futures:
                future.cancel()
        return results

    def close(self, *, drain: bool = True, timeout: float | None = None) -> None:
        """Take nothing more; finish what is queued and running (`drain`), or fail it with EngineClosed.

        From the engine's own thread (`on_text`) it returns at once. EngineError where it takes longer than `timeout`
        seconds, and where it would never end.
        """
        self._worker.stop(drain=drain)
        if threading.current_thread() is self._worker.thread:
            return
        why = self._hinders()
        if why is not None and self._worker.thread.is_alive() and timeout is None:
            raise EngineError(why)
        self._worker.thread.join(timeout)
        if self._worker.thread.is_alive():
            raise EngineError(f"the engine still works after {timeout} seconds; close(drain=False) stops it")

    def _submit(self, request: Request | ScoreRequest, on_text: OnText | None, *, wait: bool) -> EngineJob:
        if self._worker.failure is not None:
            raise EngineFailed(self._worker.failure)
        self._queue.require_open()
        if not self._worker.thread.is_alive():
            raise EngineClosed(
                "the engine's thread does not run here: make an engine after a fork, not before"
            )
        if not wait:
            self._queue.require_room()
        why = self._hinders()
        if why is not None and (wait or threading.current_thread() is not self._worker.thread):
            raise EngineError(why)
        if request.edit is not None:
            request.edit.require(self.model, force=request.force)
        with self._tokenizing:
            job = self._job(request, on_text)
        self._queue.put(job, wait=wait)
        return job

    def _job(self, request: Request | ScoreRequest, on_text: OnText | None) -> EngineJob:
        if isinstance(request, ScoreRequest):
            scores = Promise[Scores](self._queue.note_cancelled, self._hinders)
            return ScoreJob(request, scores, encode_continuations(self.model, request))
        if not request.sampling.use_cache:
            raise EngineError("an engine always caches; for answers without the cache see generate(...)")
        answer = Promise[Answer](self._queue.note_cancelled, self._hinders)
        prompt = encode_prompt(self.model, request).input_ids
        row = partial(RunningRow, self.model, request, prompt, self._stop_ids)
        return AnswerJob(request, answer, row, on_text)


@atexit.register
def _stop_all() -> None:
    """Threads that are in the middle of a pass when Python ends can crash it."""
    for worker in list(_WORKERS):
        worker.stop(drain=False)
    for worker in list(_WORKERS):
        worker.thread.join(_EXIT_SECONDS)
