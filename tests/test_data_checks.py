"""Every rule of the starter set and the writers: a clean record passes, and each fault is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from data_samples import (
    CHINESE,
    HERE,
    SCHWARTZ,
    STORY,
    chinese,
    description,
    dilemma,
    pair,
    question,
    situation,
)

from valuescope.data.checks import (
    check_description,
    check_descriptions,
    check_dilemma,
    check_dilemmas,
    check_pair,
    check_pairs,
    check_question,
    check_questions,
    check_repeats,
    check_situation,
    check_situations,
)
from valuescope.data.findings import Finding, Place


def of_dilemma(one: Any) -> list[Finding]:
    return check_dilemma(one, HERE, CHINESE)


def of_pair(one: Any) -> list[Finding]:
    return check_pair(one, HERE, SCHWARTZ)


def of_question(one: Any) -> list[Finding]:
    return check_question(one, HERE, SCHWARTZ)


def of_situation(one: Any) -> list[Finding]:
    return check_situation(one, HERE, SCHWARTZ)


def of_description(one: Any) -> list[Finding]:
    return check_description(one, HERE, SCHWARTZ)


FAULTS: list[tuple[Callable[[Any], list[Finding]], Any, str]] = [
    (of_dilemma, dilemma(story="I wait."), "field 'story': has 2 words (found 'I wait.'); write 40 to 50 words"),
    (of_dilemma, dilemma(story=STORY + " And so it goes."), "has 51 words"),
    (of_dilemma, chinese(story="我等着。"), "has 3 characters"),
    (of_dilemma, chinese(story=STORY), "is not Chinese"),
    (of_dilemma, dilemma(story=STORY.replace("bus", "车")), "is not English (it holds Han characters)"),
    (of_dilemma, dilemma(story=STORY.replace("back aches", "dedication fades")), "names the value 'dedication' (found 'dedication')"),
    (of_dilemma, chinese(story=chinese().story.replace("挺干净", "敬业")), "names the value 'dedication' (found '敬业')"),
    (of_dilemma, dilemma(story=" ".join(["Anna waits"] * 21)), "is not in the first person"),
    (of_dilemma, dilemma(aligned="Wipe " + "every rail " * 5), "has 11 words"),
    (of_dilemma, chinese(violating="走" * 17), "has 17 characters"),
    (of_dilemma, dilemma(aligned="Wipe it"), "field 'aligned/violating': the actions' lengths differ by 5, at most 3"),
    (of_dilemma, dilemma(aligned="Wipe every rail before signing the sheet."), "ends in a full stop"),
    (of_pair, pair(positive="I lead."), "has 2 words"),
    (of_pair, pair(positive=pair().positive.replace("allotment", "gathering")), "the sides do not share their first 3 words"),
    (of_pair, pair(positive=pair().positive[:-1] + " by me alone, all of them."), "the sides' lengths differ by 6, at most 2"),
    (of_pair, pair(negative=pair().negative.replace("plots", "powers")), "gives 'power' away (found 'powers')"),
    (of_pair, pair(negative=pair().negative.replace("would", "wouldn't")), "holds a telltale word (found \"wouldn't\")"),
    (of_pair, pair(kind="question"), "is a question and does not end in '?'"),
    (of_pair, pair(positive=pair().positive.replace(" I ", " Jo ")), "is not in the first person"),
    (of_pair, pair(negative=pair().positive), "the sides are the same"),
    (of_question, question(question="Should I?"), "has 2 words"),
    (of_question, question(question=question().question[:-1] + "."), "does not end in a question mark"),
    (of_question, question(question=question().question.replace("songs", "wealthy")), "gives 'power' away (found 'wealthy')"),
    (of_description, description(description="You wait."), "has 2 words"),
    (of_description, description(description=description().description.replace("rule", "tradition")), "gives 'conservation' away"),
    (of_description, description(description=description().description.replace("somebody", "one of us")), "speaks in the first person (found 'us')"),
    (of_description, description(description=description().description.replace("You", "They").replace("you", "they")), "is not in the second person"),
    (of_situation, situation(question="You wait. What would you do?"), "has 6 words"),
    (of_situation, situation(question=situation().question.removesuffix(" What would you do?")), "does not end by asking"),
    (of_situation, situation(question=situation().question.replace("small", "safe")), "gives 'conservation' away (found 'safe')"),
    (of_situation, situation(question=situation().question.replace("small", "shameful")), "says which way is right (found 'shameful')"),
    (of_situation, situation(atomic="creativity"), "field 'atomic': is no atomic value of 'conservation' (found 'creativity')"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "record", "message"), FAULTS, ids=[message[-45:] for _, _, message in FAULTS]
)
def test_each_fault_is_found_with_its_place(
    check: Callable[[Any], list[Finding]], record: Any, message: str
) -> None:
    found = [str(finding) for finding in check(record)]
    assert any(message in one for one in found), found
    assert all(one.startswith("set.jsonl: line 7: field ") and "; " in one for one in found)


@pytest.mark.parametrize(
    ("check", "record"),
    [
        (of_dilemma, dilemma()),
        (of_dilemma, chinese()),
        (of_pair, pair()),
        (of_question, question()),
        (of_situation, situation()),
        (of_description, description()),
        (
            of_description,
            description(description=description().description.replace("odd", 'odd ("not for me")')),
        ),
    ],
)
def test_a_clean_record_passes(check: Callable[[Any], list[Finding]], record: Any) -> None:
    assert check(record) == []


def test_a_rationale_may_name_the_value_and_must_be_there_where_asked() -> None:
    reason = "Dedication means that the last corridor is done like the first, since patients touch those rails all day long, and trust."
    assert check_dilemma(dilemma(rationale=reason), HERE, CHINESE, rationale=True) == []
    (missing,) = check_dilemma(dilemma(), HERE, CHINESE, rationale=True, suffix=".en")
    assert (missing.field, missing.rule) == ("rationale.en", "is missing")


def rows(records: list[Any]) -> list[tuple[Place, Any]]:
    return [(Place("set.jsonl", number), record) for number, record in enumerate(records, 1)]


def rules(findings: list[Finding]) -> str:
    return "\n".join(map(str, findings))


def test_topics_are_two_and_level() -> None:
    records = [replace(dilemma(), key=str(number), topic="a" if number < 3 else "b") for number in range(4)]
    assert "2 topics with 3, 1 lines" in rules(check_dilemmas(rows(records)))
    records[2] = replace(records[2], topic="b")
    assert "topic" not in {one.field for one in check_dilemmas(rows(records))}


def test_openings_actions_and_keys_may_not_repeat() -> None:
    found = rules(check_dilemmas(rows([dilemma()] * 4)))
    assert "4 texts begin alike, at most 3 may (lines 1, 2, 3, 4)" in found
    assert "field 'aligned': stands 4 times" in found
    assert "field 'key': stands 4 times" in found


def test_actions_are_level_in_length_over_the_set() -> None:
    records = [
        replace(dilemma(), key=str(number), aligned=f"Wipe each and every single rail {number}")
        for number in range(4)
    ]
    assert rules(check_dilemmas(rows(records))) != ""
    short = [replace(one, violating="Take the bus home") for one in records]
    assert "aligned is 7.00 long on average and violating 4.00" in rules(check_dilemmas(rows(short)))


def test_a_word_on_one_side_is_found_in_the_set_and_so_is_what_a_bag_of_words_reads() -> None:
    records = [
        pair(
            key=str(number),
            topic=str(number),
            positive=f"One two three {number} gladly.",
            negative=f"One two three {number} here.",
        )
        for number in range(10)
    ]
    found = rules(check_pairs(rows(records)))
    assert "'gladly' tells the sides apart: 10 positive and 0 negative texts" in found
    assert "a bag of words tells the sides apart with accuracy 1.000 (under 0.65)" in found
    assert "10 texts begin alike" in found
    level = [replace(one, negative=one.positive) for one in records]
    assert "apart" not in rules(check_pairs(rows(level)))


def test_scenes_are_varied() -> None:
    assert "stands in 3 lines, at most 2 may" in rules(check_questions(rows([question()] * 3)))
    assert "scene" not in {one.field for one in check_questions(rows([question()] * 2))}


def test_descriptions_for_and_against_are_equally_many_and_long() -> None:
    assert "1 descriptions for and 0 against" in rules(check_descriptions(rows([description()])))
    longer = description(
        key="b", stance="against", description=description().description + " And on it goes, day after day."
    )
    assert "for is 62.00 long on average and against 69.00" in rules(
        check_descriptions(rows([description(), longer]))
    )


def test_situations_cover_the_atomic_values_and_the_topics() -> None:
    found = rules(check_situations(rows([situation()] * 7), SCHWARTZ))
    assert "no question is about 'national-security'" in found
    assert "no question is about 'family-security'" not in found
    assert "no question is about 'accepting-portion-in-life'" not in found
    assert "1 topics" in found
    assert "field 'atomic': stands in 7 lines, at most 6 may" in found
    assert "field 'topic x atomic': stands in 7 lines, at most 1 may" in found


def test_repeats_are_found_over_files_and_told_in_the_file_that_was_given() -> None:
    texts = [
        (Place("a.jsonl", 1), STORY),
        (Place("b.jsonl", 1), STORY.replace("daughter", "son")),
        (Place("c.jsonl", 1), "Other."),
    ]
    (found,) = check_repeats(texts, "story", files={"a.jsonl"})
    assert (found.file, found.rule) == ("a.jsonl", "is a near-duplicate of b.jsonl: line 1")
    assert check_repeats(texts, "story", files={"c.jsonl"}) == []
    assert len(check_repeats(texts, "story")) == 1
