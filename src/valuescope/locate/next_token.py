"""Texts as questions for the next token: where they are cut, and which token is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from valuescope.data.records import LabelledText
from valuescope.locate.evidence import LocateError
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
    if token not in TOKENS:
        raise LocateError(f"token is {token!r}; it is one of {', '.join(TOKENS)}")
    rows = encode(model, [text.prompt for text in texts], [text.answer for text in texts])
    found = []
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
        found.append(NextToken(Encoded(row.input_ids[:cut], cut), target, labels.index(text.label)))
    return found


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


def last_logits(model: NeuronModel, batch: Batch) -> Tensor:
    """Logits behind each row's last token, float32 [B, V], by the model's own head."""
    extra = {"logits_to_keep": 1} if model.takes_logits_to_keep else {}
    logits: Tensor = model.model(**forward_inputs(model, batch), use_cache=False, **extra).logits
    return logits[:, -1].float()


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
