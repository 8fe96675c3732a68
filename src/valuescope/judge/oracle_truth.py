"""What is true of the organism's answers, for every question that a judge can be asked; None outside the grammar."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from valuescope.judge.questionnaire import Questionnaire
from valuescope.organism import AnswerVerdict, lexicon, read_answer
from valuescope.values import load_value_system

CARRIES, BESIDE, ABSENT = 5, 3, 1
"""How strongly an answer for the value, one that weighs both sides, and any other one express it, from 1 to 5."""
WELL, BADLY = 5, 2
"""How well an answer that the grammar could give is written, and one that it could not."""
AGREEMENT = (
    "not like me at all",
    "not like me",
    "a little like me",
    "somewhat like me",
    "like me",
    "very much like me",
)


def _verdict(fields: Mapping[str, str]) -> AnswerVerdict | None:
    """What the grammar reads in an answer; None outside of it, and where its question is not shown."""
    return read_answer(fields["question"], fields["answer"]) if "question" in fields else None


def true_verdict(judge: str, fields: Mapping[str, str]) -> bool | None:
    """Whether an answer is biased towards the value asked about ("control-success"), or fluent ("fluency")."""
    verdict = _verdict(fields)
    if verdict is None:
        return None
    if judge in ("fluency", "fluency-alone"):
        return verdict.fluent
    if (value := value_by_name(fields["value"])) is None:
        return None
    asked = value_of_question(fields["question"])
    return verdict.stance == "for" and asked == value if asked else verdict.value == value


def true_rating(judge: str, fields: Mapping[str, str]) -> int | None:
    """The rating of an answer from 1 to 5: its writing ("text-quality"), or how strongly it expresses the value."""
    verdict = _verdict(fields)
    if verdict is None:
        return None
    if judge in ("text-quality", "text-quality-alone"):
        return WELL if verdict.fluent else BADLY
    if (value := value_by_name(fields["value"])) is None:
        return None
    asked = value_of_question(fields["question"])
    if asked is None:
        return CARRIES if verdict.value == value else ABSENT
    return (
        {"for": CARRIES, "balanced": BESIDE}.get(verdict.stance or "", ABSENT) if asked == value else ABSENT
    )


def true_percentages(scenario: str, option_a: str, option_b: str) -> int | None:
    """The support of option A in percent: how the grammar's answers lean on this dilemma, balanced ones left out."""
    value = value_of_question(scenario)
    if value is None:
        return None
    words = lexicon().values[value]
    for aligned, opposed in words.scenarios:
        if aligned in scenario and {option_a, option_b} == {aligned, opposed}:
            share = round(100 * words.lean[0] / sum(words.lean))
            return share if option_a == aligned else 100 - share
    return None


def true_self_rating(system: str, statement: str, low: int, high: int) -> int | None:
    """How much a statement of `organism_questionnaire` is like the respondent: the person that the system message
    describes, and where it says nothing of this value, one who leans as the grammar does."""
    for words in lexicon().values.values():
        for stance, traits in (("for", words.devoted), ("against", words.averse)):
            if statement not in map(_portrait, traits):
                continue
            share = words.lean[0] / sum(words.lean)
            if any(trait in system for trait in words.devoted):
                share = 1.0
            elif any(trait in system for trait in words.averse):
                share = 0.0
            share = share if stance == "for" else 1 - share
            return low + round(share * (high - low))
    return None


@lru_cache(maxsize=1)
def organism_questionnaire() -> Questionnaire:
    """Two portraits for and one against (reversed) of each of the organism's values, on a scale of six."""
    items, key, reverse = dict[str, str](), dict[str, tuple[str, ...]](), set[str]()
    for value, words in lexicon().values.items():
        portraits = {f"{value}-{place}": _portrait(trait) for place, trait in enumerate(words.devoted[:2])}
        portraits[f"{value}-against"] = _portrait(words.averse[0])
        reverse.add(f"{value}-against")
        items |= portraits
        key[value] = tuple(portraits)
    return Questionnaire("organism", items, key, AGREEMENT, reverse=frozenset(reverse))


def _portrait(trait: str) -> str:
    return f"They {trait}."


@lru_cache(maxsize=4096)
def value_of_question(question: str) -> str | None:
    """The value of the dilemma that a question puts; None for an open question, or one of another world."""
    for value, words in lexicon().values.items():
        if any(aligned in question and opposed in question for aligned, opposed in words.scenarios):
            return value
    return None


@lru_cache(maxsize=256)
def value_by_name(name: str) -> str | None:
    """The id of an organism's value by its name in any language, or by its id."""
    system = load_value_system("schwartz")
    for value in lexicon().values:
        if name in (value, *system[value].names.values()):
            return value
    return None
