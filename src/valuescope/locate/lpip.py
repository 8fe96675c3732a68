"""LPIP: how much each neuron alone raises the log-probability of the next token (ValueLocate, appendix D.1)."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from valuescope.locate.contrast import LabelSums, contrast_labels, contrast_located, require_limits
from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.location import Located
from valuescope.locate.next_token import asked_tokens, frozen, length_batches, next_tokens, pad_rows
from valuescope.locate.parameters import require_choice
from valuescope.locate.stream import Stream, read_stream, require_sums
from valuescope.locate.unembedding import Normalisation, Unembedding, read_normalisation, read_unembedding
from valuescope.models import Batch, NeuronModel, forward_inputs
from valuescope.ranges import Count

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
    top: Count = 50,
    texts: Count | None = None,
    batch_size: Count = 32,
    numbers: Count = 2**24,
    attention: Count = 30,
) -> Located:
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
    require_choice("lpip: kind", kind, KINDS)
    require_choice("lpip: norm", norm, NORMS)
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
                scores = query_scores(
                    model, unembedding, batch, stream, tokens, scale, numbers=numbers, count=attention
                )
            else:
                scores = increases(model, unembedding, stream, tokens, scale, numbers)
            sums.add(of_label, scores)
    mean = sums.mean()
    columns = max(1, min(model.width, numbers // len(unembedding.weight)))
    held = max(numbers, len(unembedding.weight)) * 4 + columns * len(unembedding.weight)
    return contrast_located(
        mean[plus] - mean[minus],
        top,
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
    layers = []
    for layer in range(model.layers):
        coefficients, vectors = stream.contributions(model, layer)
        layers.append(
            unembedding.increase(
                stream.without(model, layer).to(device),
                coefficients.to(device),
                vectors.to(device),
                tokens,
                scale=scale,
                numbers=numbers,
            ).cpu()
        )
    return torch.stack(layers, dim=1)


@dataclass(frozen=True, eq=False)
class AttentionNeurons:
    """The attention neurons of one layer: the entries of its heads' outputs, H in all.

    `keys` float32 [H, hidden]: what an entry reads of the stream, the row of W_V times the input norm's gain.
    `vectors` [H, hidden]: what it writes, the column of W_O. `input` is the decoder layer, `output` W_O;
    `output_norm`: of families that normalise what the attention writes.
    """

    keys: Tensor
    vectors: Tensor
    input: nn.Module
    output: nn.Module
    output_norm: Normalisation | None


def attention_neurons(model: NeuronModel, layer: int) -> AttentionNeurons:
    """The attention neurons of a layer; LocateError for families without plain v_proj, o_proj and input norm."""
    decoder: Any = model.decoder(layer)
    attention: Any = getattr(decoder, "self_attn", None)
    values: Any = getattr(attention, "v_proj", None)
    output: Any = getattr(attention, "o_proj", None)
    before = getattr(decoder, "input_layernorm", None)
    if not isinstance(values, nn.Linear) or not isinstance(output, nn.Linear) or before is None:
        raise LocateError(
            f"kind='query' needs layers with self_attn.v_proj, self_attn.o_proj and input_layernorm; "
            f"{type(decoder).__name__} has other ones. Use kind='value'"
        )
    norm = read_normalisation(before, model.hidden, f"{model.sites[layer].decoder}.input_layernorm")
    groups = output.in_features // values.out_features  # query heads that share a value head
    rows = values.weight.detach().float().reshape(-1, attention.head_dim, model.hidden)
    keys = rows.repeat_interleave(groups, dim=0).flatten(0, 1) * norm.gain
    after = None
    if hasattr(decoder, "pre_feedforward_layernorm"):  # then the norm behind the attention is of its output
        name = "post_attention_layernorm"
        after = read_normalisation(
            getattr(decoder, name), model.hidden, f"{model.sites[layer].decoder}.{name}"
        )
    return AttentionNeurons(norm.centre(keys), output.weight.detach().T, decoder, output, after)


@torch.no_grad()
def query_scores(
    model: NeuronModel,
    unembedding: Unembedding,
    batch: Batch,
    stream: Stream,
    tokens: Tensor,
    scale: Tensor | None,
    *,
    numbers: int,
    count: int,
) -> Tensor:
    """Inner product of m_k v_k with what the `count` top attention neurons of later layers read, [B, layers, width].

    An attention neuron's rank is the increase of log p(w) when its contribution at the last token is added to the
    layer's input. Of a top one with a negative output the negated key counts: what makes it more of what it is. The
    products are summed over the top ones. Everything is read at the last token.
    """
    layers = [attention_neurons(model, layer) for layer in range(model.layers)]
    inputs, outputs = _last_of_attention(model, batch, layers)
    increases = []
    for neurons, x, output in zip(layers, inputs, outputs, strict=True):
        vectors, coefficients, norm = neurons.vectors.float(), output.float(), neurons.output_norm
        if norm is not None:
            coefficients = coefficients * norm.scale(coefficients @ vectors)[:, None]
            vectors = norm.gain * norm.centre(vectors)
        increases.append(unembedding.increase(x, coefficients, vectors, tokens, scale=scale, numbers=numbers))
    size = increases[0].shape[1]
    top = torch.cat(increases, dim=1).topk(min(count, size * len(layers)), dim=1).indices
    products, later = [], torch.zeros(len(tokens), model.hidden, device=top.device)
    for layer in reversed(range(model.layers)):
        coefficients, vectors = stream.contributions(model, layer)
        products.append((coefficients * (later @ vectors.float().T)).cpu())
        chosen = torch.zeros(len(tokens), size * len(layers), device=top.device).scatter_(1, top, 1.0)
        signs = chosen[:, layer * size : (layer + 1) * size] * outputs[layer].float().sign()
        later = later + signs @ layers[layer].keys
    return torch.stack(products[::-1], dim=1)


def _last_of_attention(
    model: NeuronModel, batch: Batch, layers: list[AttentionNeurons]
) -> tuple[list[Tensor], list[Tensor]]:
    """Every layer's input and its heads' outputs at the last token."""
    inputs, outputs = list[Tensor](), list[Tensor]()

    def keep(kept: list[Tensor], _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        hidden = args[0] if args else kwargs["hidden_states"]
        kept.append(hidden[:, -1].clone())

    with model.lock, ExitStack() as stack:
        for neurons in layers:
            for module, kept in ((neurons.input, inputs), (neurons.output, outputs)):
                handle = module.register_forward_pre_hook(partial(keep, kept), with_kwargs=True)
                stack.callback(handle.remove)
        model.backbone()(**forward_inputs(model, batch), use_cache=False)
    return inputs, outputs
