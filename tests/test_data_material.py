"""Sources made of records: which role each kind gets, and splits that never share a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import shared
from damaged_files import CHOICE, lines
from data_samples import write_lines
from run_samples import write_csv

from valuescope.data import SOURCES, DataError, Material, files_material
from valuescope.lab.parameters import keywords

TEXTS = ["tea", "bread", "boat", "lamp", "road", "song", "coat", "wheel", "river", "stone"]


def pairs(folder: Path, count: int = 10) -> Path:
    rows = [[f"I lead the {TEXTS[number]}.", f"I follow the {TEXTS[number]}."] for number in range(count)]
    return write_csv(folder / "power.csv", ["question_1", "question_2"], rows).parent


def stories(folder: Path, languages: tuple[str, ...] = ("en", "zh")) -> Path:
    rows = []
    for number, word in enumerate(TEXTS):
        texts = {"en": f"I carry a {word}.", "zh": f"我带着{number}号东西。"}
        row: dict[str, Any] = {"key": f"harmony/evaluation/{number:02d}", "value": "harmony"}
        row["topic"] = dict.fromkeys(languages, "t")
        row["story"] = {one: texts[one] for one in languages}
        row["aligned"] = dict.fromkeys(languages, f"keep {number}")
        row["violating"] = dict.fromkeys(languages, f"drop {number}")
        rows.append(row)
    return write_lines(folder / "harmony.jsonl", rows)


def described(folder: Path, **counts: int) -> Path:
    rows = [
        {"dimension": "conservation", "description": f"You {stance} {number}.", "stance": stance}
        for stance in ("for", "against")
        for number in range(counts.get(stance, 4))
    ]
    write_lines(folder / "descriptions.jsonl", rows)
    asked = [
        {"dimension": "conservation", "atomic": "health", "question": f"What of the {word}?"}
        for word in TEXTS[: counts.get("questions", 10)]
    ]
    write_lines(folder / "questions.jsonl", asked)
    return folder


def read_texts(material: Material) -> set[str]:
    return {text.prompt + text.answer for text in material.texts}


def asked_texts(material: Material) -> list[str]:
    return [one.question for one in (*material.questions, *material.tuning)]


def test_the_sources_take_a_seed_and_known_parameters() -> None:
    assert set(SOURCES) == {"organism", "starter", "files", "conva"}
    for source in SOURCES.values():
        assert "seed" in keywords(source)


def test_pairs_become_texts_and_held_out_pairs(tmp_path: Path) -> None:
    material = files_material(("power",), path=str(pairs(tmp_path)))
    assert material.counts() == {"positive": 7, "negative": 7}
    assert len(material.pairs) == 3
    assert not {side for pair in material.pairs for side in (pair.positive, pair.negative)} & read_texts(
        material
    )
    assert Material.from_dict(material.to_dict()) == material


def test_repeated_sides_go_to_one_split_only(tmp_path: Path) -> None:
    rows = [["I lead.", f"I follow {word}."] for word in TEXTS] + [["I rule.", "I serve."]]
    write_csv(tmp_path / "power.csv", ["question_1", "question_2"], rows)
    material = files_material(("power",), path=str(tmp_path))
    assert len(material.pairs) + len(material.texts) // 2 == 2


def test_dilemmas_become_texts_and_questions_and_languages_stay_together(tmp_path: Path) -> None:
    material = files_material(("harmony",), path=str(stories(tmp_path)), tuning=2)
    assert material.counts() == {"text": 14}
    assert (len(material.questions), len(material.tuning)) == (4, 2)
    read = {text.group.removesuffix("/en").removesuffix("/zh") for text in material.texts}
    asked = {
        one.key.removesuffix("/en").removesuffix("/zh") for one in (*material.questions, *material.tuning)
    }
    assert (len(read), len(asked), read & asked) == (7, 3, set())
    english = [one for one in material.texts if "I carry" in one.prompt]
    for text in english:
        letter = text.answer[0]
        assert f"{letter}. keep" in text.prompt
        assert text.answer.startswith(f"{letter}. keep")
    assert {text.answer[0] for text in material.texts} == {"A", "B"}
    alone = files_material(("harmony",), path=str(tmp_path / "harmony.jsonl"), language="zh")
    assert {one.language for one in alone.questions} == {"zh"}


def test_descriptions_are_read_with_questions_and_asked_with_others(tmp_path: Path) -> None:
    material = files_material(("conservation",), path=str(described(tmp_path)), texts=12, tuning=1)
    assert material.counts() == {"for": 12, "against": 12}
    assert len(read_texts(material)) == 24
    assert [one.setting for one in material.questions].count("dilemma") == 2
    assert [one.setting for one in material.questions].count("described") == 2
    assert {one.setting for one in material.tuning} == {"dilemma", "described"}
    for one in (*material.questions, *material.tuning):
        assert not any(one.question in text for text in read_texts(material))
        assert not one.system or not any(one.system in text for text in read_texts(material))
        assert "against" not in one.system


def test_what_descriptions_lack_is_told(tmp_path: Path) -> None:
    path = described(tmp_path, against=0)
    with pytest.raises(
        DataError,
        match="conservation: 4 descriptions for, 0 against and 10 questions; a run needs at least 2, 1",
    ):
        files_material(("conservation",), path=str(path))


def test_a_rated_text_is_about_every_value_it_speaks_for(tmp_path: Path) -> None:
    rated = {"dialogue": "Human: a?\nBob: b", "value_types": ["power: -1", "security: +1", "tradition: +1"]}
    path = lines(rated)(tmp_path / "f.jsonl")
    material = files_material(("security", "tradition"), path=str(path))
    assert [(text.label, text.prompt, text.answer) for text in material.texts] == [
        ("security|text", "a?", "\nb"),
        ("tradition|text", "a?", "\nb"),
    ]
    with pytest.raises(DataError, match="no records about 'power'; it has security"):
        files_material(("power",), path=str(path))


def test_the_draw_depends_on_the_seed_alone(tmp_path: Path) -> None:
    path = str(pairs(tmp_path))
    assert files_material(("power",), path=path) == files_material(("power",), path=path)
    assert files_material(("power",), path=path, seed=1).hash != files_material(("power",), path=path).hash


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"questions": 0}, "questions is 0; it must be between 1"),
        ({"held_out": 1.5}, "held_out is 1.5; it must be between 0.01 and 0.99"),
        ({"tuning": -1}, "tuning is -1"),
        ({"language": "zh"}, "no records in zh about 'power'"),
        ({"reader": "bbq"}, "'context'.*is missing"),
    ],
)
def test_parameters_out_of_range_are_named(tmp_path: Path, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        files_material(("power",), path=str(pairs(tmp_path)), **parameters)


def test_too_much_tuning_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="tuning is 6, but for harmony there are 6 questions to ask"):
        files_material(("harmony",), path=str(stories(tmp_path)), tuning=6)


def test_records_that_a_run_cannot_use_are_refused(tmp_path: Path) -> None:
    row = {"questionnaire": "X", "item": "I lead.", "value": "power", "agreement": 1}
    with pytest.raises(DataError, match="holds questionnaire items, which a run cannot read or ask"):
        files_material(("power",), path=str(lines(row)(tmp_path / "q.jsonl")))


def test_faults_and_problems_are_noted(tmp_path: Path) -> None:
    rows = [[f"I take the {word} instead.", f"I leave the {word} there."] for word in TEXTS] + [["", "x"]]
    write_csv(tmp_path / "power.csv", ["question_1", "question_2"], rows)
    notes = files_material(("power",), path=str(tmp_path)).notes
    assert any("1 malformed rows left out, the first: " in note and "line 12" in note for note in notes)
    assert any("a bag of words tells the sides apart with accuracy 1.00, by 'i" in note for note in notes)
    with pytest.raises(DataError, match="line 12: field 'question_1': is empty"):
        files_material(("power",), path=str(tmp_path), strict=True)
    assert CHOICE["answer"] == 1


def test_published_pairs_as_files() -> None:
    material = files_material(("power", "benevolence"), path=str(shared("data/conva")), questions=20)
    assert material.counts() == {"positive": 140, "negative": 140}
    assert (len(material.pairs), len(material.questions)) == (60, 40)
    assert any("power: 100 questions, 79 without near-duplicates" in note for note in material.notes)
