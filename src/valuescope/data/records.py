"""The records that every data source yields and every later stage reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from valuescope.files import sha256_of

ROLES = ("text", "for", "against", "positive", "negative")
"""What a text is to its value: about it (VAPE), with a description for or against it (ValueLocate), or the
positive or negative side of a contrast pair (NeVA)."""


def label(value: str, role: str) -> str:
    """The label under which the activations of a value's texts in one role are counted."""
    if role not in ROLES:
        raise ValueError(f"role {role!r} is unknown; the roles are {', '.join(ROLES)}")
    return f"{value}|{role}"


@dataclass(frozen=True)
class LabelledText:
    """One text to read activations from.

    `label` is what the counters are kept by. `answer` follows `prompt` directly; an empty one means that
    the whole text is prompt. `group` ties texts that must stay on one side of a split (a contrast pair).
    """

    label: str
    prompt: str
    answer: str = ""
    group: str = ""


@dataclass(frozen=True)
class ContrastPair:
    """Two texts that differ in the stance towards a value."""

    key: str
    value: str
    positive: str
    negative: str


def pair_texts(pair: ContrastPair) -> tuple[LabelledText, LabelledText]:
    """The two sides of a pair as texts of one group."""
    return (
        LabelledText(label(pair.value, "positive"), pair.positive, group=pair.key),
        LabelledText(label(pair.value, "negative"), pair.negative, group=pair.key),
    )


@dataclass(frozen=True)
class Question:
    """One question to answer and judge.

    `question` is what the judge reads, `prompt` what the model reads; an empty prompt is made from `question` and
    `system` by the model's own chat template. `setting` says how it is asked:
    "dilemma" (alone) or "described" (after a description of somebody who holds the value). `key` pairs the
    answers of different edits and seeds the sampling noise they share.
    """

    key: str
    value: str
    setting: str
    question: str
    prompt: str = ""
    system: str = ""


@dataclass(frozen=True)
class Material:
    """Everything one data source gives to a run.

    `texts` are for identification, `questions` and `pairs` for evaluation, `tuning` for the choice of
    strengths: the three never share a text. `notes` are known faults of the data, to show and not to hide.
    """

    source: str
    values: tuple[str, ...]
    texts: tuple[LabelledText, ...]
    questions: tuple[Question, ...] = ()
    tuning: tuple[Question, ...] = ()
    pairs: tuple[ContrastPair, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """sha256 of the content."""
        return sha256_of(self.to_dict())

    def counts(self) -> dict[str, int]:
        """Number of identification texts per role."""
        roles = Counter(text.label.split("|")[1] for text in self.texts)
        return {role: roles[role] for role in ROLES if roles[role]}

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Material:
        """The inverse of `to_dict`."""
        return cls(
            source=content["source"],
            values=tuple(content["values"]),
            texts=tuple(LabelledText(**text) for text in content["texts"]),
            questions=tuple(Question(**question) for question in content["questions"]),
            tuning=tuple(Question(**question) for question in content["tuning"]),
            pairs=tuple(ContrastPair(**pair) for pair in content["pairs"]),
            notes=tuple(content["notes"]),
        )
