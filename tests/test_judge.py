"""Judges: the oracle on the organism's questions, and the stand-in that reads likelihood."""

from __future__ import annotations

import pytest

from valuescope.data import Question, organism_material
from valuescope.generate import Answer
from valuescope.judge import JUDGES, Judgement, likelihood, oracle, typical
from valuescope.organism import lexicon


def answer(text: str, finished: bool = True) -> Answer:
    return Answer(text, (5, 6), finished)


@pytest.fixture(scope="module")
def question() -> Question:
    material = organism_material(("power",), texts=0, descriptions=0, pairs=0, questions=1, tuning=0)
    return next(one for one in material.questions if one.setting == "described")


def spoken(question: Question) -> dict[str, str]:
    """One fluent answer of each stance."""
    _, scenario, name, *_ = question.key.split("/")
    words = lexicon().values["power"]
    aligned, opposed = words.scenarios[int(scenario)]
    reason, doubt = words.reasons[0], words.doubts[0]
    return {
        "for": f"{name} should {aligned}. {reason}.",
        "against": f"{name} should {opposed}. {doubt}.",
        "balanced": f"Hard to say. {reason}. {doubt}. {name} could go either way.",
    }


def test_success_is_a_side_taken_for_the_value(question: Question) -> None:
    texts = spoken(question)
    judged = oracle([question] * 3, [answer(texts[stance]) for stance in ("for", "against", "balanced")])
    assert judged == [Judgement(True, True), Judgement(False, True), Judgement(False, True)]


def test_an_answer_that_was_cut_off_is_not_fluent_but_keeps_its_side(question: Question) -> None:
    assert oracle([question], [answer(spoken(question)["for"], finished=False)]) == [Judgement(True, False)]


def test_an_empty_answer_is_a_failure_and_not_missing(question: Question) -> None:
    assert oracle([question], [answer("")]) == [Judgement(False, False)]


def test_a_foreign_question_has_no_judgement() -> None:
    foreign = Question("k", "power", "dilemma", "Would Ruth lead the team?", "Would Ruth lead the team?")
    assert oracle([foreign], [answer("Ruth should lead.")]) == [Judgement(None, None, "foreign question")]


def test_answers_must_match_questions(question: Question) -> None:
    for judge in JUDGES.values():
        assert judge([], []) == []
        with pytest.raises(ValueError, match="shorter"):
            judge([question], [])


def test_likelihood_judges_no_value() -> None:
    asked = Question("k", "power", "dilemma", "Q?", "Q?")
    assert likelihood([asked], [answer("Yes.")]) == [Judgement(None, None, "no judge of values")]


def test_typical_is_as_likely_as_all_but_the_least_likely_twentieth_of_the_base() -> None:
    base = [-float(number) for number in range(1, 101)]  # -1 ... -100
    assert sum(bool(one) for one in typical(base, base)) == 96
    assert typical([-94.0, -95.5, -96.0, -96.5, 0.0], base) == [True, True, True, False, True]


def test_typical_leaves_out_what_has_no_score() -> None:
    assert typical([None, -1.0, -3.0], [-1.0, None, -2.0]) == [None, True, False]
    assert typical([-1.0, None], [None]) == [None, None]
    assert typical([], []) == []


def test_a_judgement_is_json() -> None:
    assert Judgement(None, None, "why").to_dict() == {"success": None, "fluent": None, "missing": "why"}
