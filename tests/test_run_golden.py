"""The golden specifications end to end: what was planned, asked and answered; results and reports read back as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from golden_specs import golden_specs, write_inputs
from run_samples import report_files, rows_in, summary_bytes

from valuescope.lab.result import Asked, Result
from valuescope.run import make_spec, read_result, run, write_report

ADAPTIVE = {"methods", "interventions", "exploration", "exploration-plain"}
"""Those with searches, conversations, or values without neurons, which ask less than they planned."""
SLOW = ("methods", "judged", "sampled", "exploration", "exploration-plain")
Finished = tuple[str, Path, Result]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder)
    return folder


@pytest.fixture(
    scope="module",
    params=["pairs", "interventions", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)],
)
def finished(
    request: pytest.FixtureRequest, inputs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Finished:
    """A run of one of them."""
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, folder, run(make_spec(golden_specs(inputs)[request.param], "golden"), folder)


def test_parts_ask_what_they_planned_and_equal_asks_are_answered_once(finished: Finished) -> None:
    name, folder, result = finished
    assert isinstance(result.asked, Asked)
    assert result.asked.planned >= result.asked.asked >= result.asked.answered > 0
    assert (result.asked.planned == result.asked.asked) is (name not in ADAPTIVE)
    assert result.asked.answered == len(rows_in(folder))


def test_a_result_is_read_back_as_it_was(finished: Finished) -> None:
    _, folder, result = finished
    read = read_result(folder)
    assert read.found.keys() == result.found.keys()
    for place, found in result.found.items():
        assert read.found[place] == found, place
    assert read == result


def test_a_report_of_what_was_read_back_is_the_same(finished: Finished, tmp_path: Path) -> None:
    _, folder, _ = finished
    write_report(read_result(folder), tmp_path)
    assert report_files(tmp_path) == report_files(folder)


def test_the_same_run_again_gives_the_same(finished: Finished, inputs: Path) -> None:
    name, folder, _ = finished
    before = summary_bytes(folder), report_files(folder)
    run(make_spec(golden_specs(inputs)[name], "golden"), folder)
    assert (summary_bytes(folder), report_files(folder)) == before
