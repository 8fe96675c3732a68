"""The table that a command prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from valuescope.report.markup import visible
from valuescope.report.names import method_name
from valuescope.report.numbers import Numbers, effect_numbers, neurons_of
from valuescope.report.plain_table import plain_table
from valuescope.report.reading import read_summary
from valuescope.report.summary import Method, Setting, Summary
from valuescope.report.valueexploration.text import exploration_table

_HEAD = (
    "method",
    "setting",
    "edit",
    "avg. precision",
    "effect on target",
    "random neurons",
    "fluency (base)",
    "neurons/value",
)
_LEFT = 3  # columns of words, the others are numbers


def text_table(summary: Mapping[str, Any]) -> str:
    """Every method at every setting as plain text: `*` marks the headline setting, `-` what was not measured.

    Raises:
        ReportError: a summary of another format or with a field of the wrong type.
    """
    if summary.get("experiment") == "valueexploration":
        return exploration_table(summary)
    read = read_summary(summary)
    numbers = Numbers(effect_numbers(read).digits, minus="-")
    rows = [_row(method, setting, numbers) for method in read.methods for setting in method.settings]
    if not rows:
        return "no method was measured"
    unit = f" ({read.unit})" if read.unit else ""
    foot = (
        f"effect: change of {visible(read.measure_name)}{visible(unit)}, mean [interval]; * headline setting"
    )
    return "\n".join([plain_table(_HEAD, rows, left=_LEFT), foot, *_judging(read)])


def _judging(read: Summary) -> list[str]:
    """Who judged and what is missing; above all, loudly, where too much is."""
    if read.judging is None:
        return []
    said = f"judge {read.judging.judge}: " + "; ".join(one.words for one in read.judging.measures)
    return [visible(line) for line in (said, *(f"WARNING: {one}" for one in read.judging.warnings))]


def _row(method: Method, setting: Setting, numbers: Numbers) -> tuple[str, ...]:
    precision = method.precision_of(setting)
    mark = "*" if setting is method.chosen and len(method.settings) > 1 else ""
    shown = (
        method_name(method.id),
        (setting.name or "-") + mark,
        method.edit or "-",
        "-" if precision is None else f"{precision:.3f}",
        numbers.full(setting.effect),
        numbers.full(setting.random),
        _fluency(setting),
        neurons_of(method.edit, setting.neurons.values()).replace("–", "-"),
    )
    return tuple(visible(" ".join(cell.split())) for cell in shown)


def _fluency(setting: Setting) -> str:
    now = setting.fluency.mean if setting.fluency else None
    base = setting.base_fluency.mean if setting.base_fluency else None
    if now is None and base is None:
        return "-"
    return f"{'missing' if now is None else f'{now:.2f}'} ({'missing' if base is None else f'{base:.2f}'})"
