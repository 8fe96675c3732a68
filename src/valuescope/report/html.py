"""Pieces of the page: sections, tables, figures, notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from valuescope.metrics import Estimate
from valuescope.report.markup import Child, Markup, tag
from valuescope.report.numbers import MISSING, Numbers, sample
from valuescope.report.svg import Figure
from valuescope.report.verdict import Verdict


def section(id_: str, title: str, *content: Child) -> Markup:
    """A section with its heading."""
    return tag(
        "section", tag("h2", title, id=f"{id_}-head"), list(content), id=id_, aria_labelledby=f"{id_}-head"
    )


def paragraph(*content: Child, class_: str | None = None) -> Markup:
    """A paragraph."""
    return tag("p", list(content), class_=class_)


def absent(what: str) -> Markup:
    """Says that a part was not measured."""
    return paragraph(what, class_="absent")


def figure(drawn: Figure) -> Markup:
    """A figure with its caption."""
    caption = tag("figcaption", tag("strong", drawn.title, "."), " ", drawn.description)
    return tag("figure", drawn.inline(), caption, id=f"figure-{drawn.name}")


def table(
    caption: str, head: Sequence[Child], rows: Sequence[Sequence[Child]], *, class_: str | None = None
) -> Markup:
    """A table whose first column names its rows; wide ones scroll in their own box."""
    heads = tag("tr", [tag("th", cell, scope="col") for cell in head])
    body = [tag("tr", tag("th", row[0], scope="row"), [cell_of(cell) for cell in row[1:]]) for row in rows]
    drawn = tag(
        "table", tag("caption", tag("span", caption)), tag("thead", heads), tag("tbody", body), class_=class_
    )
    return tag("div", drawn, class_="scroll", tabindex="0", role="group", aria_label=caption)


def cell_of(content: Child) -> Markup:
    """A table cell; what is missing looks so."""
    return tag("td", content, class_="missing" if content == MISSING else None)


def estimate_cell(estimate: Estimate | None, numbers: Numbers, *, signed: bool = True) -> Child:
    """A mean with its interval and n below it."""
    if estimate is None:
        return MISSING
    if estimate.mean is None:
        return (
            [tag("span", MISSING, class_="missing"), tag("small", sample(estimate))]
            if sample(estimate)
            else MISSING
        )
    mean = numbers.signed(estimate.mean) if signed else numbers.plain(estimate.mean)
    size = sample(estimate)
    return [
        tag("b", mean),
        tag("small", numbers.interval(estimate, signed=signed)),
        tag("small", size) if size else None,
    ]


def badge(found: Verdict) -> Markup:
    """A verdict as a label; the word carries the meaning, the colour only repeats it."""
    kind = {True: "good", False: "bad", None: "unknown"}[found.clear]
    return tag("span", found.words, class_=f"badge {kind}")


def facts(items: Mapping[str, Child]) -> Markup:
    """A list of names and values."""
    return tag("dl", [tag("div", tag("dt", name), tag("dd", content)) for name, content in items.items()])


def details(title: str, *content: Child) -> Markup:
    """Content that opens on demand (and is printed in full)."""
    return tag("details", tag("summary", title), list(content))
