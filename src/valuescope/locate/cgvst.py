"""CGVST: gradient times activation at special tokens, contrasted between texts (ValueLocate, appendix D.3)."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from valuescope.activations import special_ids
from valuescope.locate.contrast import LabelSums, contrast_labels, contrast_located, require_limits
from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.location import Located
from valuescope.locate.next_token import (
    NextToken,
    asked_tokens,
    frozen,
    last_logits,
    length_batches,
    log_probability,
    next_tokens,
    pad_rows,
)
from valuescope.models import Batch, NeuronModel, site_hooks
from valuescope.ranges import Count


def cgvst(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    token: str = "predicted",
    separators: bool = True,
    standardise: bool = False,
    top: Count = 50,
    texts: Count | None = None,
    batch_size: Count = 16,
) -> Located:
    """Variation of gradients at special tokens between texts for and against a value (Song et al. 2024).

    No code is public and the abstract gives no formula; this is a reading of it. For one text a neuron's number is
    the sum over its special tokens (`special_places`) of m * d log p(w) / dm, w the next token at the end: to first order
    what the neuron adds to log p(w) from there. Signed: the mean over texts for the value minus the mean over
    those against; score: the absolute number.

    `token`: w is the token that the model predicts, or the text's own ("target": the answer's first
    token, and the text is cut before it). `separators`: tokens of line breaks are special too. `standardise`: divide
    the difference by its standard error, so that strong neurons with noisy gradients do not come first. `top`:
    neurons taken per value. `texts`: only so many texts per label, the first ones. `batch_size`: texts per
    forward and backward pass.
    """
    require_limits("cgvst", model, top, texts)
    start = time.monotonic()
    labels, plus, minus = contrast_labels(evidence, "cgvst")
    rows = next_tokens(model, evidence.texts_of(labels, "cgvst", texts), labels, token)
    sums = LabelSums(len(labels), model.layers, model.width)
    places, longest = 0, 0
    with frozen(model):
        for part in length_batches(rows, batch_size):
            batch, of_label = pad_rows(model, part)
            where = special_places(model, batch, separators=separators)
            sums.add(of_label, gradient_times_activation(model, batch, part, where))
            places += int(where.sum())
            longest = max(longest, batch.input_ids.shape[1])
    if standardise and bool((sums.count < 2).any()):
        few = labels[int(sums.count.argmin())]
        raise LocateError(f"cgvst: standardise needs two texts per label, {few!r} has one; give more texts")
    mean = sums.mean()
    signed = mean[plus] - mean[minus]
    if standardise:
        variance = sums.variance_of_mean()
        error = (variance[plus] + variance[minus]).sqrt()
        signed = torch.where(error > 0, signed / error, 0.0)
    return contrast_located(
        signed,
        top,
        diagnostics={
            "queries": len(rows),
            "special_tokens_per_text": places / len(rows),
            "seconds": time.monotonic() - start,
            "peak_bytes": 4 * batch_size * longest * model.layers * (4 * model.width + 12 * model.hidden),
        },
    )


def gradient_times_activation(
    model: NeuronModel, batch: Batch, rows: list[NextToken], places: Tensor
) -> Tensor:
    """Sum over `places` of m * d log p(w) / dm of every neuron, float32 [B, layers, width].

    The gradient is the whole one: what follows from a neuron in later layers and at later tokens is part of it.
    One forward and one backward pass; of the gradients only those at the places are kept. The model must be
    frozen.
    """
    numbers = torch.zeros(len(places), model.layers, model.width)
    at_row, at_token = places.nonzero(as_tuple=True)
    leaf: list[Tensor] = []

    def watch(layer: int, m: Tensor) -> Tensor:
        if not m.requires_grad:  # the first layer: nothing before it has a gradient
            m = m.detach().requires_grad_(True)
            leaf.append(m)
        else:
            m = m.view_as(m)  # what the hook is on must be what the layer goes on with
        active = m.detach()[at_row.to(m.device), at_token.to(m.device)].float()

        def multiply(gradient: Tensor) -> None:
            there = gradient[at_row.to(gradient.device), at_token.to(gradient.device)].float()
            numbers[:, layer].index_add_(0, at_row.cpu(), (there * active).cpu())

        m.register_hook(multiply)  # type: ignore[no-untyped-call]
        return m

    with torch.enable_grad(), site_hooks(model, product=watch):
        logits = last_logits(model, batch)
        tokens = asked_tokens(rows, logits.detach())
        torch.autograd.grad(log_probability(logits, tokens).sum(), leaf)
    return numbers


def special_places(model: NeuronModel, batch: Batch, *, separators: bool) -> Tensor:
    """bool [B, T]: special tokens (a BOS and markers of the chat template included) and each row's last token.

    With `separators` also tokens of line breaks: those that hold one and neither letters nor digits. Padding never.
    """
    wanted = set(special_ids(model.tokenizer))
    if separators:
        present = set(batch.input_ids.flatten().tolist())
        wanted |= {token for token in present if _separates(model.token_text(token))}
    ids = torch.tensor(sorted(wanted), dtype=torch.int64, device=batch.input_ids.device)
    places = torch.isin(batch.input_ids, ids)
    places[:, -1] = True
    return places & batch.attention_mask.bool()


def _separates(text: str) -> bool:
    return "\n" in text and not any(character.isalnum() for character in text)
