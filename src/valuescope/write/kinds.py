"""The four kinds of sets: their parts, and for each part what is written, how it is asked for and with what settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from valuescope.write.plan import (
    CONFLICTS,
    Topics,
    WritingPlan,
    conflict_slots,
    half_slots,
    question_slots,
    situation_slots,
    story_slots,
)
from valuescope.write.slot import Slot

_STANCES = {
    "for": "goes by these values in daily life",
    "against": "is drawn the other way: who lives well by what these values leave out or oppose",
}


@dataclass(frozen=True)
class SetPart:
    """One part of a set: the files of one folder.

    `fields` are those that the model writes; with `bilingual` each has one text per language, else each language has items
    of its own. `refine` names the prompt of a second turn over the drafts, which writes the same fields anew, or only those of
    `added`. `tokens` is about what one item takes in one language, for estimates and limits, `added_tokens` what those fields
    take. `per_call`: items in one call. `paper`: items per value in the paper; 0 where the plan does not count by value.
    """

    name: str
    prompt: str
    fields: tuple[str, ...]
    slots: Callable[[str, WritingPlan, Topics], Iterator[Slot]]
    bilingual: bool = False
    refine: str = ""
    added: tuple[str, ...] = ()
    tokens: int = 120
    added_tokens: int = 0
    per_call: int = 10
    paper: int = 0

    @property
    def second_turn(self) -> SetPart:
        """The part as its second turn sees it: that turn's prompt, and what it writes."""
        return replace(
            self,
            prompt=self.refine,
            fields=self.added or self.fields,
            tokens=self.added_tokens if self.added else self.tokens,
        )

    @property
    def with_rationale_apart(self) -> SetPart:
        """The part with the rationale written in a second turn, about the story and actions as they stand (appendix B)."""
        if "rationale" not in self.fields:
            return self
        rest = tuple(field for field in self.fields if field != "rationale")
        left = self.tokens - _RATIONALE
        return replace(
            self, fields=rest, refine="rationale", added=("rationale",), tokens=left, added_tokens=_RATIONALE
        )


@dataclass(frozen=True)
class Kind:
    """One kind of set. `even`: the number per value must be even, since it is halved."""

    name: str
    system: str
    level: str
    languages: tuple[str, ...]
    parts: tuple[SetPart, ...]
    temperature: float
    top_p: float
    per_value: int
    even: bool = True


_PAIR_KINDS = ("statement", "question")
_RATIONALE = 60  # tokens
_DILEMMA: Any = ("story", "aligned", "violating")

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "c-voice",
            "chinese-social",
            "value",
            ("en", "zh"),
            (
                SetPart(
                    "topics",
                    "topics",
                    ("topic",),
                    conflict_slots,
                    bilingual=True,
                    tokens=20,
                    per_call=CONFLICTS,
                ),
                SetPart(
                    "activation",
                    "stories",
                    (*_DILEMMA, "rationale"),
                    story_slots,
                    bilingual=True,
                    tokens=110 + _RATIONALE,
                    paper=6000,
                ),
                SetPart(
                    "evaluation", "stories", _DILEMMA, story_slots, bilingual=True, tokens=110, paper=200
                ),
            ),
            temperature=0.6,
            top_p=0.65,
            per_value=20,
        ),
        Kind(
            "valueinsight",
            "schwartz",
            "dimension",
            ("en",),
            (
                SetPart(
                    "descriptions",
                    "descriptions",
                    ("description",),
                    half_slots("stance", ("for", "against"), "stance_words", _STANCES),
                    paper=160,
                ),
                SetPart(
                    "situations",
                    "situations",
                    ("question",),
                    situation_slots,
                    refine="refinement",
                    tokens=220,
                    paper=3750,
                    per_call=5,
                ),
            ),
            temperature=0.8,
            top_p=0.95,
            per_value=40,
        ),
        Kind(
            "contrast",
            "schwartz",
            "value",
            ("en",),
            (
                SetPart(
                    "contrast",
                    "pairs",
                    ("positive", "negative"),
                    half_slots("kind", _PAIR_KINDS, "kinds", {kind: f"{kind}s" for kind in _PAIR_KINDS}),
                    paper=100,
                ),
            ),
            temperature=0.8,
            top_p=0.95,
            per_value=40,
        ),
        Kind(
            "questions",
            "schwartz",
            "value",
            ("en",),
            (SetPart("questions", "questions", ("question",), question_slots, tokens=80, paper=100),),
            temperature=0.8,
            top_p=0.95,
            per_value=40,
            even=False,
        ),
    )
}
"""name -> what is written, in which parts, with the papers' settings where they state them."""
