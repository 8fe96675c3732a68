"""The charts of ValueExploration: whole files, said numbers, nothing drawn for nothing, hostile names."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from exploration_charts_sample import (
    EMPTY,
    NAMES,
    bars,
    overlap_map,
    perturbation_map,
    perturbed,
    sample_figures,
)

from valuescope.metrics import Estimate
from valuescope.report.charts.data_size import SizePoint, data_size_figure
from valuescope.report.charts.distribution import Counts, Histogram, distribution_figure
from valuescope.report.charts.grouped_bars import BarSeries, strategies_figure, support_figure
from valuescope.report.charts.layer_counts import layer_counts_figure
from valuescope.report.charts.overlap import OverlapMap, overlap_figure
from valuescope.report.charts.perturbation import PerturbationMap, perturbation_figure
from valuescope.report.charts.scatter import Scatter, scatter_figure
from valuescope.report.svg import Figure, text_width

NAMESPACE = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>]]>&amp;<!--\x00\x1b[31m\u202e\ud800"
SHAPES = {"rect", "line", "circle", "polyline", "polygon", "text"}
FIGURES = list(sample_figures())


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure | None]:
    return sample_figures()


def root_of(figure: Figure | None) -> ElementTree.Element:
    assert figure is not None
    return ElementTree.fromstring(figure.standalone())


def texts(figure: Figure | None) -> list[str]:
    return [element.text or "" for element in root_of(figure).iter(f"{NAMESPACE}text")]


def classed(figure: Figure | None, tag: str, name: str) -> list[ElementTree.Element]:
    found = root_of(figure).iter(f"{NAMESPACE}{tag}")
    return [element for element in found if name in (element.get("class") or "").split()]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("names", [NAMES, tuple(f"{place} {HOSTILE}" for place in range(12))])
def test_files_are_whole_and_refer_to_nothing(name: str, names: tuple[str, ...]) -> None:
    plain = names is NAMES
    figure = sample_figures(
        names, label="English" if plain else HOSTILE, other="Chinese" if plain else f"{HOSTILE} zh"
    )[name]
    root = root_of(figure)
    assert [child.tag.removeprefix(NAMESPACE) for child in root[:2]] == ["title", "desc"]
    for element in root.iter():
        assert element.tag.removeprefix(NAMESPACE) in {"svg", "title", "desc", "style", "g", *SHAPES}
        assert not any(key.startswith("on") or "href" in key for key in element.attrib)
        assert not any(shown in value for shown in ("nan", "inf") for value in element.attrib.values())
    assert figure is not None
    content = figure.standalone()
    assert content.count("http") == 1
    assert not {"\x00", "\x1b", "\u202e", "\ud800"} & set(content)


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_data_gives_the_same_bytes(name: str, figures: dict[str, Figure | None]) -> None:
    again, first = sample_figures.__wrapped__()[name], figures[name]
    assert again is not None
    assert first is not None
    assert again.standalone() == first.standalone()
    assert again.inline() == first.inline()


@pytest.mark.parametrize("name", FIGURES)
def test_each_panel_is_named_for_readers_of_the_screen(name: str, figures: dict[str, Figure | None]) -> None:
    figure = figures[name]
    assert figure is not None
    root = ElementTree.fromstring(figure.inline())
    for panel in root:
        words = {child.get("id"): child.text or "" for child in panel if child.tag in ("title", "desc")}
        assert panel.get("role") == "img"
        assert (panel.get("aria-labelledby") or "").split() == list(words)
        assert all(len(said) > 5 for said in words.values())
    assert re.search(r"\bn =|\bn by panel|neurons", f"{figure.description} {figure.standalone()}")


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("names", [NAMES, tuple(f"{place} {'longer ' * 12}" for place in range(12))])
def test_nothing_is_drawn_outside_of_its_panel(name: str, names: tuple[str, ...]) -> None:
    figure = sample_figures(names)[name]
    assert figure is not None
    for panel in figure.panels:
        body = ElementTree.fromstring(f"<g>{panel.body}</g>")
        for element in body.iter("text"):
            if element.get("transform"):
                continue
            size = 13 if "head" in (element.get("class") or "") else 11
            width, x = text_width(element.text or "", size), float(element.get("x") or 0)
            kind = (element.get("class") or "").split()
            left = x - width if "end" in kind else x - width / 2 if "mid" in kind else x
            assert left >= -14, element.text
            assert left + width <= panel.width + 14, element.text
            assert 0 <= float(element.get("y") or 0) <= panel.height
        for element in body.iter("rect"):
            x, width = float(element.get("x") or 0), float(element.get("width") or 0)
            assert width >= 0
            assert x >= -1
            assert x + width <= panel.width + 1


@pytest.mark.parametrize("name", FIGURES)
def test_upright_texts_do_not_overlap(name: str, figures: dict[str, Figure | None]) -> None:
    figure = figures[name]
    assert figure is not None
    for panel in figure.panels:
        rows: dict[float, list[tuple[float, float, str]]] = {}
        for element in ElementTree.fromstring(f"<g>{panel.body}</g>").iter("text"):
            kind = (element.get("class") or "").split()
            if element.get("transform") or not element.text:
                continue
            small = 9.5 if "small" in kind else 10 if "cell" in kind else 13 if "head" in kind else 11
            width, x = text_width(element.text, small) * 0.95, float(element.get("x") or 0)
            left = x - width if "end" in kind else x - width / 2 if "mid" in kind else x
            rows.setdefault(float(element.get("y") or 0), []).append((left, left + width, element.text))
        for placed in rows.values():
            for before, after in pairwise(sorted(placed)):
                assert before[1] <= after[0] + 1, (before, after)


def test_bars_stand_for_their_means_and_missing_ones_are_said() -> None:
    series = BarSeries("English", (Estimate(25.0, 20.0, 30.0, 40), Estimate(75.0, None, None, 9), None))
    figure = support_figure(("a", "b", "c"), {"Percentages": [series]})
    heights = [float(bar.get("height") or 0) for bar in classed(figure, "rect", "f-m0")[1:]]
    assert heights == pytest.approx([170 * 0.25, 170 * 0.75])
    assert texts(figure).count("?") == 1
    assert figure is not None
    assert (
        "a, English: 25.0 [20.0, 30.0] n = 40; b, English: 75.0 [no interval] n = 9; c, English: missing"
        in (figure.panels[0].description)
    )
    assert "n = 9–40" in figure.description
    assert len(classed(figure, "line", "s-ink")) == 3  # one interval and its caps


def test_drops_hang_and_stars_mark_them() -> None:
    series = [
        BarSeries("Feeding", (Estimate(-10, -12, -8, 5), Estimate(4, 2, 6, 5)), (True, False)),
        BarSeries("Generating", (Estimate(-5, -7, -3, 5), Estimate(0, -1, 1, 5)), dashed=True),
    ]
    figure = strategies_figure(("a", "b"), {"en": series})
    (zero,) = classed(figure, "line", "zero")
    level = float(zero.get("y1") or 0)
    fall, rise = classed(figure, "rect", "f-m0")[1:]
    assert float(fall.get("y") or 0) == pytest.approx(level, abs=0.02)
    assert float(rise.get("y") or 0) + float(rise.get("height") or 0) == pytest.approx(level, abs=0.02)
    assert float(fall.get("height") or 0) == pytest.approx(2.5 * float(rise.get("height") or 0), abs=0.1)
    assert len(classed(figure, "polygon", "f-ink")) == 1
    assert len(classed(figure, "rect", "dash")) == 3  # two bars and the key
    assert figure is not None
    assert "a, Feeding: −10.0 [−12.0, −8.0] n = 5, starred" in figure.panels[0].description


def test_the_heat_map_marks_the_largest_drops_frames_the_diagonal_and_hatches_what_was_not_measured() -> None:
    matrix = perturbed(8)
    figure = perturbation_figure([perturbation_map("English", 8)])
    marked = sum(len(rows) for rows in matrix.largest_drops() if rows)
    assert marked == 44
    assert len(classed(figure, "polygon", "f-ink")) == marked
    assert len(classed(figure, "rect", "frame")) == 12
    assert len(classed(figure, "rect", "empty")) == 12
    slanted = classed(figure, "line", "axis")
    assert len(slanted) >= 12 * 5
    assert len(slanted) % 12 == 0
    assert figure is not None
    assert f"Hatched: {NAMES[EMPTY]} had no neurons found" in figure.description
    assert "4 largest drops" in figure.description
    assert "n = 30 for each cell" in figure.description
    first = matrix.change[0][0]
    said = figure.panels[0].description
    assert f"Prosperity with the neurons of Prosperity off: −{abs(first.mean or 0):.1f} [" in said
    assert "n = 30, among the largest drops" in said
    assert said.count("no neurons found") == 12


def test_rows_of_the_heat_map_are_the_evaluated_values() -> None:
    cells = ((Estimate(-9, None, None, 4), Estimate(1, None, None, 4)), (Estimate(2, None, None, 4), None))
    figure = perturbation_figure([PerturbationMap("m", ("a", "b"), cells, ((0,), ()))])
    assert [shown for shown in texts(figure) if re.match(r"[−+?]", shown)] == ["−9.0", "+1.0", "+2.0", "?"]
    assert figure is not None
    assert "a with the neurons of b off: +1.0" in figure.panels[0].description
    assert "Hatched" not in figure.description


def test_overlaps_stand_beside_chance() -> None:
    shown = OverlapMap(
        "en",
        ("a", "b"),
        ("a", "b"),
        count=((40, 7), (7, 30)),
        expected=((None, 0.4), (0.4, None)),
        jaccard=((1.0, 7 / 63), (7 / 63, 1.0)),
        p=((None, 1e-9), (1e-9, None)),
        row_sizes=(40, 30),
        column_sizes=(40, 30),
        neurons=3072,
    )
    figure = overlap_figure([shown])
    assert figure is not None
    assert [panel.title.split(": ")[1] for panel in figure.panels] == [
        "shared neurons (sets of 30 to 40 neurons)",
        "expected by chance",
        "Jaccard index",
    ]
    assert "a and b: 7 shared, 0.4 by chance, p = 1e-09" in figure.panels[0].description
    assert texts(figure).count(".40") == 2
    assert texts(figure).count(".11") == 2
    assert len(classed(figure, "text", "bold")) == 4
    assert "3\u202f072 neurons" in figure.description


def test_across_languages_the_diagonal_is_tested_too() -> None:
    within, across = overlap_figure([overlap_map("en")]), overlap_figure([overlap_map("x", across=True)])
    assert texts(within).count("–") == 12
    assert texts(across).count("–") == 0
    assert {"English", "Chinese"} <= set(texts(across))


def test_the_curve_says_what_the_score_is_made_of() -> None:
    points = [
        SizePoint(400, Estimate(0.8, 0.7, 0.9, 12), 9, 12, 31.5),
        SizePoint(100, Estimate(0.4, 0.3, 0.5, 12), 5, 12, None),
    ]
    figure = data_size_figure({"English": points}, evaluated=240)
    assert figure is not None
    assert {"5/12", "9/12", "31.5", "?", "100", "400"} <= set(texts(figure))
    assert "400 items: 0.80 [0.70, 0.90], 9 of 12 values found, summed drop 31.5 points" in (
        figure.panels[0].description
    )
    assert "n = 240" in figure.description
    (line,) = root_of(figure).iter(f"{NAMESPACE}polyline")
    (x1, y1), (x2, y2) = [tuple(map(float, pair.split(","))) for pair in (line.get("points") or "").split()]
    assert x1 < x2
    assert y1 > y2


def test_the_bar_and_the_maximum_are_drawn_where_they_are() -> None:
    histogram = Histogram(
        "Entropy",
        0.0,
        2.0,
        (Counts("eligible", (0, 9, 0, 99)), Counts("kept", (0, 9, 0, 0))),
        "nats",
        marks=((1.0, "bar"), (2.0, "maximum"), (0.5, "bar")),
    )
    figure = distribution_figure([histogram])
    lines = [float(one.get("x1") or 0) for one in classed(figure, "line", "dash")]
    assert lines == pytest.approx([137.5, 235, 430])
    assert (texts(figure).count("bar"), texts(figure).count("maximum")) == (1, 1)
    nine, ninety = classed(figure, "rect", "faint")[1:]
    assert float(ninety.get("height") or 0) == pytest.approx(2 * float(nine.get("height") or 0), abs=0.02)
    assert "kept (n = 9 neurons)" in texts(figure)
    assert figure is not None
    assert "eligible, 1.5 to 2: 99" in figure.panels[0].description


def test_layers_add_up() -> None:
    figure = layer_counts_figure({"English": [("a", [1, 2]), ("b", [0, 4]), ("c", None)], "none": []})
    assert figure is not None
    assert len(figure.panels) == 1
    assert "3–4 neurons per value" in texts(figure)
    assert "a: 3 (1, 2); b: 4 (0, 4); c: missing" in figure.panels[0].description


def test_dilemmas_at_one_place_are_one_larger_mark() -> None:
    found = ((50.0, 50.0),) * 4 + ((80.0, 20.0), (None, 1.0))
    figure = scatter_figure([Scatter("en", found, Estimate(0.5, 0.1, 0.9, 5, 1))])
    circles = list(root_of(figure).iter(f"{NAMESPACE}circle"))
    assert [float(one.get("r") or 0) for one in circles] == [8.0, 4.0]
    assert {"n = 5, 1 missing", "r = +0.50 [+0.10, +0.90]"} <= set(texts(figure))
    assert figure is not None
    assert "en: 5" in figure.description


def test_nothing_is_drawn_for_nothing() -> None:
    nothing = Estimate(None, None, None, 0)
    assert support_figure(NAMES, {}) is None
    assert support_figure(("a",), {"m": [BarSeries("en", (nothing,))]}) is None
    assert perturbation_figure([]) is None
    assert perturbation_figure([PerturbationMap("m", ("a",), ((nothing,),), (None,))]) is None
    assert overlap_figure([]) is None
    assert data_size_figure({"en": []}) is None
    assert data_size_figure({"en": [SizePoint(5, nothing, 0, 12, None)]}) is None
    assert distribution_figure([Histogram("h", 0, 1, (Counts("c", (0, 0)),), "x")]) is None
    assert layer_counts_figure({"en": [("a", [0, 0]), ("b", None)]}) is None
    assert scatter_figure([Scatter("en", ((None, 1.0),))]) is None


def test_two_values_and_many_series_fit() -> None:
    names = ("Rule of Law", "Equality")
    series = [BarSeries(f"Series {place} with a name", bars(40, 80, names, seed=place)) for place in range(7)]
    figure = support_figure(names, {"m": series})
    assert figure is not None
    assert (
        len(classed(figure, "rect", "f-m0")) == 2 * 3
    )  # colours come round: the keys and bars of two series
