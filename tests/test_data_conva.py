"""Reader of ConVA's files: good ones, damaged ones, and the published ones where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import shared
from run_samples import TWO, write_conva, write_csv

from valuescope.data import DataError, Material, conva_material
from valuescope.data.checks import near_duplicates
from valuescope.data.files_material import read_pairs, read_questions
from valuescope.values import load_value_system

PAIR = ["question_1", "question_2"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_conva(tmp_path / "conva", pairs=10, questions=5)


def sides(material: Material) -> set[str]:
    return {text for pair in material.pairs for text in (pair.positive, pair.negative)}


# Good files -----------------------------------------------------------------------------------------------


def test_pairs_are_read_in_their_order_with_commas_quotes_and_line_breaks(tmp_path: Path) -> None:
    rows = [['I lead, "always".', "I follow."], ["Two\nlines", "größer"]]
    path = write_csv(tmp_path / "power.csv", PAIR, rows)
    found = read_pairs(path, "power")
    assert [(pair.positive, pair.negative) for pair in found] == [tuple(row) for row in rows]
    assert [pair.key for pair in found] == ["power/0", "power/1"]
    assert {pair.value for pair in found} == {"power"}


def test_space_around_texts_other_columns_and_a_byte_order_mark_are_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "power.csv"
    path.write_text("﻿id,question_2,question_1\n7, no ,  yes \n", encoding="utf-8")
    assert [(pair.positive, pair.negative) for pair in read_pairs(path, "power")] == [("yes", "no")]


def test_questions_are_asked_alone(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "test.csv", ["text"], [["Should I?"], ["Would you?"]])
    first, second = read_questions(path, "power")
    assert (first.key, first.question, first.setting, first.system) == ("power/0", "Should I?", "dilemma", "")
    assert second.key == "power/1"


def test_pairs_are_split_between_probes_and_evaluation(folder: Path) -> None:
    material = conva_material(TWO, folder=str(folder), held_out=0.3)
    assert material.counts() == {"positive": 14, "negative": 14}
    assert len(material.pairs) == 6
    assert not sides(material) & {text.prompt for text in material.texts}
    assert len({text.group for text in material.texts}) == 14
    assert not {pair.key for pair in material.pairs} & {text.group for text in material.texts}
    assert len(material.questions) == 10
    assert material.tuning == ()


def test_the_draw_depends_on_the_seed_alone_and_not_on_other_values(folder: Path) -> None:
    whole = conva_material(TWO, folder=str(folder), questions=3)
    assert conva_material(TWO, folder=str(folder), questions=3) == whole
    assert conva_material(TWO, folder=str(folder), questions=3, seed=1).hash != whole.hash
    alone = conva_material(TWO[1:], folder=str(folder), questions=3)
    assert alone.pairs == tuple(pair for pair in whole.pairs if pair.value == TWO[1])
    assert alone.questions == tuple(question for question in whole.questions if question.value == TWO[1])


def test_at_most_as_many_as_asked(folder: Path) -> None:
    material = conva_material(TWO, folder=str(folder), pairs=4, questions=2)
    assert len(material.pairs) + len({text.group for text in material.texts}) == 8
    assert len(material.questions) == 4
    assert len(conva_material(TWO, folder=str(folder), pairs=99, questions=99).questions) == 10


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_both_parts_of_the_split_get_a_pair(folder: Path, share: float) -> None:
    material = conva_material(TWO, folder=str(folder), held_out=share)
    assert {pair.value for pair in material.pairs} == set(TWO)
    assert {text.label for text in material.texts} == {
        f"{v}|{side}" for v in TWO for side in ("positive", "negative")
    }


@pytest.mark.parametrize(
    ("name", "number"),
    [("pairs", 0), ("pairs", 1), ("questions", 0), ("questions", -1), ("held_out", 0.0), ("held_out", 1.0)],
)
def test_numbers_out_of_range_are_named(folder: Path, name: str, number: float) -> None:
    with pytest.raises(DataError, match=rf"^{name} is {number}; it must be"):
        conva_material(TWO, folder=str(folder), **{name: number})


def test_wording_that_tells_the_sides_apart_is_noted(tmp_path: Path) -> None:
    folder = write_conva(tmp_path)
    write_csv(
        folder / "probe" / "power.csv", PAIR, [["I lead.", "I avoid it."], ["I rule.", "I serve instead."]]
    )
    (note,) = [note for note in conva_material(TWO, folder=str(folder)).notes if "negative" in note]
    assert (
        note
        == "power: 100% of the negative and 0% of the positive texts hold 'rather than', 'instead', 'avoid'"
    )


def test_near_duplicates_are_counted_and_noted(tmp_path: Path) -> None:
    asked = "Should Emma share what she knows with the whole team today?"
    texts = [asked, asked.replace("Emma", "Anna"), asked.replace("Emma", "Ella"), "Is it right to lie?"]
    assert len(near_duplicates(texts).pairs) == 3
    assert not near_duplicates(texts, threshold=0.99).pairs
    folder = write_conva(tmp_path)
    write_csv(folder / "eval" / "test_power_new.csv", ["text"], [[text] for text in texts])
    assert (
        "power: 3 pairs of near-duplicate questions among 4 (2 without repeats)"
        in conva_material(TWO, folder=str(folder)).notes
    )


# Damaged files --------------------------------------------------------------------------------------------


def test_a_missing_file_is_named_with_the_layout(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"power\.csv: no such file; `folder` must hold probe/<value>\.csv and eval/"
    ):
        conva_material(("power",), folder=str(tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"question_1,other\na,b\n", r"line 1: column 'question_2' is missing; found question_1, other"),
        (b"", r"the file is empty; fill it or leave it out"),
        (
            b"question_1,question_2\na,b\nc,\n",
            r"line 3: field 'question_2': is empty; fill it or drop the row",
        ),
        (b"question_1,question_2\na,b\nc\n", r"line 3: field 'question_2': is empty"),
        (
            b'question_1,question_2\na,"  "\n',
            r"line 2: field 'question_2': is empty .*; fill it or drop the row",
        ),
        (
            b"question_1,question_2\na,b\nc,d\xff\n",
            r"line 3: not UTF-8 \(found byte 0xff\); save the file as UTF-8",
        ),
        (
            b"question_1,question_2\nI lead, always,I follow\n",
            r"line 2: more fields than the header names .*; put texts",
        ),
        (b'question_1,question_2\na,b\n"c"d,e\n', r"line 3: .*; check the quoting"),
        (b'question_1,question_2\na,b\n"c,d\n', r"line 3: .*; check the quoting"),
        (b"question_1,question_2\n", r"line 1: no rows under the header; fill it or leave it out"),
    ],
)
def test_damage_is_named_with_file_and_place(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "power.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"power\.csv: {message}"):
        read_pairs(path, "power")


def test_damage_in_the_questions_is_named_too(folder: Path) -> None:
    write_csv(folder / "eval" / "test_power_new.csv", ["question"], [["Should I?"]])
    with pytest.raises(
        DataError, match=r"test_power_new\.csv: line 1: column 'text' is missing; found question"
    ):
        conva_material(TWO, folder=str(folder))


# The published files --------------------------------------------------------------------------------------

PAIRS = {"conformity": 96, "self-direction": 99, "universalism": 87}
REPEATS = {"power": 44, "benevolence": 43}


@pytest.mark.parametrize("value", load_value_system("schwartz").at_level("value"))
def test_published_counts(value: str) -> None:
    folder = shared("data/conva")
    pairs = read_pairs(folder / "probe" / f"{value}.csv", value)
    questions = read_questions(folder / "eval" / f"test_{value}_new.csv", value)
    assert len(pairs) == PAIRS.get(value, 100)
    assert len(questions) == 100
    if value in REPEATS:
        assert len(near_duplicates([question.question for question in questions]).pairs) == REPEATS[value]


def test_no_published_text_is_on_both_sides_of_the_split() -> None:
    values = load_value_system("schwartz").at_level("value")
    material = conva_material(values, folder=str(shared("data/conva")))
    assert not sides(material) & {text.prompt for text in material.texts}
    assert sum("near-duplicate" in note for note in material.notes) >= 2
