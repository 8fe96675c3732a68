"""Questionnaires asked of the base and the edited models: items as open questions, and items rated by the model itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from valuescope.edit import Edit
from valuescope.judge import Questionnaire, rate_by_likelihood
from valuescope.judge.self_rating import QuestionnaireAsked
from valuescope.lab.ask import Ask
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory, Trial
from valuescope.lab.method import Way
from valuescope.lab.parameters import require_known
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.setting import Setting
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.strict import Found, FoundRoot, Measured
from valuescope.parts.questionnaire_items import Items, QuestionnairesSpec, read_items
from valuescope.parts.questionnaires_shown import questionnaires_section
from valuescope.parts.ways import WaysFound, ways_found
from valuescope.report.blocks import Section


class PromptsFound(Found):
    """The items as open questions: the answers' scores by method, direction and measure."""

    questions: int
    form: str
    methods: dict[str, WaysFound] = {}


class ScaleFound(Found):
    """One scale of the base model's ratings."""

    raw: float | None = None
    centred: float | None = None
    n: int = 0
    items: int = 0


class BaseRatings(Found):
    """The base model's own ratings; `mass`: the least probability on the scale's numbers."""

    scales: dict[str, ScaleFound] = {}
    mean: float | None = None
    n: int = 0
    mass: float | None = None


class RatingChange(Found):
    """Change of the ratings of the items about one value, raw and centred around the respondent's own mean."""

    raw: Measured
    centred: Measured


class RatingChanges(Found):
    """Changes under one direction of a method, beside random neurons."""

    by_value: dict[str, RatingChange] = {}
    edited_raw: Measured | None = None
    edited_centred: Measured | None = None
    random_raw: Measured | None = None
    random_centred: Measured | None = None


class LikertFound(Found):
    """One inventory as the model rates it itself, by method and direction."""

    title: str
    items: int
    reversed: int
    low: int
    high: int
    base: BaseRatings
    missing: dict[str, int] = {}
    methods: dict[str, dict[Way, RatingChanges]] = {}


class QuestionnaireFound(Found):
    """One questionnaire: counts, scores of answers, own ratings."""

    name: str
    file: str
    inventories: int
    items: int
    reversed: int
    about_run: dict[str, int] = {}
    prompts: PromptsFound | None = None
    likert: tuple[LikertFound, ...] | None = None


class QuestionnairesFound(FoundRoot[tuple[QuestionnaireFound, ...]]):
    """All questionnaires."""


class Questionnaires(Part[QuestionnairesSpec]):
    """Every questionnaire, asked of the base model and of the model edited by each method at its headline setting."""

    key, Spec = "questionnaires", QuestionnairesSpec
    place, order, Found = "questionnaires", 60, QuestionnairesFound
    computes = True

    @classmethod
    def check(cls, spec: QuestionnairesSpec, run: ComparisonSpec) -> None:
        """Its methods edit neurons, and open questions have scores."""
        require_known("questionnaires.methods", spec.methods, run.methods)
        for name in spec.methods or run.methods:
            if run.methods[name].intervention:
                raise ValueError(
                    f"questionnaires.methods: {name} edits no neurons, and questionnaires are for edits of neurons; "
                    "name the others"
                )
        if any(questionnaire.prompts for questionnaire in spec.sets.values()) and not run.scores:
            raise ValueError(
                "questionnaires ask items as prompts, whose answers are rated by scores; give scores, or set "
                "prompts: false"
            )

    def asks(self, design: Design) -> Iterator[Ask]:
        """The items that are put as open questions: base, and edited and random for each method and direction."""
        for items in self._items(design):
            if items.spec.prompts:
                for name in self._methods(design):
                    for setting in _turned(design, name).values():
                        yield from _asks(design, items, name, setting)

    def measure(self, lab: Laboratory) -> QuestionnairesFound:
        """Every questionnaire."""
        return QuestionnairesFound(tuple(self._questionnaire(lab, items) for items in self._items(lab)))

    def _items(self, design: Design) -> list[Items]:
        return read_items(self.spec, design.system, design.values)

    def _methods(self, design: Design) -> Sequence[str]:
        return self.spec.methods or tuple(design.spec.methods)

    def _questionnaire(self, lab: Laboratory, items: Items) -> QuestionnaireFound:
        about: dict[str, int] = {}
        for value in items.value_of.values():
            about[value] = about.get(value, 0) + 1
        return QuestionnaireFound(
            name=items.name,
            file=items.spec.path.rsplit("/", 1)[-1],
            inventories=len({item.questionnaire for item in items.items}),
            items=len(items.items),
            reversed=sum(item.agreement == -1 for item in items.items),
            about_run=about,
            prompts=self._prompts(lab, items) if items.spec.prompts else None,
            likert=tuple(
                self._likert(lab, items, number, title, questionnaire)
                for number, (title, questionnaire) in enumerate(items.inventories().items())
            )
            if items.spec.likert
            else None,
        )

    def _prompts(self, lab: Laboratory, items: Items) -> PromptsFound:
        methods, questions = {}, items.questions()
        for name in self._methods(lab):
            trials: dict[Way, Trial] = {}
            for way, setting in _turned(lab, name).items():
                base, edited, random = map(lab.outcomes, _asks(lab, items, name, setting))
                trials[way] = Trial(base, edited, (random,), (), base, edited, ())
            methods[name] = ways_found(lab, trials)
        return PromptsFound(questions=len(questions), form=items.spec.form, methods=methods)

    def _likert(
        self, lab: Laboratory, items: Items, number: int, title: str, questionnaire: Questionnaire
    ) -> LikertFound:
        """One inventory as the model rates it itself; ratings that are on disk are not asked again."""
        place = f"questionnaires/{items.name}/{number:03d}"
        rate = partial(_ratings, lab, items, questionnaire, self.spec.batch_size)
        base, methods = rate(f"{place}/base", [None])[0], dict[str, dict[Way, RatingChanges]]()
        for name in self._methods(lab):
            method, methods[name] = lab.spec.methods[name], {}
            for way, setting in _turned(lab, name).items():
                arms: Any = {
                    "edited": lab.treatments(method, setting),
                    "random": lab.control(method, setting),
                }
                rated = {
                    arm: dict(
                        zip(
                            edits,
                            rate(f"{place}/{name}/{setting.hash}-{arm}", [*edits.values()]),
                            strict=True,
                        )
                    )
                    for arm, edits in arms.items()
                }
                methods[name][way] = _changes(lab, items, questionnaire, base, rated)
        return LikertFound(
            title=title,
            items=len(questionnaire.items),
            reversed=len(questionnaire.reverse),
            low=questionnaire.low,
            high=questionnaire.high,
            base=BaseRatings.model_validate(base),
            missing=base["missing"],
            methods=methods,
        )

    @classmethod
    def view(cls, found: QuestionnairesFound, result: Result) -> Section:
        """What was asked of which questionnaire, and how the models rated themselves."""
        return questionnaires_section(found, result)


def _turned(design: Design, name: str) -> dict[Way, Setting]:
    method = design.spec.methods[name]
    return {way: method.turned(design.settings[name], way) for way in method.ways}


def _asks(design: Design, items: Items, name: str, setting: Setting) -> tuple[Ask, Ask, Ask]:
    method, questions = design.spec.methods[name], design.repeated(design.worded(items.questions()))
    control = design.control(method, setting)
    assert control is not None
    edited = design.each(questions, design.treatments(method, setting))
    return design.base(questions), edited, design.each(questions, control)


def _ratings(
    lab: Laboratory,
    items: Items,
    questionnaire: Questionnaire,
    batch_size: int,
    place: str,
    edits: Sequence[Edit | None],
) -> list[dict[str, Any]]:
    """Each edit's ratings and scores (see `SelfRating.to_dict`)."""
    content: list[dict[str, Any]] | None = lab.folder.read_json(f"{place}.json")
    if content is None:
        asked = QuestionnaireAsked(questionnaire, items.spec.prompt, items.items[0].language)
        ratings = rate_by_likelihood(
            lab.model,
            asked,
            edits,
            minimum_mass=items.spec.minimum_mass,
            batch_size=batch_size,
            progress=lambda done, total: lab.progress(place, done, total),
        )
        content = [rating.to_dict() for rating in ratings]
        lab.folder.write_json(f"{place}.json", content)
    with lab.folder.decoding(f"{place}.json"):
        whole = all(
            {*rating} >= {"missing", "ratings"} and isinstance(rating["ratings"], dict) for rating in content
        )
        if not whole or len(content) != len(edits):
            raise ValueError(f"it does not hold the ratings of {len(edits)} models")
    return content


def _changes(
    lab: Laboratory,
    items: Items,
    questionnaire: Questionnaire,
    base: Mapping[str, Any],
    rated: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> RatingChanges:
    """What each value's edit does to the items about it."""

    def counted(ratings: Mapping[str, Any], item: str, kind: str) -> float | None:
        rating = ratings["ratings"][item]
        if isinstance(rating, str) or (kind == "centred" and ratings["mean"] is None):
            return None
        score = questionnaire.rating(item, float(rating))
        return score - ratings["mean"] if kind == "centred" else score

    def change(arm: str, kind: str, values: Sequence[str]) -> Any:
        pairs = [
            (counted(base, item, kind), counted(rated[arm][value], item, kind))
            for value in values
            for item in questionnaire.items
            if items.value_of.get(item) == value
        ]
        return lab.how.difference([before for before, _ in pairs], [after for _, after in pairs])

    kinds = ("raw", "centred")
    return RatingChanges(
        by_value={
            value: RatingChange(**{kind: change("edited", kind, [value]) for kind in kinds})
            for value in rated["edited"]
        },
        **{f"{arm}_{kind}": change(arm, kind, list(rated[arm])) for arm in rated for kind in kinds},
    )
