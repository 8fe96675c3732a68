"""Progress with how long it will still take, under a clock of the test's own."""

from __future__ import annotations

import pytest

from valuescope.cli.terminal import EVERY, ProgressBars


class FakeClock:
    """Seconds that only the test lets pass."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_a_log_gets_a_line_every_half_minute(clock: FakeClock, capsys: pytest.CaptureFixture[str]) -> None:
    bars = ProgressBars(clock=clock)
    for done in range(0, 101, 10):  # every 10 rows take 10 seconds
        bars("effects", done, 100)
        clock.now += 10
    lines = capsys.readouterr().err.splitlines()
    assert EVERY == 30
    assert lines == [
        "  effects: 30 of 100, 70 s left in it",
        "  effects: 60 of 100, 40 s left in it",
        "  effects: 90 of 100, 10 s left in it",
        "  effects: 100",
    ]


def test_what_was_done_before_counts_for_no_speed(
    clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """A resumed stage begins far on; only what was done since says how fast it goes."""
    bars = ProgressBars(clock=clock)
    bars("dose", 900, 1000)
    assert bars.left("dose", 900, 1000) is None
    clock.now += 30
    bars("dose", 910, 1000)
    assert bars.left("dose", 910, 1000) == pytest.approx(270)
    assert capsys.readouterr().err == "  dose: 910 of 1000, 4.5 min left in it\n"


def test_the_rest_of_the_run_is_told_where_it_was_estimated(
    clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = ProgressBars({"activations": 50.0, "effects": 100.0, "leakage": 600.0}, clock)
    bars("activations en feeding", 0, 10)
    assert bars.rest_of_run("activations en feeding", 0, 10) == "about 12 min left in all"  # 750 s
    bars("effects", 0, 10)
    clock.now += 60  # slower than thought: 2 of 10 in a minute
    bars("effects", 2, 10)
    assert capsys.readouterr().err.endswith(
        "  effects: 2 of 10, 4.0 min left in it, about 14 min left in all\n"
    )
    assert bars.rest_of_run("judge", 1, 10) == ""


def test_a_stage_that_begins_again_is_timed_anew(clock: FakeClock) -> None:
    bars = ProgressBars(clock=clock)
    bars("judge", 0, 10)
    clock.now += 100
    bars("judge", 10, 10)
    bars("judge", 2, 10)
    clock.now += 4
    bars("judge", 4, 10)
    assert bars.left("judge", 4, 10) == pytest.approx(12)
