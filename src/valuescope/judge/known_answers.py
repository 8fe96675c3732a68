"""Real answers that two readers have labelled, and the items that a judge is asked of them.

The answers are SmolLM2's and Qwen's, to yes-or-no questions about Schwartz's values, under no instruction and told to hold or
to reject the value (`labelled/LANGUAGE.jsonl`; both models' licence, Apache 2.0, lets their output be passed on). Every answer
was labelled twice, independently, by reading.
"""

from __future__ import annotations

import json
import random
from collections.abc import Hashable
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from valuescope.data import Question
from valuescope.files import sha256_of
from valuescope.judge.answer_judge import Item
from valuescope.judge.missing import JudgeError
from valuescope.judge.prompt import criterion
from valuescope.metrics import Bootstrap, cohen_kappa
from valuescope.metrics.agreement import Agreement
from valuescope.values import load_value_system

Label = Literal["for", "against", "no side", "refusal"]
ITEMS = 60
"""How many a judge is asked for each verdict where nothing else is said."""
SEED = "known-answers"  # of the draws: every judge is asked the same items


@dataclass(frozen=True)
class KnownAnswer:
    """One answer and its labels by two readers. `arm`: told nothing (base), to hold the value (for), or to reject it."""

    key: str
    question: str
    value: str
    yes_is: Literal["for", "against"]
    answer: str
    language: str
    model: str
    arm: str
    temperature: float
    label_1: Label
    label_2: Label
    fluent_1: bool
    fluent_2: bool

    @property
    def label(self) -> Label | None:
        """What both readers say; None where they differ."""
        return self.label_1 if self.label_1 == self.label_2 else None

    @property
    def fluent(self) -> bool | None:
        """What both readers say; None where they differ."""
        return self.fluent_1 if self.fluent_1 == self.fluent_2 else None

    @property
    def held_out(self) -> bool:
        """Whether the rules of the judge `stance` were not mended on the answers to this question: half of all
        questions, drawn by their hash."""
        return int(sha256_of(self.question)[:8], 16) % 2 == 1

    @property
    def asked(self) -> Question:
        """The question."""
        return Question(
            self.key, self.value, "dilemma", self.question, language=self.language, yes_is=self.yes_is
        )


@cache
def known_languages() -> tuple[str, ...]:
    """The languages that there are known answers in."""
    folder = files("valuescope.judge").joinpath("labelled")
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    return tuple(sorted(name.removesuffix(".jsonl") for name in names if name.endswith(".jsonl")))


@cache
def known_answers(language: str) -> tuple[KnownAnswer, ...]:
    """All labelled answers of a language.

    Raises:
        JudgeError: there are none in this language.
    """
    if language not in known_languages():
        known = " and ".join(known_languages()) or "no language"
        raise JudgeError(f"there are no known answers in language {language!r}; there are some in {known}")
    path = files("valuescope.judge").joinpath("labelled", f"{language}.jsonl")
    return tuple(KnownAnswer(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines())


def agreement(language: str, how: Bootstrap = Bootstrap()) -> dict[str, Agreement]:
    """How far the two readers agree on labels and on fluency: Cohen's kappa, with intervals over questions."""
    answers = known_answers(language)
    pairs: dict[str, list[tuple[Hashable, Hashable]]] = {
        "label": [(known.label_1, known.label_2) for known in answers],
        "fluent": [(known.fluent_1, known.fluent_2) for known in answers],
    }
    questions = [known.question for known in answers]
    return {
        name: cohen_kappa(*map(list, zip(*both, strict=True)), clusters=questions, how=how)
        for name, both in pairs.items()
    }


def known_items(measure: str, language: str, count: int = ITEMS) -> list[tuple[Item, bool]]:
    """At most `count` items with their truth, as many that are true as items that are not, in an order drawn once.

    Control success is true of answers for the value; those that are not are against it, without a side and refusals, by turns.
    Few real answers are not fluent, so fluent ones with their words shuffled stand beside them.
    """
    rng, answers = random.Random(f"{SEED}-{measure}-{language}"), list(known_answers(language))
    rng.shuffle(answers)
    if measure == "fluency":
        true = [known for known in answers if known.fluent]
        untrue = [known for known in answers if known.fluent is False]
        half = min(count // 2, len(true))
        shuffled = map(_shuffled, reversed(true))
        untrue += [broken for _, broken in zip(range(half - len(untrue)), shuffled, strict=False)]
    else:
        true = [known for known in answers if known.label == "for"]
        others = [
            [known for known in answers if known.label == label]
            for label in ("against", "no side", "refusal")
        ]
        turns = range(max(map(len, others)))
        untrue = [same[turn] for turn in turns for same in others if turn < len(same)]
    half = min(count // 2, len(true), len(untrue))
    chosen = [(_item(known, measure), True) for known in true[:half]]
    chosen += [(_item(known, measure), False) for known in untrue[:half]]
    rng.shuffle(chosen)
    return chosen


def _item(known: KnownAnswer, measure: str) -> Item:
    told = criterion(load_value_system("schwartz"), known.value, known.language)
    return Item(known.key, known.question, known.answer, told if measure == "control-success" else None)


def _shuffled(known: KnownAnswer) -> KnownAnswer:
    """The answer with its words (its characters in Chinese) in another order."""
    parts = list(known.answer) if known.language == "zh" else known.answer.split()
    random.Random(f"{SEED}-{known.key}").shuffle(parts)
    text = ("" if known.language == "zh" else " ").join(parts)
    return KnownAnswer(**{**asdict(known), "key": f"{known.key}/shuffled", "answer": text})
