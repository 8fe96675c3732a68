"""What a part of a set is planned to hold: one slot per item, in an order that a larger plan keeps."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from valuescope.values import ValueSystem
from valuescope.write.exemplars import exemplars
from valuescope.write.slot import Slot
from valuescope.write.writer_prompt import scene_lists

Topics = Mapping[str, Sequence[Mapping[str, str]]]
"""value -> its conflict topics, each with one text per language."""

CONFLICTS = 2
"""Conflict topics per value (ValueExploration, section 2.2)."""


@dataclass(frozen=True)
class WritingPlan:
    """What a part is planned for: `count` items per value, in these languages, drawn by `seed`.

    `subjects`: the topics of situational questions; empty: those of `scene_lists`. `exemplars`: whether each description is
    asked for with the baseline description of an atomic value.
    """

    system: ValueSystem
    values: tuple[str, ...]
    languages: tuple[str, ...]
    count: int
    seed: int
    subjects: tuple[str, ...] = ()
    exemplars: bool = False

    @property
    def situation_topics(self) -> tuple[str, ...]:
        """The topics of situational questions."""
        return self.subjects or scene_lists()["topics"]

    def atomic_values(self, value: str, rng: random.Random) -> list[str]:
        """The atomic values below a value, shuffled; those that the paper lists first, so that a small set holds them all."""
        atomics = self.system.lowest_below(value)
        listed = [atomic for atomic in atomics if self.system[atomic].in_paper]
        further = [atomic for atomic in atomics if atomic not in listed]
        rng.shuffle(listed)
        rng.shuffle(further)
        return listed + further


def conflict_slots(part: str, plan: WritingPlan, topics: Topics) -> Iterator[Slot]:
    """The conflict topics of each value."""
    for value in plan.values:
        for number in range(1, CONFLICTS + 1):
            brief = {"conflict": f"number {number}"}
            yield Slot(f"{value}/topic/{number}", value, part, plan.languages, value, brief=brief)


def story_slots(part: str, plan: WritingPlan, topics: Topics) -> Iterator[Slot]:
    """Stories, equally many about each conflict topic of a value."""
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


def half_slots(
    field: str, options: Sequence[str], shared: str, words: Mapping[str, str]
) -> Callable[[str, WritingPlan, Topics], Iterator[Slot]]:
    """Items of which each option of a field gets an equal share."""

    def slots(part: str, plan: WritingPlan, topics: Topics) -> Iterator[Slot]:
        each = plan.count // len(options)
        for value in plan.values:
            rng = random.Random(f"write-{plan.seed}-{part}-{value}")
            order = plan.atomic_values(value, rng) if plan.exemplars and part == "descriptions" else []
            for language in plan.languages:
                for option in options:
                    scenes = _scenes(f"{part}-{value}-{language}-{option}", plan.seed)
                    for number, scene in zip(range(1, each + 1), scenes, strict=False):
                        fixed = {field: option, **_language(language)}
                        brief = {"person and place": scene}
                        if part == "contrast":
                            fixed["scene"] = scene
                        elif order and language == "en":
                            atomic = order[(number - 1) % len(order)]
                            brief["value"] = _about(plan.system, atomic)
                            brief["model"] = exemplars()[atomic, option]
                        yield Slot(
                            f"{value}/{_of(language)}{option}/{number:02d}",
                            value,
                            part,
                            (language,),
                            f"{value}/{language}/{option}",
                            fixed=fixed,
                            brief=brief,
                            shared={shared: words[option], field: option},
                        )

    return slots


def question_slots(part: str, plan: WritingPlan, topics: Topics) -> Iterator[Slot]:
    """Open questions, each with a scene of its own."""
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


def situation_slots(part: str, plan: WritingPlan, topics: Topics) -> Iterator[Slot]:
    """Topics x atomic values: each about equally often, and no combination twice before all have come."""
    for value in plan.values:
        rng = random.Random(f"write-{plan.seed}-{part}-{value}")
        order, subjects = plan.atomic_values(value, rng), list(plan.situation_topics)
        rng.shuffle(subjects)
        round_length = math.lcm(len(order), len(subjects))
        for language in plan.languages:
            scenes = _scenes(f"{part}-{value}-{language}", plan.seed)
            for place, scene in zip(range(plan.count), scenes, strict=False):
                atomic = order[place % len(order)]
                topic = subjects[(place + place // round_length) % len(subjects)]
                yield Slot(
                    f"{value}/{_of(language)}{place + 1:02d}",
                    value,
                    part,
                    (language,),
                    f"{value}/{language}",
                    fixed={"atomic": atomic, "topic": topic, **_language(language)},
                    brief={
                        "topic": topic,
                        "value": _about(plan.system, atomic),
                        "place": scene.split(", ")[1],
                    },
                )


def _about(system: ValueSystem, atomic: str) -> str:
    entry = system[atomic]
    return (
        f"{entry.names['en']} ({entry.definition['en']})" if "en" in entry.definition else entry.names["en"]
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
