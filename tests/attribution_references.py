"""Slow and obvious versions of the attribution locators: one text and one neuron at a time, really changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
import transformers as hf
from conftest import shared
from tiny_models import BOS, tiny_hf_model, tiny_model, tiny_tokenizer
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from tokenizers.processors import TemplateProcessing
from torch import Tensor, nn

from valuescope.activations import collect
from valuescope.data.records import LabelledText
from valuescope.locate import Evidence
from valuescope.models import NeuronModel, load_model, site_hooks, wrap_model

REAL = ("stories260K", "gpt2-tinystories-280k")
TEXTS = (
    LabelledText("care+", "you should help the family and share the food with my friend"),
    LabelledText("care+", "we care for the people", " and keep them safe"),
    LabelledText("care-", "they should win the money"),
    LabelledText("care-", "I would lead the city and risk the home", " not my money"),
)


def model_of(name: str, dtype: torch.dtype = torch.float32) -> NeuronModel:
    """A tiny family, or one of the two real models (skips where it is not there)."""
    if name in REAL:
        return load_model(str(shared(f"models/{name}")), dtype=dtype, device="cpu")
    if dtype == torch.float32:
        return tiny_model(name)
    # in float64 without the proof: a difference quotient needs more digits than float32 has
    return wrap_model(tiny_hf_model(name, dtype), tiny_tokenizer(), id=f"tiny-{name}", check=False)


def lettered_model(family: str) -> NeuronModel:
    """A tiny model whose last four words are the letters A to D."""
    vocabulary = tiny_tokenizer().get_vocab()
    words = sorted(vocabulary, key=vocabulary.__getitem__)[:-4]
    core = Tokenizer(
        WordLevel({word: index for index, word in enumerate([*words, *"ABCD"])}, unk_token="<unk>")
    )
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", BOS)])
    tokenizer = hf.PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    return wrap_model(tiny_hf_model(family), tokenizer, id=f"tiny-{family}")


def evidence_for(
    model: NeuronModel, texts: Sequence[LabelledText] = TEXTS, *, residuals: bool = False
) -> Evidence:
    activations = collect(model, texts, residuals=residuals)
    return Evidence(activations, ("care",), {"care": "care+"}, {"care": "care-"}, texts=texts)


def logits_of(model: NeuronModel, ids: Sequence[int]) -> Tensor:
    """Logits behind the last token of one text, fed alone and whole."""
    logits: Tensor = model.model(torch.tensor([list(ids)]), use_cache=False).logits[0, -1]
    return logits


@contextmanager
def scaled(model: NeuronModel, layer: int, places: Iterable[int], factors: Tensor) -> Iterator[None]:
    """Inside the block the layer's products at some places are multiplied by `factors` [width]."""

    def scale(_: int, m: Tensor) -> Tensor:
        m = m.clone()
        for place in places:
            m[:, place] = m[:, place] * factors.to(m.dtype)
        return m

    with site_hooks(model, product=scale, layers=[layer]):
        yield


def final_norm(model: NeuronModel) -> nn.Module:
    names = ("norm", "ln_f", "final_layer_norm")
    backbone = model.backbone()
    return next(getattr(backbone, name) for name in names if hasattr(backbone, name))


def head_logits(model: NeuronModel, normalised: Tensor) -> Tensor:
    logits = model.model.get_output_embeddings()(normalised)
    cap = getattr(model.model.config, "final_logit_softcapping", None)
    return logits if cap is None else cap * torch.tanh(logits / cap)


@torch.no_grad()
def slow_lpip(
    model: NeuronModel, ids: Sequence[int], token: int | None, neurons: Iterable[tuple[int, int]], norm: str
) -> tuple[int, list[float]]:
    """The token and each neuron's increase: r is read with all the layer's neurons off, and m_k v_k added."""
    last, products, outputs, written = len(ids) - 1, {}, {}, {}
    handles = []
    for layer in range(model.layers):
        block = dict(model.decoder(layer).named_children()).get("post_feedforward_layernorm")
        block = model.down(layer) if block is None else block
        handles.append(
            block.register_forward_hook(
                lambda _, __, out, at=layer: written.update(
                    {at: out.reshape(-1, out.shape[-1])[last].clone()}
                )
            )
        )
    with site_hooks(
        model,
        product=lambda layer, m: products.update({layer: m[0, -1].clone()}),
        residual=lambda layer, h: outputs.update({layer: h[0, -1].clone()}),
    ):
        own = logits_of(model, ids)
    for handle in handles:
        handle.remove()
    token = int(own.argmax()) if token is None else token
    module = final_norm(model)
    h = outputs[model.layers - 1].float()
    is_layer_norm = isinstance(module, nn.LayerNorm)
    epsilon = module.eps if hasattr(module, "eps") else module.variance_epsilon
    mean_square = (h - h.mean()).square().mean() if is_layer_norm else h.square().mean()
    zero = module(torch.zeros_like(outputs[0]))

    def log_probability(stream: Tensor) -> float:
        if norm == "exact":
            normalised = module(stream)
        else:  # undo the layer's own factor and put the last layer's in its place
            centred = stream - stream.mean() if is_layer_norm else stream
            factor = ((centred.square().mean() + epsilon) / (mean_square + epsilon)).sqrt()
            normalised = (module(stream) - zero) * factor + zero
        return float(head_logits(model, normalised).double().log_softmax(-1)[token])

    found = []
    for layer, k in neurons:
        r = outputs[layer] - written[layer]
        contribution = products[layer][k] * model.value_vectors(layer)[k]
        after = dict(model.decoder(layer).named_children()).get("post_feedforward_layernorm")
        if after is not None:  # its factor held at that of the whole output
            z = products[layer] @ model.value_vectors(layer)
            contribution = after(z) * contribution / z
        found.append(log_probability(r + contribution) - log_probability(r))
    return token, found


def some_neurons(model: NeuronModel, count: int) -> list[tuple[int, int]]:
    """`count` neurons spread over all layers; all of them where there are no more."""
    every = np.unique(np.linspace(0, model.neurons - 1, min(count, model.neurons)).astype(int))
    return [(int(one) // model.width, int(one) % model.width) for one in every]


def slow_integrated_gradient(
    model: NeuronModel,
    ids: Sequence[int],
    target: int,
    neuron: tuple[int, int],
    nodes: Sequence[float],
    weights: Sequence[float],
    path: str,
    step: float,
) -> float:
    """m_k times the weighted mean of dp/dm_k along the path, each slope by really moving the one neuron."""
    at, k = neuron
    products: dict[int, Tensor] = {}
    with (
        torch.no_grad(),
        site_hooks(model, product=lambda layer, m: products.update({layer: m[0, -1].clone()})),
    ):
        logits_of(model, ids)

    def probability(t: float, moved: float) -> float:
        def put(layer: int, m: Tensor) -> Tensor:
            new = products[layer] * t
            if layer == at:
                new[k] += moved
            return torch.cat([m[:, :-1], new[None, None]], dim=1)

        layers = [at] if path == "layer" else None
        with torch.no_grad(), site_hooks(model, product=put, layers=layers):
            return float(logits_of(model, ids).double().softmax(-1)[target])

    slopes = [(probability(t, step) - probability(t, -step)) / (2 * step) for t in nodes]
    return float(products[at][k]) * float(np.dot(slopes, weights))


def slow_gradient_times_activation(
    model: NeuronModel,
    ids: Sequence[int],
    token: int,
    neuron: tuple[int, int],
    places: Iterable[int],
    step: float,
) -> float:
    """Sum over places of d log p(token) / d factor, by really scaling the one neuron at the one place."""
    at, k = neuron

    def log_probability(place: int, factor: float) -> float:
        factors = torch.ones(model.width, dtype=model.dtype)
        factors[k] = factor
        with torch.no_grad(), scaled(model, at, [place], factors):
            return float(logits_of(model, ids).double().log_softmax(-1)[token])

    return sum(
        (log_probability(place, 1 + step) - log_probability(place, 1 - step)) / (2 * step) for place in places
    )
