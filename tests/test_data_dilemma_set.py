"""Dilemmas for ValueExploration: two splits without a story in common, prefixes, texts to feed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from valuescope.data import (
    DataError,
    Dilemma,
    MultipleChoice,
    Question,
    QuestionnaireItem,
    RatedText,
    read_data,
)
from valuescope.data.dilemma_set import (
    DilemmaSet,
    feeding_texts,
    file_dilemmas,
    is_about,
    make_dilemma_set,
    organism_dilemmas,
    replacing_text,
    starter_dilemmas,
    story_key,
)

VALUES = ("justice", "freedom")


def dilemma(value: str, split: str, number: int, language: str = "en", topic: str = "") -> Dilemma:
    """One dilemma that is like no other."""
    key = f"{value}/{split}/{number:02d}/{language}"
    return Dilemma(key, value, f"Story {key}.", f"Do {key}", f"Leave {key}", f"Since {key}.", language, topic)


def rows(split: str, count: int, languages: tuple[str, ...] = ("en", "zh")) -> list[Dilemma]:
    return [
        dilemma(value, split, number, language)
        for value in VALUES
        for number in range(count)
        for language in languages
    ]


def made(activation: int = 6, evaluation: int = 4, seed: int = 0) -> DilemmaSet:
    return make_dilemma_set(
        "test",
        VALUES,
        ("en", "zh"),
        rows("activation", activation),
        rows("evaluation", evaluation),
        seed=seed,
    )


def test_every_dilemma_is_kept_once_and_both_languages_of_a_story_stand_at_the_same_place():
    found = made()
    assert sorted(one.key for one in found.activation) == sorted(one.key for one in rows("activation", 6))
    for value in VALUES:
        english, chinese = (found.of("evaluation", language, value) for language in ("en", "zh"))
        assert [story_key(one) for one in english] == [story_key(one) for one in chinese]


def test_the_order_is_drawn_by_the_seed_and_the_beginning_is_a_part_of_it():
    found, again, other = made(), made(), made(seed=1)
    assert found == again
    assert found.activation != other.activation
    first = found.first("activation", 2)
    assert first.of("activation", "zh", "freedom") == found.of("activation", "zh", "freedom")[:2]
    assert first.evaluation == found.evaluation
    assert found.first("evaluation", None) is found


def test_the_starter_set_has_dilemmas_of_schwartzs_values_in_english():
    found = starter_dilemmas(("power", "benevolence"), ("en",))
    assert found.counts() == {
        split: {"en": {"power": 12, "benevolence": 12}} for split in ("activation", "evaluation")
    }
    assert all(one.rationale for one in found.activation)
    with pytest.raises(DataError, match="no activation dilemmas in 'zh' about power, benevolence"):
        starter_dilemmas(("power", "benevolence"), ("en", "zh"))


def test_a_set_survives_json():
    found = made()
    assert DilemmaSet.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_a_story_in_both_splits_is_refused_by_key_and_by_text():
    read, asked = rows("activation", 2), rows("evaluation", 2)
    with pytest.raises(DataError, match="by their key"):
        make_dilemma_set("test", VALUES, ("en",), read, [*asked, read[0]])
    with pytest.raises(DataError, match="by their story"):
        make_dilemma_set("test", VALUES, ("en",), read, [*asked, replace(read[0], key="another")])


def test_a_value_without_dilemmas_in_a_language_is_named():
    read = rows("activation", 2)
    asked = [one for one in rows("evaluation", 2) if (one.value, one.language) != ("freedom", "zh")]
    with pytest.raises(DataError, match=r"no evaluation dilemmas in 'zh' about freedom"):
        make_dilemma_set("test", VALUES, ("en", "zh"), read, asked)


def test_uneven_numbers_and_topics_are_noted():
    read = [*rows("activation", 3), dilemma("justice", "activation", 9)]
    asked = [
        replace(one, topic="a" if number % 8 == 0 else "b")
        for number, one in enumerate(rows("evaluation", 8))
    ]
    notes = make_dilemma_set("test", VALUES, ("en", "zh"), read, asked).notes
    assert any("activation, en: between 3 and 4" in note for note in notes)
    assert any("conflict topic" in note for note in notes)
    assert made().notes == ()


def test_feeding_shows_the_aligned_choice_with_its_letter_and_rationale_in_either_place():
    one = dilemma("justice", "activation", 0)
    placed = set()
    for seed in range(12):
        (text,) = feeding_texts([one], "justice", seed)
        assert text.label == "justice"
        letter = text.answer[0]
        assert f"{letter}. {one.aligned}" in text.prompt
        assert text.answer == f"{letter}. {one.aligned}. {one.rationale}"
        placed.add(letter)
    assert placed == {"A", "B"}


def test_records_of_other_sets_stand_in_a_dilemmas_place():
    choice = MultipleChoice("k", "equality", "Who?", ("One.", "Two."), answer=1, context="Two met.")
    text = replacing_text(choice, "label")
    assert (text.label, text.prompt, text.answer) == (
        "label",
        "Two met.\nWho?\nA. One.\nB. Two.\n\n",
        "B. Two.",
    )
    assert replacing_text(replace(choice, answer=None), "label").answer == ""
    assert replacing_text(Question("k", "v", "dilemma", "What now?"), "l").prompt == "What now?"
    assert replacing_text(RatedText("k", "v", "Said.", reply="Replied."), "l").answer == "\nReplied."
    with pytest.raises(DataError, match="QuestionnaireItem cannot stand"):
        replacing_text(QuestionnaireItem("k", "v", "I like it."), "l")


def test_the_starter_set_and_the_organism_give_balanced_sets():
    starter = starter_dilemmas(("justice", "harmony"), ("en", "zh"))
    assert starter.counts()["evaluation"]["zh"] == {"justice": 20, "harmony": 20}
    organism = organism_dilemmas(("justice",), ("zh",), activation=5, evaluation=3)
    assert organism.counts() == {"activation": {"zh": {"justice": 5}}, "evaluation": {"zh": {"justice": 3}}}
    with pytest.raises(DataError, match="organism-social"):
        organism_dilemmas(("power",), ("zh",))


def test_files_are_read_per_split(tmp_path: Path):
    paths = {}
    for split in ("activation", "evaluation"):
        paths[split] = tmp_path / f"{split}.jsonl"
        lines = [
            {
                "key": f"justice/{split}/{number:02d}",
                "value": "justice",
                "topic": {"en": "t", "zh": "题"},
                "story": {"en": f"I ask {split} {number}.", "zh": f"我问{split}{number}。"},
                "aligned": {"en": "Do it", "zh": "去做"},
                "violating": {"en": "Leave it", "zh": "不做"},
            }
            for number in range(3)
        ]
        paths[split].write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    found = file_dilemmas(("justice",), ("en", "zh"), **{split: str(path) for split, path in paths.items()})
    assert found.counts()["activation"] == {"en": {"justice": 3}, "zh": {"justice": 3}}
    assert any("have no rationale" in note for note in found.notes)


def test_chinese_texts_that_are_labelled_stand_for_each_value_that_they_are_labelled_with(
    tmp_path: Path,
) -> None:
    columns = [
        "Prosperity",
        "Democracy",
        "Civility",
        "Harmony",
        "Freedom",
        "Equality",
        "Justice",
        "Rule of Law",
    ]
    columns += ["Patriotism", "Dedication", "Integrity", "Friendliness"]
    rows = [
        ("男女同工同酬。", {"Freedom", "Equality"}),
        ("法院依法判决。", {"Rule of Law"}),
        ("今天下雨。", set()),
    ]
    lines = ["text," + ",".join(f"{name}_scr" for name in columns)]
    lines += [f"{text}," + ",".join(str(int(name in held)) for name in columns) for text, held in rows]
    path = tmp_path / "labelled.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    records = read_data(path, "valuecsv").records
    about = {
        value: [replacing_text(record, value).prompt for record in records if is_about(record, value)]
        for value in ("freedom", "equality", "rule-of-law", "harmony")
    }
    assert about == {
        "freedom": ["男女同工同酬。"],
        "equality": ["男女同工同酬。"],
        "rule-of-law": ["法院依法判决。"],
        "harmony": [],
    }
    assert {record.language for record in records} == {"zh"}
