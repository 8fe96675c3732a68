"""From texts to one left-padded batch with its mask and position ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from valuescope.models.neuron_model import NeuronModel


class BatchError(ValueError):
    """Texts that cannot become a batch."""


@dataclass(frozen=True)
class Encoded:
    """One text as token ids; the first `prompt_length` of them are the prompt, the others the answer."""

    input_ids: tuple[int, ...]
    prompt_length: int


@dataclass(frozen=True, eq=False)
class Batch:
    """Left-padded rows, all [batch, seq] on the model's device.

    `attention_mask` and `position_ids` are int64 (0 at pads); `response_mask` is bool: the tokens of the
    answers.
    """

    input_ids: Tensor
    attention_mask: Tensor
    position_ids: Tensor
    response_mask: Tensor


def encode(
    model: NeuronModel,
    prompts: Sequence[str],
    answers: Sequence[str] | None = None,
    *,
    add_special_tokens: bool = True,
) -> list[Encoded]:
    """Tokenise each prompt with its answer directly behind it, as one text.

    A token across the border belongs to the prompt, unless it holds only white space of it (prompt `is `,
    answer `A`, token ` A`). Special tokens that the tokenizer appends (an EOS) are dropped, for the text goes
    on. Those that it puts in front (a BOS) stand there once, also where the text brings them itself. BatchError
    names a row without tokens.
    """
    if answers is not None and len(answers) != len(prompts):
        raise BatchError(f"{len(prompts)} prompts but {len(answers)} answers: give one answer per prompt")
    texts = [prompt + answer for prompt, answer in zip(prompts, answers or [""] * len(prompts), strict=True)]
    borders = [len(prompt) for prompt in prompts]
    encode_texts = _encode_by_offsets if model.tokenizer.is_fast else _encode_by_beginnings
    encoded = encode_texts(model.tokenizer, texts, borders, add_special_tokens) if texts else []
    if add_special_tokens and model.opening:
        encoded = [_opened_once(row, model.opening) for row in encoded]
    for row, (text, ids) in enumerate(zip(texts, encoded, strict=True)):
        if not ids.input_ids:
            raise BatchError(f"row {row}: the text {text!r} gives no tokens; give a text that is not empty")
    return encoded


def context_length(model: NeuronModel) -> int | None:
    """How many tokens the model can read, or None where its configuration sets no limit."""
    limit: int | None = getattr(model.model.config.get_text_config(), "max_position_embeddings", None)
    return limit


def left_pad(model: NeuronModel, encoded: Sequence[Encoded]) -> Batch:
    """One batch of the rows, in order, padded on the left to the longest.

    BatchError where there are no rows, a row is longer than the model's context, or one has an id without an embedding
    (on a GPU it would end the process).
    """
    if not encoded:
        raise BatchError("a batch needs at least one row")
    length = max(len(row.input_ids) for row in encoded)
    limit = context_length(model)
    if limit is not None and length > limit:
        longest = next(index for index, row in enumerate(encoded) if len(row.input_ids) == length)
        raise BatchError(
            f"row {longest} has {length} tokens, the model's context is {limit}: shorten the text"
        )
    size = model.embeddings
    for index, row in enumerate(encoded):
        if not 0 <= min(row.input_ids) <= max(row.input_ids) < size:
            wrong = next(token for token in row.input_ids if not 0 <= token < size)
            raise BatchError(
                f"row {index} has token id {wrong}, and {model.identity.id} has embeddings of 0 to {size - 1}"
            )
    ids = torch.full((len(encoded), length), model.pad_id, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    response = torch.zeros_like(ids, dtype=torch.bool)
    for index, row in enumerate(encoded):
        start = length - len(row.input_ids)
        ids[index, start:] = torch.tensor(row.input_ids)
        mask[index, start:] = 1
        response[index, start + row.prompt_length :] = True
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    return Batch(*(tensor.to(model.device) for tensor in (ids, mask, positions, response)))


def _opened_once(row: Encoded, opening: tuple[int, ...]) -> Encoded:
    size = len(opening)
    if row.input_ids[: 2 * size] != 2 * opening:
        return row
    return Encoded(row.input_ids[size:], max(row.prompt_length - size, 0))


def forward_inputs(model: NeuronModel, batch: Batch) -> dict[str, Tensor]:
    """The batch as keyword arguments of the model or its backbone; position ids only where accepted."""
    inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    if model.takes_position_ids:
        inputs["position_ids"] = batch.position_ids
    return inputs


def _encode_by_offsets(
    tokenizer: Any, texts: Sequence[str], borders: Sequence[int], add_special_tokens: bool
) -> list[Encoded]:
    """The answer begins with the first token behind `border` (a character of the text), white space aside."""
    coded = tokenizer(
        texts,
        add_special_tokens=add_special_tokens,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
    )
    encoded = []
    for row, (text, border) in enumerate(zip(texts, borders, strict=True)):
        ids, added = list(coded["input_ids"][row]), coded["special_tokens_mask"][row]
        while len(ids) > 1 and added[len(ids) - 1]:
            ids.pop()
        spans = coded["offset_mapping"][row][: len(ids)]
        behind = (
            index
            for index, (start, end) in enumerate(spans)
            if end > max(start, border) and not text[start:border].strip()
        )
        encoded.append(Encoded(tuple(ids), next(behind, len(ids))))
    return encoded


def _encode_by_beginnings(
    tokenizer: Any, texts: Sequence[str], borders: Sequence[int], add_special_tokens: bool
) -> list[Encoded]:
    """For tokenizers without offsets: the prompt's tokens are what text and prompt have in common."""

    def ids_of(content: str) -> list[int]:
        ids = list(tokenizer(content, add_special_tokens=add_special_tokens)["input_ids"])
        bare = list(tokenizer(content, add_special_tokens=False)["input_ids"])
        while len(ids) > max(len(bare), 1) and ids[-len(bare) :] != bare:
            ids.pop()
        return ids

    encoded = []
    for text, border in zip(texts, borders, strict=True):
        whole, prompt = ids_of(text), ids_of(text[:border])
        differs = (index for index, (a, b) in enumerate(zip(whole, prompt, strict=False)) if a != b)
        encoded.append(Encoded(tuple(whole), next(differs, min(len(whole), len(prompt)))))
    return encoded
