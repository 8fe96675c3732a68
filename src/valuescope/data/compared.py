"""Which texts of a record are compared with those of others, and which two sides it has."""

from __future__ import annotations

from collections.abc import Sequence

from valuescope.data.records import (
    ContrastPair,
    Description,
    Dilemma,
    MultipleChoice,
    Question,
    QuestionnaireItem,
    RatedText,
    Record,
)

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
    return (
        (record.positive, record.negative)
        if isinstance(record, ContrastPair)
        else (compared_text(record)[1],)
    )


def sides(records: Sequence[Record]) -> tuple[tuple[str, str], list[str], list[str]] | None:
    """The names and texts of the two sides that wording must not tell apart; None where there are none.

    Pairs have a positive and a negative side, dilemmas an aligned and a violating action, descriptions those for and
    those against a value, as many as there are of both.
    """
    pairs = [record for record in records if isinstance(record, ContrastPair)]
    if pairs:
        return ("positive", "negative"), [one.positive for one in pairs], [one.negative for one in pairs]
    dilemmas = [record for record in records if isinstance(record, Dilemma) and record.value]
    if dilemmas:
        return (
            ("aligned", "violating"),
            [one.aligned for one in dilemmas],
            [one.violating for one in dilemmas],
        )
    texts = [record for record in records if isinstance(record, Description)]
    stances = [[one.description for one in texts if one.stance == stance] for stance in ("for", "against")]
    count = min(map(len, stances))
    return (("for", "against"), stances[0][:count], stances[1][:count]) if count else None
