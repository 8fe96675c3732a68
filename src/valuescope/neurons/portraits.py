"""Portraits of neurons: where they are high and low token by token, what they write, and what is lost without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from valuescope.data.records import LabelledText
from valuescope.edit import Deactivate, edited
from valuescope.locate import NeuronSet, decode_direction
from valuescope.metrics import Bootstrap, Estimate
from valuescope.models import Encoded, NeuronModel, encode, forward_inputs, left_pad, site_hooks
from valuescope.neurons.peaks import SIDES, Peaks, batches_by_length, read_peaks
from valuescope.progress import StepProgress

AROUND = 16
"""Tokens that an excerpt shows before and after its peak."""


@dataclass(frozen=True)
class Excerpt:
    """Tokens around a peak with the neuron's m at each; `peak` is the place among them. `label` and `number`: of the text."""

    label: str
    number: int
    tokens: tuple[str, ...]
    activations: tuple[float, ...]
    peak: int


@dataclass(frozen=True)
class Portrait:
    """One neuron of a value (layer and index from 0). `highest` holds peaks above 0 only, `lowest` those below 0.

    `score` and `sign` are its locator's, `method` its name. `active`: the share of tokens whose gate activation is above 0.
    `promotes` and `demotes`: the tokens whose logits its value vector raises and lowers most. `effect`: by how much the
    log-probability of a token changes, in nats, when this neuron alone is zeroed: the mean over the tokens behind the peaks
    of its excerpts, texts resampled; missing where no excerpt has tokens behind its peak.
    """

    value: str
    layer: int
    index: int
    score: float
    sign: int
    method: str
    active: float
    highest: tuple[Excerpt, ...]
    lowest: tuple[Excerpt, ...]
    promotes: tuple[str, ...]
    demotes: tuple[str, ...]
    effect: Estimate


def portraits(
    model: NeuronModel,
    neurons: NeuronSet,
    texts: Sequence[LabelledText],
    *,
    keep: int = 6,
    words: int = 8,
    batch_size: int = 16,
    seed: int = 0,
    progress: StepProgress | None = None,
) -> list[Portrait]:
    """A portrait of every neuron of a set, the largest |score| first.

    All texts are read once for the peaks, and the few that were kept once more for their tokens and for what zeroing changes;
    `progress` counts both. NeuronSetError where the set is of another model.
    """
    neurons.require(model)
    rows = encode(model, [text.prompt for text in texts], [text.answer for text in texts])
    total = len(rows) + len(neurons)
    peaks = read_peaks(
        model,
        rows,
        neurons.layers,
        neurons.indices,
        keep=keep,
        batch_size=batch_size,
        progress=None if progress is None else lambda done, _: progress(done, total),
    )
    excerpts = _excerpts(model, rows, texts, neurons, peaks, batch_size)
    order = torch.argsort(neurons.scores.abs(), descending=True, stable=True).tolist()
    drawn, effects = [], _Effects(model, rows, seed)
    for number, place in enumerate(order):
        vector = model.value_vectors(int(neurons.layers[place]))[int(neurons.indices[place])]
        drawn.append(
            Portrait(
                value=neurons.value,
                layer=int(neurons.layers[place]),
                index=int(neurons.indices[place]),
                score=float(neurons.scores[place]),
                sign=int(neurons.signs[place]),
                method=neurons.method,
                active=float(peaks.active[place]),
                highest=excerpts[0][place],
                lowest=excerpts[1][place],
                promotes=tuple(decode_direction(model, vector, words)),
                demotes=tuple(decode_direction(model, -vector, words)),
                effect=effects.of(neurons, place, peaks),
            )
        )
        if progress is not None:
            progress(len(rows) + number + 1, total)
    return drawn


def _excerpts(
    model: NeuronModel,
    rows: Sequence[Encoded],
    texts: Sequence[LabelledText],
    neurons: NeuronSet,
    peaks: Peaks,
    batch_size: int,
) -> tuple[list[tuple[Excerpt, ...]], list[tuple[Excerpt, ...]]]:
    """For both sides the excerpts of every neuron; each text that was kept is read once more, its activations not kept."""
    wanted = dict[int, list[tuple[int, int, int]]]()  # text -> (side, neuron, rank)
    signs = torch.tensor(SIDES)[:, None, None]
    for side, neuron, rank in (peaks.values * signs > 0).nonzero().tolist():
        wanted.setdefault(int(peaks.texts[side, neuron, rank]), []).append((side, neuron, rank))
    numbers = sorted(wanted)
    cut = dict[tuple[int, int, int], Excerpt]()
    for chosen in batches_by_length([rows[number] for number in numbers], batch_size):
        members = [numbers[place] for place in chosen]
        batch = left_pad(model, [rows[number] for number in members])
        pads = (batch.attention_mask == 0).sum(dim=1).tolist()

        def product(layer: int, m: Tensor, members: list[int] = members, pads: list[int] = pads) -> None:
            for row, number in enumerate(members):
                for key in wanted[number]:
                    if int(neurons.layers[key[1]]) == layer:
                        line = m[row, pads[row] :, int(neurons.indices[key[1]])]
                        cut[key] = _excerpt(
                            model, rows[number], texts[number], number, int(peaks.places[key]), line
                        )

        with torch.inference_mode(), site_hooks(model, product=product):
            model.backbone()(**forward_inputs(model, batch), use_cache=False)
    ranks, count = peaks.texts.shape[2], len(neurons)
    highest, lowest = (
        [
            tuple(cut[side, neuron, rank] for rank in range(ranks) if (side, neuron, rank) in cut)
            for neuron in range(count)
        ]
        for side in (0, 1)
    )
    return highest, lowest


def _excerpt(
    model: NeuronModel, row: Encoded, text: LabelledText, number: int, place: int, line: Tensor
) -> Excerpt:
    start = max(place - AROUND, 0)
    shown = range(start, min(place + AROUND + 1, len(row.input_ids)))
    return Excerpt(
        label=text.label,
        number=number,
        tokens=tuple(model.token_text(row.input_ids[token]) for token in shown),
        activations=tuple(line[start : shown.stop].float().tolist()),
        peak=place - start,
    )


class _Effects:
    """What zeroing single neurons does to the log-probabilities of texts; those of the unedited model are read once."""

    def __init__(self, model: NeuronModel, rows: Sequence[Encoded], seed: int) -> None:
        self._model, self._rows, self._bootstrap = model, rows, Bootstrap(seed=seed)
        self._before = dict[int, Tensor]()

    def of(self, neurons: NeuronSet, place: int, peaks: Peaks) -> Estimate:
        """The mean change of the tokens behind the neuron's peaks, one number per text."""
        kept = peaks.values[:, place].flatten().nan_to_num() != 0
        texts, places = peaks.texts[:, place].flatten()[kept], peaks.places[:, place].flatten()[kept]
        spots = dict[int, int]()
        for number, spot in zip(texts.tolist(), places.tolist(), strict=True):
            if spot + 1 < len(self._rows[number].input_ids):
                spots[number] = min(spot, spots.get(number, spot))
        for number, before in self._read([number for number in spots if number not in self._before]).items():
            self._before[number] = before
        with edited(self._model, Deactivate(neurons.only(place))):
            after = self._read(list(spots))
        changes = [
            float((after[number] - self._before[number])[spot:].mean()) for number, spot in spots.items()
        ]
        return self._bootstrap.mean(changes)

    def _read(self, numbers: Sequence[int]) -> dict[int, Tensor]:
        """By text, at place t the log-probability of its token t + 1."""
        if not numbers:
            return {}
        batch = left_pad(self._model, [self._rows[number] for number in numbers])
        with torch.inference_mode():
            read = _token_logprobs(self._model, batch.input_ids, forward_inputs(self._model, batch)).cpu()
        return {
            number: line[len(line) + 1 - len(self._rows[number].input_ids) :]
            for number, line in zip(numbers, read, strict=True)
        }


def _token_logprobs(model: NeuronModel, ids: Tensor, inputs: dict[str, Tensor]) -> Tensor:
    """float32 [rows, seq - 1]: at place t the log-probability of token t + 1."""
    logits: Tensor = model.model(**inputs, use_cache=False).logits[:, :-1].float()
    return logits.log_softmax(dim=-1).gather(2, ids[:, 1:, None]).squeeze(2)
