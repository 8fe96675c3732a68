"""The page of a run, one self-contained HTML file without scripts, and the files beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from valuescope.files import write_text_atomic
from valuescope.report.blocks import Block, Opening, Section, every, inlines, is_empty
from valuescope.report.colours import variables
from valuescope.report.figure import Figure
from valuescope.report.table import Table
from valuescope.report.text import visible

# Nothing may load or run, whatever a model wrote: a second lock behind the escaping.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CHOICES = 12  # of the answers' filter


def page(
    title: str, opening: Opening, sections: Sequence[Section | None], numbers: str = "summary.json"
) -> str:
    """The whole page as HTML, which names the file of all `numbers`. A section in which nothing is shown is left out.

    Raises:
        ValueError: two sections or figures have the same name, or one that no address can hold.
    """
    shown = [
        section for section in sections if section is not None and not all(map(is_empty, section.blocks))
    ]
    _check("section", [section.id for section in shown])
    _check("figure", [figure.name for figure in _figures(opening, sections)])
    style = variables() + files("valuescope.report").joinpath("page.css").read_text(encoding="utf-8")
    filters = "".join(
        f'.answers:has(input[value="{place}"]:checked) .example:not(.v{place}){{display:none}}'
        for place in range(_CHOICES)
    )
    html: str = _template().render(
        title=title,
        opening=opening,
        sections=shown,
        policy=POLICY,
        style=Markup(style + filters),
        most_choices=_CHOICES,
        numbers=numbers,
    )
    return html


def write_page(
    folder: Path,
    title: str,
    opening: Opening,
    sections: Sequence[Section | None],
    *,
    name: str = "report.html",
    numbers: str = "summary.json",
) -> Path:
    """Write `figures/*.svg`, `tables/*.csv` and the page `name` into a folder; returns the page's path.

    The same content gives the same bytes. The page is written last, so a page that is there is complete. A figure
    that this report has not is removed where an earlier one left it.
    """
    html = page(title, opening, sections, numbers)
    figures = {figure.name: figure for figure in _figures(opening, sections)}
    tables = [block for block in _blocks(sections) if isinstance(block, Table) and block.name]
    _check("table", [table.name for table in tables])
    for figure in figures.values():
        write_text_atomic(folder / "figures" / f"{figure.name}.svg", figure.standalone())
    for stale in (folder / "figures").glob("*.svg"):
        if stale.stem not in figures:
            stale.unlink()
    for table in tables:
        write_text_atomic(folder / "tables" / f"{table.name}.csv", table.csv())
    return write_text_atomic(folder / name, html)


def _blocks(sections: Sequence[Section | None]) -> Iterator[Block]:
    for section in sections:
        if section is not None:
            yield from every(section.blocks)


def _figures(opening: Opening, sections: Sequence[Section | None]) -> list[Figure]:
    found = [block for block in _blocks(sections) if isinstance(block, Figure)]
    return found if opening.hero is None else [opening.hero, *found]


def _check(what: str, names: Sequence[str]) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{what} {name!r}: a name has letters, digits, '.', '_' and '-' only")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two {what}s of a report are named {twice[0]!r}; give each a name of its own")


@cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("valuescope.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"kind": lambda block: type(block).__name__, "inlines": inlines}
    environment.tests["empty"] = is_empty
    return environment.get_template("page.html.jinja")


def _shown(value: Any) -> Any:
    """What is printed: text without control characters and marks of direction, before it is escaped."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
