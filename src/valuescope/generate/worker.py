"""The engine's thread: it takes waiting jobs, runs one batch and reads scores between its steps."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Sequence
from typing import Any

from valuescope.edit import EditBank
from valuescope.generate.answer import Answer, Scores
from valuescope.generate.batch import RunningBatch
from valuescope.generate.isolation import rows_at_fault
from valuescope.generate.jobs import AnswerJob, EngineJob, Queue, ScoreJob
from valuescope.generate.memory import is_out_of_memory, release_memory, tokens_that_fit
from valuescope.generate.promise import EngineClosed, EngineError, EngineFailed, Promise
from valuescope.generate.row import RunningRow
from valuescope.generate.scorer import Piece, Scorer
from valuescope.generate.tally import EngineTally
from valuescope.models import NeuronModel

_log = logging.getLogger("valuescope.generate")
_TOGETHER = 8  # a full batch waits for an eighth of its rows to be free, but not for more steps than this
_CALM_STEPS = 256  # steps without an out-of-memory error after which larger batches are tried again


class Worker:
    """All of an engine that its thread touches. It holds no reference to the engine, so that one that nobody holds any
    more can end."""

    def __init__(self, model: NeuronModel, queue: Queue, *, max_rows: int, prefill_tokens: int) -> None:
        self.tally = EngineTally()
        self.thread = threading.Thread(target=self._work, name="valuescope-engine", daemon=True)
        self._model = model
        self._queue = queue
        self._max_rows = self._rows_now = max_rows
        self._prefill_tokens = prefill_tokens
        self._token_limit = tokens_that_fit(model)
        # Whether an edit may act on this model is settled when it is asked for.
        self._bank = EditBank(model, force=True)
        self._scorer = Scorer(model, self._bank, rows=max_rows, tokens=prefill_tokens)
        self._batch: RunningBatch | None = None
        self._running: dict[RunningRow, AnswerJob] = {}
        self._calm = 0
        self._since_admission = 0  # steps
        self._stopping = False
        self.failure: BaseException | None = None

    @property
    def running(self) -> int:
        """Requests that have begun."""
        return len(self._running) + len(self._scorer.jobs)

    def stop(self, *, drain: bool) -> None:
        """Take nothing more, and end when all is done (`drain`) or before the next step."""
        self._stopping = self._stopping or not drain
        self._queue.close()

    def _work(self) -> None:
        try:
            while self.running or self._queue.wait():
                if self._stopping:
                    self._end_all()
                else:
                    self._turn()
        except BaseException as error:  # also what ends a thread in silence
            self.failure = error
            _log.exception("the engine's thread has ended")
        finally:  # nobody may wait for it
            self._queue.close()
            self._end_all()

    def _turn(self) -> None:
        """One step of the running answers, and what is due between two steps."""
        try:
            self._let_cancelled_go()
            if self._score():
                self._admit()
                self._step()
        except Exception as error:  # a fault of ours or of the model's: those who wait must hear of it
            if is_out_of_memory(error):
                self._back_off(error)
            else:
                self._batch = None
                self._retry(list(self._running.values()), error)

    def _score(self) -> bool:
        """Read a piece of what has to be scored; whether the answers may go on in this turn."""
        cancelled = [job for job in self._scorer.jobs if job.future.cancelled()]
        self._scorer.take_out(cancelled)
        for job in cancelled:
            self._end(job, EngineClosed("cancelled"))
        self._scorer.jobs += self._queue.take_scores(self._max_rows - len(self._scorer.jobs))
        piece = self._scorer.next_piece()
        if not piece:
            return True
        try:
            finished = self._scorer.read(piece)
        except Exception as error:
            if is_out_of_memory(error):
                return self._score_less(piece, error)
            finished = self._score_apart(piece, error)
        for done in finished:
            self._end(done, done.scores())
        return True

    def _score_less(self, piece: Piece, error: Exception) -> bool:
        """After an out-of-memory error: read less, or a single row before the answers go on."""
        self.tally.memory_backoffs += 1
        release_memory(error)
        if len(piece) > 1:
            self._scorer.shrink(piece)
        elif self._running:
            self._batch = None
            self._put_back(list(self._running.values()))
            return False
        else:
            self._score_apart(piece, error)
        return True

    def _score_apart(self, piece: Piece, error: Exception) -> list[ScoreJob]:
        """After any other error: fail the requests of a piece that are at fault; those that are complete are returned."""
        finished, failed = self._scorer.read_apart(piece, error)
        for job, fault in failed:
            self._fail([job], fault)
        return finished

    def _admit(self) -> None:
        """Fill the batch from the queue, as far as rows, memory and the tokens that may be read at once allow."""
        tokens = self._prefill_tokens
        if self._waits_for_more_room():
            return
        self._since_admission = 0
        while tokens > 0 and (self._batch is None or self._batch.joinable):
            jobs = self._queue.take_answers(self._rows_now - len(self._running), tokens, self._fits)
            if not jobs:
                return
            tokens -= len(jobs) * max(job.length for job in jobs)
            self._start(jobs)
            self._let_cancelled_go()

    def _waits_for_more_room(self) -> bool:
        """Whether to go on for some steps, so that new rows are read together and not one by one as others end."""
        free = self._rows_now - len(self._running)
        return (
            self._batch is not None
            and free < self._rows_now // _TOGETHER
            and free <= self._queue.answers
            and self._since_admission < _TOGETHER
        )

    def _let_cancelled_go(self) -> None:
        """Those that wait; the others are seen to where they are."""
        for job in self._queue.take_cancelled():
            self._end(job, EngineClosed("cancelled"))

    def _fits(self, count: int, need: int) -> bool:
        """Whether so many more rows of so many tokens fit beside the running ones; all are padded to the longest."""
        if self._token_limit is None or (not self._running and count == 1):
            return True
        longest = max([need, *(job.need for job in self._running.values())])
        return (len(self._running) + count) * longest <= self._token_limit

    def _start(self, jobs: Sequence[AnswerJob]) -> None:
        """Read new prompts, draw their first tokens, and let them join."""
        before = len(self._running)
        self._running |= {job.row: job for job in jobs}
        new = None
        try:
            new = RunningBatch(self._model, [job.row for job in jobs], self._bank)
            new.step()
        except Exception as error:
            new = None
            if is_out_of_memory(error) and not before:
                raise
            self._answer_done()
            left = [job for job in jobs if job.row in self._running]
            if is_out_of_memory(error):
                # Those that run already go on; the new ones come when there are fewer.
                self.tally.memory_backoffs += 1
                release_memory(error)
                self._rows_now, self._calm = before, 0
                self._put_back(left)
            else:
                self._retry(left, error)
            return
        self.tally.largest_batch = max(self.tally.largest_batch, len(self._running))
        if self._batch is None:
            self._batch = new
        else:
            self._batch.join(new)
        self._deliver()

    def _step(self) -> None:
        for row, job in self._running.items():
            if job.future.cancelled():
                row.done = True
        self._deliver()
        if self._batch is None:
            return
        self._batch.step()
        self._calm += 1
        self._since_admission += 1
        if self._calm >= _CALM_STEPS and self._rows_now < self._max_rows:
            self._rows_now, self._calm = min(self._max_rows, 2 * self._rows_now), 0
        self._deliver()

    def _deliver(self) -> None:
        """Answer those whose rows are done, and let the rows go."""
        some = self._answer_done()
        if not self._running:
            self._batch = None
        elif some and self._batch is not None and self._batch.joinable:
            self._batch.drop_done()

    def _answer_done(self) -> bool:
        """Whether there were any."""
        done = [row for row in self._running if row.done]
        for row in done:
            job = self._running.pop(row)
            self.tally.tokens += len(row.drawn)
            try:
                answer: Answer | Exception = row.answer()
            except Exception as error:  # the row's own failure
                answer = error
            self._end(job, answer)
        return bool(done)

    def _back_off(self, error: Exception) -> None:
        """Make room after an out-of-memory error: half the rows go on, all from the state that they keep."""
        self.tally.memory_backoffs += 1
        self._batch = None
        release_memory(error)
        self._answer_done()
        jobs = list(self._running.values())
        self._rows_now, self._calm = max(1, len(jobs) // 2), 0
        if len(jobs) == 1:
            # The first time others may have held the memory; the second time it does not fit.
            before, jobs[0].stuck_at = jobs[0].stuck_at, len(jobs[0].row.drawn)
            if before == jobs[0].stuck_at:
                self._running.clear()
                self._fail(jobs, error)
        self._put_back(list(self._running.values()))

    def _put_back(self, jobs: Sequence[AnswerJob]) -> None:
        """Rows that are in no batch any more; they go on later, where they were."""
        for job in jobs:
            del self._running[job.row]
        self._queue.put_back(jobs)

    def _retry(self, jobs: Sequence[AnswerJob], error: Exception) -> None:
        """After any other error: find the row at fault and fail it alone; the others go on where they were."""
        self._answer_done()
        rows = [job.row for job in jobs if job.row in self._running]
        faults = rows_at_fault(self._model, rows, self._bank, error)
        for row, fault in faults:
            self._fail([self._running.pop(row)], fault)
        self._answer_done()
        left = [job for job in jobs if job.row in self._running]
        if not faults:  # they fail together and not alone: they get one more chance
            self._fail([self._running.pop(job.row) for job in left if job.tried_again], error)
            left = [job for job in left if not job.tried_again]
            for job in left:
                job.tried_again = True
        self._put_back(left)

    def _end(self, job: EngineJob, result: Answer | Scores | Exception) -> None:
        """Tell those who wait, unless they have cancelled; once for every job."""
        future: Promise[Any] = job.future
        if not future.set_running_or_notify_cancel():  # from here on it cannot be cancelled
            self.tally.cancelled += 1
        elif isinstance(result, Exception):
            self.tally.failed += 1
            future.set_exception(result)
        else:
            self.tally.answered += 1
            future.set_result(result)

    def _fail(self, jobs: Sequence[EngineJob], error: Exception) -> None:
        """End jobs with an error of their own each, for those who wait for them may change it."""
        traceback.clear_frames(error.__traceback__)  # they hold tensors
        for job in jobs:
            failure = EngineError(f"the model failed with {type(error).__name__}: {error}")
            failure.__cause__ = error
            self._end(job, failure)

    def _end_all(self) -> None:
        jobs: list[EngineJob] = [*self._running.values(), *self._scorer.jobs, *self._queue.empty()]
        self._running.clear()
        self._scorer.jobs.clear()
        self._batch = None
        for job in jobs:
            closed = EngineClosed("the engine was closed before it could answer")
            self._end(job, closed if self.failure is None else EngineFailed(self.failure))
