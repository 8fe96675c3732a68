"""The questionnaires of a run: what is asked of them, and their items read from the user's files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import Field, model_validator

from valuescope.data import Question
from valuescope.data.findings import DataError
from valuescope.data.phrasing import ItemForm, item_questions
from valuescope.data.readers import read_data
from valuescope.data.records import QuestionnaireItem
from valuescope.judge import JudgeError, Questionnaire, inventories
from valuescope.judge.self_rating import QUESTIONNAIRE_PROMPTS
from valuescope.lab.ask import first_of_each
from valuescope.lab.parameters import require_known
from valuescope.lab.strict import Name, SpecError, Strict
from valuescope.values import ValueSystem


class QuestionnaireSpec(Strict):
    """One questionnaire of the user's.

    `path`: a file that `valuescope data` reads (PVQ, ValueBench). `inventories`: only these of its questionnaires (none:
    all). `values`: an item's value -> the value of the run that it speaks for; an item's value that is one of the run's, or
    stands under one in the value system, needs no entry, and items of any other value are counted and left out of the
    effects. `prompts`: ask the items as open questions in `form`, at most `per_value` of each value, for the judge to rate.
    `likert`: have the model rate the items itself, by its probabilities of the scale's numbers. `labels`: the steps
    of the answer scale, the lowest first and numbered from `low`, where the file names none. `prompt`: how an item is put.
    `minimum_mass`: the probability on the scale's numbers below which a rating is missing.
    """

    path: str
    inventories: tuple[str, ...] = ()
    values: dict[str, str] = Field(default_factory=dict)
    prompts: bool = True
    form: ItemForm = "portrait"
    per_value: int | None = Field(default=None, ge=1)
    likert: bool = True
    labels: tuple[str, ...] = ()
    low: int = Field(default=1, ge=0)
    prompt: str = "portrait"
    minimum_mass: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _known(self) -> QuestionnaireSpec:
        require_known("prompt", [self.prompt], QUESTIONNAIRE_PROMPTS)
        if not self.prompts and not self.likert:
            raise ValueError("neither prompts nor likert is true, so nothing would be asked; set one")
        return self


class QuestionnairesSpec(Strict):
    """Questionnaires by name, asked of the base model and of the model edited by each of `methods` (none: all).

    `batch_size`: items times edits that are rated at once.
    """

    sets: dict[Name, QuestionnaireSpec] = Field(min_length=1)
    methods: tuple[str, ...] = ()
    batch_size: int = Field(default=64, ge=1)


@dataclass(frozen=True)
class Items:
    """The items of one questionnaire of the run. `value_of`: the run's value by an item's key; items about none lack one."""

    name: str
    spec: QuestionnaireSpec
    items: tuple[QuestionnaireItem, ...]
    value_of: Mapping[str, str]

    def questions(self) -> tuple[Question, ...]:
        """The items as open questions, those of each value in order, at most `per_value`."""
        about = [one for one in self.items if one.key in self.value_of]
        asked = [
            replace(question, key=f"{self.name}/{question.key}", value=self.value_of[question.key])
            for question in item_questions(about, self.spec.form)
        ]
        return tuple(one for one in first_of_each(asked, self.spec.per_value) if isinstance(one, Question))

    def inventories(self) -> dict[str, Questionnaire]:
        """The questionnaires for the model to rate."""
        try:
            return inventories(self.items, self.spec.labels or None, low=self.spec.low)
        except JudgeError as error:
            raise SpecError(f"questionnaires.sets.{self.name}: {error}") from error


def read_items(spec: QuestionnairesSpec, system: ValueSystem, values: Sequence[str]) -> list[Items]:
    """The questionnaires of a run, read from the user's files.

    Raises:
        SpecError: a file that cannot be read, an inventory that it lacks, a value that the run has not.
    """
    return [_read(name, one, system, values) for name, one in spec.sets.items()]


def _read(name: str, spec: QuestionnaireSpec, system: ValueSystem, values: Sequence[str]) -> Items:
    place = f"questionnaires.sets.{name}"
    try:
        found = [one for one in read_data(spec.path).records if isinstance(one, QuestionnaireItem)]
    except DataError as error:
        raise SpecError(f"{place}.path: {error}") from error
    known = dict.fromkeys(one.questionnaire for one in found)
    for inventory in spec.inventories:
        if inventory not in known:
            raise SpecError(
                f"{place}.inventories: {spec.path} has no {inventory!r}; it has {', '.join(list(known)[:12]) or 'no items'}"
            )
    for own, value in spec.values.items():
        if value not in values:
            raise SpecError(
                f"{place}.values.{own}: {value!r} is none of the run's values {', '.join(values)}"
            )
    items = tuple(one for one in found if not spec.inventories or one.questionnaire in spec.inventories)
    value_of = {}
    for item in items:
        about = spec.values.get(item.value) or _value_of(item.value, system, values)
        if about is not None:
            value_of[item.key] = about
    if not value_of:
        raise SpecError(
            f"{place}: none of its {len(items)} items is about a value of the run ({', '.join(values)}); name them in "
            "values"
        )
    return Items(name, spec, items, value_of)


def _value_of(value: str, system: ValueSystem, values: Sequence[str]) -> str | None:
    """The run's value that an item's value is or stands under; of two the first."""
    above = [value]
    while above:
        if reached := [one for one in above if one in values]:
            return reached[0]
        above = [parent for one in above if one in system for parent in system.parents(one)]
    return None
