"""What the judge said of answers whose labels are known, before it judged the run's: how far its verdicts can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from valuescope.lab.judging import CalibrationFound, JudgingFound
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.report.blocks import Section
from valuescope.report.numbers import SHARES, Numbers
from valuescope.report.table import Column, Table, Verdict

NOTE = (
    "Real answers that two readers labelled alike, by themselves: as many that are true as that are not for a model's verdicts, "
    "all of them for the judge stance, whose accuracy is over the answers in which it reads a side. Constant: the share of its "
    "commonest verdict; kappa: with the readers. A judge that says one thing always has a balanced accuracy of one half."
)


class KnownAnswers(Part[None]):
    """The judge's known answers; shown where it was asked any."""

    order = 9

    @classmethod
    def shown(cls, result: Result) -> Section | None:
        """The table of the judge's known answers."""
        judging: Any = result.found.get("judging")
        if not isinstance(judging, JudgingFound) or not judging.calibration:
            return None
        return Section(
            "known_answers",
            "What the judge says of known answers",
            (calibration_table(judging.calibration), NOTE),
        )


def calibration_table(rows: Sequence[CalibrationFound]) -> Table[CalibrationFound]:
    """A row for each verdict and language: on the page, as CSV, and what a command prints."""
    columns: tuple[Column[CalibrationFound], ...] = (
        Column("judge", "Judge", lambda row: row.judge, terminal="judge"),
        Column("measure", "Verdict on", lambda row: row.measure, terminal="verdict on"),
        Column("language", "Language", lambda row: row.language, terminal="language"),
        Column("items", "Items", lambda row: row.items, terminal="items"),
        Column(
            "accuracy",
            "Accuracy",
            lambda row: row.accuracy,
            SHARES,
            signed=False,
            estimate=True,
            terminal="accuracy",
        ),
        Column(
            "balanced_accuracy",
            "Balanced accuracy",
            lambda row: row.balanced_accuracy,
            signed=False,
            estimate=True,
            terminal="balanced",
        ),
        Column("constant", "Constant", _constant, terminal="constant"),
        Column(
            "kappa", "Kappa", lambda row: row.kappa, Numbers(2), signed=False, estimate=True, terminal="kappa"
        ),
        Column("missing", "No verdict", _missing, terminal="no verdict"),
        Column("problem", "", lambda row: row.problem),
        Column(
            "",
            "Believed",
            lambda row: Verdict(not row.problem, "no" if row.problem else "yes"),
            terminal="believed",
        ),
    )
    return Table(
        "known_answers", "The judge's verdicts on answers whose labels are known", columns, list(rows), left=3
    )


def _constant(row: CalibrationFound) -> str:
    return "-" if row.constant is None else f"{row.constant:.0%} {row.commonest}"


def _missing(row: CalibrationFound) -> str:
    count = sum(row.missing.values())
    kinds = ", ".join(f"{kind} {number}" for kind, number in row.missing.items())
    return f"{count} ({kinds})" if count else "0"
