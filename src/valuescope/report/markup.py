"""Markup that cannot forget to escape: elements of HTML and SVG built from Python values.

A plain `str` is always text and is escaped; only what `tag` and `join` made counts as markup. So nothing that
a model, a data file or a judge wrote can become an element, an attribute or a script.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

from valuescope.report.text import clean as clean
from valuescope.report.text import visible as visible

Number: TypeAlias = int | float

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
_VOID = frozenset({"br", "meta", "line", "rect", "circle", "path", "polygon", "polyline"})
_HTML_VOID = frozenset({"br", "meta"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


Child: TypeAlias = "str | Number | Iterable[Child] | None"


def escape(text: str) -> Markup:
    """`text` as markup that shows it: `visible`, and the five special characters escaped."""
    safe = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Markup(safe.replace('"', "&quot;").replace("'", "&#39;"))


def number(value: Number) -> str:
    """A number for an attribute: at most two decimals, no negative zero, the same on every machine."""
    rounded = round(float(value), 2) + 0.0
    return str(int(rounded)) if rounded == int(rounded) else repr(rounded)


def join(children: Child) -> Markup:
    """Children as markup: text escaped, numbers formatted, nested sequences flattened, None left out."""
    if children is None:
        return Markup("")
    if isinstance(children, Markup):
        return children
    if isinstance(children, str):
        return escape(children)
    if isinstance(children, int | float):
        return escape(number(children))
    return Markup("".join(join(child) for child in children))


def tag(name: str, /, *children: Child, **attributes: str | Number | bool | None) -> Markup:
    """One element, `tag("td", text, class_="n", aria_label="...")`.

    In attribute names a trailing underscore is dropped and others become hyphens. `None` and `False` leave
    an attribute out, `True` writes it without a value's meaning (`open=""`).
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        if not _NAME.match(attribute):
            raise ValueError(f"attribute {attribute!r} of <{name}> is not a name")
        shown = "" if value is True else value if isinstance(value, str) else number(value)
        parts.append(f'{attribute}="{escape(shown)}"')
    if name in _VOID and not children:
        return Markup(f"<{' '.join(parts)}{'>' if name in _HTML_VOID else '/>'}")
    return Markup(f"<{' '.join(parts)}>{join(children)}</{name}>")
