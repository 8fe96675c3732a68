"""What matplotlib draws, cleaned: text stays text, colours keep their names, no ids are left.

Matplotlib writes every colour as it is given, so each name of the palette is drawn as a colour that stands for
it; the page puts `var(--name)` in its place and a file of its own the light colour. Marker definitions are put
where they are used, and clip paths, metadata and ids are dropped. So nothing in a drawing refers to anything,
and drawings may stand in a page in any number.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from valuescope.report.colours import LIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMES = list(LIGHT)
_STAND_INS = {f"#fe01{place:02x}": name for place, name in enumerate(_NAMES)}
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_NAMED = re.compile(r"{(\w+)}")
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "valuescope",
    "font.family": "DejaVu Sans",  # matplotlib's own, so that no machine's fonts change a place
    "text.parse_math": False,
    "path.simplify": False,
}


def stand_in(name: str) -> str:
    """The colour that stands for a name of the palette while matplotlib draws."""
    return f"#fe01{_NAMES.index(name):02x}"


@contextmanager
def drawing() -> Iterator[None]:
    """Within it matplotlib draws by our settings, which leave those of the program alone."""
    import matplotlib

    with matplotlib.rc_context(_SETTINGS):
        yield


def cleaned(figure: Figure, hints: Sequence[str]) -> Element:
    """A matplotlib figure as cleaned elements; a group named `hint:3` shows the third of the hints."""
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None}, dpi=72)
    root = ElementTree.fromstring(written.getvalue())
    shapes = {
        element.attrib["id"]: element
        for element in root.iter()
        if element.tag.endswith("}path") and "id" in element.attrib
    }
    drawn = Element("g")
    drawn.extend(part for child in root for part in _parts(child, shapes, hints))
    return drawn


def markup(element: Element, colour: Callable[[str], str], *, labels: bool = True) -> str:
    """A drawing as SVG; `colour` gives the CSS value of a colour's name. Without `labels` those are left out."""
    if not labels and element.get("class") == "label":
        return ""
    kept = {key: value for key, value in element.attrib.items() if key != "class"}
    if "style" in kept:
        kept["style"] = _NAMED.sub(lambda match: colour(match[1]), kept["style"])
    head = "".join(f' {key}="{escape(value)}"' for key, value in kept.items())
    inside = escape(element.text or "", quote=False)
    inside += "".join(markup(child, colour, labels=labels) for child in element)
    return f"<{element.tag}{head}>{inside}</{element.tag}>" if inside else f"<{element.tag}{head}/>"


def _parts(element: Element, shapes: dict[str, Element], hints: Sequence[str]) -> Iterator[Element]:
    name, group = element.tag.rpartition("}")[2], element.get("id", "")
    if name in ("metadata", "defs", "style"):
        return
    inside = [part for child in element for part in _parts(child, shapes, hints)]
    if name == "g" and group != "label" and not group.startswith("hint:"):
        yield from inside
        return
    clean = Element("path" if name == "use" else name, {"class": "label"} if group == "label" else {})
    if group.startswith("hint:"):
        ElementTree.SubElement(clean, "title").text = hints[int(group.removeprefix("hint:"))]
    rules = _rules(element)
    if name == "use":
        shape = shapes[element.attrib["{http://www.w3.org/1999/xlink}href"][1:]]
        clean.set("d", _rounded(shape.attrib["d"]))
        clean.set(
            "transform", _rounded(f"translate({float(element.attrib['x']):f} {float(element.attrib['y']):f})")
        )
        rules = {**_rules(shape), **rules}
    else:
        for key in ("d", "x", "y", "transform"):
            if element.get(key) and not element.attrib[key].startswith("rotate(-0 "):
                clean.set(key, _rounded(element.attrib[key]))
    if rules:
        clean.set("style", ";".join(f"{key}:{value}" for key, value in rules.items()))
    clean.text = element.text if name == "text" else None
    clean.extend(inside)
    yield clean


def _rules(element: Element) -> dict[str, str]:
    """The rules of a style that say something, with colours by name in braces."""
    rules = {}
    for rule in element.get("style", "").split(";"):
        key, _, value = (part.strip() for part in rule.partition(":"))
        if (
            key
            and key not in ("font-family", "stroke-miterlimit")
            and (key, value) != ("text-anchor", "start")
        ):
            rules[key] = f"{{{_STAND_INS[value]}}}" if value in _STAND_INS else _rounded(value)
    return rules


def _rounded(value: str) -> str:
    """Numbers with two decimals, a fiftieth of a pixel at most; no negative zero."""
    short = _NUMBER.sub(lambda match: f"{round(float(match[0]), 2) + 0.0:.6g}", value)
    return " ".join(short.split())
