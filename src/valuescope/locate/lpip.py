"""LPIP: how much each neuron alone raises the log-probability of the next token (ValueLocate, appendix D.1)."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from valuescope.locate.contrast import LabelSums, contrast_labels, contrast_location, require_limits
from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.location import Location
from valuescope.locate.next_token import asked_tokens, frozen, length_batches, next_tokens, pad_rows
from valuescope.locate.query_neurons import query_scores
from valuescope.locate.stream import Stream, read_stream, require_sums
from valuescope.locate.unembedding import Unembedding, read_unembedding
from valuescope.models import NeuronModel

KINDS = ("value", "query")
NORMS = ("exact", "frozen")


def lpip(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    kind: str = "value",
    norm: str = "exact",
    token: str = "predicted",
    top: int = 50,
    texts: int | None = None,
    batch_size: int = 32,
    numbers: int = 2**24,
    attention: int = 30,
) -> Location:
    """Increase of log p(w) by a neuron's own contribution, contrasted between texts for and against.

    log p(w | r + m_k v_k) - log p(w | r) at the last position (Yu and Ananiadou 2024), r the stream without
    this layer's feed-forward output (the residual after attention), through final norm and unembedding.
    Signed: its mean over the texts for the value minus its mean over those against (the paper states no
    aggregation); score: the absolute number.

    `kind`: "value" is the above; "query" takes instead the neurons that write what the `attention` best attention
    neurons read (`query_scores`; not for every family). `norm`: "exact" normalises every sum by itself, as the formula says; "frozen" holds the final norm's factor
    at that of the model's last layer, as the released code does. `token`: w is the token that the model
    predicts behind the whole text, or the text's own ("target": the answer's first token). `top`: neurons
    taken per value (the paper edits 10 to 50). `texts`: only so many texts per label, the first ones.
    `batch_size`: texts per forward pass. `numbers`: logits held at once, which bounds the memory.
    """
    require_limits("lpip", model, top, texts)
    for name, choice, known in (("kind", kind, KINDS), ("norm", norm, NORMS)):
        if choice not in known:
            raise LocateError(f"lpip: {name} is {choice!r}; it is one of {', '.join(known)}")
    for name, number in (("numbers", numbers), ("attention", attention)):
        if number < 1:
            raise LocateError(f"lpip: {name} is {number}; give at least 1")
    start = time.monotonic()
    labels, plus, minus = contrast_labels(evidence, "lpip")
    rows = next_tokens(model, evidence.texts_of(labels, "lpip", texts), labels, token)
    sums = LabelSums(len(labels), model.layers, model.width)
    with torch.no_grad(), frozen(model):
        unembedding = read_unembedding(model)
        require_sums(model, rows[0].encoded)
        for part in length_batches(rows, batch_size):
            batch, of_label = pad_rows(model, part)
            stream = read_stream(model, batch)
            final = stream.residual[-1].to(unembedding.weight.device)
            tokens = asked_tokens(part, unembedding.of(final))
            scale = unembedding.norm.scale(final) if norm == "frozen" else None
            if kind == "query":
                found = query_scores(
                    model, unembedding, batch, stream, tokens, scale, numbers=numbers, count=attention
                )
            else:
                found = increases(model, unembedding, stream, tokens, scale, numbers)
            sums.add(of_label, found)
    mean = sums.mean()
    columns = max(1, min(model.width, numbers // len(unembedding.weight)))
    held = max(numbers, len(unembedding.weight)) * 4 + columns * len(unembedding.weight)
    return contrast_location(
        "lpip",
        model,
        evidence,
        signed=mean[plus] - mean[minus],
        top=top,
        seed=seed,
        parameters={
            "kind": kind,
            "norm": norm,
            "token": token,
            "texts": texts,
            "batch_size": batch_size,
            "numbers": numbers,
            "attention": attention,
        },
        diagnostics={
            "queries": len(rows),
            "seconds": time.monotonic() - start,
            "peak_bytes": 4 * held + 4 * batch_size * model.layers * (model.width + model.hidden),
        },
    )


def increases(
    model: NeuronModel,
    unembedding: Unembedding,
    stream: Stream,
    tokens: Tensor,
    scale: Tensor | None,
    numbers: int,
) -> Tensor:
    """The increase of every neuron of every layer, float32 [B, layers, width] (see `Unembedding.increase`)."""
    device = unembedding.weight.device
    found = []
    for layer in range(model.layers):
        coefficients, vectors = stream.contributions(model, layer)
        found.append(
            unembedding.increase(
                stream.without(model, layer).to(device),
                coefficients.to(device),
                vectors.to(device),
                tokens,
                scale=scale,
                numbers=numbers,
            ).cpu()
        )
    return torch.stack(found, dim=1)
