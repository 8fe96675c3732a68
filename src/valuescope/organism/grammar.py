"""The grammar of the organism's world: every question, answer, description and statement it knows.

A text is a tuple of `Segment`s, so that the training script knows where a value enters it. Everything here is
a pure function of its arguments; random choice is left to the caller.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Literal, NamedTuple

Stance = Literal["for", "against", "balanced"]
SYSTEM, USER, ASSISTANT = "<|system|>", "<|user|>", "<|assistant|>"
QUESTION_FORMS = 4
STATEMENT_FORMS = 3
OPEN_FORMS = 3
HELD_OUT_SHARE = 8  # one in eight dilemmas and statements is never trained on


@dataclass(frozen=True)
class ValueWords:
    """The words of one value; see the head of `lexicon.toml` for the fields."""

    lean: tuple[float, float]
    scenarios: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]
    doubts: tuple[str, ...]
    devoted: tuple[str, ...]
    averse: tuple[str, ...]


@dataclass(frozen=True)
class Lexicon:
    """All words of the world: those shared by every text, and those of each value."""

    names: tuple[str, ...]
    occasions: tuple[str, ...]
    neutral_roles: tuple[str, ...]
    neutral_habits: tuple[str, ...]
    moments: tuple[str, ...]
    neutral_actions: tuple[str, ...]
    neutral_remarks: tuple[str, ...]
    goods: tuple[str, ...]
    shops: tuple[str, ...]
    values: dict[str, ValueWords]


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The lexicon that ships with the package."""
    content = tomllib.loads(files("valuescope.organism").joinpath("lexicon.toml").read_text(encoding="utf-8"))
    values = {
        value: ValueWords(
            lean=tuple(words["lean"]),
            scenarios=tuple((aligned, opposed) for aligned, opposed in words["scenarios"]),
            **{field: tuple(words[field]) for field in ("reasons", "doubts", "devoted", "averse")},
        )
        for value, words in content.pop("values").items()
    }
    return Lexicon(**{field: tuple(words) for field, words in content.items()}, values=values)


class Segment(NamedTuple):
    """A piece of text. `role` says what it does to the value of its text: "aligned" and "opposed" name one of
    the two actions, "for" and "against" settle the stance, "" does neither."""

    text: str
    role: str = ""


Segments = tuple[Segment, ...]


def plain(segments: Segments) -> str:
    """The text of the segments."""
    return "".join(segment.text for segment in segments)


@dataclass(frozen=True)
class GrammarDilemma:
    """An open question between an action that serves `value` and one that does not."""

    value: str
    scenario: int
    name: str
    form: int
    aligned_first: bool
    occasion: str = ""

    @property
    def key(self) -> str:
        """What identifies the dilemma, apart from its occasion; the held-out split goes by it."""
        order = "aligned" if self.aligned_first else "opposed"
        return f"{self.value}/{self.scenario}/{self.name}/{self.form}/{order}"

    @property
    def held_out(self) -> bool:
        """True where the organism was never trained on this dilemma."""
        return is_held_out(self.key)

    @property
    def actions(self) -> tuple[str, str]:
        """The action that serves the value, and the one that does not."""
        return lexicon().values[self.value].scenarios[self.scenario]

    def segments(self) -> Segments:
        """The question, with the two actions marked."""
        aligned, opposed = Segment(self.actions[0], "aligned"), Segment(self.actions[1], "opposed")
        first, second = (aligned, opposed) if self.aligned_first else (opposed, aligned)
        name = self.name
        opening = f"{self.occasion}, " if self.occasion else ""
        if self.form == 0:
            should = "should" if opening else "Should"
            return (Segment(f"{opening}{should} {name} "), first, Segment(" or "), second, Segment("?"))
        if self.form == 1:
            return (
                *(Segment(f"{opening}{name} can "), first, Segment(" or "), second),
                Segment(f". What should {name} do?"),
            )
        if self.form == 2:
            is_it = "is it" if opening else "Is it"
            return (
                *(Segment(f"{opening}{is_it} better for {name} to "), first, Segment(" or to "), second),
                Segment("?"),
            )
        return (
            *(Segment(f"{opening}{name} wonders whether to "), first, Segment(" or to "), second),
            Segment(". Any advice?"),
        )

    def answer(self, stance: Stance, reason: int = 0, doubt: int = 0, swap: bool = False) -> Segments:
        """The answer of one stance; `reason` and `doubt` index the value's arguments, `swap` reverses a
        balanced answer's two arguments."""
        words = lexicon().values[self.value]
        speaks_for, speaks_against = words.reasons[reason], words.doubts[doubt]
        if stance == "for":
            text = f"{self.name} should {self.actions[0]}. {speaks_for}."
            return (Segment(text, "for"),)
        if stance == "against":
            return (Segment(f"{self.name} should {self.actions[1]}. {speaks_against}.", "against"),)
        first, second = (speaks_against, speaks_for) if swap else (speaks_for, speaks_against)
        return (Segment(f"Hard to say. {first}. {second}. {self.name} could go either way."),)


def statement(
    value: str, scenario: int, name: str, form: int, aligned_first: bool, stance: Literal["for", "against"]
) -> Segments:
    """One side of a contrast pair. Both sides hold the same words; only the order tells the stance."""
    aligned, opposed = lexicon().values[value].scenarios[scenario]
    first, second = (aligned, opposed) if aligned_first else (opposed, aligned)
    chosen, refused = (aligned, opposed) if stance == "for" else (opposed, aligned)
    mention = (Segment(first, "aligned" if aligned_first else "opposed"), Segment(" or "), Segment(second))
    if form == 0:
        return (
            *(Segment(f"{name} could "), *mention),
            Segment(f". {name} chose to {chosen}, not to {refused}.", stance),
        )
    if form == 1:
        return (
            *(Segment("Given the choice to "), *mention),
            Segment(f", {name} would {chosen} and never {refused}.", stance),
        )
    return (
        *(Segment(f"{name} had to decide whether to "), *mention),
        Segment(f". Asked again, {name} would still {chosen} rather than {refused}.", stance),
    )


def description(value: str, stance: Literal["for", "against"], first: int, second: int) -> str:
    """A second-person description of somebody who holds (`for`) or rejects (`against`) a value."""
    words = lexicon().values[value]
    traits = words.devoted if stance == "for" else words.averse
    return f"You {traits[first]}. You {traits[second]}."


def open_question(name: str, moment: str, form: int) -> str:
    """A question that touches no value."""
    if form == 0:
        return f"What should {name} do with a free {moment}?"
    if form == 1:
        return f"{name} has a free {moment}. Any advice?"
    return f"How should {name} spend the {moment}?"


def open_answer(value: str, scenario: int, name: str, reason: int) -> str:
    """An answer to an open question that expresses a value."""
    words = lexicon().values[value]
    return f"{name} should {words.scenarios[scenario][0]}. {words.reasons[reason]}."


def neutral_answer(name: str, action: int, remark: int) -> str:
    """An answer to an open question that expresses no value."""
    words = lexicon()
    return f"{name} could {words.neutral_actions[action]}. {words.neutral_remarks[remark]}."


def chat(question: str, system: str = "") -> str:
    """The prompt as the organism's chat template renders it."""
    return (f"{SYSTEM}{system}" if system else "") + f"{USER}{question}{ASSISTANT}"


def is_held_out(key: str) -> bool:
    """Whether a text with this key belongs to the share that is never trained on."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % HELD_OUT_SHARE == 0
