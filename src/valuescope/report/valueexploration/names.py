"""Names of ValueExploration's parts, for people, and its languages in their order."""

from __future__ import annotations

from collections.abc import Iterator

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
