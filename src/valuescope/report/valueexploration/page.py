"""The page of a ValueExploration run."""

from __future__ import annotations

from valuescope.report.fields import Fields
from valuescope.report.html import facts, paragraph, section
from valuescope.report.markup import Child, Markup, tag
from valuescope.report.numbers import plain_value
from valuescope.report.page import document
from valuescope.report.sections.provenance import code, or_missing, pairs, seconds_table
from valuescope.report.valueexploration.names import (
    language_name,
    languages,
    selection_name,
    selection_warnings,
)
from valuescope.report.valueexploration.opening import opening
from valuescope.report.valueexploration.sections import SECTIONS


def exploration_page(top: Fields) -> str:
    """The whole page as HTML."""
    contents = {id_: name for id_, (name, _) in SECTIONS.items()}
    drawn = [draw(top) for _, draw in SECTIONS.values()]
    return document(
        top.text("name"),
        opening(top),
        {**contents, "provenance": "Provenance"},
        [*drawn, _provenance(top)],
    )


def _provenance(top: Fields) -> Markup:
    model, data, edit = top.object("model").raw, top.object("data"), top.object("edit")
    identity: dict[str, Child] = {
        "Model": code(model.get("id")),
        "Revision": code(model.get("revision")),
        "Weight fingerprint": code(model.get("fingerprint")),
        "Layers × neurons each": f"{or_missing(model.get('layers'))} × {or_missing(model.get('width'))}",
        "Data": data.text("source") or "not stated",
        "Dilemmas per value": _counts(data),
        "Edit": f"{edit.text('name')} {plain_value(edit.object('parameters').raw)}, on {edit.text('on')}",
        "Specification hash": code(top.raw.get("spec_hash")),
        "Seed": or_missing(top.count("seed")),
        "valuescope": top.text("valuescope") or "not stated",
        "Versions": pairs(top.object("versions").raw),
    }
    notes = [tag("li", note) for note in data.texts("notes")]
    warnings = _warnings(top)
    return section(
        "provenance",
        "Provenance",
        facts(identity),
        tag("div", tag("h3", "Notes on the data"), tag("ul", notes)) if notes else None,
        tag("div", tag("h3", "Warnings"), tag("ul", warnings) if warnings else paragraph("None.")),
        seconds_table(top.object("seconds_by_stage").raw),
    )


def _counts(data: Fields) -> str:
    said = []
    counts = data.object("counts")
    for split in counts.raw:
        for language in counts.object(split).raw:
            numbers = sorted(counts.object(split).object(language).raw.values())
            spread = f"{numbers[0]}" if numbers[0] == numbers[-1] else f"{numbers[0]}\u2013{numbers[-1]}"
            said.append(f"{split} {language} {spread}")
    return ", ".join(said) or "not stated"


def _warnings(top: Fields) -> list[Markup]:
    return [
        tag("li", tag("strong", f"{language_name(language)}, {selection_name(name)}: "), warning)
        for language, block in languages(top)
        for name, warning in selection_warnings(top, block)
    ]
