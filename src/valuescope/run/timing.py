"""Times a run's pieces of work on a loaded model, with the functions that the run itself calls."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median, stdev
from typing import Any

import torch

from valuescope.activations import Activations, collect
from valuescope.data import LabelledText
from valuescope.edit import EDITS, Edit, EditBank, NeuronEdit
from valuescope.generate import generate, log_likelihood
from valuescope.generate.batch import RunningBatch
from valuescope.generate.request import Request
from valuescope.generate.row import RunningRow
from valuescope.lab.answers import prompt_of
from valuescope.lab.ask import Ask, SupportQuestion
from valuescope.lab.method import READING
from valuescope.locate import NeuronSet, locate, locator_parameters
from valuescope.models import NeuronModel, context_length, encode
from valuescope.run.pace import AnswerLengths, Curve, LocatingPace, Pace, Sampled
from valuescope.run.plan import Plan
from valuescope.run.reading import Locating
from valuescope.run.stopwatch import Clock, OutOfPatienceError, Stopwatch, patience
from valuescope.tune import LoraTraining, train_adapter

STEPS = 5  # decoding steps that are timed
SAMPLE = 8  # questions that are answered to the end, to see how long answers are
PATIENCE = 60.0  # seconds for these answers, or for a locator: what takes longer is not waited for
EDITED = 0.01  # share of each layer's neurons that the edit acts on under which questions are timed
MARGINS = 32  # pairs whose margins say how far margins lie apart
LOCATED = 1  # texts per label in which a locator that reads texts itself is timed, and then twice as many
LEARNT = 8  # texts that an adapter is trained on


def measure_pace(
    model: NeuronModel,
    plan: Plan,
    *,
    reading_sizes: Sequence[int] = (),
    asking_sizes: Sequence[int] = (),
    clock: Clock = time.perf_counter,
) -> Pace:
    """Time what a plan consists of, each kind at the plan's batch sizes (or those given) and at a quarter of the smallest.

    Reading is timed by `collect`, scoring by `log_likelihood`, prompts and decoding steps by the batch that `generate`
    runs, under an edit of some neurons; locating and training by the functions that do them, on a few texts.
    """
    return _Timing(model, plan, reading_sizes, asking_sizes, Stopwatch(clock)).pace()


def has_letters(ask: Ask) -> bool:
    """Whether an ask's answers are read from the log-probabilities of letters: a fixed number of tokens is drawn."""
    item = ask.items[0]
    return isinstance(item, SupportQuestion) and item.letters


class _Timing:
    """The pieces of one plan."""

    def __init__(
        self,
        model: NeuronModel,
        plan: Plan,
        reading_sizes: Sequence[int],
        asking_sizes: Sequence[int],
        watch: Stopwatch,
    ):
        self.model, self.plan, self.watch = model, plan, watch
        self.reading_sizes = reading_sizes or [plan.spec.activations.rows]
        self.asking_sizes = asking_sizes
        self.edits = _edits(model, plan)

    def pace(self) -> Pace:
        start, reading = time.perf_counter(), self.plan.reading
        asks = [ask for _, ask, _ in self.plan.distinct()]
        pairs = [ask for ask in asks if ask.pairs]
        written = sorted((ask for ask in asks if ask.answers), key=_most_tokens, reverse=True)
        locating = {each.name: self._locating(each) for each in reading.locating}
        score, margin_sd = self._scoring(max(pairs, key=lambda ask: ask.pairs)) if pairs else (None, None)
        prefill, step = self._writing(written[0]) if written else (None, None)
        lengths = list[Sampled]()
        for ask in written:
            if not has_letters(ask) and not any(sampled.holds_for(ask) for sampled in lengths):
                assert step is not None
                keys = frozenset(item.key for item in ask.items)
                lengths.append(Sampled(ask.sampling, keys, self._answer_lengths(ask, step)))
        return Pace(
            read=self._reading() if reading.texts else None,
            locate=locating,
            score=score,
            margin_sd=margin_sd,
            prefill=prefill,
            step=step,
            lengths=lengths,
            learn=self._learning() if reading.learnt else 0.0,
            spread=median(self.watch.spreads or [0.0]),
            seconds=time.perf_counter() - start,
        )

    # Reading ----------------------------------------------------------------------------------------------

    def _read(self, texts: Sequence[LabelledText]) -> Activations:
        how = self.plan.spec.activations
        return collect(
            self.model,
            texts,
            batch_size=max(how.rows, len(texts)),
            scope=how.scope,
            residuals=self.plan.reading.residuals,
        )

    def _reading(self) -> Curve:
        texts, points = self.plan.reading.texts, list[tuple[float, float]]()
        for rows in _sizes(self.reading_sizes, len(texts)):
            some = _spread_out(texts, rows)
            ids = encode(self.model, [text.prompt for text in some], [text.answer for text in some])
            size = rows * max(len(row.input_ids) for row in ids)
            points.append((size, self.watch.typical(partial(self._read, some))))
        return Curve(tuple(points))

    def _locating(self, locating: Locating) -> LocatingPace | None:
        """On texts of one value: for probes a batch of them, for a locator that reads texts itself few, and twice as many."""
        value, how = next(iter(locating.labels)), self.plan.spec.activations

        def timed(most: int) -> tuple[int, float]:
            some = list[LabelledText]()
            for label in locating.labels[value]:
                some += [text for text in self.plan.reading.texts if text.label == label][:most]
            evidence, parameters = locating.evidence(value, self._read(some), some), locating.parameters
            seed = self.plan.spec.seed
            return len(some), self.watch.once(
                lambda: locate(locating.locator, self.model, evidence, seed=seed, **parameters)
            )

        if locating.locator not in READING:
            texts, seconds = timed(max(8, how.rows // 2))
            return LocatingPace(0.0, seconds / texts)
        try:
            with patience(PATIENCE):
                (few, first), (more, second) = timed(LOCATED), timed(2 * LOCATED)
        except OutOfPatienceError:
            return None
        text = max(0.0, second - first) / max(1, more - few)
        known = locator_parameters(locating.locator) | dict(locating.parameters)
        return LocatingPace(max(0.0, first - few * text), text, known["batch_size"])

    def _learning(self) -> float:
        """Seconds for each text and epoch of training: of a second epoch, so that none of the setting up is in it."""
        texts = list(self.plan.reading.learnt[0][0][:LEARNT])

        def train(epochs: int, folder: Path) -> None:
            train_adapter(self.model, "timing", texts, folder / str(epochs), LoraTraining(epochs=epochs))

        with tempfile.TemporaryDirectory() as name:
            first, second = (self.watch.once(partial(train, epochs, Path(name))) for epochs in (1, 2))
        return max(second - first, first / 4) / len(texts)

    # Asking -----------------------------------------------------------------------------------------------

    def _edits_of(self, rows: int) -> list[Edit | None]:
        return list(islice(cycle(self.edits), rows))

    def _scoring(self, ask: Ask) -> tuple[Curve, float | None]:
        """Seconds of a batch of texts, both sides of pairs, by its tokens; and the spread of the margins."""
        points, sizes = (
            list[tuple[float, float]](),
            _sizes(self.asking_sizes or [ask.batch_size], 2 * len(ask.items)),
        )
        for rows in sizes:
            sides = _sides(_spread_out(ask.items, -(-rows // 2)))[:rows]
            size = rows * max(len(row.input_ids) for row in encode(self.model, sides))
            edits = self._edits_of(rows)
            call = partial(log_likelihood, self.model, sides, edits=edits, batch_size=rows)
            points.append((size, self.watch.typical(call)))
        some = _spread_out(ask.items, min(MARGINS, len(ask.items)))
        nats = log_likelihood(self.model, _sides(some), batch_size=sizes[-1])
        margins = [positive - negative for positive, negative in zip(nats[::2], nats[1::2], strict=True)]
        return Curve(tuple(points)), stdev(margins) if len(margins) > 2 else None

    def _writing(self, ask: Ask) -> tuple[Curve, Curve]:
        """Seconds of reading a batch of prompts by its tokens, and of a decoding step by its rows, halfway through the
        answers."""
        prefill, steps = list[tuple[float, float]](), list[tuple[float, float]]()
        for rows in _sizes(self.asking_sizes or [ask.batch_size], len(ask.items)):
            prompts = self._halfway(ask, rows)
            begin = partial(self._begin, ask, prompts)
            prefill.append((rows * max(map(len, prompts)), self.watch.typical(begin)))
            batch = begin()
            seconds = sorted(self.watch.once(batch.step) for _ in range(STEPS))
            self.watch.spreads.append((seconds[-2] - seconds[1]) / (2 * seconds[2] or 1))
            steps.append((rows, seconds[2]))
        return Curve(tuple(prefill)), Curve(tuple(steps))

    def _halfway(self, ask: Ask, rows: int) -> list[tuple[int, ...]]:
        """Prompts with half an answer behind them (of the prompt's own tokens), for steps cost more as texts grow."""
        room = context_length(self.model) or 1 << 20
        prompts = [row.input_ids for row in encode(self.model, self._prompts(_spread_out(ask.items, rows)))]
        half = 0 if has_letters(ask) else ask.sampling.max_new_tokens // 2
        return [tuple(islice(cycle(ids), max(1, min(len(ids) + half, room - STEPS - 2)))) for ids in prompts]

    def _begin(self, ask: Ask, prompts: Sequence[tuple[int, ...]]) -> RunningBatch:
        edits, sampling = self._edits_of(len(prompts)), replace(ask.sampling, max_new_tokens=STEPS + 2)
        rows = [
            RunningRow(self.model, Request("", edit, sampling, str(place), (), None, ask.on), ids, ())
            for place, (edit, ids) in enumerate(zip(edits, prompts, strict=True))
        ]
        batch = RunningBatch(self.model, rows, EditBank(self.model, edits))
        batch.step()
        return batch

    def _prompts(self, items: Sequence[Any]) -> list[str]:
        return [prompt_of(self.model.prompts, item) for item in items]

    def _answer_lengths(self, ask: Ask, step: Curve) -> AnswerLengths:
        """How long some answers of the unedited model are."""
        items, most = _spread_out(ask.items, min(SAMPLE, len(ask.items))), ask.sampling.max_new_tokens
        affordable = max(1, int(PATIENCE / max(step.at(len(items)), 1e-9)))
        answers = generate(
            self.model,
            self._prompts(items),
            sampling=replace(ask.sampling, max_new_tokens=min(most, affordable)),
            keys=[item.key for item in items],
            batch_size=len(items),
        )
        steps = [len(answer.tokens) + 1 if answer.finished else most for answer in answers]
        return AnswerLengths(tuple(steps), most)


def _sides(pairs: Sequence[Any]) -> list[str]:
    return [text for pair in pairs for text in (pair.positive, pair.negative)]


def _sizes(wanted: Sequence[int], most: int) -> list[int]:
    """The numbers of rows that are timed, rising."""
    full = sorted({min(size, most) for size in wanted})
    return sorted({max(1, full[0] // 4), *full})


def _most_tokens(ask: Ask) -> int:
    return len(ask.items) * ask.sampling.max_new_tokens


def _spread_out(items: Sequence[Any], count: int) -> list[Any]:
    """So many of the items, from all over them, and again from the front where there are fewer."""
    return list(islice(cycle(items[:: max(1, len(items) // count)]), count))


def _edits(model: NeuronModel, plan: Plan) -> list[Edit | None]:
    """For each value an edit of some neurons of every layer, of a kind that the run makes; None where it makes none."""
    names = [method.edit_kind for method in getattr(plan.spec, "methods", {}).values()]
    if plan.spec.experiment == "valueexploration":
        names = [plan.spec.edit.name]
    kinds = [EDITS[name] for name in names if name and issubclass(EDITS[name], NeuronEdit)]
    if not kinds:
        return [None]
    count, drawn = max(1, round(EDITED * model.width)), torch.Generator().manual_seed(0)
    edits = list[Edit | None]()
    for value in plan.design.values:
        indices = [torch.randperm(model.width, generator=drawn)[:count] for _ in range(model.layers)]
        layers, ones = torch.arange(model.layers).repeat_interleave(count), torch.ones(model.layers * count)
        neurons = (layers, torch.cat(indices), 0.1 * ones, ones)
        edits.append(kinds[0](NeuronSet(value, model.identity, "product", "timing", {}, "", 0, *neurons)))
    return edits
