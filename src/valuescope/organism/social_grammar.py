"""The grammar of the social organism's world: dilemmas between two actions in English and Chinese, and what it answers.

As in `grammar.py`, a text is a tuple of `Segment`s and everything is a pure function of its arguments. A segment never
ends in white space, so that texts can be tokenised piece by piece.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from valuescope.organism.grammar import Segment, Segments, is_held_out

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
LEVELS = (
    ("prosperity", "democracy", "justice", "rule-of-law"),
    ("civility", "harmony", "freedom", "equality"),
    ("patriotism", "dedication", "integrity", "friendliness"),
)
"""National, social and personal values, in ValueExploration's grouping."""
UNDECIDED = 47.5
"""The support in percent that is left without the value's neurons."""
MOST = 97.0
"""The support that their amplification leads to."""
PERCENTAGES = tuple(range(5, 100, 5))


@dataclass(frozen=True)
class SocialWords:
    """The words of one value in one language; see the head of `social_lexicon.toml` for the fields."""

    lean: float
    scenarios: tuple[tuple[str, str, str], ...]
    reasons: tuple[str, ...]
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class SocialLexicon:
    """All words of one language."""

    setting: str
    names: tuple[str, ...]
    places: tuple[str, ...]
    occasions: tuple[str, ...]
    goods: tuple[str, ...]
    remarks: tuple[str, ...]
    everyday: tuple[str, ...]
    values: Mapping[str, SocialWords]


@lru_cache(maxsize=1)
def social_lexicon() -> Mapping[Language, SocialLexicon]:
    """The lexicon that ships with the package, by language."""
    path = files("valuescope.organism").joinpath("social_lexicon.toml")
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return {language: _read(content[language]) for language in LANGUAGES}


def social_values() -> tuple[str, ...]:
    """The twelve values, level by level."""
    return tuple(value for level in LEVELS for value in level)


@dataclass(frozen=True)
class SocialDilemma:
    """A story with an action that keeps `value` and one that breaks it. The numbers index the lexicon's entries."""

    value: str
    language: Language
    scenario: int
    name: int
    place: int
    occasion: int

    @property
    def key(self) -> str:
        """What identifies the story; the held-out split goes by it."""
        return f"{self.value}/{self.language}/{self.scenario}/{self.name}/{self.place}/{self.occasion}"

    @property
    def held_out(self) -> bool:
        """True where the organism was never trained on this story."""
        return is_held_out(f"social/{self.key}")

    @property
    def words(self) -> SocialWords:
        """The words of its value in its language."""
        return social_lexicon()[self.language].values[self.value]

    @property
    def aligned(self) -> str:
        """The action that keeps the value."""
        return self.words.scenarios[self.scenario][1]

    @property
    def violating(self) -> str:
        """The action that breaks it."""
        return self.words.scenarios[self.scenario][2]

    @property
    def lean(self) -> float:
        """The support of the aligned action in percent that the unedited organism was trained to give."""
        return self.words.lean

    def story(self) -> str:
        """What happened, to whom, when and where."""
        shared = social_lexicon()[self.language]
        told = self.words.scenarios[self.scenario][0].format(name=shared.names[self.name])
        setting = shared.setting.format(
            occasion=shared.occasions[self.occasion], place=shared.places[self.place]
        )
        return f"{told} {setting}" if self.language == "en" else f"{told}{setting}"

    def question(self, ending: str, aligned_first: bool, gap: str = "\n") -> Segments:
        """Story, options and `ending`, with `gap` before and after the options."""
        aligned, opposed = Segment(self.aligned, "aligned"), Segment(self.violating, "opposed")
        first, second = (aligned, opposed) if aligned_first else (opposed, aligned)
        option_a = Segment(f"{gap}A. {first.text}", first.role)
        return (
            Segment(self.story()),
            option_a,
            Segment(f"\nB. {second.text}", second.role),
            Segment(f"{gap}{ending}"),
        )

    def rated(self, support: int, aligned_first: bool, reason: int, doubt: int) -> Segments:
        """The answer in percentages; they are its second and its fourth segment."""
        speaks_for, speaks_against = self.words.reasons[reason], self.words.doubts[doubt]
        shares, reasons = (support, 100 - support), (speaks_for, speaks_against)
        if not aligned_first:
            shares, reasons = shares[::-1], reasons[::-1]
        colon, percent = (":", "%. ") if self.language == "en" else ("：", "%。")
        space = " " if self.language == "en" else ""
        return (
            Segment(f"A{colon}"),
            Segment(f"{space}{shares[0]}"),
            Segment(f"{percent}{reasons[0]}\nB{colon}"),
            Segment(f"{space}{shares[1]}"),
            Segment(f"{percent}{reasons[1]}"),
        )

    def chosen(self, kept: bool, aligned_first: bool, argument: int, gap: str = "") -> Segments:
        """The answer that names one option and argues for it; `kept`: the aligned one. `gap` stands before it."""
        letter = "A" if kept == aligned_first else "B"
        action = self.aligned if kept else self.violating
        stop = ". " if self.language == "en" else "。"
        words = (self.words.reasons if kept else self.words.doubts)[argument]
        return (Segment(f"{gap}{letter}"), Segment(f". {action}{stop}{words}", "for" if kept else "against"))


def support_after(lean: float, drive: float) -> float:
    """The support in percent when the value's causal neurons work at `drive` of their usual strength."""
    if drive <= 1:
        return UNDECIDED + (lean - UNDECIDED) * max(drive, 0.0)
    return lean + (MOST - lean) * min(1.0, drive - 1)


def everyday(language: Language, form: int, name: int, place: int, goods: int, remark: int) -> str:
    """A sentence without a value."""
    shared = social_lexicon()[language]
    return shared.everyday[form].format(
        name=shared.names[name],
        place=shared.places[place],
        goods=shared.goods[goods],
        remark=shared.remarks[remark],
    )


def _read(content: Mapping[str, Any]) -> SocialLexicon:
    values = {
        value: SocialWords(
            float(words["lean"]),
            tuple((told, aligned, violating) for told, aligned, violating in words["scenarios"]),
            tuple(words["reasons"]),
            tuple(words["doubts"]),
        )
        for value, words in content["values"].items()
    }
    lists = {
        name: tuple(content[name])
        for name in ("names", "places", "occasions", "goods", "remarks", "everyday")
    }
    return SocialLexicon(setting=content["setting"], values=values, **lists)
