"""The records that every data source yields and every later stage reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

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
    """Two texts that differ in the stance towards a value (NeVA section 4.1)."""

    key: str
    value: str
    positive: str
    negative: str
    language: str = "en"
    topic: str = ""
    kind: str = ""


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
    answers of different edits and seeds the sampling noise they share. `atomic` is the atomic value that a
    situational question is about, where the set names one.
    """

    key: str
    value: str
    setting: str
    question: str
    prompt: str = ""
    system: str = ""
    language: str = "en"
    topic: str = ""
    atomic: str = ""


@dataclass(frozen=True)
class Dilemma:
    """A story with an action that keeps a value and one that breaks it (ValueExploration section 2.2).

    `rationale` says why the aligned action is right; it is empty where a set has none. Where `value` is empty the
    set names no value, and the actions are merely a first and a second one.
    """

    key: str
    value: str
    story: str
    aligned: str
    violating: str
    rationale: str = ""
    language: str = "en"
    topic: str = ""


@dataclass(frozen=True)
class Description:
    """A second-person description of somebody who holds a value ("for") or its opposite ("against").

    ValueLocate, section 3.
    """

    key: str
    value: str
    stance: Literal["for", "against"]
    description: str
    language: str = "en"
    topic: str = ""


@dataclass(frozen=True)
class QuestionnaireItem:
    """A statement that a respondent rates.

    `agreement` is 1 where agreeing speaks for the value, -1 where it speaks against it. `scale` holds the labels of
    the answers from the lowest to the highest, empty where the set names none. `question` is the statement turned
    into a question, where the set has one.
    """

    key: str
    value: str
    item: str
    questionnaire: str = ""
    agreement: Literal[1, -1] = 1
    scale: tuple[str, ...] = ()
    question: str = ""
    language: str = "en"
    topic: str = ""


@dataclass(frozen=True)
class MultipleChoice:
    """A question with options.

    `answer` is the right option's place from 0 on, None where the set does not say. `target` is the option that
    names the stereotyped group (BBQ), None where there is none.
    """

    key: str
    value: str
    question: str
    options: tuple[str, ...]
    answer: int | None = None
    context: str = ""
    target: int | None = None
    language: str = "en"
    topic: str = ""


@dataclass(frozen=True)
class RatedText:
    """A text, and how it stands to values: (value, number) pairs, 1 for, -1 against, 0 neither.

    `reply` is the answer that was rated, where the set holds dialogues. `value` is the first value that the text
    speaks for, empty where there is none.
    """

    key: str
    value: str
    text: str
    reply: str = ""
    ratings: tuple[tuple[str, int], ...] = ()
    language: str = "en"
    topic: str = ""


Record = ContrastPair | Dilemma | Description | Question | QuestionnaireItem | MultipleChoice | RatedText
"""What a data set is made of."""


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
