"""From the residual stream to log-probabilities: final norm, head and soft cap, for sums of vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from valuescope.locate.evidence import LocateError
from valuescope.locate.final_norm import Normalisation, read_normalisation
from valuescope.models import NeuronModel, encode, forward_inputs, left_pad, site_hooks

_PIECE = 8192  # rows of the head that are turned into float32 at a time
_CACHED = 2**18  # logits that stay in a processor's cache: passes over more of them take twice the time
_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-3}


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
        own_factor = (square / centred.shape[1] + norm.epsilon).rsqrt() if scale is None else scale.float()
        before = self._log_probability(base * own_factor[:, None], shift, tokens)
        columns = max(1, min(len(vectors), numbers // size))
        piece = numbers if base.is_cuda else min(numbers, _CACHED)
        found = torch.empty(len(residual), len(vectors), device=residual.device)
        for part in _slices(len(vectors), columns):
            added = norm.centre(vectors[part].float())
            projected = self.project(norm.gain * added)
            c, target = coefficients[:, part].float(), found[:, part]
            if scale is None:
                summed = (
                    square[:, None] + 2 * c * (centred @ added.T) + c.square() * added.square().sum(dim=1)
                )
                factor = (summed.clamp(min=0) / centred.shape[1] + norm.epsilon).rsqrt()
            else:
                factor = own_factor[:, None].expand_as(c)
            width = max(1, min(columns, piece // size))
            for rows in _slices(len(residual), max(1, piece // (size * width))):
                for some in _slices(len(projected), width):
                    linear = torch.addcmul(base[rows, None], c[rows, some, None], projected[some])
                    linear.mul_(factor[rows, some, None])
                    asked = tokens[rows, None].expand(linear.shape[:2])
                    target[rows, some] = self._log_probability(linear, shift, asked) - before[rows, None]
        return torch.where(coefficients == 0, 0.0, found)

    def _log_probability(self, linear: Tensor, shift: Tensor | None, tokens: Tensor) -> Tensor:
        """Log-probabilities [...] of tokens [...] from W_U times the scaled stream [..., V]; works in place."""
        logits = self.logits(linear if shift is None else linear.add_(shift))
        return logits.gather(-1, tokens[..., None]).squeeze(-1) - logits.logsumexp(dim=-1)


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
    seen: list[Tensor] = []
    called: list[tuple[str, nn.Module]] = []
    handles = [
        module.register_forward_hook(lambda one, _, __, name=name: called.append((name, one)))
        for name, module in _outer_norms(model).items()
    ]
    try:
        with site_hooks(model, residual=lambda _, h: seen.append(h[:, -1]), layers=[model.layers - 1]):
            inputs = forward_inputs(model, batch)
            own: Tensor = model.model(**inputs, use_cache=False).logits[:, -1].float()
    finally:
        for handle in handles:
            handle.remove()
    if not called:
        raise LocateError(f"{model.identity.id}: no final norm was found behind the decoder layers")
    name, module = called[-1]
    norm = read_normalisation(module, model.hidden, name)
    norm = Normalisation(norm.gain.to(device), norm.bias.to(device), norm.epsilon, norm.centred)
    bias = getattr(head, "bias", None)
    cap = getattr(model.model.config.get_text_config(), "final_logit_softcapping", None)
    found = Unembedding(
        head.weight.detach(),
        None if bias is None else bias.detach().float(),
        norm,
        None if cap is None else float(cap),
    )
    error = float((found.of(seen[0].to(device).float()) - own.to(device)).abs().max())
    if not error <= _TOLERANCE.get(model.dtype, 0.03) * float(own.abs().max()):
        raise LocateError(
            f"{model.identity.id}: {name} and the head do not give the model's logits (they differ by {error:.3g}); "
            "its head scales or bends logits in a way that is not supported"
        )
    return found


def _outer_norms(model: NeuronModel) -> dict[str, nn.Module]:
    """Norms of the backbone outside the decoder layers, by name."""
    inside = tuple(f"{site.decoder}." for site in model.sites)
    return {
        name: module
        for name, module in model.model.named_modules()
        if "norm" in type(module).__name__.lower() and not name.startswith(inside)
    }
