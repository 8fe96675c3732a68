"""Where ValueExploration finds neurons: by language, in fed or generated text, in fewer dilemmas, or in another set's."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from valuescope.activations import Activations, Counters, collect_encoded
from valuescope.data import DataError, LabelledText, read_data
from valuescope.data.dilemma_set import DilemmaSet, feeding_texts, is_about, replacing_text
from valuescope.edit import EDITS, Edit
from valuescope.lab.answers import Row
from valuescope.lab.ask import Item
from valuescope.lab.counting import count_texts
from valuescope.lab.exploration import ExplorationSpec, ReplacementSpec
from valuescope.lab.folder import RunFolder
from valuescope.lab.material import timed
from valuescope.lab.null import NullReadings, Relabellings, null_of, values_exchange
from valuescope.locate import Evidence, Location, locate
from valuescope.models import Encoded, NeuronModel, context_length, encode
from valuescope.progress import Progress

FEEDING, GENERATING, REPLACED = "feeding", "generating", "replaced"
REPLACED_LABEL = "{value} (replaced)"


@dataclass(frozen=True)
class SetCount:
    """What one path of a replacement held in one language."""

    value: str
    set: str
    records: int
    malformed: int
    in_language: int
    too_long: int


@dataclass(frozen=True)
class Replacement:
    """The texts of other sets that stand for some values in one language, and what each path held."""

    texts: tuple[LabelledText, ...]
    values: tuple[str, ...]
    counts: tuple[SetCount, ...]

    def texts_of(self, value: str) -> int:
        """How many texts stand for a value."""
        return sum(text.label == REPLACED_LABEL.format(value=value) for text in self.texts)


class Identification:
    """The locations of a run, computed when first asked for and kept on disk.

    `data` names the texts: "feeding" (all activation dilemmas), "size-N" (the first N per value), "generating" (after
    `count_answers`) or "replaced" (after `replace`).
    """

    def __init__(
        self,
        spec: ExplorationSpec,
        folder: RunFolder,
        model: NeuronModel,
        dilemmas: DilemmaSet,
        progress: Progress,
    ):
        self.spec, self.folder, self.model = spec, folder, model
        self.dilemmas, self.progress = dilemmas, progress
        self._counters: dict[tuple[str, str], Counters] = {}
        self._dealings: dict[str, Relabellings] = {}
        self._controls: dict[tuple[str, str, int], Location] = {}
        self._replacements: dict[str, Replacement] = {}

    def location(self, selection: str, language: str, data: str = FEEDING) -> Location:
        """The neurons of one selection from one kind of texts."""
        chosen = self.spec.selections[selection]
        name = f"{selection}-{data}"
        path = self.folder.path / "locate" / language / name
        if not path.with_name(f"{name}.json").is_file():
            evidence, parameters = self.evidence(language, data), chosen.parameters_in(language)
            with timed(self.folder, f"locate {chosen.locator}"):
                locate(chosen.locator, self.model, evidence, seed=self.spec.seed, **parameters).save(path)
        return Location.load(path)

    def control(self, kind: str, language: str, draw: int) -> Location:
        """Random neurons of equal number per value beside the main selection ("random" or "random-matched")."""
        name = (kind, language, draw)
        if name not in self._controls:
            like = self.location(self.spec.main, language)
            self._controls[name] = locate(
                kind, self.model, self.evidence(language), seed=self.spec.seed, like=like, draw=draw
            )
        return self._controls[name]

    def edits(self, location: Location) -> dict[str, Edit | None]:
        """The edit per value; None where no neuron was found."""
        make = EDITS[self.spec.edit.name]
        sets = {value: location.neuron_set(value) for value in location.values}
        return {
            value: make(neurons, **self.spec.edit.parameters) if len(neurons) else None
            for value, neurons in sets.items()
        }

    def evidence(self, language: str, data: str = FEEDING) -> Evidence:
        """The counters of one kind of texts, a label per value."""
        replaced = self._replacements[language].values if data == REPLACED else ()
        labels = {
            value: REPLACED_LABEL.format(value=value) if value in replaced else value
            for value in self.dilemmas.values
        }
        return Evidence(Activations(self.counters(language, data), None), self.dilemmas.values, labels)

    def counters(self, language: str, data: str = FEEDING) -> Counters:
        """What every neuron did on the texts of every value."""
        key = (language, data)
        if key not in self._counters:
            with timed(self.folder, f"activations {data.partition('-')[0]}"):
                self._counters[key] = self._count(language, data)
        return self._counters[key]

    def _count(self, language: str, data: str) -> Counters:
        if data == REPLACED:
            texts = self._replacements[language].texts
            return self.counters(language) + self._counted(language, data, texts).counters
        return self._fed(language, None if data == FEEDING else int(data.removeprefix("size-"))).counters

    def _fed(self, language: str, limit: int | None = None) -> Activations:
        """The activations of the first dilemmas of each value, with every dealing of the null."""
        dealings, place, parts = self.dealings(language), 0, list[Activations]()
        for start, texts in self._stretches(language, limit):
            stretch = slice(place, place := place + len(texts))
            dealt = {name: labels[stretch] for name, labels in dealings.items()}
            parts.append(self._counted(language, f"{FEEDING}-{start:06d}", texts, dealt))
        return reduce(add, parts)

    def dealings(self, language: str) -> Relabellings:
        """The labels of all texts that are fed under every dealing; none where the run asks for no null."""
        null = null_of(self.spec)
        if null is not None and language not in self._dealings:
            texts, exchange = self.texts(language), values_exchange(self.dilemmas.values, FEEDING)
            self._dealings[language] = null.dealings([exchange], texts, self.spec.seed)
        return self._dealings.get(language, {})

    def texts(self, language: str) -> list[LabelledText]:
        """All texts that are fed, in the order in which they are counted."""
        return [text for _, texts in self._stretches(language, None) for text in texts]

    def null_readings(self, language: str) -> NullReadings:
        """What the selections read for their null."""
        return NullReadings(self.texts(language), self._fed(language), self.dealings(language))

    def _stretches(self, language: str, limit: int | None) -> list[tuple[int, list[LabelledText]]]:
        """The activation dilemmas between two sizes of the curve: those of a size are a part of the next one's."""
        per_value = {value: self.dilemmas.of("activation", language, value) for value in self.dilemmas.values}
        most = max(map(len, per_value.values()))
        bounds = [0, *(size for size in self.spec.sizes if size < most), most]
        stretches = []
        for start, end in itertools.pairwise(bounds):
            if limit is None or start < limit:
                texts = [
                    text
                    for value, rows in per_value.items()
                    for text in feeding_texts(rows[start:end], value, self.spec.seed)
                ]
                stretches.append((start, texts))
        return stretches

    def _counted(
        self, language: str, part: str, texts: Sequence[LabelledText], dealt: Relabellings | None = None
    ) -> Activations:
        how = self.spec.activations
        return count_texts(
            self.folder.path / "activations" / language / part,
            self.model,
            texts,
            batch_size=how.rows,
            part=how.part,
            scope=how.scope,
            relabellings=dealt,
            progress=lambda done, total: self.progress(f"activations {language} {part}", done, total),
        )

    def count_answers(
        self, language: str, questions: Sequence[Item], prompts: Sequence[str], answers: Sequence[Row]
    ) -> None:
        """Count what neurons did on the model's own answers: the very ids drawn, not their text tokenised again."""
        path = self.folder.path / "activations" / language / GENERATING
        if path.with_suffix(".json").is_file():
            self._counters[language, GENERATING] = Counters.load(path)
            return
        counters = collect_encoded(
            self.model,
            [
                Encoded(prompt.input_ids + tuple(answer["tokens"]), len(prompt.input_ids))
                for prompt, answer in zip(encode(self.model, prompts), answers, strict=True)
            ],
            [question.value for question in questions],
            batch_size=self.spec.activations.rows,
            scope="answer",
            residuals=False,
        ).counters
        counters.save(path)
        self._counters[language, GENERATING] = counters

    # Dataset replacement ------------------------------------------------------------------------------

    def replace(self, language: str, chosen: Mapping[str, ReplacementSpec]) -> Replacement:
        """The texts of other sets in one language; a value whose set has none in it keeps its dilemmas.

        Raises:
            DataError: a set that holds nothing about its value.
        """
        if language not in self._replacements:
            self._replacements[language] = self._read_sets(language, chosen)
        return self._replacements[language]

    def _read_sets(self, language: str, chosen: Mapping[str, ReplacementSpec]) -> Replacement:
        texts, counts, values = list[LabelledText](), list[SetCount](), list[str]()
        for value, sets in chosen.items():
            fitting = list[LabelledText]()
            for path in sets.paths:
                fitting += self._read_set(language, value, path, sets.reader, counts)
            if fitting:
                random.Random(f"replacement-{self.spec.seed}-{value}-{language}").shuffle(fitting)
                texts += fitting[: sets.texts]
                values.append(value)
        return Replacement(tuple(texts), tuple(values), tuple(counts))

    def _read_set(
        self, language: str, value: str, path: str, reader: str | None, counts: list[SetCount]
    ) -> list[LabelledText]:
        dataset = read_data(path, reader)
        about = [record for record in dataset.records if is_about(record, value)]
        if not about:
            raise DataError(f"replacement.{value}: {path} holds nothing about {value}")
        label = REPLACED_LABEL.format(value=value)
        texts = [replacing_text(record, label) for record in about if record.language == language]
        fitting = self._fitting(texts)
        malformed, too_long = len(dataset.problems), len(texts) - len(fitting)
        counts.append(SetCount(value, dataset.format, len(dataset.records), malformed, len(texts), too_long))
        return fitting

    def _fitting(self, texts: list[LabelledText]) -> list[LabelledText]:
        """The texts that the model's context can hold."""
        limit = context_length(self.model)
        if limit is None or not texts:
            return texts
        rows = encode(self.model, [text.prompt for text in texts], [text.answer for text in texts])
        return [text for text, row in zip(texts, rows, strict=True) if len(row.input_ids) <= limit]
