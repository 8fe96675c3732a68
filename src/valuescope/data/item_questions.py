"""Items of questionnaires as open questions, for a judge of answers (ValueLocate, section 5.1 and appendix C)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Literal

from valuescope.data.findings import DataError
from valuescope.data.records import Question, QuestionnaireItem

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
    found = [
        Question(
            key=item.key,
            value=item.value if values is None else values[item.value],
            setting=setting,
            question=_asked(item, form),
            language=item.language,
            topic=item.questionnaire,
        )
        for item in items
        if values is None or item.value in values
    ]
    if not found:
        raise DataError(
            f"no item to ask: there are {len(items)} items about "
            f"{', '.join(sorted({item.value for item in items})[:12]) or 'nothing'}; name their values"
        )
    return found


def _asked(item: QuestionnaireItem, form: ItemForm) -> str:
    if form == "question" and item.question:
        return item.question
    words = _words()
    language = item.language if item.language in words else "en"
    return words[language]["portrait" if form == "portrait" else "statement"].format(item=item.item)


@cache
def _words() -> dict[str, dict[str, str]]:
    text = files("valuescope.data").joinpath("item_questions.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
