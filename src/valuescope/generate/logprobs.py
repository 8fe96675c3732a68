"""Log-probabilities of tokens under the model's own distribution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from valuescope.generate.answer import TokenLogprob
from valuescope.models import NeuronModel


def token_logprobs(model: NeuronModel, logits: Tensor, tokens: Sequence[int], top: int) -> list[TokenLogprob]:
    """One entry per place: of `tokens` [places] under logits [places, vocabulary], beside the `top` most likely."""
    likely = logits.float().log_softmax(dim=-1)
    own = likely.gather(-1, torch.tensor(tokens, device=logits.device).unsqueeze(-1)).squeeze(-1).tolist()
    # Ties go to the smaller id, so that the list does not depend on how a device sorts.
    best = likely.topk(min(top, likely.shape[-1]), dim=-1, sorted=True)
    values, ids = best.values.tolist(), best.indices.tolist()
    text = _Texts(model)
    return [
        TokenLogprob(
            token,
            text[token],
            own[place],
            tuple(
                (other, text[other], value)
                for value, other in sorted(
                    zip(values[place], ids[place], strict=True), key=lambda pair: (-pair[0], pair[1])
                )
            ),
        )
        for place, token in enumerate(tokens)
    ]


class _Texts(dict[int, str]):
    """Tokens decoded alone, each once."""

    def __init__(self, model: NeuronModel) -> None:
        super().__init__()
        self._tokenizer = model.tokenizer

    def __missing__(self, token: int) -> str:
        self[token] = str(self._tokenizer.decode([token]))
        return self[token]
