"""A causal language model together with the places where its neurons sit."""

from __future__ import annotations

import inspect
import threading
from dataclasses import dataclass, field, replace
from functools import cached_property
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from valuescope.models.chat import Chat
from valuescope.models.identity import ModelIdentity
from valuescope.models.prompts import Prompts
from valuescope.models.sampling_defaults import SamplingDefaults
from valuescope.models.sites import LayerSites

_LOCKS: WeakKeyDictionary[PreTrainedModel, threading.RLock] = WeakKeyDictionary()
_LOCKS_LOCK = threading.Lock()


@dataclass(frozen=True)
class LayerProof:
    """One layer's proof, on the neuron with the largest |m| over the proof tokens.

    `effect`: largest change of the layer's output when the neuron is zeroed at the product; `gate_error` and
    `product_error`: largest difference of that output between zeroing its value vector in the weights and
    zeroing it at the gate or at the product (0.0 where the arithmetic is exact).
    """

    layer: int
    neuron: int
    effect: float
    gate_error: float
    product_error: float


@dataclass(frozen=True)
class SiteReport:
    """The proof of all layers, and of the logits when one neuron of every layer is zeroed at once."""

    layers: tuple[LayerProof, ...]
    logit_effect: float
    logit_error: float


@dataclass(frozen=True, eq=False, repr=False)
class NeuronModel:
    """A model, its tokenizer, who it is, and its neuron sites (`proof` is None where unchecked). `chat`: how conversations
    are put to it.

    The sites and the identity describe the weights at load. Nothing here copies weights.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    identity: ModelIdentity
    sites: tuple[LayerSites, ...]
    proof: SiteReport | None = field(default=None, repr=False)
    chat: Chat = field(default_factory=Chat)

    def __repr__(self) -> str:
        dtype = str(self.dtype).removeprefix("torch.")
        return f"NeuronModel({self.identity.id!r}, {self.layers} layers x {self.width} neurons, {dtype} on {self.device})"

    def with_chat(self, chat: Chat) -> NeuronModel:
        """The same model in memory, with conversations put to it in another way."""
        return self if chat == self.chat else replace(self, chat=chat)

    @property
    def prompts(self) -> Prompts:
        """What makes conversations into prompts for it."""
        return Prompts(self.tokenizer, self.identity.id, self.chat)

    @property
    def sampling(self) -> SamplingDefaults:
        """How it asks to be sampled."""
        return SamplingDefaults.of(self.model.generation_config)

    @property
    def lock(self) -> threading.RLock:
        """Held while hooks are on the model: no thread runs a pass through another one's edits.

        One lock per model in memory, whatever number of NeuronModels name it.
        """
        with _LOCKS_LOCK:
            return _LOCKS.setdefault(self.model, threading.RLock())

    @property
    def layers(self) -> int:
        """Number of decoder layers."""
        return len(self.sites)

    @property
    def width(self) -> int:
        """Neurons per layer; the same in all of them (the resolver refuses anything else)."""
        return self.sites[0].width

    @property
    def hidden(self) -> int:
        """Width of the residual stream."""
        return self.sites[0].hidden

    @property
    def neurons(self) -> int:
        """Neurons of the whole model: layers x width."""
        return self.layers * self.width

    @property
    def device(self) -> torch.device:
        """Where inputs go: the device of the input embedding (the first one under a device_map)."""
        weight: Tensor = self.model.get_input_embeddings().weight
        return weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the down projections' weights, and so of the activations."""
        return self.value_vectors(0).dtype

    @property
    def embeddings(self) -> int:
        """Token ids that the model can read: 0 to this, less 1. The tokenizer may know more, and fewer."""
        number: int = self.model.get_input_embeddings().num_embeddings
        return number

    @property
    def pad_id(self) -> int:
        """What fills places that are masked: the tokenizer's pad token, or any other where that has no embedding."""
        pad: int | None = self.tokenizer.pad_token_id
        return pad if pad is not None and 0 <= pad < self.embeddings else 0

    @cached_property
    def opening(self) -> tuple[int, ...]:
        """The tokens that the tokenizer puts before a text (a BOS)."""
        marked, bare = (
            list(self.tokenizer("a", add_special_tokens=special)["input_ids"]) for special in (True, False)
        )
        ends = (end for end in range(len(marked)) if bare and marked[end : end + len(bare)] == bare)
        return tuple(marked[: next(ends, 0)])

    @cached_property
    def takes_position_ids(self) -> bool:
        """Whether the backbone accepts `position_ids` (Bloom does not: it derives them from the mask)."""
        return "position_ids" in inspect.signature(type(self.backbone()).forward).parameters

    @cached_property
    def takes_logits_to_keep(self) -> bool:
        """Whether the model can leave out the logits of the first tokens of a pass."""
        return "logits_to_keep" in inspect.signature(type(self.model).forward).parameters

    def token_text(self, token: int) -> str:
        """One token decoded alone, "" for an id that only the model has (a vocabulary that was rounded up).

        Texts are remembered: a vocabulary is finite, and decoding is slow.
        """
        if token not in self._token_texts:
            known = token < len(self.tokenizer)
            self._token_texts[token] = str(self.tokenizer.decode([token])) if known else ""
        return self._token_texts[token]

    @cached_property
    def _token_texts(self) -> dict[int, str]:
        return {}

    def value_vectors(self, layer: int) -> Tensor:
        """[width, hidden]: row k is what neuron k writes per unit of `m`; a view, without gradient."""
        weight = self.down(layer).weight
        assert isinstance(weight, Tensor)
        return weight.detach() if self.sites[layer].transposed else weight.detach().T

    def backbone(self) -> nn.Module:
        """The model without its head; its output has `.last_hidden_state` [batch, seq, hidden]."""
        module: nn.Module = self.model.get_decoder()
        return module

    def decoder(self, layer: int) -> nn.Module:
        """The decoder layer: its output is the residual stream after it."""
        return self._module(self.sites[layer].decoder)

    def activation(self, layer: int) -> nn.Module:
        """The activation function's module: its output is the gate activation `a`."""
        return self._module(self.sites[layer].activation)

    def down(self, layer: int) -> nn.Module:
        """The down projection: its input is the product `m`."""
        return self._module(self.sites[layer].down)

    def _module(self, path: str) -> nn.Module:
        module: nn.Module = self.model.get_submodule(path)
        return module


def describe_sites(model: NeuronModel) -> str:
    """A table with one line per layer: both sites, width, kind, and the proof's numbers where it ran."""
    identity = model.identity
    revision = f" at {identity.revision}" if identity.revision else ""
    lines = [
        f"{identity.id}{revision} ({type(model.model).__name__}, {str(model.dtype).removeprefix('torch.')})",
        f"fingerprint {identity.fingerprint}",
        f"{model.layers} layers x {model.width} neurons = {model.neurons}; residual stream of {model.hidden}",
        "",
    ]
    rows = [("layer", "gate (output of)", "product (input of)", "width", "kind", "neuron", "effect", "error")]
    for site in model.sites:
        measured = ("-", "-", "-")
        if model.proof:
            proof = model.proof.layers[site.layer]
            error = max(proof.gate_error, proof.product_error)
            measured = (str(proof.neuron), f"{proof.effect:.3g}", f"{error:.3g}")
        kind = "gated" if site.gated else "plain"
        rows.append((str(site.layer), site.activation, site.down, str(site.width), kind, *measured))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines += [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    if model.proof is None:
        return "\n".join([*lines, "", "The sites were not checked."])
    lines += [
        "",
        "Proven: in each layer one neuron was zeroed at the gate, at the product and in the weights;",
        "each way changed the layer's output by `effect`; the three results differ by at most `error`.",
        f"All of these neurons off at once: the logits change by {model.proof.logit_effect:.3g}, "
        f"hooks and weights differ by {model.proof.logit_error:.3g}.",
    ]
    return "\n".join(lines)
