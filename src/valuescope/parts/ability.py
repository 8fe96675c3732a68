"""General ability before and after, averaged over the edits of all values (NeVA, table 1), and a cheap variant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from pydantic import Field, model_validator

from valuescope.ability import AbilityError, mmlu, neutral_texts, perplexity, read_mmlu
from valuescope.data import DataError
from valuescope.edit import Edit
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.parameters import require_known
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.strict import Found, Measured, SpecError, Strict
from valuescope.metrics import Estimate
from valuescope.models import NeuronModel
from valuescope.report.blocks import Section, Words
from valuescope.report.names import method_name
from valuescope.report.numbers import Numbers, listing
from valuescope.report.table import Column, Table, records
from valuescope.tune import Adapter, applied

ScoreT = TypeVar("ScoreT")
PRECISION = Numbers(3)
MEASURES = {"mmlu": "MMLU", "nats": "Neutral text (nats per token)"}


class AbilitySpec(Strict):
    """General ability before and after, averaged over the values' edits.

    `mmlu`: folder with MMLU's `dev` and `test` (none: not measured), of which `number` questions are drawn and asked with
    `shots` examples. `perplexity`: also the perplexity on a neutral text. `methods`: none for all that edit the model.
    """

    methods: tuple[str, ...] = ()
    mmlu: str | None = None
    number: int = Field(default=100, ge=1)
    shots: int = Field(default=5, ge=0)
    perplexity: bool = True
    batch_size: int = Field(default=32, ge=1)

    @model_validator(mode="after")
    def _something(self) -> AbilitySpec:
        if self.mmlu is None and not self.perplexity:
            raise ValueError(
                "neither mmlu nor perplexity is asked for; give the folder of MMLU's files, or leave it out"
            )
        return self


class BeforeAfter(Found):
    """Base, the mean over edits, and the paired change."""

    base: Measured
    edited: Measured
    change: Measured


class MethodAbility(Found):
    """One method: accuracy on MMLU, and nats per token of a neutral text; None for what was not asked."""

    edits: int
    mmlu: BeforeAfter | None = None
    nats: BeforeAfter | None = None


class AbilityFound(Found):
    """`left_out` methods change the prompt and not the model; `nothing_found` ones found nothing to edit."""

    mmlu: bool
    questions: int
    shots: int
    note: str = ""
    left_out: tuple[str, ...] = ()
    nothing_found: tuple[str, ...] = ()
    methods: dict[str, MethodAbility] = {}


class Ability(Part[AbilitySpec]):
    """MMLU and perplexity of every method at its headline setting; scored from likelihoods, so that nothing is asked."""

    key, Spec = "ability", AbilitySpec
    place, order, Found = "ability", 160, AbilityFound
    computes = True

    @classmethod
    def check(cls, spec: AbilitySpec, run: ComparisonSpec) -> None:
        """Its methods are known."""
        require_known("ability.methods", spec.methods, run.methods)

    def measure(self, lab: Laboratory) -> AbilityFound:
        """Every method that edits the model; what is on disk is not measured again."""
        methods, left_out, empty, note = dict[str, MethodAbility](), list[str](), list[str](), ""
        for name in self.spec.methods or lab.spec.methods:
            method = lab.spec.methods[name]
            treatments = lab.treatments(method, lab.settings[name]).values()
            edits = [treatment for treatment in treatments if isinstance(treatment, Edit | Adapter)]
            if not edits:
                (empty if method.reads_texts else left_out).append(name)
                continue
            place = f"ability/{name}.json"
            scores = lab.folder.read_json(place)
            if scores is None:
                scores = {"edits": len(edits), **self._scores(lab, edits)}
                lab.folder.write_json(place, scores)
            with lab.folder.decoding(place):
                note = note or scores.get("note", "")
                measured = {field: _before_after(lab, scores[field]) for field in MEASURES if field in scores}
                methods[name] = MethodAbility(edits=scores["edits"], **measured)
        return AbilityFound(
            mmlu=self.spec.mmlu is not None,
            questions=self.spec.number,
            shots=self.spec.shots,
            note=note,
            left_out=tuple(left_out),
            nothing_found=tuple(empty),
            methods=methods,
        )

    def _scores(self, lab: Laboratory, edits: Sequence[Edit | Adapter]) -> dict[str, Any]:
        """For each measure a number for every question or text: of the base, and of each edit."""
        spec, model, scores = self.spec, lab.model, dict[str, Any]()
        if spec.mmlu is not None:
            try:
                questions = read_mmlu(spec.mmlu, number=spec.number, shots=spec.shots, seed=lab.spec.seed)
            except (AbilityError, DataError) as error:
                raise SpecError(f"ability.mmlu: {error}") from error
            results = _in_turn(
                model, edits, lambda some: mmlu(model, questions, some, batch_size=spec.batch_size)
            )
            answered = [
                [
                    None if prediction.correct is None else float(prediction.correct)
                    for prediction in result.predictions
                ]
                for result in results
            ]
            scores |= {"mmlu": {"base": answered[:1], "edited": answered[1:]}, "note": results[0].note}
        if spec.perplexity:
            texts = neutral_texts(next((question.language for question in lab.material.questions), "en"))

            # Text by text, so that the interval of the mean over edits can go over texts.
            def by_text(some: Sequence[Edit | None]) -> list[list[float | None]]:
                rows = [perplexity(model, [text], some, batch_size=spec.batch_size) for text in texts]
                means = [[score.nats.mean for score in row] for row in rows]
                return [list(column) for column in zip(*means, strict=True)]

            nats = _in_turn(model, edits, by_text)
            scores["nats"] = {"base": nats[:1], "edited": nats[1:]}
        return scores

    @classmethod
    def view(cls, found: AbilityFound, result: Result) -> Section:
        """MMLU and perplexity before and after."""
        arms = (("base", "base", False), ("edited", "edited", False), ("change", "change", True))
        columns: tuple[Column[Any], ...] = (
            Column("", "Method", lambda row: method_name(row[0])),
            *(
                Column[Any](
                    "",
                    f"{title}, {arm}",
                    partial(_estimate, field, part),
                    PRECISION,
                    signed=signed,
                )
                for field, title in MEASURES.items()
                for part, arm, signed in arms
            ),
        )
        caption = "Before and after, averaged over the edits of all values"
        rows = [
            (name, field, *(getattr(measured, part) for part, _, _ in arms))
            for name, method in found.methods.items()
            for field in MEASURES
            if (measured := getattr(method, field)) is not None
        ]
        blocks = (
            Table("", caption, columns, list(found.methods.items())),
            Words(words, style="small") if (words := _words(found)) else None,
            records("ability", "method measure base* edited* change*", rows),
        )
        return Section("ability", "General ability", blocks, link="Ability")


def _estimate(field: str, part: str, row: tuple[str, MethodAbility]) -> Estimate | None:
    return getattr(getattr(row[1], field), part, None)


def _words(found: AbilityFound) -> str:
    words = "" if found.mmlu else "MMLU was not asked: its files do not ship with valuescope. "
    if found.left_out:
        names = listing(map(method_name, found.left_out))
        words += f"{names}: a message changes the prompt and not the model, so it has no score here. "
    if found.nothing_found:
        names = listing(map(method_name, found.nothing_found))
        words += f"{names}: nothing was found for any value, so the model is the base. "
    return words + found.note


def _in_turn(
    model: NeuronModel,
    edits: Sequence[Edit | Adapter],
    score: Callable[[Sequence[Edit | None]], Sequence[ScoreT]],
) -> list[ScoreT]:
    """What `score` gives for the base, and for each edit; edits share batches, adapters are put on one by one."""
    scores = list(score([None, *(edit for edit in edits if isinstance(edit, Edit))]))
    for adapter in edits:
        if isinstance(adapter, Adapter):
            with applied(model, adapter):
                scores += score([None])
    return scores


def _before_after(lab: Laboratory, rows: Mapping[str, list[list[float | None]]]) -> BeforeAfter:
    """Questions (or texts) are what is resampled."""
    (base,), edited = rows["base"], rows["edited"]
    after = [score for row in edited for score in row]
    clusters = list(range(len(base))) * len(edited)
    return BeforeAfter(
        base=lab.how.mean(base),
        edited=lab.how.mean(after, clusters=clusters),
        change=lab.how.difference(base * len(edited), after, clusters=clusters),
    )
