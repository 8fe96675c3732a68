"""What a direction of the residual stream means in words: the tokens whose unembedding lies along it."""

from __future__ import annotations

import torch
from torch import Tensor

from valuescope.locate.evidence import LocateError
from valuescope.models import NeuronModel


def decode_direction(model: NeuronModel, weights: Tensor, top: int = 10) -> list[str]:
    """The `top` tokens of largest W_U w (NeVA, appendix D.1), best first; `weights` is w, [hidden].

    The final norm is not applied: a direction has no position in the stream that it could be applied at.
    """
    if weights.shape != (model.hidden,):
        raise LocateError(
            f"decode: the direction has shape {tuple(weights.shape)}, expected ({model.hidden},)"
        )
    unembedding: Tensor = model.model.get_output_embeddings().weight.detach()
    # In the type of the matrix: a float32 copy of a large vocabulary's matrix would take gigabytes.
    direction = torch.nn.functional.normalize(weights.float(), dim=0).to(
        unembedding.device, unembedding.dtype
    )
    best = (unembedding @ direction).topk(min(top, len(unembedding))).indices.tolist()
    return [model.tokenizer.decode([token]) for token in best]
