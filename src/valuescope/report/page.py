"""The page: one self-contained HTML file without scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files

from valuescope.report.markup import Markup, tag
from valuescope.report.palette import page_css
from valuescope.report.sections.answers import answers_section
from valuescope.report.sections.locators import locators_section
from valuescope.report.sections.neva import (
    ability_section,
    decoded_section,
    leakages_section,
    profiles_section,
    rates_section,
    turns_section,
)
from valuescope.report.sections.pareto import pareto_section
from valuescope.report.sections.provenance import provenance_section
from valuescope.report.sections.results import (
    dose_section,
    effects_section,
    layers_section,
    opening,
    results_section,
)
from valuescope.report.sections.scores import questionnaires_section, scores_section
from valuescope.report.sections.sensitivity import sensitivity_section
from valuescope.report.sections.sweeps import sweeps_section
from valuescope.report.sections.truth import search_section, truth_section
from valuescope.report.sections.values import leakage_section, probes_section, radar_section
from valuescope.report.summary import Summary

# Nothing may load or run, whatever a model wrote: a second lock behind the escaping.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

SECTIONS: dict[str, tuple[str, Callable[[Summary], Markup | None]]] = {
    "results": ("Results", results_section),
    "locators": ("Locators", locators_section),
    "effects": ("Effects", effects_section),
    "pareto": ("Control and its price", pareto_section),
    "rates": ("By value", rates_section),
    "scores": ("Scores", scores_section),
    "questionnaires": ("Questionnaires", questionnaires_section),
    "dose": ("Dose", dose_section),
    "sweeps": ("Sweeps", sweeps_section),
    "sensitivity": ("Sensitivity", sensitivity_section),
    "layers": ("Layers", layers_section),
    "leakage": ("Leakage", leakage_section),
    "leakages": ("Leakage of all", leakages_section),
    "profile": ("Profile", radar_section),
    "profiles": ("Target profiles", profiles_section),
    "ability": ("Ability", ability_section),
    "turns": ("Turns", turns_section),
    "probes": ("Probes", probes_section),
    "decoded": ("Directions", decoded_section),
    "truth": ("Truth", truth_section),
    "search": ("Search", search_section),
    "answers": ("Answers", answers_section),
    "provenance": ("Provenance", provenance_section),
}


def page(summary: Summary) -> str:
    """The whole page of a comparison of methods as HTML."""
    found = {id_: (name, draw(summary)) for id_, (name, draw) in SECTIONS.items()}
    drawn = {id_: (name, section) for id_, (name, section) in found.items() if section is not None}
    return document(
        summary.name,
        opening(summary),
        {id_: name for id_, (name, _) in drawn.items()},
        [section for _, section in drawn.values()],
    )


def document(name: str, header: Markup, contents: Mapping[str, str], sections: Sequence[Markup]) -> str:
    """A whole page: header, links to the sections by their ids, the sections, and what lies beside the page."""
    links = [tag("a", title, href=f"#{id_}") for id_, title in contents.items()]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"valuescope: {name or 'run'}"),
        tag("style", Markup(page_css() + style_sheet())),
    )
    body = tag("body", tag("main", header, tag("nav", links, aria_label="Sections"), sections, _files()))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def style_sheet() -> str:
    """The layout of the page."""
    return files("valuescope.report").joinpath("style.css").read_text(encoding="utf-8")


def _files() -> Markup:
    return tag(
        "footer",
        tag(
            "p",
            "Beside this page: ",
            tag("code", "summary.json"),
            " (every number), ",
            tag("code", "tables/*.csv"),
            " and ",
            tag("code", "figures/*.svg"),
            " (each picture as a file).",
        ),
    )
