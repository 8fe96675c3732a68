"""One table, three faces: the page's cells, CSV and plain text."""

from __future__ import annotations

import csv
import io

import pytest
from report_samples import HIGH, NONE, ROWS, table_of

from valuescope.metrics import Estimate
from valuescope.report.numbers import Numbers
from valuescope.report.table import Column, Shown, Table, Verdict


def test_csv_has_facts_in_full_and_empty_cells_for_what_is_missing() -> None:
    text = table_of(ROWS).csv()
    assert text == (
        "method,headline,neurons,precision,effect_mean,effect_low,effect_high,effect_n,effect_missing,hash\n"
        "VAPE,true,12000,0.125,-0.25,-0.5,0.0,40,0,ab12\n"
        "控制,false,,,,,,,,ab12\n"
        "NeVA,false,3,1.0,,,,0,7,ab12\n"
    )


def test_csv_without_rows_has_its_head_and_estimates_may_go_without_prefix() -> None:
    columns = (Column("*", "", lambda row: HIGH, estimate=True), Column("value", "", str))
    assert Table("x", "", columns, ()).csv() == "mean,low,high,n,missing,value\n"


def test_csv_keeps_numbers_exact_quotes_commas_and_drops_control_characters() -> None:
    texts = ['a,"b"\nc', "bell\x07nul\x00", "\u202eturned", "\ud800"]
    text = Table("x", "", (Column("text", "", str), Column("number", "", lambda row: 0.1 + 0.2)), texts).csv()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["text"] for row in rows] == ['a,"b"\nc', "bell\ufffdnul\ufffd", "\u202eturned", "\ufffd"]
    assert {row["number"] for row in rows} == {"0.30000000000000004"}
    assert "\r" not in text


def test_csv_refuses_another_cell_in_a_column_of_estimates() -> None:
    with pytest.raises(TypeError, match="column 'effect' holds estimates"):
        Table("x", "", (Column("effect", "", lambda row: 0.5, estimate=True),), (1,)).csv()


def test_terminal_is_plain_text_of_even_columns_with_an_ascii_minus() -> None:
    assert table_of(ROWS).terminal().split("\n") == [
        "method  neurons               effect  again",
        "------  -------  -------------------  -----",
        "VAPE      12000  -0.25 [-0.50, 0.00]  12000",
        "控制    missing              missing      -",
        "NeVA          3              missing      3",
    ]


def test_terminal_does_not_depend_on_its_width_and_shows_one_safe_line_per_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = Table("", "", (Column("", "", str, terminal="text"),), ["a\nb\x1b[31m\u202e" + "long " * 60])
    wide = table.terminal()
    monkeypatch.setenv("COLUMNS", "20")
    assert table.terminal() == wide
    assert len(wide.split("\n")) == 3
    assert "\x1b" not in wide
    assert "\u202e" not in wide


def test_page_has_estimates_with_interval_and_n_in_one_cell() -> None:
    table = table_of(ROWS)
    assert table.titles() == ["Method", "Neurons", "Precision", "Effect", "Hash", "Verdict"]
    first, second, third = table.body()
    assert first[0] == Shown("VAPE", lines=("a setting",))
    assert first[1].text == "12\u202f000"
    assert first[2].text == "0.12"
    assert first[3] == Shown("−0.25", bold=True, figures=("[−0.50, 0.00]", "n = 40"))
    assert first[4].code == "ab12"
    assert first[5].badges == (Verdict(True, "clear"), Verdict(None, "no control"))
    assert (second[1], second[2]) == (Shown("missing", missing=True), Shown("no truth", missing=True))
    assert second[3] == Shown("missing", missing=True)
    assert third[3] == Shown("missing", missing=True, figures=("n = 0, 7 missing",))


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (True, "yes"),
        (0.5, "+0.50"),
        (NONE, "missing"),
        (HIGH, "+0.50 [+0.25, +0.75]"),
        (Estimate(0.5, None, None, 1), "+0.50 [no interval]"),
        (Verdict(False, "wrong direction"), "wrong direction"),
        ("12–40,\u202f−1", "12-40, -1"),
        ((Verdict(True, "a"), Verdict(None, "b")), "a, b"),
    ],
)
def test_terminal_words_of_every_kind_of_cell(cell: object, words: str) -> None:
    assert Column("", "", lambda row: cell, terminal="x").words(None) == words  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("means", "share", "digits"),
    [
        ([0.5, None, -0.2], True, 2),
        ([0.012], True, 3),
        ([0.00012], True, 3),
        ([0.00012], False, 5),
        ([], True, 2),
    ],
)
def test_numbers_suit_the_largest(means: list[float | None], share: bool, digits: int) -> None:
    assert Numbers.suiting(means, share=share).digits == digits


@pytest.mark.parametrize(
    ("value", "signed", "words"),
    [
        (0.664, True, "+.66"),
        (-0.05, True, "−.05"),
        (0.0, True, ".00"),
        (1.2, False, "1.20"),
        (0.999, True, "+1.00"),
        (None, True, "?"),
    ],
)
def test_short_numbers_for_cells(value: float | None, signed: bool, words: str) -> None:
    assert Numbers(2).short(value, signed=signed) == words
