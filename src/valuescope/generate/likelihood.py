"""How likely a model, base or edited, finds given texts: no sampling, no judge.

For tests of knowledge and questionnaires, `score_continuations` reads many rows, often behind one long beginning (a
subject's examples), each once for every edit, and the beginning that they share once. Base and edited rows stand in the
same batches.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from valuescope.edit import Edit, EditBank
from valuescope.generate.batch import is_joinable
from valuescope.generate.memory import is_out_of_memory, release_memory
from valuescope.generate.readings import Reading, answer_logits, readings_of
from valuescope.generate.request import GenerationError, require_known
from valuescope.models import Encoded, NeuronModel, context_length, encode
from valuescope.progress import StepProgress

SHORTEST_PREFIX = 32
"""Tokens from which on a shared beginning is read apart; a shorter one saves less than the second pass costs."""


def log_likelihood(
    model: NeuronModel,
    texts: Sequence[str],
    answers: Sequence[str] | None = None,
    *,
    edits: Edit | Sequence[Edit | None] | None = None,
    batch_size: int = 32,
    force: bool = False,
    progress: StepProgress | None = None,
) -> list[float]:
    """Mean log-probability per token (nats) of each text given its own beginning, in the order of the texts.

    With `answers`, only the tokens of the answer that follows each text are scored. The first token of a row is never
    scored; without `answers` it is all that is given, and so the prompt that an edit per prompt is measured at. `edits`
    is one edit for all texts or one (or None) per text, applied at every position. Batches are formed in the given
    order, so that base and edited runs have the same shapes.

    Raises GenerationError where there is nothing to score (fewer than two tokens, or an answer without a token of its
    own), and where the edits are not one per text.
    """
    rows = encode(model, texts, answers)
    if answers is None:
        rows = [replace(row, prompt_length=1) for row in rows]
    return log_likelihood_encoded(
        model, rows, edits=edits, batch_size=batch_size, force=force, progress=progress
    )


def log_likelihood_encoded(
    model: NeuronModel,
    rows: Sequence[Encoded],
    *,
    edits: Edit | Sequence[Edit | None] | None = None,
    batch_size: int = 32,
    force: bool = False,
    progress: StepProgress | None = None,
) -> list[float]:
    """`log_likelihood` of token ids: of those behind each row's prompt, given the prompt."""
    row_edits = [edits] * len(rows) if edits is None or isinstance(edits, Edit) else list(edits)
    if len(row_edits) != len(rows):
        raise GenerationError(f"{len(rows)} texts but {len(row_edits)} edits: give one per text")
    first = [max(1, row.prompt_length) for row in rows]
    for number, row in enumerate(rows):
        if len(row.input_ids) <= first[number]:
            raise GenerationError(
                f"text {number} has nothing to score: {len(row.input_ids)} tokens, of which the first "
                f"{first[number]} are given"
            )
    rows = [replace(row, prompt_length=begin) for row, begin in zip(rows, first, strict=True)]
    bank = EditBank(model, row_edits, force=force)
    scores: list[float] = []
    for start in range(0, len(rows), batch_size):
        part = slice(start, start + batch_size)
        here = row_edits[part]
        losses = []
        # Row by row: in float32, the probabilities of a whole batch over a large vocabulary can fill a GPU.
        for logits, row in zip(answer_logits(model, rows[part], bank, edits=here), rows[part], strict=True):
            wanted = torch.tensor(row.input_ids[row.prompt_length :], device=logits.device)
            losses.append(-cross_entropy(logits.float(), wanted))
        scores += torch.stack(losses).tolist()
        if progress is not None:
            progress(len(scores), len(rows))
    return scores


def score_continuations(
    model: NeuronModel,
    rows: Sequence[Encoded],
    edits: Sequence[Edit | None] = (None,),
    *,
    groups: Sequence[Hashable] | None = None,
    batch_size: int = 32,
    force: bool = False,
    progress: StepProgress | None = None,
) -> list[list[tuple[float, ...]]]:
    """For each edit and each row the log-probabilities (nats) of the tokens behind the row's prompt.

    Edits act on every position; one per prompt is measured at the last token of the row's prompt. `batch_size` counts
    rows times edits. Rows that differ in their last token alone are one reading. Rows of one group (`groups` names one
    per row) are expected to begin alike: what all of them share is read once per edit, its keys and values are copied,
    and the rest of each row follows; without groups, and beside an edit that reads prompts, every row is read in full.
    In float32 the two are equal within rounding; models whose caches cannot be copied (see `is_joinable`) are always
    read in full.

    Raises:
        GenerationError: no edits, a row without a prompt or without anything to score, one that does not fit into the
            model's context, an unknown token id, or `groups` that are not one per row.
    """
    if not edits:
        raise GenerationError("no edits: give None for the base model")
    if batch_size < 1:
        raise GenerationError(f"batch_size is {batch_size}, it must be at least 1")
    if groups is not None and len(groups) != len(rows):
        raise GenerationError(f"{len(rows)} rows but {len(groups)} groups: give one per row")
    _require_rows(model, rows)
    bank = EditBank(model, edits, force=force)
    logprobs: list[list[tuple[float, ...]]] = [[()] * len(rows) for _ in edits]
    done, total = 0, len(rows) * len(edits)
    for members in _by_group(readings_of(rows), groups):
        for first in range(0, len(edits), batch_size):
            here = edits[first : first + batch_size]
            # What a prompt's last token decides for all its tokens is not known when only its beginning is read.
            apart = groups is not None and not any(edit is not None and edit.reads_prompt for edit in here)
            reader = _Reader(model, bank, here, _shared(members) if apart else ())
            step = max(1, batch_size // len(here))
            for start in range(0, len(members), step):
                part = members[start : start + step]
                scores = reader.read(part)
                for number, (edit, reading) in enumerate((e, r) for e in range(len(here)) for r in part):
                    for place, score in zip(reading.places, scores[number], strict=True):
                        logprobs[first + edit][place] = score
                done += len(here) * sum(len(reading.places) for reading in part)
                if progress is not None:
                    progress(done, total)
    return logprobs


class _Reader:
    """Reads parts of one group for some edits; what the group begins with (`prefix`) is kept, one row per edit."""

    def __init__(
        self, model: NeuronModel, bank: EditBank, edits: Sequence[Edit | None], prefix: tuple[int, ...]
    ) -> None:
        self._model = model
        self._bank = bank
        self._edits = edits
        self._prefix = prefix
        self._cache: Any = self._read_prefix() if self._prefix else None

    def read(self, part: Sequence[Reading]) -> list[list[tuple[float, ...]]]:
        """For each edit and, inside, each reading: the scores of the reading's continuations."""
        edits = [edit for edit in self._edits for _ in part]
        readings = [reading for _ in self._edits for reading in part]
        if self._cache is not None:
            try:
                return self._read_on(readings, edits, len(part))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                release_memory(error)  # and read the part plainly, which halves itself until it fits
        rows = [Encoded((*reading.ids, reading.last[0]), reading.begin) for reading in readings]
        of_rows = answer_logits(self._model, rows, self._bank, edits=edits)
        return [_scores(logits, reading) for logits, reading in zip(of_rows, readings, strict=True)]

    def _read_prefix(self) -> Any:
        """The cache of the shared beginning, one row per edit; None where it cannot be copied or does not fit."""
        ids = torch.tensor([self._prefix] * len(self._edits), device=self._model.device)
        try:
            cache = self._forward(ids, 0, None, self._edits, keep=1).past_key_values
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            release_memory(error)
            return None
        return cache if is_joinable(self._model, cache) else None

    def _read_on(
        self, readings: Sequence[Reading], edits: Sequence[Edit | None], copies: int
    ) -> list[list[tuple[float, ...]]]:
        """The rest of each reading behind a copy of the cache.

        Padded on the right: there it is out of sight of all tokens, and the distances inside a row, which sliding
        windows and position biases look at, stay what they are.
        """
        behind = [reading.ids[len(self._prefix) :] for reading in readings]
        longest, shortest = max(map(len, behind)), min(map(len, behind))
        pad = self._model.pad_id
        ids = torch.tensor([[*rest, *[pad] * (longest - len(rest))] for rest in behind])
        with torch.inference_mode():
            cache = copy.deepcopy(self._cache)
            cache.batch_repeat_interleave(copies)
        keep = longest - shortest + max(reading.scored for reading in readings)
        logits = self._forward(ids.to(self._model.device), len(self._prefix), cache, edits, keep=keep).logits
        cut = longest - logits.shape[1]  # places without logits
        return [
            _scores(of_row[len(rest) - reading.scored - cut : len(rest) - cut], reading)
            for of_row, rest, reading in zip(logits, behind, readings, strict=True)
        ]

    def _forward(
        self, ids: Tensor, begin: int, cache: Any, edits: Sequence[Edit | None], *, keep: int
    ) -> Any:
        rows, length = ids.shape
        inputs = {
            "input_ids": ids,
            "attention_mask": torch.ones(rows, begin + length, dtype=torch.int64, device=ids.device),
            "use_cache": True,
            "past_key_values": cache,
        }
        if self._model.takes_position_ids:
            inputs["position_ids"] = torch.arange(begin, begin + length, device=ids.device).expand(rows, -1)
        if self._model.takes_logits_to_keep:
            inputs["logits_to_keep"] = keep
        with torch.inference_mode(), self._bank.session(edits).active():
            return self._model.model(**inputs)


def _by_group(
    readings: Sequence[Reading], groups: Sequence[Hashable] | None
) -> Iterator[tuple[Reading, ...]]:
    """The readings of each group, the longest first, so that a batch holds little padding and memory is known early."""
    members: dict[Hashable, list[Reading]] = {}
    for reading in readings:
        members.setdefault(None if groups is None else groups[reading.places[0]], []).append(reading)
    for group in members.values():
        yield tuple(sorted(group, key=lambda reading: -len(reading.ids)))


def _shared(group: Sequence[Reading]) -> tuple[int, ...]:
    """The tokens that all readings of a group begin with, up to the first one whose successor is scored; () where
    reading them apart does not pay."""
    first, last = (end(reading.ids for reading in group) for end in (min, max))
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))
    length = min(alike, *(reading.begin - 1 for reading in group))
    return first[:length] if len(group) > 1 and length >= SHORTEST_PREFIX else ()


def _scores(logits: Tensor, reading: Reading) -> list[tuple[float, ...]]:
    """The token log-probabilities of each of a reading's continuations, from its logits [scored, vocabulary]."""
    middle = reading.ids[reading.begin :]
    likely = logits.float().log_softmax(dim=-1)
    places = torch.arange(len(middle), device=likely.device)
    shared = tuple(likely[places, torch.tensor(middle, device=likely.device)].tolist()) if middle else ()
    ends = likely[-1, torch.tensor(reading.last, device=likely.device)].tolist()
    return [(*shared, end) for end in ends]


def _require_rows(model: NeuronModel, rows: Sequence[Encoded]) -> None:
    limit = context_length(model)
    for number, row in enumerate(rows):
        length = len(row.input_ids)
        if not 1 <= row.prompt_length < length:
            raise GenerationError(
                f"row {number} has {length} tokens, {row.prompt_length} of them the prompt's: prompt and continuation "
                "need at least one each"
            )
        if limit is not None and length - 1 > limit:  # the last token is predicted, never read
            raise GenerationError(
                f"row {number} has {length} tokens and {model.identity.id} has {limit} positions: shorten it"
            )
    require_known(model, rows)
