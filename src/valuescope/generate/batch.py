"""Rows that are generated together, one token per step; rows, with their part of the cache, may join and leave between
steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from valuescope.edit import EditBank, EditSession, PromptGaps
from valuescope.generate.answer import TokenLogprob, token_logprobs
from valuescope.generate.request import GenerationError
from valuescope.generate.row import RunningRow
from valuescope.generate.sampling import RowSampling, choose, working_type
from valuescope.models import Encoded, NeuronModel, forward_inputs, left_pad


class RunningBatch:
    """A left-padded batch with its key-value cache, its edits and its noise.

    A row's tokens depend on its own prompt, edit, sampling and noise; its neighbours change the rounding of its logits
    and nothing else. Whatever a step fails with, the rows hold all that is needed to go on in another batch.
    """

    def __init__(
        self, model: NeuronModel, rows: Sequence[RunningRow], bank: EditBank, *, use_cache: bool = True
    ) -> None:
        self.rows = list(rows)
        self._model = model
        self._bank = bank
        self._use_cache = use_cache
        batch = left_pad(model, [Encoded(row.ids, len(row.prompt)) for row in self.rows])
        self._answer = batch.response_mask
        self._inputs: dict[str, Any] = {**forward_inputs(model, batch), "use_cache": use_cache}
        if model.takes_logits_to_keep:
            self._inputs["logits_to_keep"] = 1
        self._arrange(PromptGaps())

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def joinable(self) -> bool:
        """Whether rows may join and leave (after the first step)."""
        return self._use_cache and is_joinable(self._model, self._inputs.get("past_key_values"))

    def step(self) -> None:
        """Read what is new and draw one token for every row that is not done.

        A row whose logits are not finite fails with GenerationError; the others go on.
        """
        self._session.response_mask = self._answer
        with torch.inference_mode(), self._session.active():
            output = self._model.model(**self._inputs)
        logits = output.logits[:, -1]
        with torch.inference_mode():
            token = choose(logits, self._noise(logits), self._sampling)
            finite = logits.amax(dim=-1).isfinite()
            # The one wait for the device in each step.
            drawn, sound = torch.stack([token, finite.to(token)]).tolist()
            likely = self._logprobs(logits, drawn, sound)
        del logits
        fed = [self._model.pad_id] * len(self.rows)
        for number, row in enumerate(self.rows):
            if row.done:
                continue
            if not sound[number]:
                row.fail(_not_finite(row, self._model.dtype))
                continue
            fed[number] = drawn[number]
            try:
                row.take(drawn[number], likely.get(number))
            except Exception as error:  # its own text, which no other row has a part in
                row.fail(GenerationError(f"the answer to {row.request.key!r} cannot be read: {error!r}"))
        self._append(fed, [not row.done for row in self.rows], output.past_key_values)

    def join(self, joining: RunningBatch) -> None:
        """Take in the rows of a batch that has also made its first step."""
        padding = {"input_ids": self._model.pad_id}
        with torch.inference_mode():
            for name in ("input_ids", "attention_mask", "position_ids"):
                if name in self._inputs:
                    self._inputs[name] = join_left_padded(
                        self._inputs[name], joining._inputs[name], value=padding.get(name, 0)
                    )
            self._answer = torch.cat([self._answer, joining._answer])
            join_caches(self._inputs["past_key_values"], joining._inputs["past_key_values"])
            gaps = self._session.gaps.joined(len(self), joining._session.gaps, len(joining))
        self.rows += joining.rows
        self._arrange(gaps)

    def drop_done(self) -> None:
        """Let the rows that are done leave, and with them the padding that only they needed."""
        kept = [number for number, row in enumerate(self.rows) if not row.done]
        self.rows = [self.rows[number] for number in kept]
        if not kept:
            return
        with torch.inference_mode():
            index = torch.tensor(kept, device=self._answer.device)
            mask = self._inputs["attention_mask"][index]
            drop = int(mask.argmax(dim=1).min())
            self._inputs["attention_mask"] = mask[:, drop:]
            self._answer = self._answer[index]
            for name in ("input_ids", "position_ids"):
                if name in self._inputs:
                    self._inputs[name] = self._inputs[name][index]
            keep_rows(self._inputs["past_key_values"], index, drop)
            gaps = self._session.gaps.kept(index)
        self._arrange(gaps)

    def _arrange(self, gaps: PromptGaps) -> None:
        """What follows from which rows there are, and what was read at the end of their prompts."""
        edits = [row.edit for row in self.rows]
        scopes = [row.request.on for row in self.rows]
        self._session: EditSession = self._bank.session(edits, scopes)
        self._session.gaps = gaps
        self._sampling = RowSampling.of([row.request.sampling for row in self.rows], self._model.device)

    def _noise(self, logits: Tensor) -> Tensor:
        numbers = [row.number for row in self.rows]
        return torch.tensor(numbers, dtype=working_type(logits.device), device=logits.device)

    def _logprobs(self, logits: Tensor, drawn: list[int], sound: list[int]) -> dict[int, TokenLogprob]:
        """Of the rows that ask for them."""
        asking = [
            number
            for number, row in enumerate(self.rows)
            if row.request.top_logprobs is not None and sound[number] and not row.done
        ]
        if not asking:
            return {}
        limits = [self.rows[number].request.top_logprobs or 0 for number in asking]
        wanted = [drawn[number] for number in asking]
        logprobs = token_logprobs(self._model, logits[asking], range(len(asking)), wanted, max(limits))
        return {
            number: replace(logprob, top=logprob.top[:limit])
            for number, limit, logprob in zip(asking, limits, logprobs, strict=True)
        }

    def _append(self, tokens: list[int], going: list[bool], cache: Any) -> None:
        """Make these tokens the next input: alone where the cache holds the rest, else behind it.

        The positions of rows that are done stand still: they must not run out of the model's context.
        """
        alone, inputs = self._use_cache, self._inputs

        def appended(old: Tensor, new: Tensor) -> Tensor:
            return new if alone else torch.cat([old, new], dim=1)

        with torch.inference_mode():
            token, step = torch.tensor([tokens, going], device=self._answer.device).unsqueeze(-1)
            seen = torch.ones_like(token)
            inputs["input_ids"] = appended(inputs["input_ids"], token)
            inputs["attention_mask"] = torch.cat([inputs["attention_mask"], seen], dim=1)
            if "position_ids" in inputs:
                inputs["position_ids"] = appended(
                    inputs["position_ids"], inputs["position_ids"][:, -1:] + step
                )
            self._answer = appended(self._answer, seen.bool())
        if alone:
            inputs["past_key_values"] = cache


def _not_finite(row: RunningRow, dtype: torch.dtype) -> GenerationError:
    weaker = "lower the edit's strength, or " if row.edit is not None else ""
    return GenerationError(
        f"the logits of row {row.request.key!r} are not finite at answer token {len(row.drawn)} in {dtype}: "
        f"{weaker}load the model in bfloat16 or float32"
    )


def is_joinable(model: NeuronModel, cache: Any) -> bool:
    """Whether rows can join and leave: every layer keeps keys and values [rows, heads, tokens, width] whose last
    token is the newest, of the whole text or of a window of it.

    Linear attention and state-space layers keep something else, and chunked attention looks at where in the batch a
    token stands; batches of such models run from beginning to end as they were formed.
    """
    kinds = getattr(model.model.config.get_text_config(), "layer_types", None) or ()
    return (
        type(cache) is DynamicCache
        and all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in cache.layers)
        and set(kinds) <= {"full_attention", "sliding_attention"}
    )


def join_caches(first: Any, second: Any) -> None:
    """Put the rows of `second` behind those of `first`; the shorter one is padded on the left."""
    for layer, joining in zip(first.layers, second.layers, strict=True):
        if not layer.is_initialized:  # a layer that reads another one's keys and values
            continue
        layer.keys = join_left_padded(layer.keys, joining.keys, dim=-2)
        layer.values = join_left_padded(layer.values, joining.values, dim=-2)
        if layer.is_sliding:
            layer.cumulative_length = max(layer.cumulative_length, joining.cumulative_length)


def keep_rows(cache: Any, rows: Tensor, drop: int) -> None:
    """Keep these rows, and forget the first `drop` tokens (padding in all of them)."""
    for layer in cache.layers:
        if not layer.is_initialized:
            continue
        length = layer.get_seq_length() - drop
        # A window may have forgotten some of them already.
        begin = max(0, layer.keys.shape[-2] - length)
        index = rows.to(layer.keys.device)
        layer.keys = layer.keys[:, :, begin:].index_select(0, index)
        layer.values = layer.values[:, :, begin:].index_select(0, index)
        if layer.is_sliding:
            layer.cumulative_length = length


def join_left_padded(first: Tensor, second: Tensor, *, dim: int = -1, value: float = 0) -> Tensor:
    """Rows of both; the one that is shorter along `dim` gets `value` in front."""
    length = max(first.shape[dim], second.shape[dim])
    behind = [0, 0] * (-dim - 1)
    return torch.cat(
        [pad(rows, [*behind, length - rows.shape[dim], 0], value=value) for rows in (first, second)]
    )
