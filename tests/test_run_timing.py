"""The pace of a model: what is timed, by whose functions, and what the timings say."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import count, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_samples import dilemma_spec, pairs_spec, save_tiny_model, write_conva

from valuescope.models import NeuronModel, load_model
from valuescope.run import Estimator, make_spec, timing
from valuescope.run.pace import AnswerLengths, Curve, LocatingPace, Pace, Range, Sampled
from valuescope.run.plan import Plan, plan_of
from valuescope.run.stopwatch import LONG, REPEATS, OutOfPatienceError, Stopwatch, patience
from valuescope.run.timing import SAMPLE, measure_pace


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(folder: Path) -> NeuronModel:
    return load_model(str(folder), dtype="float32", device="cpu")


def plans(folder: Path, tmp_path: Path, name: str) -> Plan:
    content = dilemma_spec(folder) if name == "dilemma" else pairs_spec(folder, write_conva(tmp_path))
    return plan_of(make_spec(content, "t"))


class Calls:
    """Wraps functions of `valuescope.run.timing`, and notes what they are called with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *names: str):
        self.of: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {name: [] for name in names}
        for name in names:
            monkeypatch.setattr(timing, name, self._noting(name, getattr(timing, name)))

    def _noting(self, name: str, function: Any) -> Any:
        def noted(*args: Any, **named: Any) -> Any:
            self.of[name].append((args, named))
            return function(*args, **named)

        return noted


def test_each_kind_of_work_is_timed_by_the_function_that_does_it(
    folder: Path, model: NeuronModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls(monkeypatch, "collect", "log_likelihood", "RunningBatch", "generate", "locate")
    plan = plans(folder, tmp_path, "pairs")
    pace = measure_pace(model, plan)
    read = [len(args[1]) for args, _ in calls.of["collect"]]
    assert read[-2 * (REPEATS + 1) :] == [1] * (REPEATS + 1) + [4] * (REPEATS + 1)  # a quarter, and the whole
    scored = [(len(args[1]), "edits" in named) for args, named in calls.of["log_likelihood"]]
    assert scored == [(rows, True) for rows in [1] * 4] + [(4, True)] * 4 + [(2 * 10, False)]
    asked = [args[1] for args, _ in calls.of["RunningBatch"]]
    assert {len(rows) for rows in asked} == {1, 4}
    assert all(row.edit is not None for rows in asked for row in rows)
    (answered,) = calls.of["generate"]
    assert len(answered[0][1]) == min(SAMPLE, 4) == answered[1]["batch_size"]
    assert [args[0] for args, _ in calls.of["locate"]] == ["neva"]
    assert [size for size, _ in pace.step.points] == [1, 4] if pace.step else False
    assert pace.lengths[0].lengths.most == 6
    assert pace.margin_sd is not None
    assert pace.margin_sd > 0


def test_sizes_that_are_asked_for_are_timed(folder: Path, model: NeuronModel, tmp_path: Path) -> None:
    plan = plans(folder, tmp_path, "dilemma")
    pace = measure_pace(model, plan, reading_sizes=[8, 16], asking_sizes=[4, 8, 10_000])
    assert pace.step is not None
    assert [rows for rows, _ in pace.step.points] == [1, 4, 8]  # no more rows than there are
    assert len(pace.read.points) == 3
    assert pace.score is None  # nothing is scored


def test_steps_are_timed_halfway_through_an_answer(
    folder: Path, model: NeuronModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls(monkeypatch, "RunningBatch")
    plan = plans(folder, tmp_path, "dilemma")
    measure_pace(model, plan)
    tokens = Estimator(plan.spec, model).tokens
    shortest = min(length for _, ask, _ in plan.distinct() for item in ask.items for length in tokens[item])
    half = plan.spec.generate.max_new_tokens // 2
    assert all(len(row.prompt) >= shortest + half for args, _ in calls.of["RunningBatch"] for row in args[1])


def test_the_clock_is_the_one_given(folder: Path, model: NeuronModel, tmp_path: Path) -> None:
    """Under a clock that goes on by one with each look, every call takes a second."""
    ticks = count()
    pace = measure_pace(model, plans(folder, tmp_path, "pairs"), clock=lambda: float(next(ticks)))
    curves = [pace.read, pace.score, pace.prefill, pace.step]
    assert {seconds for curve in curves if curve for _, seconds in curve.points} == {1.0}
    assert pace.spread == 0


def test_a_median_beats_a_slow_repetition() -> None:
    times = iter([0, 9, 10, 11, 20, 23, 30, 31])  # a start and an end of each call
    watch = Stopwatch(lambda: float(next(times)))
    assert REPEATS == 3
    watch.spreads.clear()
    first = watch.once(lambda: None)
    assert first == 9
    assert watch.once(lambda: None) == 1
    times = iter([0, 1, 10, 11, 20, 23, 30, 31])
    assert watch.typical(lambda: None) == 1
    assert watch.spreads == [1.0]  # half of (3 - 1)


def test_a_long_call_is_made_once() -> None:
    times, calls = iter([0.0, LONG + 1]), list[int]()
    assert Stopwatch(lambda: next(times)).typical(lambda: calls.append(1)) == LONG + 1
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("size", "seconds"), [(5, 1.5), (10, 2.0), (15, 2.5), (20, 3.0), (30, 5.0), (40, 7.0), (50, 9.0)]
)
def test_a_curve_is_straight_between_and_behind_its_points(size: float, seconds: float) -> None:
    assert Curve(((40, 7.0), (10, 2.0), (20, 3.0))).at(size) == pytest.approx(seconds)


def test_noise_makes_no_larger_call_cheaper_and_no_smaller_one_free() -> None:
    assert Curve(((10, 2.0), (20, 1.0))).at(20) == 2.0
    assert Curve(((10, 1.0), (20, 4.0))).at(5) == 0.5  # the line would cross zero
    assert Curve(((10, 1.0),)).at(25) == 2.5


def test_the_longest_of_some_answers_by_counting_every_draw() -> None:
    seen, most, rows = (2, 5, 5, 9), 12, 3

    def reference(steps: tuple[int, ...]) -> float:
        return float(np.mean([max(drawn) for drawn in product(steps, repeat=rows)]))

    assert AnswerLengths(seen, most).until_all_end(rows) == Range(
        pytest.approx(reference((2, 5, 5))),
        pytest.approx(reference(seen)),
        pytest.approx(reference((*seen, most))),
    )
    alone = AnswerLengths((4,), 12).until_all_end(1)
    assert (alone.low, alone.middle, alone.high) == (4, 4, 8)


def test_a_locator_is_not_waited_for_for_ever(
    folder: Path, model: NeuronModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = pairs_spec(folder, write_conva(tmp_path))
    content["methods"]["slow"] = {
        "locator": "cgvst",
        "roles": ["positive", "negative"],
        "edit": "deactivate",
        "asked": "pairs",
    }
    spec = make_spec(content, "t")
    estimator = Estimator(spec, model)
    plan = plan_of(spec)
    slow = next(each.name for each in plan.reading.locating if each.locator == "cgvst")
    pace = estimator.pace(plan)
    assert pace is not None
    assert pace.locate[slow] is not None
    monkeypatch.setattr(timing, "PATIENCE", 0.001)
    impatient = Estimator(spec, model)
    cost = impatient.cost(spec)
    assert "locator cgvst (over 60 s for a few texts)" in cost.uncounted
    assert cost.seconds is not None


def calls_for_ever() -> None:
    while True:
        abs(-1)


def test_patience_ends_what_makes_calls_and_leaves_the_profile_as_it_was() -> None:
    before = sys.getprofile()
    with pytest.raises(OutOfPatienceError), patience(0.02):
        calls_for_ever()
    assert sys.getprofile() is before
    with patience(10):
        abs(-1)
    assert sys.getprofile() is before


def test_a_locator_is_priced_by_its_batches_and_texts() -> None:
    """Three texts of 2 s in two batches of 5 s; where there are no batches, in one."""
    assert LocatingPace(5.0, 2.0, batch_size=2).seconds(3) == 16
    assert LocatingPace(5.0, 2.0).seconds(3) == 11
    assert LocatingPace(5.0, 2.0, batch_size=2).seconds(0) == 0


def test_lengths_hold_for_asks_of_the_same_items_and_sampling(folder: Path, tmp_path: Path) -> None:
    """Of tuning questions, or under another sampling, they say nothing: then answers are priced at full length."""
    plan = plans(folder, tmp_path, "dilemma")
    asks = [ask for _, ask, _ in plan.distinct()]
    first = asks[0]
    sampled = Sampled(first.sampling, frozenset(item.key for item in first.items), AnswerLengths((2,), 6))
    pace = Pace(lengths=[sampled])
    keys = {item.key for item in first.items}
    alike = [ask for ask in asks if keys & {item.key for item in ask.items}]
    others = [ask for ask in asks if ask not in alike]
    assert len(alike) > 1
    assert others
    assert all(pace.lengths_of(ask).steps == (2,) for ask in alike)
    assert all(pace.lengths_of(ask).steps == (6,) for ask in others)
    hotter = replace(first, sampling=replace(first.sampling, temperature=0.5))
    assert pace.lengths_of(hotter).steps == (6,)
