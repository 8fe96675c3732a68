"""How likely given token ids are: one pass, no sampling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from valuescope.edit import Edit, EditBank, Scope
from valuescope.generate.answer import TokenLogprob, token_logprobs
from valuescope.generate.memory import is_out_of_memory, release_memory
from valuescope.models import Encoded, NeuronModel, forward_inputs, left_pad


@dataclass(frozen=True)
class Reading:
    """Token ids that are read once for all continuations that differ in their last token alone.

    `ids` are the prompt's, `begin` of them, and those of the continuation but for the last; `last` are the last tokens,
    and `places` say which continuation each belongs to.
    """

    ids: tuple[int, ...]
    begin: int
    last: tuple[int, ...]
    places: tuple[int, ...]

    @property
    def scored(self) -> int:
        """Places whose logits are needed."""
        return len(self.ids) - self.begin + 1


def readings_of(rows: Sequence[Encoded]) -> list[Reading]:
    """What has to be read to score the rows; option letters and rating digits behind one prompt are one reading."""
    same: dict[tuple[tuple[int, ...], int], list[int]] = {}
    for place, row in enumerate(rows):
        same.setdefault((row.input_ids[:-1], row.prompt_length), []).append(place)
    return [
        Reading(ids, begin, tuple(rows[place].input_ids[-1] for place in places), tuple(places))
        for (ids, begin), places in same.items()
    ]


def score_readings(
    model: NeuronModel,
    readings: Sequence[Reading],
    bank: EditBank,
    *,
    edits: Sequence[Edit | None],
    on: Sequence[Scope],
    tops: Sequence[int],
) -> list[list[tuple[TokenLogprob, ...]]]:
    """For each reading the log-probabilities of its continuations, with the `tops[i]` most likely tokens each.

    All readings are one batch.
    """
    rows = [Encoded(reading.ids, reading.begin) for reading in readings]
    logits = _forward(model, rows, bank, edits, on, keep=max(reading.scored for reading in readings))
    logprobs = []
    for of_row, reading, top in zip(logits, readings, tops, strict=True):
        middle = reading.ids[reading.begin :]
        ends = len(reading.last)
        places = [*range(len(middle)), *[len(middle)] * ends]
        tokens = token_logprobs(model, of_row[-reading.scored :], places, [*middle, *reading.last], top)
        logprobs.append([(*tokens[: len(middle)], end) for end in tokens[len(middle) :]])
    return logprobs


def answer_logits(
    model: NeuronModel,
    rows: Sequence[Encoded],
    bank: EditBank,
    *,
    edits: Edit | Sequence[Edit | None] | None = None,
) -> Iterator[Tensor]:
    """For each row the logits [answer tokens, vocabulary] that predict what follows its prompt.

    All rows are one batch, in halves where it does not fit into memory.
    """
    # The last token is predicted, never read; so its column, and a position of the context, are saved.
    read = [replace(row, input_ids=row.input_ids[:-1]) for row in rows]
    scored = [len(row.input_ids) - row.prompt_length for row in rows]
    logits = None
    try:
        logits = _forward(model, read, bank, edits, "both", keep=max(scored))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error) or len(rows) == 1:
            raise
    if logits is not None:
        yield from (of_row[-places:] for of_row, places in zip(logits, scored, strict=True))
        return
    release_memory()
    half = len(rows) // 2
    for part in (slice(None, half), slice(half, None)):
        here = edits if edits is None or isinstance(edits, Edit) else edits[part]
        yield from answer_logits(model, rows[part], bank, edits=here)


def _forward(
    model: NeuronModel,
    rows: Sequence[Encoded],
    bank: EditBank,
    edits: Edit | Sequence[Edit | None] | None,
    on: Scope | Sequence[Scope],
    *,
    keep: int,
) -> Tensor:
    """Logits [rows, at least `keep` last places, vocabulary] of one padded batch."""
    batch = left_pad(model, rows)
    inputs = {**forward_inputs(model, batch), "use_cache": False}
    if model.takes_logits_to_keep:
        inputs["logits_to_keep"] = keep
    session = bank.session(edits, on)
    session.response_mask = batch.response_mask
    with torch.inference_mode(), session.active():
        logits: Tensor = model.model(**inputs).logits
    return logits
