"""Which planted neurons each method found, where the truth about the model is known."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.organism.truth import CAUSAL_ROLES, DECOY_ROLES
from valuescope.parts.method import MethodFound, SettingFound, methods_of
from valuescope.report.blocks import Details, Section, Words
from valuescope.report.names import method_name, setting_name
from valuescope.report.numbers import MISSING, SHARES, Numbers
from valuescope.report.table import Column, Table

ROLES = {
    "core": "causes the value's answers and fires on its text",
    "quiet": "causes, but was not trained to fire on the value's text",
    "constant": "causes, but its gate is open on every text",
    "shared": "causes for two neighbours on the circle",
    "echo": "fires on every text about the value, causes nothing",
    "herald": "fires on text in favour of the value, causes nothing",
    "mute": "points along the value's direction, never fires",
}
PRECISION = Numbers(3)


class PlantedTruth(Part[None]):
    """The methods' selections and rankings against the truth; `effects` measures them."""

    order = 200

    @classmethod
    def shown(cls, result: Result) -> Section | None:
        """Recall by role, and precision by value."""
        methods = methods_of(result)
        judged = [
            _Judged(name, method, setting)
            for name, method in methods.items()
            for setting in method.settings
            if setting.roles or any((setting.average_precision or {}).values())
        ]
        if not judged:
            return None
        note = Words(
            "Causal neurons change the answers; decoys only look as if they did. A method that finds causes and not "
            "correlates has high recall on the first four roles and low recall on the last three.",
            style="small",
        )
        by_value = Details("By value", (_by_value(judged, result),))
        return Section("truth", "Against the planted truth", (note, _by_role(judged), by_value), link="Truth")


class _Judged(NamedTuple):
    name: str
    method: MethodFound
    setting: SettingFound

    @property
    def title(self) -> str:
        return f"{method_name(self.name)}, {setting_name(self.setting.name)}"


def _by_role(judged: list[_Judged]) -> Table[str]:
    order = [*CAUSAL_ROLES, *DECOY_ROLES]
    known = {role for column in judged for role in column.setting.roles or {}}
    roles = [role for role in order if role in known] + sorted(known - set(order))

    def kind(role: str) -> str:
        side = "causal" if role in CAUSAL_ROLES else "decoy" if role in DECOY_ROLES else ""
        return " · ".join(filter(None, (side, ROLES.get(role, ""))))

    def recall(column: _Judged, role: str) -> str | None:
        counts = (column.setting.roles or {}).get(role)
        if counts is None:
            return None
        return f"{counts['found'] / counts['of']:.0%}" if counts["of"] else "none planted"

    def counted(column: _Judged, role: str) -> str:
        counts = (column.setting.roles or {}).get(role)
        return f"{counts['found']} of {counts['of']}" if counts and counts["of"] else ""

    columns = (
        Column[str]("", "Role", lambda role: role, small=kind),
        *(
            Column[str](
                "",
                column.title,
                partial(recall, column),
                small=partial(counted, column),
            )
            for column in judged
        ),
    )
    return Table("", "Planted neurons found, by role (summed over values)", columns, roles)


def _by_value(judged: list[_Judged], result: Result) -> Table[str]:
    """Rows are values; the last two the mean over them, and chance."""
    mean, chance = "Mean over values", "Chance"

    def precision(column: _Judged, row: str) -> float | None:
        if row == mean:
            return column.setting.mean_precision
        if row == chance:
            return column.method.chance_precision
        return (column.setting.average_precision or {}).get(row)

    def beside(column: _Judged, row: str) -> str:
        setting = column.setting
        words = [
            f"{name} {'undefined' if scores.get(row) is None else SHARES.plain(scores[row])}"
            for name, scores in (("recall", setting.recall or {}), ("precision", setting.precision or {}))
            if row in scores
        ]
        return ", ".join([*words, *([f"n = {setting.neurons[row]}"] if row in setting.neurons else [])])

    columns = (
        Column[str]("", "Value", lambda row: result.head.value_names.get(row, row)),
        *(
            Column[str](
                "",
                column.title,
                partial(precision, column),
                PRECISION,
                signed=False,
                small=partial(beside, column),
                absent=MISSING,
            )
            for column in judged
        ),
    )
    caption = (
        "Average precision of the ranking; below it recall and precision of the selected set (n neurons)"
    )
    return Table("", caption, columns, [*result.head.values, mean, chance])
