"""Where every number comes from, what is missing, and how long it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from valuescope.lab.ask import Ask
from valuescope.lab.design import Design
from valuescope.lab.judging import JudgingFound
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import Found
from valuescope.parts.base import base_ask, kinds
from valuescope.parts.method import MethodFound, SettingFound, methods_of
from valuescope.report.blocks import (
    Block,
    Bullets,
    Code,
    Details,
    Facts,
    Heading,
    Inlines,
    Section,
    Strong,
    Words,
)
from valuescope.report.names import method_name, setting_name
from valuescope.report.numbers import MISSING, grouped, parameters, plain_value
from valuescope.report.table import Column, Table

Fact = tuple[str, Inlines | None]


class JudgedAnswers(Part[None]):
    """What the judge left without a judgement, over all asks and by part."""

    place, order, stage, Found = "judging", 900, 2, JudgingFound

    def measure(self, lab: Laboratory) -> JudgingFound | None:
        """Counted over everything that was asked."""
        asks = {part: [ask.hash for ask in asks] for part, asks in lab.bench.asked.items()}
        return lab.judging.found(asks)

    @classmethod
    def printed(cls, result: Result) -> str:
        """Who judged and what is missing; above all, loudly, where too much is."""
        found: JudgingFound | None = result.of(cls)
        if found is None:
            return ""
        lines = (_measures(found), *(f"WARNING: {warning}" for warning in found.warnings))
        return "\n".join(lines)


class MissingFound(Found):
    """How many answers of base and methods have no judgement, by kind."""

    answers: int | None = None
    unjudged: int | None = None
    by_kind: dict[str, int] = {}


class Provenance(Part[None]):
    """Hashes, versions, parameters, warnings, missing counts, times and files."""

    place, order, stage, Found = "missing", 910, 2, MissingFound

    def asks(self, design: Design) -> Iterator[Ask]:
        """Base, and every method's edits, in all their directions."""
        for kind in kinds(design):
            yield base_ask(design, kind)
        for name, method in design.spec.methods.items():
            for setting in design.settings_of(name).values():
                yield design.trial(method, setting).edited
            for way in method.ways[1:]:
                yield design.trial(method, method.turned(design.settings[name], way)).edited

    def measure(self, lab: Laboratory) -> MissingFound:
        """Counted over those answers."""
        outcomes = [outcome for ask in self.asks(lab) for outcome in lab.outcomes(ask)]
        kinds = Counter(outcome.missing or "unjudged" for outcome in outcomes if outcome.success is None)
        return MissingFound(
            answers=len(outcomes), unjudged=sum(kinds.values()), by_kind=dict(sorted(kinds.items()))
        )

    @classmethod
    def view(cls, found: MissingFound, result: Result) -> Section:
        """Everything that a reader needs to make the run again, or to doubt it."""
        settings = _settings(result)
        warnings = [
            (Strong(f"{method_name(row.name)}, {setting_name(row.setting.name)}: "), warning)
            for row in settings
            for warning in row.setting.warnings
        ]
        data, judge = result.head.data, result.head.measure.judge
        about_data: list[Fact] = [
            *_transferred(data),
            ("Data hash", code(data.get("hash"))),
            ("Data counts", named_counts(data.get("counts"))),
        ]
        blocks: tuple[Block | None, ...] = (
            identity_facts(result, about_data, [("Judge", judge or None)]),
            *notes_and_warnings(result, warnings),
            Heading("Missing"),
            *_missing(found, result.found.get("judging")),  # type: ignore[arg-type]
            Details("Parameters of every setting", (_parameters(settings),)),
            seconds_block(result),
        )
        return Section("provenance", "Provenance", blocks)


def identity_facts(result: Result, about_data: Sequence[Fact], about_run: Sequence[Fact] = ()) -> Facts:
    """What a run is: its model, data and specification, with what a kind of run knows of its data and of itself."""
    head, model = result.head, result.head.model
    return Facts(
        [
            ("Model", code(model.get("id"))),
            ("Revision", code(model.get("revision"))),
            ("Weight fingerprint", code(model.get("fingerprint"))),
            ("Layers × neurons each", f"{grouped(model.get('layers'))} × {grouped(model.get('width'))}"),
            ("Data", head.data.get("source")),
            *about_data,
            ("Specification hash", code(head.spec_hash)),
            ("Seed", None if head.seed is None else str(head.seed)),
            *about_run,
            ("valuescope", head.valuescope or None),
            ("Versions", named_counts(head.versions)),
        ]
    )


def _transferred(data: Mapping[str, Any]) -> Iterator[Fact]:
    """Of a run that locates on one source and measures on another, both with their parameters."""
    if other := data.get("measured_on"):
        yield ("Read", _source(data))
        yield ("Evaluated on", _source(other))


def _source(data: Mapping[str, Any]) -> str:
    return ", ".join(filter(None, (str(data["source"]), parameters(data.get("parameters") or {}))))


def notes_and_warnings(result: Result, warnings: Sequence[Inlines]) -> Iterator[Block]:
    """The notes on the data, where there are any, and the warnings."""
    notes = [plain_value(note) for note in result.head.data.get("notes") or ()]
    if notes:
        yield from (Heading("Notes on the data"), Bullets(notes))
    yield from (Heading("Warnings"), Bullets(warnings) if warnings else "None.")


def code(value: Any) -> Code | None:
    """A value in type; None where it is not stated."""
    return None if value is None or value == "" else Code(plain_value(value))


def named_counts(items: Mapping[str, Any] | None) -> str:
    """Names and numbers in one line."""
    return ", ".join(f"{key} {grouped(items[key])}" for key in sorted(items)) if items else MISSING


def _missing(found: MissingFound, judging: JudgingFound | None) -> Iterator[Block]:
    if found.answers is None:
        yield "Counts of missing judgements were not recorded."
    else:
        reasons = f" By kind: {named_counts(found.by_kind)}." if found.by_kind else ""
        share = f"{grouped(found.unjudged)} of {grouped(found.answers)}"
        yield f"{share} answers have no judgement; they enter no mean.{reasons}"
    if judging is not None:
        words = f"{_measures(judging)}, over all answers of all arms."
        words += f" Prompts: {', '.join(judging.prompts)}." if judging.prompts else ""
        words += "" if judging.tokens is None else f" Tokens: {grouped(judging.tokens)}."
        yield words
        rows = [
            (part, measure, missing.words(measure))
            for part, measures in judging.parts.items()
            for measure, missing in measures.items()
        ]
        columns = (
            Column[tuple[str, str, str]]("", "Part", lambda row: row[0]),
            Column[tuple[str, str, str]]("", "Missing", lambda row: row[2]),
        )
        caption = "Every part counts all that it reads, also what it shares with others"
        yield Details("Missing by part", (Table("", caption, columns, rows),))


def _measures(judging: JudgingFound) -> str:
    words = "; ".join(missing.words(measure) for measure, missing in judging.measures.items())
    return f"judge {judging.judge}: {words}"


class _Row(NamedTuple):
    name: str
    method: MethodFound
    setting: SettingFound


def _settings(result: Result) -> list[_Row]:
    methods = methods_of(result)
    return [_Row(name, method, setting) for name, method in methods.items() for setting in method.settings]


def _parameters(settings: list[_Row]) -> Table[_Row]:
    columns: tuple[Column[_Row], ...] = (
        Column(
            "", "Method", lambda row: method_name(row.name), small=lambda row: setting_name(row.setting.name)
        ),
        Column(
            "",
            "Locator",
            lambda row: row.method.locator or row.name,
            small=lambda row: parameters(row.setting.locator_parameters),
        ),
        Column(
            "", "Edit", lambda row: row.method.edit, small=lambda row: parameters(row.setting.edit_parameters)
        ),
        Column("", "Diagnostics", lambda row: _diagnostics(row.setting)),
    )
    return Table("", "Parameters in full", columns, settings)


def _diagnostics(setting: SettingFound) -> str:
    """The diagnostics that are single values; tables of numbers stay in summary.json."""
    single = {
        name: value for name, value in setting.diagnostics.items() if isinstance(value, int | float | str)
    }
    rest = len(setting.diagnostics) - len(single)
    words = [parameters(single)] if single else []
    return "; ".join([*words, f"{rest} more in summary.json"] if rest else words) or "none"


def seconds_block(result: Result) -> Details | None:
    """The time spent in every stage, to open on demand."""
    columns = (
        Column[tuple[str, float]]("", "Stage", lambda row: row[0]),
        Column[tuple[str, float]]("", "Seconds", lambda row: f"{row[1]:.1f}"),
    )
    table = Table("", "Seconds by stage", columns, list(result.seconds_by_stage.items()))
    note = Words("Times differ from run to run and enter no hash.", style="small")
    return Details("Seconds by stage", (table, note)) if table.rows else None
