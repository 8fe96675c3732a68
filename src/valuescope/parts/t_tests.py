"""NeVA's t-tests of the gains (appendix D.2), beside the intervals. The paper does not say what its observations are: both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from valuescope.lab.ask import Outcomes, question_of
from valuescope.lab.result import Result
from valuescope.metrics import paired_t_test
from valuescope.parts.method import MethodFound, SettingFound, TTestFound, effect_numbers
from valuescope.report.names import method_name, setting_name
from valuescope.report.numbers import Numbers
from valuescope.report.table import Column, Table

QUESTIONS, VALUES = "questions", "values"


def t_tests(base: Outcomes, edited: Outcomes) -> dict[str, TTestFound]:
    """The test with questions, and with values, as observations."""
    observations = {
        QUESTIONS: [question_of(outcome.key) for outcome in base],
        VALUES: [outcome.value for outcome in base],
    }
    base_of, edited_of = ([outcome.success for outcome in arm] for arm in (base, edited))
    tests = {over: paired_t_test(base_of, edited_of, clusters) for over, clusters in observations.items()}
    return {over: TTestFound(mean=test.mean, t=test.t, p=test.p, n=test.n) for over, test in tests.items()}


class _Row(NamedTuple):
    name: str
    setting: SettingFound
    over: str
    test: TTestFound


def t_tests_table(found: Mapping[str, MethodFound], result: Result) -> Table[_Row] | None:
    """One row for each method, setting and kind of observation; None where nothing was tested."""
    rows = [
        _Row(name, setting, over, test)
        for name, method in found.items()
        for setting in method.settings
        for over, test in setting.t_tests.items()
    ]
    if not rows:
        return None
    numbers = effect_numbers(result)
    columns: tuple[Column[_Row], ...] = (
        Column("method", "", lambda row: row.name),
        Column("setting", "", lambda row: row.setting.name),
        Column(
            "",
            "Method and setting",
            lambda row: method_name(row.name),
            small=lambda row: setting_name(row.setting.name),
        ),
        Column("over", "Observations", lambda row: row.over),
        Column("n", "n", lambda row: row.test.n),
        Column("mean", "Mean effect", lambda row: row.test.mean, numbers),
        Column("", "Interval", lambda row: row.setting.effect, numbers, estimate=True),
        Column("t", "t", lambda row: row.test.t, Numbers(2), absent="no spread"),
        Column("p", "", lambda row: row.test.p),
        Column("", "p, two-sided", lambda row: p_words(row.test.p)),
    )
    caption = (
        "Paired t-tests of the effect, as NeVA reports them: over questions, and over values with the mean of each. Values are "
        "few and not independent of each other; the intervals in the table above make no use of a normal distribution"
    )
    return Table("t_tests", caption, columns, rows, left=2)


def p_words(p: float | None) -> str:
    """A p-value with two digits."""
    return "no spread" if p is None else f"{p:.2g}"
