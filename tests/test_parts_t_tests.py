"""The t-tests of a run: what their observations are, and that table, CSV and page say the same."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from run_samples import TWO, dilemma_spec, save_tiny_model
from scipy.stats import ttest_rel
from summary_sample import result_of, sample_summary

from valuescope.lab.ask import Outcome
from valuescope.parts.effects import Effects
from valuescope.parts.t_tests import t_tests, t_tests_table
from valuescope.run import make_spec, read_result, run


def test_a_question_with_all_its_answers_is_one_observation_and_so_is_a_value() -> None:
    successes = {
        "power": [(0, 1), (0, 0), (1, 1)],
        "security": [(0, 1), (0, 1), (0, 0)],
        "benevolence": [(0, 0), (1, 0)],
    }
    arms = [
        [
            Outcome(f"{value}/{number}", value, float(pair[arm]), None)
            for value, pairs in successes.items()
            for number, pair in enumerate(pairs)
        ]
        for arm in (0, 1)
    ]
    tests = t_tests(*arms)
    expected = ttest_rel(*([outcome.success for outcome in arm] for arm in reversed(arms)))
    assert (tests["questions"].t, tests["questions"].p, tests["questions"].n) == pytest.approx(
        (expected.statistic, expected.pvalue, 8)
    )
    expected = ttest_rel([2 / 3, 2 / 3, 0], [1 / 3, 0, 1 / 2])
    assert (tests["values"].t, tests["values"].p, tests["values"].n) == pytest.approx(
        (expected.statistic, expected.pvalue, 3)
    )


def test_a_run_has_them_in_summary_table_and_page(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "model")
    methods = {
        "vape": {
            "locator": "vape",
            "edit": "deactivate",
            "asked": "dilemma",
            "default": {"locator": {"rate": 0.3}},
        },
        "neva": {
            "locator": "neva",
            "edit": "modulate",
            "default": {"locator": {"alpha": 0.5, "accuracy": 0.0}, "edit": {"beta": 1.0}},
        },
    }
    spec = make_spec(dilemma_spec(folder, methods=methods, leakage=None, runs=2), "t")
    result = run(spec, tmp_path / "run")
    again = read_result(tmp_path / "run")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "run" / "tables" / "t_tests.csv").read_text("utf-8"))))
    assert [(row["method"], row["over"]) for row in rows] == [
        (name, over) for name in methods for over in ("questions", "values")
    ]
    for row in rows:
        setting = result.of(Effects)[row["method"]].settings[0]
        test = again.of(Effects)[row["method"]].settings[0].t_tests[row["over"]]
        assert test == setting.t_tests[row["over"]]
        assert int(row["n"]) == test.n == {"questions": 2 * 4, "values": len(TWO)}[row["over"]]
        assert row["p"] == ("" if test.p is None else str(test.p))
        if setting.effect is not None and row["over"] == "questions":
            assert test.mean == pytest.approx(setting.effect.mean)
    assert "Paired t-tests" in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_a_result_of_before_has_no_such_table() -> None:
    result = result_of(sample_summary())
    assert t_tests_table(result.of(Effects), result) is None
