"""The page: nothing runs, nothing that others wrote becomes markup, and every file beside it is whole."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_samples import ROWS, draw_all, opening, sections, table_of

from valuescope.report.blocks import Section, Words
from valuescope.report.document import POLICY, page, write_page
from valuescope.report.figure import Figure

NASTY = "<script>alert(1)</script><img src=x onerror=y> \" ' & {{ 7 * 7 }} \x00\x1b\u202e\ud800 end"
VOID = {"meta", "input"}


class _Reader(HTMLParser):
    """Checks that elements close in order, and keeps tags, attributes, ids and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    return draw_all()


def test_nothing_that_others_wrote_becomes_markup() -> None:
    html = page(NASTY, opening(NASTY), sections(NASTY))
    read = _Reader(html)
    assert not {"script", "img", "link", "iframe", "object"} & set(read.tags)
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert "<script" not in html
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\ud800]", html)
    assert read.text.count("<script>alert(1)</script><img src=x onerror=y>") >= 15
    assert "{{ 7 * 7 }}" in read.text


def test_the_policy_allows_styles_only_and_nothing_is_loaded(figures: dict[str, Figure]) -> None:
    html = page("run", opening(hero=figures["dots"]), sections(figures={"heat": figures["heat"]}))
    assert POLICY == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{POLICY.replace(chr(39), "&#39;")}">' in html
    assert "url(" not in html
    assert not [
        value
        for name, value in _Reader(html).attributes
        if name in ("src", "href") and value and value[0] != "#"
    ]


def test_ids_are_unique_and_every_link_and_label_has_its_target(figures: dict[str, Figure]) -> None:
    beside = {name: figure for name, figure in figures.items() if name != "plain"}
    read = _Reader(page("run", opening(hero=figures["plain"]), sections(figures=beside)))
    ids = [value for name, value in read.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for name, value in read.attributes:
        if name == "href":
            assert (value or "")[1:] in ids
        if name == "aria-labelledby":
            assert set((value or "").split()) <= set(ids)


def test_empty_sections_are_left_out_and_links_have_their_words(figures: dict[str, Figure]) -> None:
    html = page("run", opening(), sections(figures={"bars": figures["bars"]}))
    assert "Nothing here" not in html
    links = re.findall(r'<a href="#(\w+)">(\w+)</a>', html)
    assert links == [
        ("tables", "Tables"),
        ("figures", "Pictures"),
        ("answers", "AnswerSheet"),
        ("facts", "Facts"),
    ]


def test_blocks_read_as_they_should() -> None:
    read = _Reader(page("run", opening(), sections()))
    for words in ("no success", "not judged", "empty answer", "not stated", "n = 0, 7 missing", "Warning: "):
        assert words in read.text
    html = page("run", opening(), sections())
    assert '<span class="badge unknown">not judged</span>' in html
    assert '<span class="missing">no truth</span>' in html
    assert html.count('type="radio"') == 3  # all, no success, success
    assert '<article class="example v0">' in html
    assert '<th scope="row">VAPE<small>a setting</small></th>' in html


def test_answers_keep_their_line_breaks() -> None:
    assert "first\n\n  second" in page("run", opening(), sections("first\n\n  second"))


def test_the_same_content_gives_the_same_bytes(figures: dict[str, Figure]) -> None:
    assert page("run", opening(), sections(figures=figures)) == page(
        "run", opening(), sections(figures=draw_all())
    )


def test_files_are_written_and_stale_figures_removed(tmp_path: Path, figures: dict[str, Figure]) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "stale.svg").write_text("old")
    (tmp_path / "figures" / "mine.png").write_text("kept")
    two = {"bars": figures["bars"]}
    more = Section("more", "More", (table_of(ROWS, page=False),))
    written = write_page(tmp_path, "run", opening(hero=figures["dots"]), [*sections(figures=two)[1:2], more])
    assert written == tmp_path / "report.html"
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert names == [
        "figures/bars.svg",
        "figures/dots.svg",
        "figures/mine.png",
        "report.html",
        "tables/methods.csv",
    ]
    assert (tmp_path / "tables/methods.csv").read_text() == table_of(ROWS).csv()
    assert (tmp_path / "figures/bars.svg").read_text() == figures["bars"].standalone()
    assert "Every method" not in written.read_text()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([Section("a", "A", ("x",)), Section("a", "B", ("y",))], "two sections of a report are named 'a'"),
        ([Section("a b", "A", (Words("x"),))], "section 'a b': a name has letters"),
        ([Section("a", "A", (table_of(ROWS), table_of(ROWS)))], "two tables of a report are named 'methods'"),
    ],
)
def test_names_must_be_unique_and_fit_for_files(
    tmp_path: Path, parts: list[Section | None], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_page(tmp_path, "run", opening(), parts)
    assert not list(tmp_path.iterdir())
