"""The starter set: all files there, every check passed, and material out of each part."""

from __future__ import annotations

import shutil
from collections import Counter
from itertools import chain
from pathlib import Path
from statistics import fmean

import pytest
from data_samples import write_lines

from valuescope.data import (
    ContrastPair,
    DataError,
    Dilemma,
    Question,
    read_data,
    read_part,
    starter_folder,
    starter_material,
)
from valuescope.data.checks import (
    function_words,
    held_words,
    judging_words,
    key_words,
    size,
    wording_accuracy,
    words,
)
from valuescope.data.records import of_kind, sides
from valuescope.data.starter import PARTS
from valuescope.data.starter_checks import check_files, main
from valuescope.values import load_value_system

NEGATIONS = {"not", "never", "no", "nor", "neither", "none", "nobody", "nothing", "cannot", "without", "t"}
SCHWARTZ = load_value_system("schwartz")
FILES = [
    (name, value)
    for name, part in PARTS.items()
    for value in load_value_system(part.system).at_level(part.level)
]


@pytest.mark.parametrize("name", PARTS)
def test_every_value_has_its_file_and_no_file_has_a_fault(name: str) -> None:
    values = [value for part, value in FILES if part == name]
    folder = starter_folder() / name
    assert sorted(path.stem for path in folder.iterdir()) == sorted(values)
    assert [str(finding) for finding in check_files(sorted(folder.iterdir()))] == []


def test_the_set_has_the_promised_size() -> None:
    dataset = read_data(starter_folder(), strict=True)
    assert len(dataset) == 2 * (240 + 240) + 400 + 400 + 160 + 160 + 600 + 400 + 240 + 200 + 240
    assert dataset.format == "valuescope"


@pytest.mark.parametrize("value", SCHWARTZ.at_level("value"))
def test_a_bag_of_words_finds_the_pairs_hard(value: str) -> None:
    found = sides(read_part("schwartz/contrast", [value]))
    assert found is not None
    measured = wording_accuracy(found[1], found[2])
    assert measured is not None
    assert measured.accuracy < 0.65


@pytest.mark.parametrize("value", SCHWARTZ.at_level("value"))
def test_the_plain_pairs_differ_in_content_and_in_little_else(value: str) -> None:
    pairs = of_kind(read_part("schwartz/contrast-plain", [value]), ContrastPair)
    assert len(pairs) == 60
    both = [pair.positive for pair in pairs], [pair.negative for pair in pairs]
    measured = wording_accuracy(*both, vocabulary=function_words())
    assert measured is not None
    assert measured.accuracy < 0.6
    for positive, negative in zip(*both, strict=True):
        assert words(positive)[:3] == words(negative)[:3]
        assert abs(size(positive, "en") - size(negative, "en")) <= 2
        counts = [sum(word in NEGATIONS for word in words(text)) for text in (positive, negative)]
        assert counts[0] == counts[1]
        assert not held_words(f"{positive} {negative}", key_words(SCHWARTZ, value, "en"), "en")
    openings = Counter(tuple(words(text)[:3]) for text in both[0])
    assert max(openings.values()) <= 3
    assert len({pair.topic for pair in pairs}) >= 58


@pytest.mark.parametrize("value", SCHWARTZ.at_level("value"))
def test_to_half_of_the_plain_questions_yes_is_for_the_value(value: str) -> None:
    questions = of_kind(read_part("schwartz/questions-plain", [value]), Question)
    halves = [
        [one.question for one in questions if f"/plain/{answer}/" in one.key] for answer in ("yes", "no")
    ]
    assert list(map(len, halves)) == [20, 20]
    lengths = [fmean(size(text, "en") for text in half) for half in halves]
    assert abs(lengths[0] - lengths[1]) < 3
    for text in chain(*halves):
        assert not held_words(text, (*key_words(SCHWARTZ, value, "en"), *judging_words()), "en")


def test_the_tier_plain_is_asked_by_turns_and_says_so() -> None:
    material = starter_material(("power", "benevolence"), tier="plain", questions=10, tuning=4)
    assert material.counts() == {"positive": 84, "negative": 84}
    assert (len(material.pairs), len(material.questions), len(material.tuning)) == (36, 20, 8)
    for asked in (material.questions, material.tuning):
        assert sum("/plain/yes/" in one.key for one in asked) == len(asked) / 2
    assert "tier plain" in material.notes[1]
    assert starter_material(("power",), tier="hard") == starter_material(("power",))


def test_pairs_and_questions_of_a_value() -> None:
    material = starter_material(("power", "benevolence"))
    assert material.counts() == {"positive": 56, "negative": 56}
    assert (len(material.pairs), len(material.questions), len(material.tuning)) == (24, 70, 10)
    read = {text.prompt for text in material.texts}
    assert not read & {side for pair in material.pairs for side in (pair.positive, pair.negative)}
    assert not {one.key for one in material.questions} & {one.key for one in material.tuning}


def test_descriptions_and_situations_of_a_dimension() -> None:
    material = starter_material(("conservation",), texts=50)
    assert material.counts() == {"for": 50, "against": 50}
    settings = [one.setting for one in material.questions]
    assert (settings.count("dilemma"), settings.count("described"), len(material.tuning)) == (15, 15, 10)
    read = "\n".join(text.prompt for text in material.texts)
    assert not any(one.question in read or (one.system and one.system in read) for one in material.questions)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_dilemmas_of_a_chinese_social_value(language: str) -> None:
    material = starter_material(("harmony", "integrity"), language=language)
    assert material.counts() == {"text": 40}
    assert (len(material.questions), len(material.tuning)) == (30, 10)
    assert {one.language for one in material.questions} == {language}
    assert all(text.answer[3:].strip() for text in material.texts)


PAPERS = ("pairs", "descriptions", "dilemmas")


def test_all_three_papers_texts_of_the_ten_values_are_in_one_material() -> None:
    values = SCHWARTZ.at_level("value")
    material = starter_material(values, tier="plain", kinds=PAPERS, tuning=4)
    assert material.counts() == {"text": 120, "for": 600, "against": 600, "positive": 420, "negative": 420}
    asked = Counter(question.setting for question in material.questions)
    assert (len(material.pairs), asked) == (180, {"dilemma": 360, "described": 60})
    assert len({question.key for question in (*material.questions, *material.tuning)}) == 420 + 80
    read = "\n".join(text.prompt + text.answer for text in material.texts)
    assert not any(question.question in read for question in (*material.questions, *material.tuning))
    assert not any(question.system in read for question in material.questions if question.system)


def test_other_kinds_change_nothing_of_what_is_drawn_of_the_pairs() -> None:
    alone, with_others = (
        starter_material(("power", "security"), questions=9, **kinds) for kinds in ({}, {"kinds": PAPERS})
    )
    assert with_others.pairs == alone.pairs
    sides_read = ("|positive", "|negative")
    assert tuple(text for text in with_others.texts if text.label.endswith(sides_read)) == alone.texts
    assert (
        tuple(question for question in with_others.questions if question.setting == "dilemma")
        == alone.questions
    )
    assert len(alone.notes) == 1


def test_the_draw_of_the_pairs_is_that_of_before() -> None:
    held = starter_material(("power", "tradition"), questions=3, tuning=1)
    assert [pair.key.split("/", 1)[1] for pair in held.pairs][:4] == [
        "question/05",
        "statement/17",
        "question/16",
        "question/10",
    ]
    assert [question.key for question in held.questions] == [
        "power/28",
        "power/34",
        "power/13",
        "tradition/20",
        "tradition/36",
        "tradition/27",
    ]
    plain = starter_material(("hedonism",), tier="plain", questions=3, tuning=1)
    assert [pair.key[-2:] for pair in plain.pairs][:5] == ["58", "03", "18", "13", "38"]


@pytest.mark.parametrize(
    ("questions_of", "part", "alone"), [("situations", "/situation/", 10), ("dilemmas", "/evaluation/", 12)]
)
def test_what_is_asked_alone_is_of_one_kind(questions_of: str, part: str, alone: int) -> None:
    material = starter_material(("power",), kinds=PAPERS, questions_of=questions_of, tuning=0)
    asked = [question.key for question in material.questions if question.setting == "dilemma"]
    assert len(asked) == alone
    assert all(part in key for key in asked)
    described = [question.key for question in material.questions if question.setting == "described"]
    assert len(described) == 10
    assert f"asked alone are its {questions_of}" in material.notes[-1]


@pytest.mark.parametrize("value", SCHWARTZ.at_level("value"))
def test_the_dilemmas_of_a_value_are_not_told_by_which_action_is_longer(value: str) -> None:
    held = of_kind(
        [*read_part("schwartz/activation", [value]), *read_part("schwartz/evaluation", [value])], Dilemma
    )
    longer = [size(one.aligned, "en") - size(one.violating, "en") for one in held]
    assert len(held) == 24
    assert abs(fmean(longer)) <= 1
    assert (
        4
        <= sum(difference > 0 for difference in longer) + sum(difference == 0 for difference in longer) / 2
        <= 20
    )


def test_kinds_that_do_not_fit_are_told() -> None:
    with pytest.raises(
        DataError, match="kinds are pairs, stories; name some of pairs, descriptions, dilemmas"
    ):
        starter_material(("power",), kinds=("pairs", "stories"))
    with pytest.raises(DataError, match="questions_of is 'dilemmas'; with kinds pairs it is questions"):
        starter_material(("power",), questions_of="dilemmas")
    with pytest.raises(DataError, match="kinds and questions_of are of Schwartz's ten values"):
        starter_material(("conservation",), kinds=PAPERS)


def test_values_languages_and_numbers_that_it_lacks_are_told() -> None:
    with pytest.raises(DataError, match="the starter set has no level with the values power, harmony"):
        starter_material(("power", "harmony"))
    with pytest.raises(DataError, match="language is 'zh'; the starter set has these values in en"):
        starter_material(("power",), language="zh")
    with pytest.raises(DataError, match="tier is 'easy'; the tiers are hard and plain"):
        starter_material(("power",), tier="easy")
    with pytest.raises(DataError, match="tier is 'plain'; the starter set has it for Schwartz's ten values"):
        starter_material(("conservation",), tier="plain")
    with pytest.raises(DataError, match="tuning is 40, but for power there are 40 questions"):
        starter_material(("power",), tuning=40)
    with pytest.raises(DataError, match="no schwartz/contrast for 'envy'; it has"):
        read_part("schwartz/contrast", ["envy"])


def test_the_draw_of_a_value_depends_on_the_seed_and_not_on_other_values() -> None:
    both, alone = starter_material(("power", "benevolence")), starter_material(("benevolence",))
    assert alone.pairs == tuple(pair for pair in both.pairs if pair.value == "benevolence")
    assert starter_material(("benevolence",), seed=1).pairs != alone.pairs


# The check command ----------------------------------------------------------------------------------------


def rows_of(value: str, part: str = "contrast") -> list[dict[str, str]]:
    return [
        {
            "key": pair.key,
            "value": pair.value,
            "kind": pair.kind,
            "scene": pair.topic,
            "positive": pair.positive,
            "negative": pair.negative,
        }
        for pair in read_part(f"schwartz/{part}", [value])
        if isinstance(pair, ContrastPair)
    ]


def test_the_command_names_each_fault_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of("power")
    rows[0]["positive"] = rows[0]["positive"].replace(" ", " never ", 4)
    rows[2]["key"] = "power/statement/99"
    rows[3]["value"] = "security"
    rows[4]["kind"] = "question"
    del rows[5]["scene"]
    path = write_lines(tmp_path / "schwartz" / "contrast" / "power.jsonl", rows)
    assert main([str(path)]) == 1
    said = capsys.readouterr().out
    for text in (
        "power.jsonl: line 1: field 'positive': holds a telltale word (found 'never')",
        "line 3: field 'key': is not the one of this line (found 'power/statement/99'); write 'power/statement/03'",
        "line 4: field 'value': is not 'power' (found 'security')",
        "line 5: field 'kind': is not the one of the key",
        "line 6: field 'scene': is missing",
        "holds 39 lines; write 40 (20 statement, 20 question)",
    ):
        assert text in said


def test_the_command_names_the_faults_of_the_tier_plain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = of_kind(read_part("schwartz/questions-plain", ["power"]), Question)
    asked = [
        {"key": one.key, "value": one.value, "scene": one.topic, "question": one.question}
        for one in questions
    ]
    asked[0]["question"] = f"{asked[0]['question']} What is the wise thing to do?"
    pairs = [
        {
            **row,
            "positive": f"{row['positive'][:-1]} and so on.",
            "negative": f"{row['negative'][:-1]} or so.",
        }
        for row in rows_of("power", "contrast-plain")
    ]
    base = tmp_path / "schwartz"
    files = (
        write_lines(base / "questions-plain" / "power.jsonl", asked),
        write_lines(base / "contrast-plain" / "power.jsonl", pairs),
    )
    assert main(list(map(str, files))) == 1
    said = capsys.readouterr().out
    for text in (
        "line 1: field 'question': says which way is right (found 'wise')",
        "line 1: field 'question': does not end by asking for yes or no (found 'What is the wise thing to do?')",
        "'on' tells the sides apart",
        "a bag of function words tells the sides apart with accuracy",
    ):
        assert text in said


def test_a_file_is_compared_with_those_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "schwartz" / "contrast"
    write_lines(folder / "power.jsonl", rows_of("power"))
    shutil.copy(folder / "power.jsonl", folder / "security.jsonl")
    found = [str(one) for one in check_files([folder / "power.jsonl"])]
    assert len([one for one in found if "is a near-duplicate of" in one and "security.jsonl" in one]) == 40


def test_the_command_takes_folders_and_refuses_other_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(starter_folder() / "schwartz" / "questions")]) == 0
    assert "10 files, 0 findings" in capsys.readouterr().out
    assert main([]) == 2
    assert main([str(tmp_path / "none.jsonl")]) == 2
    assert main([str(write_lines(tmp_path / "a.jsonl", [{"a": 1}]))]) == 2
    assert "not a file of the starter set" in capsys.readouterr().err


def test_a_file_of_no_value_and_one_that_cannot_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "schwartz" / "contrast"
    write_lines(folder / "envy.jsonl", rows_of("power"))
    assert "'envy' is no value of schwartz" in str(check_files([folder / "envy.jsonl"])[0])
    (folder / "envy.jsonl").write_bytes(b"")
    assert any("the file is empty" in str(one) for one in check_files([folder / "envy.jsonl"]))
