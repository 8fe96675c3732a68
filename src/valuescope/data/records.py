"""The records that every data source yields and every later stage reads: their fields, and their texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

ROLES = ("text", "for", "against", "positive", "negative")
"""What a text is to its value: about it (VAPE), with a description for or against it (ValueLocate), or the
positive or negative side of a contrast pair (NeVA)."""


def label(value: str, role: str) -> str:
    """The label under which the activations of a value's texts in one role are counted."""
    if role not in ROLES:
        raise ValueError(f"role {role!r} is unknown; the roles are {', '.join(ROLES)}")
    return f"{value}|{role}"


@dataclass(frozen=True)
class Persona:
    """What a text of ValueLocate is made of: a description of somebody, and the question that is put to them."""

    description: str
    question: str


@dataclass(frozen=True)
class LabelledText:
    """One text to read activations from.

    `label` is what the counters are kept by. `answer` follows `prompt` directly; an empty one means that
    the whole text is prompt. `group` ties texts that must stay on one side of a split (a contrast pair).
    `persona` holds description and question of a text that is made of both.
    """

    label: str
    prompt: str
    answer: str = ""
    group: str = ""
    persona: Persona | None = None


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
    situational question is about, where the set names one. `yes_is`: of a question that asks for yes or no, whether yes
    speaks for the value or against it; empty where the set does not say. `instruction`: how to answer, said to the model after
    the question and to no judge. `wording`: what the model is told around both, with `{question}` where they stand; no judge
    reads it. `cue`: what bare text ends with; where there is one the model reads no chat template.
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
    yes_is: Literal["for", "against", ""] = ""
    instruction: str = ""
    wording: str = ""
    cue: str = ""

    @property
    def asked(self) -> str:
        """Question, instruction and wording, as the model reads them."""
        asked = f"{self.question} {self.instruction}" if self.instruction else self.question
        return self.wording.replace("{question}", asked) if self.wording else asked


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


def story_key(dilemma: Dilemma) -> str:
    """The key of a story in whatever language."""
    return dilemma.key.removesuffix(f"/{dilemma.language}")


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
_Kind = TypeVar("_Kind")

KINDS: dict[type[Record], str] = {
    ContrastPair: "contrast pairs",
    Dilemma: "dilemmas",
    Description: "descriptions",
    Question: "questions",
    QuestionnaireItem: "questionnaire items",
    MultipleChoice: "multiple-choice questions",
    RatedText: "rated texts",
}
"""What records of a kind are called, in the plural."""


def compared_text(record: Record) -> tuple[str, str]:
    """The field by which repeats are recognised (fields joined by a slash), and its text."""
    match record:
        case Dilemma():
            return "story", record.story
        case ContrastPair():
            return "positive/negative", f"{record.positive} {record.negative}"
        case Description():
            return "description", record.description
        case Question():
            return "question", record.question
        case QuestionnaireItem():
            return "item", record.item
        case MultipleChoice():
            text = " ".join(part for part in (record.context, record.question, *record.options) if part)
            return "question", text
        case RatedText():
            return "text", f"{record.text} {record.reply}".strip()


def record_texts(record: Record) -> tuple[str, ...]:
    """The texts that a run would read or ask, each on its own."""
    if isinstance(record, ContrastPair):
        return record.positive, record.negative
    return (compared_text(record)[1],)


def sides(records: Sequence[Record]) -> tuple[tuple[str, str], list[str], list[str]] | None:
    """The names and texts of the two sides that wording must not tell apart; None where there are none.

    Pairs have a positive and a negative side, dilemmas an aligned and a violating action, descriptions those for and
    those against a value, as many as there are of both.
    """
    if pairs := of_kind(records, ContrastPair):
        return ("positive", "negative"), [pair.positive for pair in pairs], [pair.negative for pair in pairs]
    if dilemmas := [dilemma for dilemma in of_kind(records, Dilemma) if dilemma.value]:
        aligned = [dilemma.aligned for dilemma in dilemmas]
        return ("aligned", "violating"), aligned, [dilemma.violating for dilemma in dilemmas]
    texts = of_kind(records, Description)
    stances = [[text.description for text in texts if text.stance == stance] for stance in ("for", "against")]
    count = min(map(len, stances))
    return (("for", "against"), stances[0][:count], stances[1][:count]) if count else None


def of_kind(records: Sequence[Record], kind: type[_Kind]) -> list[_Kind]:
    """The records of one kind."""
    return [record for record in records if isinstance(record, kind)]
