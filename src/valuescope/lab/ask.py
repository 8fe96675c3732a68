"""An ask: items, what is done to the model for each, and how answers are drawn. Equal asks are one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal

from valuescope.data import ContrastPair, Question
from valuescope.edit import Edit
from valuescope.files import sha256_of
from valuescope.generate import Sampling
from valuescope.judge.asking import Call
from valuescope.tune import Adapter


@dataclass(frozen=True)
class SupportQuestion:
    """A dilemma as it is put to the model, with its options in one order.

    `letters`: the answer is read from the log-probabilities of the options' letters; else from the text.
    """

    key: str
    value: str
    call: Call
    letters: bool


@dataclass(frozen=True)
class WordChoice(SupportQuestion):
    """A choice between two words, of which `aligned` is the one for the value: a contrast pair under two letters, whose orders
    have the pair's key so that they are one cluster, or a question that is answered with Yes or No."""

    aligned: str
    words: tuple[str, str] = ("A", "B")


LETTER = Sampling(2, 0.0)
"""What is drawn for a letter: the first token may be blank."""
Item = Question | ContrastPair | SupportQuestion
IDENTIFIED = "identified"
"""The setting of a question that is answered as somebody who holds a value, so that neurons are found in the answer."""


@dataclass(frozen=True)
class SystemText:
    """A system message that stands before every question (or text) of a value."""

    value: str
    text: str


@dataclass(frozen=True)
class Planned:
    """What will be done to the model, named by the hash of all that decides it: nothing has been located yet."""

    hash: str


Treatment = Edit | SystemText | Adapter | Planned | None


def treatment_hash(treatment: Treatment) -> str:
    """What tells treatments apart; empty for the unedited model."""
    match treatment:
        case None:
            return ""
        case SystemText():
            return f"system {treatment.text}"
        case Adapter():
            return f"adapter {treatment.hash} {treatment.strength!r}"
    return treatment.hash


@lru_cache(maxsize=1 << 18)
def item_hash(item: Item) -> str:
    """What tells items apart; the same item stands in many asks, and often in one. What only says how to read an answer
    decides none."""
    fields = asdict(item)
    fields.pop("yes_is", None)
    for name in ("instruction", "wording", "cue"):
        if not fields.get(name):
            fields.pop(name, None)
    return sha256_of([type(item).__name__, fields])


@dataclass(frozen=True, eq=False)
class Ask:
    """Items of one kind, each with its treatment. Asks over the same items in the same order share batch shapes and
    noise, so that their outcomes are paired item by item.

    `batch_size` rows are asked at once. `on`: the tokens that edits act on. `arm` names the ask for people and decides no
    answer.
    """

    items: tuple[Item, ...]
    treatments: tuple[Treatment, ...]
    sampling: Sampling
    batch_size: int
    on: Literal["both", "prompt", "response"] = "both"
    arm: str = ""

    def __post_init__(self) -> None:
        assert len(self.items) == len(self.treatments)

    @cached_property
    def hash(self) -> str:
        """The name of the answers' folder: 24 hexadecimal digits of everything that decides an answer."""
        distinct = {id(treatment): treatment for treatment in self.treatments}
        names = {place: sha256_of(treatment_hash(treatment)) for place, treatment in distinct.items()}
        rows = [
            f"{item_hash(item)} {names[id(treatment)]}"
            for item, treatment in zip(self.items, self.treatments, strict=True)
        ]
        return sha256_of(["\n".join(rows), self.sampling.to_dict(), self.batch_size, self.on])[:24]

    @cached_property
    def untouched(self) -> Ask:
        """The same items with nothing done to the model."""
        return replace(self, treatments=(None,) * len(self.items))

    @property
    def pairs(self) -> int:
        """How many items are contrast pairs, which are scored; all others are answered."""
        return sum(isinstance(item, ContrastPair) for item in self.items)

    @property
    def answers(self) -> int:
        """How many answers are generated."""
        return len(self.items) - self.pairs

    @property
    def does_something(self) -> bool:
        """Whether anything is done to the model: a control that there is none of, such as another value's message where there is
        one value, does nothing, and is no control."""
        return any(treatment is not None for treatment in self.treatments)

    @property
    def in_sentences(self) -> bool:
        """Whether answers are in the model's own words, so that they tell fluency: no letters, nor a word that is asked for."""
        return isinstance(self.items[0], Question) and not self.items[0].instruction and not self.identifies

    @property
    def identifies(self) -> bool:
        """Whether neurons are found in these answers: nobody judges them."""
        return isinstance(self.items[0], Question) and self.items[0].setting == IDENTIFIED

    def rows(self, start: int) -> Ask:
        """The batch from one place on."""
        stop = start + self.batch_size
        return Ask(
            self.items[start:stop], self.treatments[start:stop], self.sampling, self.batch_size, self.on
        )


@dataclass(frozen=True)
class Outcome:
    """What one item gave. `success` is 0 or 1 for a judged answer, the margin in nats per token for a pair, and for a choice
    the share that its letter has of both letters' probability."""

    key: str
    value: str
    success: float | None
    fluent: bool | None
    text: str = ""
    missing: str = ""
    score: float | None = (
        None  # mean log-probability per token under the unedited model, where the judge needs it
    )
    relevance: float | None = None  # G-Eval's rating from 1 to 5, where the run asks for scores
    quality: float | None = None  # text quality from 1 to 5, likewise


Outcomes = list[Outcome]
RUN_MARK = "~run"
"""Between a question's key and the number of the run that regenerates its answer; the first run has none."""


def question_of(key: str) -> str:
    """The key of the question, whichever run asked it."""
    return key.partition(RUN_MARK)[0]


def run_of(key: str) -> int:
    """The number of the run that asked, from 0."""
    number = key.partition(RUN_MARK)[2]
    return int(number) - 1 if number else 0


def first_of_each(items: Sequence[Item], per_value: int | None) -> tuple[Item, ...]:
    """The first items of each value, in the order given; None: all."""
    if per_value is None:
        return tuple(items)
    seen: dict[str, int] = {}
    kept = []
    for item in items:
        seen[item.value] = seen.get(item.value, 0) + 1
        if seen[item.value] <= per_value:
            kept.append(item)
    return tuple(kept)
