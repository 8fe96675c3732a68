"""Which neurons a selection finds: by language, from fed or generated text, from fewer dilemmas or another set's."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from valuescope.activations import Activations, Counters, collect_encoded
from valuescope.data import DataError, Dilemma, LabelledText, read_data
from valuescope.data.dilemma_set import DilemmaSet, feeding_texts, replacing_text
from valuescope.edit import EDITS, Edit
from valuescope.generate import Sampling, generate
from valuescope.judge.support import SupportRate
from valuescope.locate import Evidence, Location, locate
from valuescope.models import Encoded, NeuronModel, context_length, encode, render_question
from valuescope.progress import Progress
from valuescope.run.counting import count_texts
from valuescope.run.folder import RunFolder
from valuescope.run.stages import timed
from valuescope.run.valueexploration.spec import ValueExplorationSpec

FEEDING, GENERATING, REPLACED = "feeding", "generating", "replaced"
REPLACED_LABEL = "{value} (replaced)"


@dataclass(frozen=True)
class Replacement:
    """The texts of other sets that stand for some values in one language, and what each path held."""

    texts: tuple[LabelledText, ...]
    values: tuple[str, ...]
    counts: tuple[Mapping[str, str | int], ...]


@dataclass(frozen=True)
class Generated:
    """One answer of the model, by its token ids, behind what it was asked about a value."""

    value: str
    prompt: str
    tokens: tuple[int, ...]


class Identification:
    """The locations of a run, computed when first asked for and kept on disk.

    `data` names the texts: "feeding" (all activation dilemmas), "size-N" (the first N per value), "generating" or
    "replaced".
    """

    def __init__(
        self,
        spec: ValueExplorationSpec,
        folder: RunFolder,
        model: NeuronModel,
        dilemmas: DilemmaSet,
        progress: Progress,
    ):
        self.spec, self.folder, self.model = spec, folder, model
        self.dilemmas, self.progress = dilemmas, progress
        self._counters: dict[tuple[str, str], Counters] = {}
        self._replacements: dict[str, Replacement] = {}

    def location(self, selection: str, language: str, data: str = FEEDING) -> Location:
        """The neurons of one selection from one kind of texts."""
        chosen = self.spec.selections[selection]
        path = self.folder.path / "locate" / language / f"{selection}-{data}"
        if path.with_suffix(".json").is_file():
            return Location.load(path)
        evidence = self.evidence(language, data)
        with timed(self.folder, f"locate {chosen.locator}"):
            found = locate(
                chosen.locator,
                self.model,
                evidence,
                seed=self.spec.seed,
                **chosen.parameters_in(language),
            )
            found.save(path)
        return found

    def control(self, kind: str, language: str, draw: int) -> Location:
        """Random neurons of equal number per value beside the main selection ("random" or "random-matched")."""
        like = self.location(self.spec.main, language)
        return locate(kind, self.model, self.evidence(language), seed=self.spec.seed, like=like, draw=draw)

    def evidence(self, language: str, data: str = FEEDING) -> Evidence:
        """The counters of one kind of texts, a label per value."""
        counters = self.counters(language, data)
        replaced = self.replacement(language).values if data == REPLACED else ()
        labels = {
            value: REPLACED_LABEL.format(value=value) if value in replaced else value for value in self.values
        }
        return Evidence(Activations(counters, None), self.values, labels)

    @property
    def values(self) -> tuple[str, ...]:
        """The values of the run."""
        return self.dilemmas.values

    def counters(self, language: str, data: str = FEEDING) -> Counters:
        """What every neuron did on the texts of every value."""
        key = (language, data)
        if key not in self._counters:
            with timed(self.folder, f"activations {data.partition('-')[0]}"):
                self._counters[key] = self._count(language, data)
        return self._counters[key]

    def _count(self, language: str, data: str) -> Counters:
        if data == GENERATING:
            return self._count_generated(language)
        if data == REPLACED:
            texts = self.replacement(language).texts
            return self.counters(language) + self._counted(language, data, texts, self.spec.activations.scope)
        limit = int(data.removeprefix("size-")) if data != FEEDING else None
        parts = [
            self._counted(language, f"{FEEDING}-{start:06d}", texts, self.spec.activations.scope)
            for start, texts in self._stretches(language, limit)
        ]
        return reduce(add, parts)

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

    def _counted(self, language: str, part: str, texts: Sequence[LabelledText], scope: str) -> Counters:
        how = self.spec.activations
        return count_texts(
            self.folder.path / "activations" / language / part,
            self.model,
            texts,
            batch_size=how.batch_size,
            part=how.part,
            scope=scope,
            progress=lambda done, total: self.progress(f"activations {language} {part}", done, total),
        ).counters

    # The generating strategy --------------------------------------------------------------------------

    def generated(self, language: str) -> list[Generated]:
        """The model's own answers to the activation dilemmas."""
        assert self.spec.generating is not None
        how, size = self.spec.generating, self.spec.support.batch_size
        asked = self.dilemmas.first("activation", how.dilemmas).of("activation", language)
        found = list[Generated]()
        for start in range(0, len(asked), size):
            rows = asked[start : start + size]
            place, prompts = f"generated/{language}/{start:06d}.json", [self._prompt(one) for one in rows]
            answers = self.folder.read_json(place)
            if answers is None:
                answers = [
                    {"text": answer.text, "tokens": list(answer.tokens)}
                    for answer in generate(
                        self.model,
                        prompts,
                        sampling=Sampling(how.max_new_tokens, how.temperature, seed=self.spec.seed),
                        keys=[dilemma.key for dilemma in rows],
                        batch_size=size,
                    )
                ]
                self.folder.write_json(place, answers)
            found += [
                Generated(dilemma.value, prompt, tuple(answer["tokens"]))
                for dilemma, prompt, answer in zip(rows, prompts, answers, strict=True)
            ]
            self.progress(f"generating {language}", len(found), len(asked))
        return found

    def _count_generated(self, language: str) -> Counters:
        """What neurons did on the tokens that were drawn: those very ids, not their text tokenised again."""
        path = self.folder.path / "activations" / language / GENERATING
        if path.with_suffix(".json").is_file():
            return Counters.load(path)
        answers = self.generated(language)
        prompts = encode(self.model, [one.prompt for one in answers])
        counters = collect_encoded(
            self.model,
            [
                Encoded(prompt.input_ids + one.tokens, len(prompt.input_ids))
                for prompt, one in zip(prompts, answers, strict=True)
            ],
            [one.value for one in answers],
            batch_size=self.spec.activations.batch_size,
            scope="answer",
            residuals=False,
        ).counters
        counters.save(path)
        return counters

    def _prompt(self, dilemma: Dilemma) -> str:
        """Story and choices alone, as the support question puts them, the aligned one A or B by its key."""
        rate = SupportRate("percentages", brief=self.spec.support.brief)
        first = random.Random(f"generating-{self.spec.seed}-{dilemma.key}").random() < 0.5
        call = rate.calls(dilemma)[0 if first else 1]
        return render_question(self.model, call.user, call.system)

    # Dataset replacement ------------------------------------------------------------------------------

    def replacement(self, language: str) -> Replacement:
        """The texts of other sets in one language; a value whose set has none in it keeps its dilemmas."""
        if language not in self._replacements:
            self._replacements[language] = self._replacement(language)
        return self._replacements[language]

    def _replacement(self, language: str) -> Replacement:
        texts, counts, values = list[LabelledText](), list[Mapping[str, str | int]](), list[str]()
        for value, chosen in self.spec.replacement.items():
            found = list[LabelledText]()
            for path in chosen.paths:
                dataset = read_data(path, chosen.reader)
                usable = [
                    record
                    for record in dataset.records
                    if record.language == language and record.value in ("", value)
                ]
                if not any(record.value in ("", value) for record in dataset.records):
                    raise DataError(f"replacement.{value}: {path} holds nothing about {value}")
                label = REPLACED_LABEL.format(value=value)
                texts_of_set = [replacing_text(record, label) for record in usable]
                fitting = self._fitting(texts_of_set)
                found += fitting
                counts.append(
                    {
                        "value": value,
                        "set": dataset.format,
                        "records": len(dataset.records),
                        "malformed": len(dataset.problems),
                        "in_language": len(usable),
                        "too_long": len(texts_of_set) - len(fitting),
                    }
                )
            if found:
                random.Random(f"replacement-{self.spec.seed}-{value}-{language}").shuffle(found)
                texts += found[: chosen.texts]
                values.append(value)
        return Replacement(tuple(texts), tuple(values), tuple(counts))

    def _fitting(self, texts: list[LabelledText]) -> list[LabelledText]:
        """The texts that the model's context can hold."""
        limit = context_length(self.model)
        if limit is None or not texts:
            return texts
        rows = encode(self.model, [text.prompt for text in texts], [text.answer for text in texts])
        return [text for text, row in zip(texts, rows, strict=True) if len(row.input_ids) <= limit]


def edits_of(spec: ValueExplorationSpec, location: Location) -> dict[str, Edit | None]:
    """The edit per value; None where no neuron was found."""
    make = EDITS[spec.edit.name]
    sets = {value: location.neuron_set(value) for value in location.values}
    return {
        value: make(found, **spec.edit.parameters) if len(found) else None for value, found in sets.items()
    }
