"""The residual stream at the last token, taken apart: what each layer's neurons add to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from valuescope.locate.evidence import LocateError
from valuescope.locate.unembedding import Normalisation, read_normalisation
from valuescope.models import Batch, Encoded, NeuronModel, forward_inputs, left_pad, site_hooks

# Families that normalise what the feed-forward block writes (Gemma 2 and 3, OLMo 2, GLM 4).
_OUTPUT_NORMS = ("post_feedforward_layernorm", "post_mlp_layernorm", "post_ffn_norm")
_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class Stream:
    """One batch at its last token: per layer the stream after it [B, hidden] and the products [B, width]."""

    residual: tuple[Tensor, ...]
    product: tuple[Tensor, ...]

    def written(self, model: NeuronModel, layer: int) -> Tensor:
        """What the layer's feed-forward block adds to the stream, float32 [B, hidden]."""
        return written(model, layer, self.product[layer])

    def without(self, model: NeuronModel, layer: int) -> Tensor:
        """The stream without it: for blocks behind the attention, the residual after attention."""
        return self.residual[layer].float() - self.written(model, layer)

    def contributions(self, model: NeuronModel, layer: int) -> tuple[Tensor, Tensor]:
        """Each neuron's share in it: coefficients [B, width] and vectors [width, hidden], one times the other.

        Where the family normalises the block's output, the norm's factor is held at that of the whole output.
        """
        vectors, norm = model.value_vectors(layer), output_norm(model, layer)
        if norm is None:
            return self.product[layer].float(), vectors
        scale = norm.scale(projected(model, layer, self.product[layer]))
        return self.product[layer].float() * scale[:, None], norm.gain * norm.centre(vectors.float())


def read_stream(model: NeuronModel, batch: Batch) -> Stream:
    """One forward pass without the head."""
    residual, product = dict[int, Tensor](), dict[int, Tensor]()
    watch_product, watch_residual = partial(_keep_last, product), partial(_keep_last, residual)
    with torch.no_grad(), site_hooks(model, product=watch_product, residual=watch_residual):
        model.backbone()(**forward_inputs(model, batch), use_cache=False)
    layers = range(model.layers)
    return Stream(tuple(residual[layer] for layer in layers), tuple(product[layer] for layer in layers))


def written(model: NeuronModel, layer: int, product: Tensor) -> Tensor:
    """What a layer's feed-forward block adds to the stream for products [B, width], float32 [B, hidden]."""
    output, norm = projected(model, layer, product), output_norm(model, layer)
    return output if norm is None else norm(output)


def output_norm(model: NeuronModel, layer: int) -> Normalisation | None:
    """The norm of the feed-forward block's output, None where the family has none."""
    return next((norm for _, norm in _output_norms(model, layer)), None)


@contextmanager
def held_output_norms(model: NeuronModel, products: Mapping[int, Tensor], repeats: int) -> Iterator[None]:
    """Inside the block the norms of the feed-forward output keep their factors at the last token.

    The factors are those for `products` [B, width] by layer; row b serves rows b * repeats and on. Families without
    such a norm are left as they are. A norm undoes any scaling of what it reads: along a path that scales all
    of a layer's products, the stream would jump at the beginning and stay the same after.
    """

    def hold(
        norm: Normalisation, scale: Tensor, _: nn.Module, args: tuple[Any, ...], output: Tensor
    ) -> Tensor:
        last = norm.gain * norm.centre(args[0][:, -1:].float()) * scale[:, None, None] + norm.bias
        return torch.cat([output[:, :-1], last.to(output.dtype)], dim=1)

    with ExitStack() as stack:
        for layer, m in products.items():
            for module, norm in _output_norms(model, layer):
                scale = norm.scale(projected(model, layer, m)).repeat_interleave(repeats)
                stack.callback(module.register_forward_hook(partial(hold, norm, scale)).remove)
        yield


def _keep_last(kept: dict[int, Tensor], layer: int, tensor: Tensor) -> None:
    kept[layer] = tensor[:, -1].clone()  # a view would keep all tokens in memory


def _output_norms(model: NeuronModel, layer: int) -> list[tuple[nn.Module, Normalisation]]:
    """The norm of the feed-forward block's output, as a module and as numbers; none for most families."""
    path = model.sites[layer].decoder
    return [
        (module, read_normalisation(module, model.hidden, f"{path}.{name}"))
        for name, module in model.decoder(layer).named_children()
        if name in _OUTPUT_NORMS
    ]


@torch.no_grad()
def require_sums(model: NeuronModel, encoded: Encoded) -> None:
    """Raise LocateError unless the stream loses exactly `written` when a layer's neurons are off."""
    batch = left_pad(model, [encoded])
    stream = read_stream(model, batch)

    def off(_: int, m: Tensor) -> Tensor:
        return torch.cat([m[:, :-1], torch.zeros_like(m[:, -1:])], dim=1)

    for layer in range(model.layers):
        silenced: dict[int, Tensor] = {}
        with site_hooks(model, product=off, residual=partial(_keep_last, silenced), layers=[layer]):
            model.backbone()(**forward_inputs(model, batch), use_cache=False)
        change = stream.residual[layer].float() - silenced[layer].float()
        silent = written(model, layer, torch.zeros_like(stream.product[layer]))
        claimed = stream.written(model, layer) - silent
        largest = float(stream.residual[layer].abs().max())
        allowed = _TOLERANCE * float(claimed.abs().max()) + torch.finfo(model.dtype).eps * largest
        if not float((change - claimed).abs().max()) <= allowed:
            raise LocateError(
                f"layer {layer}: the stream does not change by W_down m when its neurons are off; the family scales or "
                f"bends what {model.sites[layer].down} writes in a way that is not supported"
            )


def projected(model: NeuronModel, layer: int, product: Tensor) -> Tensor:
    """W_down m and its bias in float32, [B, width] -> [B, hidden]."""
    down: nn.Module = model.down(layer)
    output = product.float() @ model.value_vectors(layer).float()
    bias = getattr(down, "bias", None)
    return output if bias is None else output + bias.detach().float()
