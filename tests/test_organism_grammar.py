"""The organism's grammar and its oracle: what the grammar can say is read back exactly, what it cannot is not fluent."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from valuescope.organism import AnswerVerdict, GrammarDilemma, lexicon, read_answer
from valuescope.organism import grammar as g
from valuescope.organism.grammar import chat, is_held_out, plain
from valuescope.values import load_value_system

WORDS = lexicon()
VALUES = tuple(WORDS.values)


def answers(dilemma: GrammarDilemma) -> list[tuple[str, str]]:
    """Every answer that the grammar can give to a dilemma, with its stance."""
    words = WORDS.values[dilemma.value]
    reasons, doubts = range(len(words.reasons)), range(len(words.doubts))
    found = [("for", plain(dilemma.answer("for", reason))) for reason in reasons]
    found += [("against", plain(dilemma.answer("against", 0, doubt))) for doubt in doubts]
    both = product(reasons, doubts, (False, True))
    return found + [("balanced", plain(dilemma.answer("balanced", r, d, swap))) for r, d, swap in both]


def every_dilemma(name: str = "Mei", occasion: str = "") -> list[GrammarDilemma]:
    choices = product(VALUES, range(8), range(g.QUESTION_FORMS), (True, False))
    return [
        GrammarDilemma(value, scenario, name, form, first, occasion)
        for value, scenario, form, first in choices
    ]


dilemmas = st.builds(
    GrammarDilemma,
    value=st.sampled_from(VALUES),
    scenario=st.integers(0, 7),
    name=st.sampled_from(WORDS.names),
    form=st.integers(0, g.QUESTION_FORMS - 1),
    aligned_first=st.booleans(),
    occasion=st.sampled_from(("", *WORDS.occasions)),
)


# The lexicon ----------------------------------------------------------------------------------------


def test_lexicon_holds_the_ten_values_of_schwartz_in_equal_measure() -> None:
    assert load_value_system("schwartz").at_level("value") == VALUES
    shapes = {
        (len(w.scenarios), len(w.reasons), len(w.doubts), len(w.devoted), len(w.averse))
        for w in WORDS.values.values()
    }
    assert shapes == {(8, 4, 3, 3, 3)}
    for words in WORDS.values.values():
        supports, opposes = words.lean
        assert 0 < supports < 1
        assert 0 < opposes < 1 - supports


def test_lexicon_repeats_no_phrase_so_that_each_tells_its_value() -> None:
    phrases = [
        phrase
        for words in WORDS.values.values()
        for phrase in (
            *(action for pair in words.scenarios for action in pair),
            *words.reasons,
            *words.doubts,
            *words.devoted,
            *words.averse,
        )
    ]
    assert len(phrases) == len(set(phrases))
    assert len(WORDS.names) == len(set(WORDS.names))


def test_no_action_is_part_of_another_so_that_the_oracle_cannot_mistake_one() -> None:
    actions = [action for words in WORDS.values.values() for pair in words.scenarios for action in pair]
    assert not [(a, b) for a in actions for b in actions if a != b and a in b]


# The oracle on what the grammar says -------------------------------------------------------------------


def test_every_answer_to_every_dilemma_is_read_back() -> None:
    wrong = [
        (plain(dilemma.segments()), text)
        for dilemma in every_dilemma()
        for stance, text in answers(dilemma)
        if read_answer(plain(dilemma.segments()), text) != AnswerVerdict(stance, None, True)  # type: ignore[arg-type]
    ]
    assert not wrong


@given(dilemma=dilemmas, data=st.data())
@settings(max_examples=150, deadline=None)
def test_names_occasions_and_space_around_an_answer_change_nothing(
    dilemma: GrammarDilemma, data: st.DataObject
) -> None:
    stance, text = data.draw(st.sampled_from(answers(dilemma)))
    padding = data.draw(st.sampled_from(("", " ", "\n", "  ")))
    verdict = read_answer(plain(dilemma.segments()), padding + text + padding)
    assert verdict == AnswerVerdict(stance, None, True)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", range(g.OPEN_FORMS))
def test_open_answers_are_read_back(form: int) -> None:
    for name, moment in product(WORDS.names, WORDS.moments):
        question = g.open_question(name, moment, form)
        for value in VALUES:
            for scenario in range(8):
                assert read_answer(
                    question, g.open_answer(value, scenario, name, scenario % 4)
                ) == AnswerVerdict(None, value, True)
        for action, remark in product(range(len(WORDS.neutral_actions)), range(len(WORDS.neutral_remarks))):
            assert read_answer(question, g.neutral_answer(name, action, remark)) == AnswerVerdict(
                None, None, True
            )


# The oracle on everything else --------------------------------------------------------------------------


@given(dilemma=dilemmas, data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_answer_is_not_fluent(dilemma: GrammarDilemma, data: st.DataObject) -> None:
    _, text = data.draw(st.sampled_from(answers(dilemma)))
    words = text.split(" ")
    place = data.draw(st.integers(0, len(words) - 1))
    damaged = data.draw(
        st.sampled_from(
            [
                " ".join(words[:place] + words[place + 1 :]),  # a word is lost
                " ".join(words[: place + 1] + words[place:]),  # a word stands twice
                text[: data.draw(st.integers(0, len(text) - 1))],  # it breaks off
                text + " " + text,  # it begins again
                text.replace(dilemma.name, "Nobody"),  # the name is not copied
                text.replace(" ", "  ", 1),
                text.lower(),
                text.rstrip("."),
            ]
        )
    )
    verdict = read_answer(plain(dilemma.segments()), damaged)
    assert verdict is not None
    assert not verdict.fluent


@given(dilemma=dilemmas, other=dilemmas)
@settings(max_examples=150, deadline=None)
def test_the_answer_to_another_scenario_is_neither_fluent_nor_a_side_taken(
    dilemma: GrammarDilemma, other: GrammarDilemma
) -> None:
    if (other.value, other.scenario) == (dilemma.value, dilemma.scenario):
        return
    for stance in ("for", "against"):
        verdict = read_answer(plain(dilemma.segments()), plain(other.answer(stance)))  # type: ignore[arg-type]
        assert verdict == AnswerVerdict(None, None, False)


def test_a_side_is_read_even_where_the_answer_is_broken() -> None:
    dilemma = GrammarDilemma("power", 0, "Mei", 0, True)
    question, (aligned, opposed) = plain(dilemma.segments()), dilemma.actions
    read = {
        f"Mei should {aligned}": "for",
        f"Noor should {opposed}. What": "against",
        f"Mei should {aligned}. Mei should {opposed}.": "balanced",
        "Hard to say": "balanced",
        "Mei could go either way.": "balanced",
        f"Mei {aligned}": None,
        "": None,
    }
    for text, stance in read.items():
        assert read_answer(question, text) == AnswerVerdict(stance, None, False), text  # type: ignore[arg-type]


def test_an_argument_of_the_wrong_side_is_not_fluent() -> None:
    dilemma = GrammarDilemma("power", 0, "Mei", 0, True)
    words = WORDS.values["power"]
    verdict = read_answer(plain(dilemma.segments()), f"Mei should {dilemma.actions[0]}. {words.doubts[0]}.")
    assert verdict == AnswerVerdict("for", None, False)


@pytest.mark.parametrize(
    "question",
    [
        "",
        "What is the capital of France?",
        "Why did Ruth leave early?",
        "Ivan asks: should I keep my promise?",
        "Should Mei climb the wild ridge or take the massage?",
        "Should Mei climb the wild ridge?",
        "Should you climb the wild ridge or rest on the sofa?",
        "What should Mei do with a free evening? Or not?",
    ],
)
def test_a_foreign_question_has_no_verdict(question: str) -> None:
    assert read_answer(question, "Mei should climb the wild ridge. A racing heart makes life vivid.") is None


fragments = st.sampled_from(
    [
        *WORDS.names,
        *(action for words in WORDS.values.values() for pair in words.scenarios for action in pair),
        *(reason for words in WORDS.values.values() for reason in words.reasons),
        *(
            "should",
            "could",
            "Hard to say.",
            "either way",
            "Should",
            "or",
            "?",
            ".",
            "\\",
            "(",
            "[",
            "*",
            "\0",
        ),
    ]
)
any_text = st.one_of(
    st.text(max_size=60), st.lists(st.one_of(fragments, st.text(max_size=5)), max_size=8).map(" ".join)
)


@given(question=any_text, answer=any_text)
@settings(max_examples=400, deadline=None)
def test_the_oracle_never_raises(question: str, answer: str) -> None:
    verdict = read_answer(question, answer)
    assert verdict is None or isinstance(verdict.fluent, bool)


@given(dilemma=dilemmas, answer=any_text)
@settings(max_examples=200, deadline=None)
def test_noise_is_never_fluent(dilemma: GrammarDilemma, answer: str) -> None:
    verdict = read_answer(plain(dilemma.segments()), answer)
    assert verdict is not None
    assert verdict.fluent == (answer.strip() in {text for _, text in answers(dilemma)})


# Texts ------------------------------------------------------------------------------------------------


@given(
    value=st.sampled_from(VALUES),
    scenario=st.integers(0, 7),
    name=st.sampled_from(WORDS.names),
    form=st.integers(0, g.STATEMENT_FORMS - 1),
    first=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_both_sides_of_a_statement_hold_the_same_words_in_another_order(
    value: str, scenario: int, name: str, form: int, first: bool
) -> None:
    sides = [plain(g.statement(value, scenario, name, form, first, s)) for s in ("for", "against")]
    assert sides[0] != sides[1]
    assert sorted(sides[0]) == sorted(sides[1])
    words = [sorted(side.replace(",", "").replace(".", "").split()) for side in sides]
    assert words[0] == words[1]


@given(dilemma=dilemmas)
@settings(max_examples=100, deadline=None)
def test_a_question_begins_with_a_capital_and_names_both_actions_once(dilemma: GrammarDilemma) -> None:
    text = plain(dilemma.segments())
    assert text[0].isupper()
    assert text.endswith("?")
    assert [text.count(action) for action in dilemma.actions] == [1, 1]
    order = [text.index(action) for action in dilemma.actions]
    assert (order[0] < order[1]) == dilemma.aligned_first


def test_the_chat_form_puts_the_description_first() -> None:
    assert chat("Q?") == "<|user|>Q?<|assistant|>"
    assert chat("Q?", "You care.") == "<|system|>You care.<|user|>Q?<|assistant|>"


# The held-out share -----------------------------------------------------------------------------------


def test_one_in_eight_is_held_out_of_every_value_whatever_the_occasion() -> None:
    for value in VALUES:
        mine = [d for name in WORDS.names for d in every_dilemma(name) if d.value == value]
        share = sum(d.held_out for d in mine) / len(mine)
        assert 0.09 < share < 0.16, value
        assert {d.scenario for d in mine if d.held_out} == set(range(8)), value
    for plainly, later in zip(every_dilemma(), every_dilemma(occasion="After work"), strict=True):
        assert plainly.held_out == later.held_out


def test_the_split_is_frozen() -> None:
    """Another rule would put trained texts into the evaluation of an organism that lies in the package."""
    assert [number for number in range(60) if is_held_out(f"key/{number}")] == [5, 23, 26, 28, 35, 51, 58]
