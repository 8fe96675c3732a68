"""Questionnaires asked of the base and the edited models: items as open questions, and items rated by the model itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from valuescope.data import Question
from valuescope.data.findings import DataError
from valuescope.data.phrasing import item_questions
from valuescope.data.readers import read_data
from valuescope.data.records import QuestionnaireItem
from valuescope.edit import Edit
from valuescope.judge import JudgeError, Questionnaire, inventories, rate_by_likelihood
from valuescope.judge.self_rating import QuestionnaireAsked
from valuescope.metrics import Bootstrap
from valuescope.progress import Progress
from valuescope.run.spec import MethodSpec, Setting, Spec
from valuescope.run.spec_parts import SpecError
from valuescope.run.spec_valuelocate import QuestionnaireSpec, Way
from valuescope.run.treatments import Treatments, control_treatments, of_edit, treatments
from valuescope.run.trial import Laboratory, Trial, first_of_each, setting_hash
from valuescope.run.ways import ways_block
from valuescope.values import ValueSystem


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


def read_items(spec: Spec, system: ValueSystem, values: Sequence[str]) -> list[Items]:
    """The questionnaires of a run, read from the user's files.

    Raises:
        SpecError: a file that cannot be read, an inventory that it lacks, a value that the run has not.
    """
    if spec.questionnaires is None:
        return []
    return [_read(name, one, system, values) for name, one in spec.questionnaires.sets.items()]


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


# Asking ---------------------------------------------------------------------------------------------------


def questionnaires_block(
    laboratory: Laboratory,
    spec: Spec,
    found: Sequence[Items],
    settings: Mapping[str, Setting],
    progress: Progress,
) -> list[dict[str, Any]] | None:
    """Every questionnaire's counts, ratings of answers and own ratings; None where the run has none."""
    if spec.questionnaires is None:
        return None
    names = spec.questionnaires.methods or tuple(spec.methods)
    blocks = []
    for one in found:
        by_value: dict[str, int] = {}
        for value in one.value_of.values():
            by_value[value] = by_value.get(value, 0) + 1
        blocks.append(
            {
                "name": one.name,
                "file": one.spec.path.rsplit("/", 1)[-1],
                "inventories": len({item.questionnaire for item in one.items}),
                "items": len(one.items),
                "reversed": sum(item.agreement == -1 for item in one.items),
                "about_run": by_value,
                "prompts": _asked_block(laboratory, spec, one, names, settings) if one.spec.prompts else None,
                "likert": _rated_block(laboratory, spec, one, names, settings, progress)
                if one.spec.likert
                else None,
            }
        )
    return blocks


def _turned(method: MethodSpec, setting: Setting) -> dict[Way, Setting]:
    return {way: method.turned(setting, way) for way in method.ways}


def _arms(laboratory: Laboratory, method: MethodSpec, setting: Setting) -> dict[str, Treatments]:
    """What a setting does, and as many random neurons."""
    locations = laboratory.locations
    control = control_treatments(locations, "random", method, setting, 0)
    assert control is not None
    return {"edited": treatments(locations, method, setting), "random": control[0]}


def _asked_block(
    laboratory: Laboratory, spec: Spec, one: Items, names: Sequence[str], settings: Mapping[str, Setting]
) -> dict[str, Any]:
    """The items as open questions, their answers rated like those to the run's own questions."""
    items = laboratory.repeated(one.questions())
    base = laboratory.base(f"questionnaire-{one.name}", items)
    blocks = {}
    for name in names:
        method, trials = spec.methods[name], dict[Way, Trial]()
        for way, setting in _turned(method, settings[name]).items():
            place = f"questionnaires/{one.name}/{name}/{setting_hash(setting)}"
            arms = {
                arm: laboratory.edited(f"{place}/{arm}", items, made)
                for arm, made in _arms(laboratory, method, setting).items()
            }
            trials[way] = Trial(base, arms["edited"], (arms["random"],), (), base, arms["edited"], ())
        blocks[name] = ways_block(laboratory, trials)
    return {"questions": len(items) // spec.runs, "form": one.spec.form, "methods": blocks}


def _rated_block(
    laboratory: Laboratory,
    spec: Spec,
    one: Items,
    names: Sequence[str],
    settings: Mapping[str, Setting],
    progress: Progress,
) -> list[dict[str, Any]]:
    """The items as the model rates them itself, one questionnaire at a time."""
    blocks = []
    for number, (title, questionnaire) in enumerate(one.inventories().items()):
        place = f"questionnaires/{one.name}/{number:03d}"
        rate = _Rater(laboratory, spec, one, questionnaire, progress)
        base = rate(f"{place}/base", [None])[0]
        methods = dict[str, Any]()
        for name in names:
            method = spec.methods[name]
            methods[name] = {}
            for way, setting in _turned(method, settings[name]).items():
                rated = {}
                for arm, made in _arms(laboratory, method, setting).items():
                    ratings = rate(
                        f"{place}/{name}/{setting_hash(setting)}-{arm}",
                        [of_edit(one) for one in made.values()],
                    )
                    rated[arm] = dict(zip(made, ratings, strict=True))
                methods[name][way] = rate.changes(base, rated)
        blocks.append(
            {
                "title": title,
                "items": len(questionnaire.items),
                "reversed": len(questionnaire.reverse),
                "low": questionnaire.low,
                "high": questionnaire.high,
                "base": {
                    "scales": base["scales"],
                    "mean": base["mean"],
                    "n": base["n"],
                    "mass": base["mass"],
                },
                "missing": base["missing"],
                "methods": methods,
            }
        )
    return blocks


class _Rater:
    """Has one questionnaire rated, keeps the ratings on disk, and compares them."""

    def __init__(
        self, laboratory: Laboratory, spec: Spec, one: Items, questionnaire: Questionnaire, progress: Progress
    ):
        assert spec.questionnaires is not None
        self.laboratory, self.spec, self.one, self.questionnaire = laboratory, spec, one, questionnaire
        self.batch_size, self.progress = spec.questionnaires.batch_size, progress

    def __call__(self, place: str, made: Sequence[Edit | None]) -> list[dict[str, Any]]:
        """Each edit's ratings and scores (see `SelfRating.to_dict`); those on disk are not asked again."""
        runner = self.laboratory.runner
        raw: list[dict[str, Any]] | None = runner.folder.read_json(f"{place}.json")
        if raw is None:
            language = self.one.items[0].language
            asked = QuestionnaireAsked(self.questionnaire, self.one.spec.prompt, language)
            rated = rate_by_likelihood(
                runner.model,
                asked,
                made,
                minimum_mass=self.one.spec.minimum_mass,
                batch_size=self.batch_size,
                progress=lambda done, total: self.progress(place, done, total),
            )
            raw = [rating.to_dict() for rating in rated]
            runner.folder.write_json(f"{place}.json", raw)
        return raw

    def changes(self, base: Mapping[str, Any], rated: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """What each value's edit does to the items about it, raw and centred around the respondent's own mean."""
        found: dict[str, Any] = {"by_value": {}}
        for arm, by_value in rated.items():
            for kind in ("raw", "centred"):
                pairs = {value: self._pairs(value, base, own, kind) for value, own in by_value.items()}
                found[f"{arm}_{kind}"] = self._estimate([pair for own in pairs.values() for pair in own])
                if arm == "edited":
                    for value, own in pairs.items():
                        found["by_value"].setdefault(value, {})[kind] = self._estimate(own)
        return found

    def _pairs(
        self, value: str, base: Mapping[str, Any], edited: Mapping[str, Any], kind: str
    ) -> list[tuple[float | None, float | None]]:
        """Ratings of the items about a value, as they count, before and after."""
        items = [item for item in self.questionnaire.items if self.one.value_of.get(item) == value]
        return [(self._counted(base, item, kind), self._counted(edited, item, kind)) for item in items]

    def _counted(self, rated: Mapping[str, Any], item: str, kind: str) -> float | None:
        rating = rated["ratings"][item]
        if isinstance(rating, str) or (kind == "centred" and rated["mean"] is None):
            return None
        counted = self.questionnaire.rating(item, float(rating))
        return counted - rated["mean"] if kind == "centred" else counted

    def _estimate(self, pairs: Sequence[tuple[float | None, float | None]]) -> dict[str, Any]:
        how = self.spec.bootstrap
        change = Bootstrap(how.resamples, how.confidence, self.spec.seed).difference(
            [before for before, _ in pairs], [after for _, after in pairs]
        )
        return change.to_dict()
