"""The four kinds of sets: their parts, and for each part what is written, how it is asked for and with what settings."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from valuescope.values import ValueSystem
from valuescope.write.slot import Slot
from valuescope.write.writer_prompt import scene_lists

Topics = Mapping[str, Sequence[Mapping[str, str]]]
"""value -> its conflict topics, each with one text per language."""

CONFLICTS = 2
"""Conflict topics per value (ValueExploration, section 2.2)."""
_STANCES = {
    "for": "goes by these values in daily life",
    "against": "is drawn the other way: who lives well by what these values leave out or oppose",
}


@dataclass(frozen=True)
class WritingPlan:
    """What a part is planned for: `count` items per value, in these languages, drawn by `seed`."""

    system: ValueSystem
    values: tuple[str, ...]
    languages: tuple[str, ...]
    count: int
    seed: int


@dataclass(frozen=True)
class SetPart:
    """One part of a set: the files of one folder.

    `fields` are those that the model writes; with `bilingual` each has one text per language, else each language has items
    of its own. `refine` names the prompt of a second turn over the drafts. `tokens` is about what one item takes in one
    language, for estimates and limits. `per_call`: items in one call.
    """

    name: str
    prompt: str
    fields: tuple[str, ...]
    slots: Callable[[str, WritingPlan, Topics], Iterator[Slot]]
    bilingual: bool = False
    refine: str = ""
    tokens: int = 120
    per_call: int = 10


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


def _topics(part: str, plan: WritingPlan, topics: Topics) -> Iterator[Slot]:
    for value in plan.values:
        for number in range(1, CONFLICTS + 1):
            brief = {"conflict": f"number {number}"}
            yield Slot(f"{value}/topic/{number}", value, part, plan.languages, value, brief=brief)


def _stories(part: str, plan: WritingPlan, topics: Topics) -> Iterator[Slot]:
    each = plan.count // CONFLICTS
    for value in plan.values:
        for place, topic in enumerate(topics[value]):
            scenes = _scenes(f"{part}-{value}-{place}", plan.seed)
            worded = " / ".join(topic[language] for language in plan.languages)
            for number, scene in zip(range(1, each + 1), scenes, strict=False):
                yield Slot(
                    f"{value}/{part}/{place * each + number:02d}",
                    value,
                    part,
                    plan.languages,
                    f"{value}/{place}",
                    fixed={"topic": dict(topic)},
                    brief={"person and place": scene},
                    shared={"topic": worded},
                )


def _halves(
    field: str, options: Sequence[str], shared: str, words: Mapping[str, str]
) -> Callable[[str, WritingPlan, Topics], Iterator[Slot]]:
    """Items of which each option of a field gets an equal share."""

    def slots(part: str, plan: WritingPlan, topics: Topics) -> Iterator[Slot]:
        each = plan.count // len(options)
        for value in plan.values:
            for language in plan.languages:
                for option in options:
                    scenes = _scenes(f"{part}-{value}-{language}-{option}", plan.seed)
                    for number, scene in zip(range(1, each + 1), scenes, strict=False):
                        fixed = {field: option, **_language(language)}
                        if part == "contrast":
                            fixed["scene"] = scene
                        yield Slot(
                            f"{value}/{_of(language)}{option}/{number:02d}",
                            value,
                            part,
                            (language,),
                            f"{value}/{language}/{option}",
                            fixed=fixed,
                            brief={"person and place": scene},
                            shared={shared: words[option], field: option},
                        )

    return slots


def _questions(part: str, plan: WritingPlan, topics: Topics) -> Iterator[Slot]:
    for value in plan.values:
        for language in plan.languages:
            scenes = _scenes(f"{part}-{value}-{language}", plan.seed)
            for number, scene in zip(range(1, plan.count + 1), scenes, strict=False):
                yield Slot(
                    f"{value}/{_of(language)}{number:02d}",
                    value,
                    part,
                    (language,),
                    f"{value}/{language}",
                    fixed={"scene": scene, **_language(language)},
                    brief={"person and place": scene},
                )


def _situations(part: str, plan: WritingPlan, topics: Topics) -> Iterator[Slot]:
    """Topics x atomic values: each about equally often, and no combination twice before all have come."""
    for value in plan.values:
        rng = random.Random(f"write-{plan.seed}-{part}-{value}")
        atomics, subjects = plan.system.lowest_below(value), list(scene_lists()["topics"])
        # Those that the paper lists come first, so that a small set holds them all.
        listed = [one for one in atomics if plan.system[one].in_paper]
        further = [one for one in atomics if one not in listed]
        rng.shuffle(listed)
        rng.shuffle(further)
        rng.shuffle(subjects)
        order, round_length = listed + further, math.lcm(len(atomics), len(subjects))
        for language in plan.languages:
            scenes = _scenes(f"{part}-{value}-{language}", plan.seed)
            for place, scene in zip(range(plan.count), scenes, strict=False):
                atomic = order[place % len(order)]
                topic = subjects[(place + place // round_length) % len(subjects)]
                entry = plan.system[atomic]
                about = (
                    f"{entry.names['en']} ({entry.definition['en']})"
                    if "en" in entry.definition
                    else entry.names["en"]
                )
                yield Slot(
                    f"{value}/{_of(language)}{place + 1:02d}",
                    value,
                    part,
                    (language,),
                    f"{value}/{language}",
                    fixed={"atomic": atomic, "topic": topic, **_language(language)},
                    brief={"topic": topic, "value": about, "place": scene.split(", ")[1]},
                )


def _scenes(name: str, seed: int) -> Iterator[str]:
    """Person and place: every person and every place equally often, and no combination twice before all have come."""
    rng = random.Random(f"write-{seed}-{name}")
    people, places = list(scene_lists()["people"]), list(scene_lists()["places"])
    rng.shuffle(people)
    rng.shuffle(places)
    number = 0
    while True:
        yield f"{people[number % len(people)]}, {places[(number + number // len(people)) % len(places)]}"
        number += 1


def _language(language: str) -> dict[str, str]:
    """The line's field: own files are English where it is absent."""
    return {} if language == "en" else {"language": language}


def _of(language: str) -> str:
    return "" if language == "en" else f"{language}/"


def _plural(options: Sequence[str]) -> dict[str, str]:
    return {option: f"{option}s" for option in options}


_PAIR_KINDS = ("statement", "question")
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
                    "topics", "topics", ("topic",), _topics, bilingual=True, tokens=20, per_call=CONFLICTS
                ),
                SetPart(
                    "activation", "stories", (*_DILEMMA, "rationale"), _stories, bilingual=True, tokens=170
                ),
                SetPart("evaluation", "stories", _DILEMMA, _stories, bilingual=True, tokens=110),
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
                    _halves("stance", ("for", "against"), "stance_words", _STANCES),
                ),
                SetPart(
                    "situations",
                    "situations",
                    ("question",),
                    _situations,
                    refine="refinement",
                    tokens=220,
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
                    _halves("kind", _PAIR_KINDS, "kinds", _plural(_PAIR_KINDS)),
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
            (SetPart("questions", "questions", ("question",), _questions, tokens=80),),
            temperature=0.8,
            top_p=0.95,
            per_value=40,
            even=False,
        ),
    )
}
"""name -> what is written, in which parts, with the papers' settings where they state them."""
