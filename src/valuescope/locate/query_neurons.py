"""LPIP's query neurons: those that write what the most useful attention neurons read (Yu and Ananiadou 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from valuescope.locate.evidence import LocateError
from valuescope.locate.final_norm import Normalisation, read_normalisation
from valuescope.locate.stream import Stream
from valuescope.locate.unembedding import Unembedding
from valuescope.models import Batch, NeuronModel, forward_inputs


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
    for one, x, c in zip(layers, inputs, outputs, strict=True):
        vectors, coefficients = one.vectors.float(), c.float()
        if one.output_norm is not None:
            coefficients = coefficients * one.output_norm.scale(coefficients @ vectors)[:, None]
            vectors = one.output_norm.gain * one.output_norm.centre(vectors)
        increases.append(unembedding.increase(x, coefficients, vectors, tokens, scale=scale, numbers=numbers))
    size = increases[0].shape[1]
    top = torch.cat(increases, dim=1).topk(min(count, size * len(layers)), dim=1).indices
    found, later = [], torch.zeros(len(tokens), model.hidden, device=top.device)
    for layer in reversed(range(model.layers)):
        coefficients, vectors = stream.contributions(model, layer)
        found.append((coefficients * (later @ vectors.float().T)).cpu())
        chosen = torch.zeros(len(tokens), size * len(layers), device=top.device).scatter_(1, top, 1.0)
        own = chosen[:, layer * size : (layer + 1) * size] * outputs[layer].float().sign()
        later = later + own @ layers[layer].keys
    return torch.stack(found[::-1], dim=1)


def _last_of_attention(
    model: NeuronModel, batch: Batch, layers: list[AttentionNeurons]
) -> tuple[list[Tensor], list[Tensor]]:
    """Every layer's input and its heads' outputs at the last token."""
    inputs, outputs = list[Tensor](), list[Tensor]()

    def keep(kept: list[Tensor], _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        hidden = args[0] if args else kwargs["hidden_states"]
        kept.append(hidden[:, -1].clone())

    handles = []
    with model.lock:
        for one in layers:
            handles.append(one.input.register_forward_pre_hook(partial(keep, inputs), with_kwargs=True))
            handles.append(one.output.register_forward_pre_hook(partial(keep, outputs), with_kwargs=True))
        try:
            model.backbone()(**forward_inputs(model, batch), use_cache=False)
        finally:
            for handle in handles:
                handle.remove()
    return inputs, outputs
