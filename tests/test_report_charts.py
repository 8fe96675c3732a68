"""The charts: the same bytes every time, safe text, colours by name, nothing missing drawn as 0."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from report_samples import HIGH, LOW, NONE, VALUES, draw_all

from valuescope.report.colours import LIGHT
from valuescope.report.figure import Figure, columns_for
from valuescope.report.plots import (
    BarFacet,
    Bars,
    Curve,
    CurveFacet,
    DotFacet,
    Dots,
    HeatCell,
    HeatFacet,
    Histogram,
    ScatterFacet,
    Strip,
    bars,
    counts_facet,
    curves,
    dots,
    heat_maps,
    histograms,
    scatters,
    tradeoff,
)

NASTY = "<script>alert('x')</script> & \"q\" \x07\u202e $a_b$ 控制"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    return draw_all()


def _digest() -> str:
    drawn = draw_all().values()
    return hashlib.sha256("".join(f"{f.inline()}{f.standalone()}" for f in drawn).encode()).hexdigest()


def test_two_drawings_and_two_processes_give_the_same_bytes_and_only_drawing_needs_the_library() -> None:
    code = "import sys, test_report_charts as charts; assert 'matplotlib' not in sys.modules; print(charts._digest())"
    paths = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **paths}
    )
    assert _digest() == _digest() == other.stdout.strip()


def test_every_colour_of_the_page_is_a_variable_and_of_a_file_is_written_out(
    figures: dict[str, Figure],
) -> None:
    page = "".join(figure.inline() for figure in figures.values())
    used = set(re.findall(r"var\(--([\w]+)\)", page))
    assert used <= set(LIGHT)
    assert {
        "ink",
        "muted",
        "line",
        "panel",
        "paper",
        "control",
        "up",
        "down",
        "amount",
        "m0",
        "m1",
        "m5",
    } <= used
    assert not re.search(r"(?<!&)#[0-9a-fA-F]{3,6}\b", page)
    files = "".join(figure.standalone() for figure in figures.values())
    assert "var(" not in files
    assert set(re.findall(r"#[0-9a-f]{6}\b", files)) <= set(LIGHT.values())


def test_files_are_xml_with_title_description_and_role(figures: dict[str, Figure]) -> None:
    for figure in figures.values():
        root = ElementTree.fromstring(figure.standalone().encode())
        ids = root.attrib["aria-labelledby"].split()
        title, description = (next(e for e in root.iter() if e.get("id") == id_) for id_ in ids)
        assert (title.tag, title.text) == (f"{SVG}title", "Effects")
        assert (description.text or "").startswith("Text.")
        assert root.attrib["role"] == "img"
        assert [e for e in root.iter() if e.tag == f"{SVG}text"]


def test_panels_of_the_page_have_titles_descriptions_and_ids_of_their_own(figures: dict[str, Figure]) -> None:
    page = "".join(figure.inline() for figure in figures.values())
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) == 2 * page.count("<svg ")
    assert re.findall(r'aria-labelledby="([^"]+) ([^"]+)"', page) == list(
        zip(ids[::2], ids[1::2], strict=True)
    )
    assert "url(" not in page
    assert "href" not in page


def test_text_stays_text_and_what_others_wrote_is_escaped() -> None:
    figure = dots(
        "x", NASTY, NASTY, [DotFacet(NASTY, (NASTY, "a"), (Dots(NASTY, 0, (HIGH, LOW)),), NASTY)], axis=NASTY
    )
    assert figure is not None
    for svg in (str(figure.inline()), figure.standalone()):
        assert "<script" not in svg
        assert "\x07" not in svg
        assert "\u202e" not in svg
    texts = [e.text or "" for e in ElementTree.fromstring(figure.standalone().encode()).iter(f"{SVG}text")]
    assert any("$a_b$ 控制" in text for text in texts)


def test_numbers_are_said_in_words(figures: dict[str, Figure]) -> None:
    said = figures["dots"].panels[0].words
    assert (
        "Power, neurons: +0.50 [+0.25, +0.75] n = 40, 2 missing; Power, random: −0.25 [−0.50, 0.00] n = 40"
        in said
    )
    assert "安全, neurons: missing; 安全, random: missing n = 0, 7 missing" in said
    assert (
        "change, neurons, at 4: missing; change, neurons, at 16: +0.50" in figures["curves"].panels[0].words
    )


def _marks(figure: Figure) -> int:
    """How many things show words under the pointer; each panel of the page has one title besides."""
    return str(figure.inline()).count("<title>")


@pytest.mark.parametrize("missing", [None, NONE])
def test_what_is_missing_is_never_drawn_as_zero(missing: object) -> None:
    with_both = dots("a", "t", "", [DotFacet("f", VALUES, (Dots("s", 0, (HIGH, 0.0)),))], axis="x")
    facet = DotFacet("f", VALUES, (Dots("s", 0, (HIGH, missing)),))  # type: ignore[arg-type]
    without = dots("a", "t", "", [facet], axis="x")
    assert with_both is not None
    assert without is not None
    assert _marks(with_both) == _marks(without) + 1
    assert ">missing</text>" in without.inline()
    for point, marks in ((0.0, 2), (missing, 1)):
        bar = bars("b", "t", "", [BarFacet("f", VALUES, (Bars("s", 0, (HIGH, point)),))], axis="x")  # type: ignore[arg-type]
        curve = curves(
            "c",
            "t",
            "",
            [CurveFacet("f", (Strip("y", (Curve("s", 0, (1, 2), (HIGH, point)),)),))],
            x_axis="x",
        )  # type: ignore[arg-type]
        assert bar is not None
        assert curve is not None
        assert _marks(bar) == _marks(curve) == marks
    heat = heat_maps(
        "h", "t", "", [HeatFacet("f", VALUES, ("a",), ((HeatCell(1.0, "1"),), (HeatCell(None, "?"),)))]
    )
    assert heat is not None
    assert heat.inline().count("stroke-dasharray") == 1


def test_sums_leave_out_what_is_missing() -> None:
    facet = counts_facet("M", "", (("a", (1, 2)), ("b", None)), 0)
    assert facet is not None
    figure = heat_maps("h", "t", "", [facet])
    assert figure is not None
    texts = re.findall(r">([^<]*)</text>", figure.inline())
    assert texts.count("missing") == 1
    assert texts.count("3") == 1  # the total of a; b has none


def test_nothing_to_draw_gives_no_figure() -> None:
    assert dots("x", "t", "", [DotFacet("f", VALUES, (Dots("s", 0, (None, NONE)),))], axis="x") is None
    assert (
        curves("x", "t", "", [CurveFacet("f", (Strip("y", (Curve("s", 0, (1,), (None,)),)),))], x_axis="x")
        is None
    )
    assert tradeoff("x", "t", "", [], axis="x") is None
    assert heat_maps("x", "t", "", [None, HeatFacet("f", ("a",), ("b",), ((HeatCell(None, "?"),),))]) is None
    assert bars("x", "t", "", [BarFacet("f", (), ())], axis="x") is None
    assert histograms("x", "t", "", [Histogram("f", 0, 1, (), "x")]) is None
    assert scatters("x", "t", "", [ScatterFacet("f", ((None, 1.0),))], x_axis="x", y_axis="y") is None
    assert counts_facet("f", "", (("a", (0, 0)), ("b", None)), 0) is None


def test_series_differ_in_colour_and_in_shape() -> None:
    shapes, colours = set(), set()
    for style in (0, 1, 2, 3, "control", "matched"):
        figure = dots("x", "t", "", [DotFacet("f", ("a",), (Dots("s", style, (0.5,)),))], axis="x")
        assert figure is not None
        mark = re.search(
            r"<title>a, s: \+0.50</title><path d=\"([^\"]+)\" .*?style=\"([^\"]+)\"", figure.inline()
        )
        assert mark is not None
        shapes.add(mark[1])
        colours.add(re.findall(r"var\(--(\w+)\)", mark[2])[-1])
    assert len(colours) == 5  # the two controls share theirs
    assert len(shapes) == 6  # four shapes, and those of controls are smaller


@pytest.mark.parametrize(
    ("panels", "least", "columns"),
    [
        (1, 250, 1),
        (3, 250, 3),
        (4, 250, 4),
        (4, 352, 2),
        (5, 250, 3),
        (6, 250, 3),
        (7, 250, 4),
        (9, 250, 3),
        (10, 190, 5),
        (3, 900, 1),
    ],
)
def test_no_panel_is_left_over_on_a_row_of_its_own(panels: int, least: float, columns: int) -> None:
    assert columns_for(panels, least) == columns
    assert columns == 1 or panels % columns != 1


def test_a_file_says_the_labels_of_a_row_once() -> None:
    facets = [DotFacet(f"M{n}", VALUES, (Dots("s", n, (HIGH, LOW)),)) for n in range(4)]
    figure = dots("x", "t", "", facets, axis="x")
    assert figure is not None
    assert figure.inline().count(">Power</text>") == 4
    assert figure.standalone().count(">Power</text>") == 1
    assert len({panel.width for panel in figure.panels}) == 1


def test_figures_are_drawn_when_they_are_asked_for(figures: dict[str, Figure]) -> None:
    def refuse() -> tuple[()]:
        raise AssertionError("drawn")

    lazy = replace(figures["dots"], paint=refuse)
    with pytest.raises(AssertionError, match="drawn"):
        lazy.inline()
