"""Portraits as static pages: an index of all neurons that can be sorted and searched, and a page for each value."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from valuescope.files import write_text_atomic
from valuescope.metrics import Estimate
from valuescope.neurons.portraits import Excerpt, Portrait
from valuescope.report.colours import variables
from valuescope.report.text import visible

SHADES = 6
"""Steps of colour between 0 and a neuron's most extreme activation."""


@dataclass(frozen=True)
class PageHead:
    """What the pages say of themselves: the model, what was read, and how many tokens."""

    model: str
    fingerprint: str
    source: str
    texts: int


def write_neuron_pages(folder: Path, head: PageHead, portraits: Mapping[str, Sequence[Portrait]]) -> Path:
    """Write `index.html` and a page for each value; returns the index, which is written last.

    A neuron's address is `VALUE.html#lLAYER-nINDEX`, with layer and index from 0.
    """
    names = {value: f"{_file_name(value)}.html" for value in portraits}
    shared = {"head": head, "names": names, "style": Markup(_style()), "script": Markup(_script())}
    shared["policy"] = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{_digest(_script())}'; "
        "base-uri 'none'; form-action 'none'"
    )
    for value, drawn in portraits.items():
        html = _template("value.html.jinja").render(value=value, portraits=drawn, **shared)
        write_text_atomic(folder / names[value], html)
    everything = [(value, portrait) for value, drawn in portraits.items() for portrait in drawn]
    return write_text_atomic(
        folder / "index.html", _template("index.html.jinja").render(rows=everything, **shared)
    )


def anchor(portrait: Portrait) -> str:
    """A neuron's place on its value's page."""
    return f"l{portrait.layer}-n{portrait.index}"


def shade(activation: float, extreme: float) -> str:
    """The class of a token's colour: `p1` to `p6` for activations above 0, `n1` to `n6` below, `` near 0."""
    step = round(SHADES * abs(activation) / extreme) if extreme else 0
    return "" if step == 0 else f"{'p' if activation > 0 else 'n'}{min(step, SHADES)}"


def extreme(portrait: Portrait) -> float:
    """The largest |m| on a portrait's page, which has the full colour."""
    excerpts = (*portrait.highest, *portrait.lowest)
    return max((abs(m) for excerpt in excerpts for m in excerpt.activations), default=0.0)


def peak_of(excerpt: Excerpt) -> float:
    """m at the peak."""
    return excerpt.activations[excerpt.peak]


def _estimate(estimate: Estimate) -> str:
    if estimate.mean is None:
        return "missing"
    interval = "" if estimate.ci is None else f" [{estimate.ci[0]:+.3f}, {estimate.ci[1]:+.3f}]"
    return f"{estimate.mean:+.3f}{interval}"


def _file_name(value: str) -> str:
    """A value's name as a file's: letters, digits and `-`."""
    return "".join(letter if letter.isalnum() else "-" for letter in value) or "value"


def _style() -> str:
    shades = "".join(
        f".{side}{step}{{background:color-mix(in srgb,var(--{colour}) {round(70 * step / SHADES)}%,transparent)}}"
        for side, colour in (("p", "up"), ("n", "down"))
        for step in range(1, SHADES + 1)
    )
    report = files("valuescope.report").joinpath("page.css").read_text(encoding="utf-8")
    return (
        variables() + report + shades + files("valuescope.neurons").joinpath("pages.css").read_text("utf-8")
    )


def _script() -> str:
    return files("valuescope.neurons").joinpath("pages.js").read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _template(name: str) -> Any:
    environment = Environment(
        loader=PackageLoader("valuescope.neurons", ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda shown: (
            visible(shown) if isinstance(shown, str) and not isinstance(shown, Markup) else shown
        ),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "anchor": anchor,
        "shade": shade,
        "extreme": extreme,
        "peak": peak_of,
        "estimate": _estimate,
    }
    return environment.get_template(name)
