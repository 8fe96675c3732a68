"""The page's sections on the planted truth and on the search for settings."""

from __future__ import annotations

from valuescope.organism.truth import CAUSAL_ROLES, DECOY_ROLES
from valuescope.report.html import absent, details, estimate_cell, paragraph, section, table
from valuescope.report.markup import Child, Markup, tag
from valuescope.report.names import method_name, setting_name
from valuescope.report.numbers import MISSING, SHARES, Numbers, effect_numbers, grouped, parameters
from valuescope.report.summary import Method, Setting, Summary

ROLES = {
    "core": "causes the value's answers and fires on its text",
    "quiet": "causes, but was not trained to fire on the value's text",
    "constant": "causes, but its gate is open on every text",
    "shared": "causes for two neighbours on the circle",
    "echo": "fires on every text about the value, causes nothing",
    "herald": "fires on text in favour of the value, causes nothing",
    "mute": "points along the value's direction, never fires",
}
_PRECISION = Numbers(3)


def truth_section(summary: Summary) -> Markup:
    """Which planted neurons each method found."""
    title = "Against the planted truth"
    pairs = [(method, setting) for method in summary.methods for setting in method.settings]
    tables = [one for one in (_roles(pairs), _quality(summary, pairs)) if one]
    if not tables:
        return section("truth", title, absent("The truth about this model's neurons is not known."))
    note = paragraph(
        "Causal neurons change the answers; decoys only look as if they did. A method that finds causes "
        "and not correlates has high recall on the first four roles and low recall on the last three.",
        class_="small",
    )
    return section("truth", title, note, tables)


def _roles(pairs: list[tuple[Method, Setting]]) -> Markup | None:
    shown = [(method, setting) for method, setting in pairs if setting.roles]
    if not shown:
        return None
    order = [*CAUSAL_ROLES, *DECOY_ROLES]
    found = {role for _, setting in shown for role in setting.roles}
    names = [role for role in order if role in found] + sorted(found - set(order))
    rows: list[list[Child]] = []
    for role in names:
        kind = "causal" if role in CAUSAL_ROLES else "decoy" if role in DECOY_ROLES else ""
        label = [role, tag("small", " · ".join(part for part in (kind, ROLES.get(role, "")) if part))]
        rows.append([label, *(_found(setting.roles.get(role)) for _, setting in shown)])
    head: list[Child] = ["Role", *(_column(method, setting) for method, setting in shown)]
    return table("Planted neurons found, by role (summed over values)", head, rows)


def _found(counts: tuple[int, int] | None) -> Child:
    if counts is None:
        return MISSING
    found, of = counts
    if of == 0:
        return "none planted"
    return [tag("b", f"{found / of:.0%}"), tag("small", f"{found} of {of}")]


def _quality(summary: Summary, pairs: list[tuple[Method, Setting]]) -> Markup | None:
    shown = [
        (method, setting)
        for method, setting in pairs
        if any(value for value in setting.average_precision if value)
    ]
    if not shown:
        return None
    rows: list[list[Child]] = []
    for value in summary.values:
        row: list[Child] = [summary.value_name(value)]
        for _, setting in shown:
            precision = setting.average_precision.get(value)
            parts = [
                f"{name} {_share(scores.get(value))}"
                for name, scores in (("recall", setting.recall), ("precision", setting.precision))
                if scores
            ]
            count = setting.neurons.get(value)
            parts += [] if count is None else [f"n = {count}"]
            row.append(
                [
                    MISSING if precision is None else tag("b", _PRECISION.plain(precision)),
                    tag("small", ", ".join(parts)),
                ]
            )
        rows.append(row)
    mean: list[Child] = [
        "Mean over values",
        *(_PRECISION.plain(setting.mean_precision) for _, setting in shown),
    ]
    chance: list[Child] = ["Chance", *(_PRECISION.plain(method.chance_precision) for method, _ in shown)]
    head: list[Child] = ["Value", *(_column(method, setting) for method, setting in shown)]
    caption = (
        "Average precision of the ranking; below it recall and precision of the selected set (n neurons)"
    )
    return details("By value", table(caption, head, [*rows, mean, chance]))


def _column(method: Method, setting: Setting) -> Child:
    return [method_name(method.id), tag("small", setting_name(setting.name))]


def _share(value: float | None) -> str:
    return "undefined" if value is None else SHARES.plain(value)


def search_section(summary: Summary) -> Markup:
    """How the found settings were found."""
    title = "The search for settings"
    searched = [(method, method.search) for method in summary.methods if method.search]
    if not searched:
        return section(
            "search", title, absent("No search was made: every number stands at a setting given beforehand.")
        )
    numbers, tables = effect_numbers(summary), list[Markup]()
    for method, search in searched:
        rows: list[list[Child]] = []
        for trial in search.tried:
            rows.append(
                [
                    [
                        parameters(trial.locator_parameters),
                        tag("small", f"edit: {parameters(trial.edit_parameters)}"),
                    ],
                    estimate_cell(trial.effect, numbers),
                    estimate_cell(trial.fluency, SHARES, signed=False),
                    tag("span", "chosen", class_="badge good") if trial.chosen else "",
                ]
            )
        size = "an unstated number of" if search.questions is None else grouped(search.questions)
        rule = search.rule or "not stated"
        caption = f"{method_name(method.id)}: {len(rows)} settings on {size} tuning questions. Rule: {rule}"
        tables.append(
            details(
                f"{method_name(method.id)}: {len(rows)} settings tried",
                table(caption, ["Setting", "Effect", "Fluency", ""], rows),
            )
        )
    note = paragraph(
        "Settings were compared on tuning questions; the numbers elsewhere on this page come from other, "
        "evaluation questions. The best of many tried looks better here than it is.",
        class_="small",
    )
    return section("search", title, note, tables)
