"""The page's last section: where every number comes from, what is missing, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from valuescope.report.html import details, facts, paragraph, section, table
from valuescope.report.markup import Child, Markup, tag
from valuescope.report.names import method_name, setting_name
from valuescope.report.numbers import MISSING, grouped, parameters, plain_value
from valuescope.report.summary import Method, Setting, Summary


def provenance_section(summary: Summary) -> Markup:
    """Hashes, versions, parameters, warnings, missing counts, times and files."""
    return section(
        "provenance",
        "Provenance",
        facts(_identity(summary)),
        _notes(summary),
        _warnings(summary),
        _missing(summary),
        details("Parameters of every setting", _parameters(summary)),
        seconds_table(summary.seconds),
    )


def _identity(summary: Summary) -> dict[str, Child]:
    model, data, raw = summary.model, summary.data, summary.raw
    versions = raw.get("versions")
    return {
        "Model": code(model.get("id")),
        "Revision": code(model.get("revision")),
        "Weight fingerprint": code(model.get("fingerprint")),
        "Layers × neurons each": f"{or_missing(model.get('layers'))} × {or_missing(model.get('width'))}",
        "Data": plain_value(data.get("source")) if data.get("source") else MISSING,
        "Data hash": code(data.get("hash")),
        "Data counts": pairs(data.get("counts")),
        "Specification hash": code(raw.get("spec_hash")),
        "Seed": or_missing(summary.seed),
        "Judge": plain_value(summary.measure.get("judge")) if summary.measure.get("judge") else MISSING,
        "valuescope": summary.version or MISSING,
        "Versions": pairs(versions),
    }


def code(value: Any) -> Child:
    """A value in type, or that it is not stated."""
    return tag("code", plain_value(value)) if value is not None and value != "" else "not stated"


def or_missing(value: Any) -> str:
    """A number, or that it is missing."""
    return MISSING if value is None else grouped(value)


def pairs(items: Any) -> Child:
    """Names and numbers in one line."""
    if not isinstance(items, Mapping) or not items:
        return MISSING
    return ", ".join(f"{key} {grouped(items[key])}" for key in sorted(items))


def _notes(summary: Summary) -> Markup | None:
    notes = summary.data.get("notes")
    if not isinstance(notes, list | tuple) or not notes:
        return None
    return tag(
        "div", tag("h3", "Notes on the data"), tag("ul", [tag("li", plain_value(note)) for note in notes])
    )


def _warnings(summary: Summary) -> Markup:
    items = [
        tag("li", tag("strong", f"{method_name(method.id)}, {setting_name(setting.name)}: "), warning)
        for method, setting in _settings(summary)
        for warning in setting.warnings
    ]
    return tag("div", tag("h3", "Warnings"), tag("ul", items) if items else paragraph("None."))


def _missing(summary: Summary) -> Markup:
    counts = summary.missing
    if counts.get("answers") is None:
        said = "Counts of missing judgements were not recorded."
    else:
        share = f"{or_missing(counts.get('unjudged'))} of {grouped(counts['answers'])}"
        said = f"{share} answers have no judgement; they enter no mean."
    kinds = counts.get("by_kind")
    reasons = f" By kind: {pairs(kinds)}." if isinstance(kinds, Mapping) and kinds else ""
    return tag("div", tag("h3", "Missing"), paragraph(said, reasons), _judging(summary))


def _judging(summary: Summary) -> Markup | None:
    judging = summary.judging
    if judging is None:
        return None
    said = [f"Judge {judging.judge}, over all answers of all arms: "]
    said += ["; ".join(one.words for one in judging.measures), "."]
    if judging.prompts:
        said.append(f" Prompts: {', '.join(judging.prompts)}.")
    if judging.tokens is not None:
        said.append(f" Tokens: {grouped(judging.tokens)}.")
    return paragraph(*said)


def _parameters(summary: Summary) -> Markup:
    rows: list[list[Child]] = []
    for method, setting in _settings(summary):
        rows.append(
            [
                [method_name(method.id), tag("small", setting_name(setting.name))],
                [method.locator, tag("small", parameters(setting.locator_parameters))],
                [method.edit or MISSING, tag("small", parameters(setting.edit_parameters))],
                _diagnostics(setting),
            ]
        )
    return table("Parameters in full", ["Method", "Locator", "Edit", "Diagnostics"], rows, class_="wrap")


def _diagnostics(setting: Setting) -> str:
    """The diagnostics that are single values; tables of numbers stay in summary.json."""
    single = {
        name: value for name, value in setting.diagnostics.items() if isinstance(value, int | float | str)
    }
    rest = len(setting.diagnostics) - len(single)
    parts = [parameters(single)] if single else []
    return "; ".join([*parts, f"{rest} more in summary.json"] if rest else parts) or "none"


def _settings(summary: Summary) -> list[tuple[Method, Setting]]:
    return [(method, setting) for method in summary.methods for setting in method.settings]


def seconds_table(seconds: Mapping[str, Any]) -> Markup | None:
    """The time spent in every stage, to open on demand."""
    stages = [(stage, spent) for stage, spent in seconds.items() if isinstance(spent, int | float)]
    if not stages:
        return None
    rows: list[list[Child]] = [[stage, f"{spent:.1f}"] for stage, spent in stages]
    note = paragraph("Times differ from run to run and enter no hash.", class_="small")
    return details("Seconds by stage", table("Seconds by stage", ["Stage", "Seconds"], rows), note)
