"""Texts as questions for the next token: where they are cut, and which token is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from valuescope.data.records import LabelledText
from valuescope.locate.evidence import LocateError
from valuescope.locate.parameters import require_choice
from valuescope.models import Batch, Encoded, NeuronModel, encode, forward_inputs, left_pad

TOKENS = ("predicted", "target")


@dataclass(frozen=True)
class NextToken:
    """A text up to the position whose next token is asked for.

    `target`: that token, None for the one that the model predicts. `label`: the text's row among the labels.
    """

    encoded: Encoded
    target: int | None
    label: int


def next_tokens(
    model: NeuronModel, texts: Sequence[LabelledText], labels: Sequence[str], token: str
) -> list[NextToken]:
    """Every text with the position and token that are read.

    `token`: "predicted": the model's most likely token behind the whole text; "target": the answer's first
    token, read off the prompt's last one (of a text without an answer: its last token, off the one before).
    LocateError for an unknown `token` and for a text that is too short.
    """
    require_choice("token", token, TOKENS)
    rows = encode(model, [text.prompt for text in texts], [text.answer for text in texts])
    questions = []
    for text, row in zip(texts, rows, strict=True):
        if token == "predicted":
            cut, target = len(row.input_ids), None
        else:
            cut = min(row.prompt_length, len(row.input_ids) - 1)
            if cut < 1:
                raise LocateError(
                    f"token='target' needs two tokens, the text {text.prompt + text.answer!r} has one"
                )
            target = row.input_ids[cut]
        questions.append(NextToken(Encoded(row.input_ids[:cut], cut), target, labels.index(text.label)))
    return questions


def length_batches(rows: Sequence[NextToken], batch_size: int) -> Iterator[list[NextToken]]:
    """Batches of texts of similar length, the longest first."""
    if batch_size < 1:
        raise LocateError(f"batch_size is {batch_size}; it must be at least 1")
    order = sorted(rows, key=lambda row: -len(row.encoded.input_ids))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def pad_rows(model: NeuronModel, rows: Sequence[NextToken]) -> tuple[Batch, Tensor]:
    """The left-padded batch and the rows' labels, int64 [B]."""
    return left_pad(model, [row.encoded for row in rows]), torch.tensor([row.label for row in rows])


def asked_tokens(rows: Sequence[NextToken], logits: Tensor) -> Tensor:
    """The token that each row asks for, int64 [B]: its target, or the likeliest by `logits` [B, V]."""
    likeliest = logits.argmax(dim=1)
    given = torch.tensor([-1 if row.target is None else row.target for row in rows], device=logits.device)
    return torch.where(given < 0, likeliest, given)


def last_logits(model: NeuronModel, batch: Batch, cache: Any = None) -> Tensor:
    """Logits behind each row's last token, float32 [B, V], by the model's own head; `cache`: past keys and values."""
    extra = {"logits_to_keep": 1} if model.takes_logits_to_keep else {}
    inputs = forward_inputs(model, batch)
    if cache is not None:
        inputs["past_key_values"] = cache
    logits: Tensor = model.model(**inputs, use_cache=cache is not None, **extra).logits
    return logits[:, -1].float()


def log_probability(logits: Tensor, tokens: Tensor) -> Tensor:
    """Log-probability [...] of tokens [...] by logits [..., V]."""
    return logits.gather(-1, tokens[..., None]).squeeze(-1) - logits.logsumexp(dim=-1)


@contextmanager
def frozen(model: NeuronModel) -> Iterator[None]:
    """Inside the block no weight has a gradient and no dropout is on; before and after as it was."""
    training = model.model.training
    thawed = [parameter for parameter in model.model.parameters() if parameter.requires_grad]
    try:
        model.model.eval().requires_grad_(False)
        yield
    finally:
        model.model.train(training)
        for parameter in thawed:
            parameter.requires_grad_(True)
