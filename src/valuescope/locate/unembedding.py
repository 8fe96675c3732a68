"""From the residual stream to log-probabilities: final norm, head and soft cap, for sums of vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from valuescope.locate.evidence import LocateError
from valuescope.locate.next_token import last_logits, log_probability
from valuescope.models import NeuronModel, encode, left_pad, site_hooks

_PIECE = 8192  # rows of the head that are turned into float32 at a time
_CACHED = 2**18  # logits that stay in a processor's cache: passes over more of them take twice the time
_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-3}
_NORM_TOLERANCE = 1e-3
_EPSILON_NAMES = ("variance_epsilon", "eps", "epsilon")


@dataclass(frozen=True, eq=False)
class Normalisation:
    """y = gain * c(x) * rsqrt(mean(c(x)^2) + epsilon) + bias, c(x) = x - mean(x) where `centred`, else x.

    `gain` and `bias` are float32 [hidden].
    """

    gain: Tensor
    bias: Tensor
    epsilon: float
    centred: bool

    def centre(self, x: Tensor) -> Tensor:
        """c(x) of the last dimension."""
        return x - x.mean(dim=-1, keepdim=True) if self.centred else x

    def scale(self, x: Tensor) -> Tensor:
        """rsqrt(mean(c(x)^2) + epsilon) of the last dimension, float32 [...]."""
        return (self.centre(x.float()).square().mean(dim=-1) + self.epsilon).rsqrt()

    def __call__(self, x: Tensor) -> Tensor:
        """The layer applied to x [..., hidden], in float32."""
        return self.gain * self.centre(x.float()) * self.scale(x)[..., None] + self.bias


@dataclass(frozen=True, eq=False)
class Unembedding:
    """W_U, its bias, the final norm, and the cap of `cap * tanh(logits / cap)` (None: no cap)."""

    weight: Tensor
    bias: Tensor | None
    norm: Normalisation
    cap: float | None

    def project(self, x: Tensor) -> Tensor:
        """W_U x in float32: [n, hidden] -> [n, V]; no float32 copy of the whole matrix is made."""
        pieces = _slices(len(self.weight), _PIECE)
        return torch.cat([x @ self.weight[rows].float().T for rows in pieces], dim=1)

    def logits(self, linear: Tensor) -> Tensor:
        """Logits from W_U times the normalised stream, [..., V]; works in place."""
        if self.bias is not None:
            linear += self.bias
        if self.cap is not None:
            linear.div_(self.cap).tanh_().mul_(self.cap)
        return linear

    def of(self, residual: Tensor) -> Tensor:
        """Logits of the stream after the last layer, float32 [n, hidden] -> [n, V]."""
        return self.logits(self.project(self.norm(residual)))

    def increase(
        self,
        residual: Tensor,
        coefficients: Tensor,
        vectors: Tensor,
        tokens: Tensor,
        *,
        scale: Tensor | None = None,
        numbers: int = 2**24,
    ) -> Tensor:
        """log p(w | r + c_k v_k) - log p(w | r) for every row and vector, float32 [B, n].

        `residual` r [B, hidden], `coefficients` c [B, n], `vectors` v [n, hidden], `tokens` w [B]. With `scale`
        [B] the final norm's factor is held at it, else it is that of each sum, which takes dot products
        only. At most `numbers` logits (at least V) are held at once. Logits of r + c_k v_k come from those of r and of
        v_k, so no vector goes through the head twice.
        """
        norm, size = self.norm, len(self.weight)
        centred = norm.centre(residual.float())
        base, square = self.project(norm.gain * centred), centred.square().sum(dim=1)
        shift = self.project(norm.bias[None]) if bool(norm.bias.any()) else None
        alone = (square / centred.shape[1] + norm.epsilon).rsqrt() if scale is None else scale.float()
        before = self._log_probability(base * alone[:, None], shift, tokens)
        columns = max(1, min(len(vectors), numbers // size))
        piece = numbers if base.is_cuda else min(numbers, _CACHED)
        increases = torch.empty(len(residual), len(vectors), device=residual.device)
        for part in _slices(len(vectors), columns):
            added = norm.centre(vectors[part].float())
            projected = self.project(norm.gain * added)
            c, target = coefficients[:, part].float(), increases[:, part]
            if scale is None:
                summed = (
                    square[:, None] + 2 * c * (centred @ added.T) + c.square() * added.square().sum(dim=1)
                )
                factor = (summed.clamp(min=0) / centred.shape[1] + norm.epsilon).rsqrt()
            else:
                factor = alone[:, None].expand_as(c)
            width = max(1, min(columns, piece // size))
            for rows in _slices(len(residual), max(1, piece // (size * width))):
                for pieces in _slices(len(projected), width):
                    linear = torch.addcmul(base[rows, None], c[rows, pieces, None], projected[pieces])
                    linear.mul_(factor[rows, pieces, None])
                    asked = tokens[rows, None].expand(linear.shape[:2])
                    target[rows, pieces] = self._log_probability(linear, shift, asked) - before[rows, None]
        return torch.where(coefficients == 0, 0.0, increases)

    def _log_probability(self, linear: Tensor, shift: Tensor | None, tokens: Tensor) -> Tensor:
        """Log-probabilities [...] of tokens [...] from W_U times the scaled stream [..., V]; works in place."""
        return log_probability(self.logits(linear if shift is None else linear.add_(shift)), tokens)


@torch.no_grad()
def read_normalisation(module: nn.Module, hidden: int, name: str) -> Normalisation:
    """LayerNorm, or an RMSNorm of any family, whatever its gain is called and whether 1 is added to it.

    The gain is read off what the module does, and the outcome checked on random numbers: LocateError names a
    module that is neither.
    """
    if isinstance(module, nn.LayerNorm):
        device = next(module.parameters()).device if module.elementwise_affine else torch.device("cpu")
        ones = torch.ones(hidden, device=device)
        weight = ones if module.weight is None else module.weight.detach().float()
        bias = torch.zeros_like(ones) if module.bias is None else module.bias.detach().float()
        return Normalisation(weight, bias, float(module.eps), centred=True)
    holder: Any = module
    epsilon = next((getattr(holder, field) for field in _EPSILON_NAMES if hasattr(holder, field)), None)
    parameter = next(module.parameters(), None)
    if not isinstance(epsilon, float) or parameter is None:
        raise LocateError(f"{name} is a {type(module).__name__}, neither a LayerNorm nor an RMSNorm")
    ones = torch.ones(hidden, device=parameter.device)
    gain = module(ones).float() * (1 + epsilon) ** 0.5
    norm = Normalisation(gain, torch.zeros_like(ones), epsilon, centred=False)
    x = torch.randn(4, hidden, generator=torch.Generator().manual_seed(0)).to(ones.device)
    if not torch.allclose(module(x).float(), norm(x), rtol=_NORM_TOLERANCE, atol=_NORM_TOLERANCE):
        raise LocateError(f"{name} is a {type(module).__name__}, which does not normalise as an RMSNorm does")
    return norm


def _slices(total: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, total, size))


@torch.no_grad()
def read_unembedding(model: NeuronModel) -> Unembedding:
    """The model's final norm and head; LocateError unless they give the model's own logits."""
    head = model.model.get_output_embeddings()
    if head is None or not isinstance(getattr(head, "weight", None), Tensor):
        raise LocateError(f"{model.identity.id}: the model has no unembedding matrix")
    device = head.weight.device
    batch = left_pad(model, encode(model, ["a", "b c"]))
    residuals: list[Tensor] = []
    called: list[tuple[str, nn.Module]] = []
    with ExitStack() as stack:
        for name, module in _outer_norms(model).items():
            hook = module.register_forward_hook(lambda norm, _, __, name=name: called.append((name, norm)))
            stack.callback(hook.remove)
        watch = site_hooks(model, residual=lambda _, h: residuals.append(h[:, -1]), layers=[model.layers - 1])
        stack.enter_context(watch)
        expected = last_logits(model, batch).to(device)
    if not called:
        raise LocateError(f"{model.identity.id}: no final norm was found behind the decoder layers")
    name, module = called[-1]
    norm = read_normalisation(module, model.hidden, name)
    bias = getattr(head, "bias", None)
    cap = getattr(model.model.config.get_text_config(), "final_logit_softcapping", None)
    unembedding = Unembedding(
        head.weight.detach(),
        None if bias is None else bias.detach().float(),
        Normalisation(norm.gain.to(device), norm.bias.to(device), norm.epsilon, norm.centred),
        None if cap is None else float(cap),
    )
    error = float((unembedding.of(residuals[0].to(device).float()) - expected).abs().max())
    if not error <= _TOLERANCE.get(model.dtype, 0.03) * float(expected.abs().max()):
        raise LocateError(
            f"{model.identity.id}: {name} and the head do not give the model's logits (they differ by {error:.3g}); "
            "its head scales or bends logits in a way that is not supported"
        )
    return unembedding


def _outer_norms(model: NeuronModel) -> dict[str, nn.Module]:
    """Norms of the backbone outside the decoder layers, by name."""
    inside = tuple(f"{site.decoder}." for site in model.sites)
    return {
        name: module
        for name, module in model.model.named_modules()
        if "norm" in type(module).__name__.lower() and not name.startswith(inside)
    }
