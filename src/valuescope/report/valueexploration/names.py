"""Names of ValueExploration's parts, for people, and its languages in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from valuescope.report.fields import Fields

SELECTIONS = {
    "vape": "VAPE",
    "vape-layer-bar": "VAPE, bar per layer",
    "specificity": "specificity",
    "two-proportion": "two proportions",
}
LANGUAGES = {"en": "English", "zh": "Chinese"}


def selection_name(name: str) -> str:
    """A selection's name, or its key where the user named it."""
    return SELECTIONS.get(name, name)


def language_name(language: str) -> str:
    """A language's English name."""
    return LANGUAGES.get(language, language)


def languages(top: Fields) -> Iterator[tuple[str, Fields]]:
    """The languages in the order of the run, with their blocks."""
    blocks = top.object("languages")
    for language in top.texts("language_order") or tuple(blocks.raw):
        yield language, blocks.object(language)


def value_names(top: Fields) -> tuple[str, ...]:
    """The values' English names, in their order."""
    names = top.object("value_names").object("en")
    return tuple(names.text(value) or value for value in top.texts("values"))


def missing_warnings(block: Fields) -> Iterator[tuple[str, str]]:
    """(measure, warning) wherever too many supports of the unedited model are missing in one language."""
    support = block.object("support")
    for measure in support.raw:
        warning = support.object(measure).object("missing").text("warning")
        if warning:
            yield measure, warning


def selection_warnings(top: Fields, block: Fields) -> Iterator[tuple[str, str]]:
    """(selection, warning) for all that the selections of one language said about their neurons."""
    for name in top.texts("selection_order"):
        for warning in block.object("selections").object(name).texts("warnings"):
            yield name, warning


def mean_present(numbers: Iterable[float | None]) -> float | None:
    """The mean of the numbers that are there."""
    present = [number for number in numbers if number is not None]
    return sum(present) / len(present) if present else None
