"""How records are put into words for a model: dilemmas as texts and questions, items of questionnaires as questions."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from valuescope.data.findings import DataError
from valuescope.data.records import Dilemma, LabelledText, Question, QuestionnaireItem, RatedText, label

ItemForm = Literal["question", "statement", "portrait"]
ITEM_FORMS: tuple[ItemForm, ...] = ("question", "statement", "portrait")


def item_questions(
    items: Sequence[QuestionnaireItem],
    form: ItemForm = "question",
    *,
    values: Mapping[str, str] | None = None,
    setting: str = "dilemma",
) -> list[Question]:
    """One open question per item, in order, with the item's key.

    ValueLocate asks the items of ValueBench as questions and the portraits of the PVQ-40 as prompts, and rates the
    answers' relevance to a value; it does not print its wording. An item's sign of agreement plays no part then: what
    is judged is the answer, not whether it agrees.

    Args:
        items: of any questionnaire.
        form: "question" takes the set's own question and falls back on "statement", which quotes an item in the first
            person; "portrait" quotes one in the third person.
        values: item's value -> the value that answers are judged by, such as a higher-order dimension; items whose
            value it does not name are left out. None: the item's own value.
        setting: of the questions.

    Raises:
        DataError: an unknown form, or no item left.
    """
    if form not in ITEM_FORMS:
        raise DataError(f"form {form!r} is unknown; the forms are {', '.join(ITEM_FORMS)}")
    questions = [
        Question(
            key=item.key,
            value=item.value if values is None else values[item.value],
            setting=setting,
            question=item.question
            if form == "question" and item.question
            else template(item.language, "portrait" if form == "portrait" else "statement").format(
                item=item.item
            ),
            language=item.language,
            topic=item.questionnaire,
        )
        for item in items
        if values is None or item.value in values
    ]
    if not questions:
        raise DataError(
            f"no item to ask: there are {len(items)} items about "
            f"{', '.join(sorted({item.value for item in items})[:12]) or 'nothing'}; name their values"
        )
    return questions


def dilemma_text(dilemma: Dilemma, value: str, rng: random.Random) -> LabelledText:
    """Story, choices and rationale in one text (ValueExploration section 2.3), the aligned choice A or B by chance."""
    asked, letter = _asked(dilemma, rng.random() < 0.5)
    answer = template(dilemma.language, "answer").format(
        letter=letter, action=dilemma.aligned, rationale=dilemma.rationale
    )
    return LabelledText(label(value, "text"), f"{asked}\n\n", answer.strip(), group=dilemma.key)


def dilemma_question(dilemma: Dilemma, value: str, rng: random.Random) -> Question:
    """A dilemma as a question, the aligned choice A or B by chance."""
    asked, _ = _asked(dilemma, rng.random() < 0.5)
    return Question(dilemma.key, value, "dilemma", asked, language=dilemma.language, topic=dilemma.topic)


def rated_text(text: RatedText, value: str) -> LabelledText:
    """A text that speaks for a value."""
    return LabelledText(
        label(value, "text"), text.text, f"\n{text.reply}" if text.reply else "", group=text.key
    )


def _asked(dilemma: Dilemma, first: bool) -> tuple[str, str]:
    """The dilemma with its two choices, and the letter of the aligned one."""
    options = (dilemma.aligned, dilemma.violating) if first else (dilemma.violating, dilemma.aligned)
    question = template(dilemma.language, "question")
    asked = question.format(story=dilemma.story, first=options[0], second=options[1])
    return asked, "A" if first else "B"


def template(language: str, name: str) -> str:
    """How records of a language are put into words."""
    templates = _templates()
    text: str = templates[language if language in templates else "en"][name]
    return text


@cache
def _templates() -> dict[str, Any]:
    return tomllib.loads(files("valuescope.data").joinpath("templates.toml").read_text(encoding="utf-8"))
