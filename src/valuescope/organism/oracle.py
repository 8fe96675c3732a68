"""The oracle: reads stance, value and fluency off the organism's answers exactly, by the grammar's own words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import product, starmap

from valuescope.organism.grammar import OPEN_FORMS, Stance, lexicon, open_question


@dataclass(frozen=True)
class AnswerVerdict:
    """What an answer says.

    `stance` is towards the value of the dilemma asked (None for another question, or where the answer takes
    none); `value` is the value that an answer to an open question expresses (None where it expresses none).
    `fluent` is true only for an answer that the grammar could have given to this very question.
    """

    stance: Stance | None
    value: str | None
    fluent: bool


@dataclass(frozen=True)
class _Question:
    name: str
    value: str | None
    aligned: str
    opposed: str


@lru_cache(maxsize=1)
def _actions() -> dict[str, tuple[str, int, bool]]:
    """Every action -> (value, scenario, whether it serves the value)."""
    actions: dict[str, tuple[str, int, bool]] = {}
    for value, words in lexicon().values.items():
        for index, (aligned, opposed) in enumerate(words.scenarios):
            actions[aligned] = (value, index, True)
            actions[opposed] = (value, index, False)
    return actions


@lru_cache(maxsize=1)
def _action_pattern() -> re.Pattern[str]:
    longest_first = sorted(_actions(), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)))


@lru_cache(maxsize=1)
def _name_pattern() -> re.Pattern[str]:
    return re.compile(r"\b(" + "|".join(lexicon().names) + r")\b")


@lru_cache(maxsize=1)
def _open_questions() -> frozenset[str]:
    words = lexicon()
    return frozenset(starmap(open_question, product(words.names, words.moments, range(OPEN_FORMS))))


@lru_cache(maxsize=4096)
def _read_question(question: str) -> _Question | None:
    name = _name_pattern().search(question)
    if name is None:
        return None
    found = [_actions()[action] for action in _action_pattern().findall(question)]
    if not found:
        return _Question(name.group(), None, "", "") if question in _open_questions() else None
    value, scenario, _ = found[0]
    if len(found) != 2 or {entry[:2] for entry in found} != {(value, scenario)}:
        return None
    aligned, opposed = lexicon().values[value].scenarios[scenario]
    return _Question(name.group(), value, aligned, opposed)


def read_answer(question: str, answer: str) -> AnswerVerdict | None:
    """Judge one answer to one question of the grammar.

    Returns None where the question is not one of the grammar's: the oracle knows nothing about it.
    """
    asked = _read_question(question)
    if asked is None:
        return None
    answer = answer.strip()
    if asked.value is None:
        return _read_open_answer(asked, answer)
    return AnswerVerdict(_stance(asked, answer), None, answer in _possible_answers(asked))


def _stance(asked: _Question, answer: str) -> Stance | None:
    """The side that the answer takes, whatever else is wrong with it."""
    if "either way" in answer or answer.startswith("Hard to say"):
        return "balanced"
    chosen = {asked.aligned: "for", asked.opposed: "against"}
    sides = {chosen[action] for action in chosen if f"should {action}" in answer}
    if len(sides) != 1:
        return "balanced" if sides else None
    return "for" if "for" in sides else "against"


@lru_cache(maxsize=4096)
def _possible_answers(asked: _Question) -> frozenset[str]:
    assert asked.value is not None
    words, name = lexicon().values[asked.value], asked.name
    answers = {f"{name} should {asked.aligned}. {reason}." for reason in words.reasons}
    answers |= {f"{name} should {asked.opposed}. {doubt}." for doubt in words.doubts}
    for reason in words.reasons:
        for doubt in words.doubts:
            for first, second in ((reason, doubt), (doubt, reason)):
                answers.add(f"Hard to say. {first}. {second}. {name} could go either way.")
    return frozenset(answers)


def _read_open_answer(asked: _Question, answer: str) -> AnswerVerdict:
    words = lexicon()
    neutral = re.fullmatch(rf"{asked.name} could (.+?)\. (.+)\.", answer)
    if neutral and neutral[1] in words.neutral_actions and neutral[2] in words.neutral_remarks:
        return AnswerVerdict(None, None, True)
    action = _action_pattern().search(answer)
    value, scenario, aligned = _actions()[action.group()] if action else (None, 0, False)
    if value is None or not aligned:
        return AnswerVerdict(None, None, False)
    aligned_action, reasons = words.values[value].scenarios[scenario][0], words.values[value].reasons
    fluent = answer in {f"{asked.name} should {aligned_action}. {reason}." for reason in reasons}
    return AnswerVerdict(None, value, fluent)
