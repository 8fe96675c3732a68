"""The queue of an engine: order, like lengths, and threads that put while one takes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from engine_samples import WAIT, until

from valuescope.generate import EngineBusy, EngineClosed, ScoreRequest
from valuescope.generate.jobs import AnswerJob, Queue, ScoreJob
from valuescope.generate.promise import Promise
from valuescope.models import Encoded


def answer(queue: Queue, length: int, new_tokens: int = 10) -> AnswerJob:
    row: Any = SimpleNamespace(prompt=(1,) * length, drawn=[])
    request: Any = SimpleNamespace(sampling=SimpleNamespace(max_new_tokens=new_tokens))
    return AnswerJob(request, Promise(queue.note_cancelled, lambda: None), lambda _: row, None)


def score(queue: Queue) -> ScoreJob:
    request = ScoreRequest((1,), ((2,),))
    return ScoreJob(request, Promise(queue.note_cancelled, lambda: None), [Encoded((1, 2), 1)])


def fits(_: int, __: int) -> bool:
    return True


def test_first_come_first_served_with_those_of_like_length() -> None:
    queue = Queue(None)
    jobs = [answer(queue, length) for length in (10, 300, 12, 500, 9, 11)]
    for job in jobs:
        queue.put(job)
    assert queue.take_answers(3, 10_000, fits) == [jobs[0], jobs[2], jobs[4]]
    assert queue.take_answers(3, 10_000, fits) == [jobs[1], jobs[3]]
    assert queue.take_answers(3, 10_000, fits) == [jobs[5]]
    assert queue.take_answers(3, 10_000, fits) == []


def test_rows_tokens_and_memory_limit_what_is_taken() -> None:
    queue = Queue(None)
    jobs = [answer(queue, length) for length in (10, 20, 20, 10, 10)]
    for job in jobs:
        queue.put(job)
    assert queue.take_answers(0, 10_000, fits) == []
    assert queue.take_answers(-3, 10_000, fits) == []
    assert queue.take_answers(9, 45, fits) == jobs[:2]  # with padding: 2 x 20
    assert queue.take_answers(9, 5, fits) == [jobs[2]]  # the first goes even if it is too long
    asked: list[tuple[int, int]] = []

    def one_more(count: int, need: int) -> bool:
        asked.append((count, need))
        return count < 2

    assert queue.take_answers(9, 10_000, one_more) == [jobs[3]]
    assert asked == [(1, 20), (2, 20)]
    assert queue.take_answers(9, 10_000, lambda *_: False) == []
    assert len(queue) == 1


def test_what_does_not_fit_is_not_passed_by() -> None:
    queue = Queue(None)
    large, small = answer(queue, 10, new_tokens=1000), answer(queue, 10)
    queue.put(large)
    queue.put(small)
    assert queue.take_answers(9, 10_000, lambda _, need: need < 100) == []
    assert queue.take_answers(9, 10_000, fits) == [large, small]


def test_those_that_had_begun_stand_first_again() -> None:
    queue = Queue(2)
    jobs = [answer(queue, 10) for _ in range(4)]
    queue.put(jobs[2])
    queue.put(jobs[3])
    queue.put_back(jobs[:2])
    assert len(queue) == 4
    assert queue.take_answers(9, 10_000, fits) == jobs


def test_scores_are_taken_apart_from_answers() -> None:
    queue = Queue(None)
    answers, scores = [answer(queue, 10) for _ in range(3)], [score(queue) for _ in range(3)]
    for pair in zip(answers, scores, strict=True):
        for job in pair:
            queue.put(job)
    assert queue.take_scores(2) == scores[:2]
    assert queue.take_answers(2, 10_000, fits) == answers[:2]
    assert queue.take_scores(0) == queue.take_scores(-1) == []
    assert queue.empty() == [answers[2], scores[2]]


def test_cancelled_jobs_leave_wherever_they_stand() -> None:
    queue = Queue(2000)
    jobs = [answer(queue, 10) for _ in range(1500)]
    scores = [score(queue) for _ in range(500)]
    for job in (*jobs, *scores):
        queue.put(job)
    assert queue.take_cancelled() == []
    gone = [*jobs[::3], scores[7]]
    for job in gone:
        assert job.future.cancel()
    assert queue.is_full
    assert queue.take_cancelled() == gone
    assert queue.take_cancelled() == []
    assert len(queue) == 2000 - len(gone)
    assert queue.take_answers(4, 10_000, fits) == [jobs[1], jobs[2], jobs[4], jobs[5]]


def test_a_full_or_closed_queue_refuses() -> None:
    queue = Queue(1)
    queue.put(answer(queue, 1))
    with pytest.raises(EngineBusy, match="1 requests are waiting"):
        queue.put(answer(queue, 1))
    queue.close()
    for wait in (False, True):
        with pytest.raises(EngineClosed):
            queue.put(answer(queue, 1), wait=wait)
    assert queue.wait()
    assert len(queue.empty()) == 1
    assert not queue.wait()


@pytest.mark.parametrize("room", ["taken", "scored", "cancelled", "emptied", "closed"])
def test_those_who_wait_for_room_are_woken(room: str) -> None:
    queue = Queue(1)
    first = score(queue) if room == "scored" else answer(queue, 1)
    queue.put(first)
    with ThreadPoolExecutor(1) as pool:
        putting = pool.submit(queue.put, answer(queue, 1), wait=True)
        until(lambda: bool(queue._room._waiters))  # type: ignore[attr-defined]
        assert not putting.done()
        if room == "taken":
            queue.take_answers(1, 10, fits)
        elif room == "scored":
            queue.take_scores(1)
        elif room == "cancelled":
            first.future.cancel()
            queue.take_cancelled()
        elif room == "emptied":
            queue.empty()
        else:
            queue.close()
            assert isinstance(putting.exception(WAIT), EngineClosed)
            return
        putting.result(WAIT)
    assert len(queue) == 1


def test_nothing_is_lost_or_taken_twice_among_many_threads() -> None:
    queue = Queue(7)
    taken: list[AnswerJob | ScoreJob] = []
    put: list[AnswerJob | ScoreJob] = []

    def give() -> None:
        for number in range(200):
            job = answer(queue, 1 + number % 40) if number % 3 else score(queue)
            queue.put(job, wait=True)
            put.append(job)

    threads = [threading.Thread(target=give) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(taken) < 800:
        assert queue.wait()
        some = queue.take_answers(3, 100, fits)
        if len(some) > 1:
            queue.put_back(some[1:])
            some = some[:1]
        taken += some
        taken += queue.take_scores(2)
    for thread in threads:
        thread.join(WAIT)
    assert len(set(map(id, taken))) == 800
    assert set(map(id, taken)) == set(map(id, put))
    assert len(queue) == 0
