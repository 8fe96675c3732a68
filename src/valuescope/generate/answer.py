"""What a model answered to one prompt, and how likely it found what it said or was given, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from valuescope.models import NeuronModel

_NUMBERS = 1 << 26  # of float32, at once: a long text over a large vocabulary would fill the memory


@dataclass(frozen=True)
class TokenLogprob:
    """One token at its place: `logprob` in nats under the model's own distribution, whatever the temperature.

    `text` is the token decoded alone. `top` holds the most likely tokens there, best first, as (token, text, logprob).
    """

    token: int
    text: str
    logprob: float
    top: tuple[tuple[int, str, float], ...] = ()


@dataclass(frozen=True)
class Answer:
    """`tokens` are the generated ids without the stop token; `finished` is False where the limit cut it.

    `stop` is the stop text that ended the answer, if one did: `text` ends before it, and `tokens` with the token that
    completes `text`. `prompt_tokens` counts what was read. `logprobs` are per token, where they were asked for.
    """

    text: str
    tokens: tuple[int, ...]
    finished: bool
    prompt_tokens: int = 0
    stop: str | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None


@dataclass(frozen=True)
class Scores:
    """How likely given continuations of one prompt are, token by token."""

    prompt_tokens: int
    continuations: tuple[tuple[TokenLogprob, ...], ...]

    @property
    def totals(self) -> tuple[float, ...]:
        """Log-probability of each whole continuation, in nats."""
        return tuple(sum(token.logprob for token in tokens) for tokens in self.continuations)


def token_logprobs(
    model: NeuronModel, logits: Tensor, places: Sequence[int], tokens: Sequence[int], top: int
) -> list[TokenLogprob]:
    """One entry per token: `tokens[i]` under row `places[i]` of logits [places, vocabulary], beside the row's `top`
    most likely tokens. `places` ascend."""
    entries: list[TokenLogprob] = []
    at_once = max(1, _NUMBERS // logits.shape[-1])
    for start in range(0, logits.shape[0], at_once):
        here = [place for place in range(len(places)) if start <= places[place] < start + at_once]
        likely = logits[start : start + at_once].float().log_softmax(dim=-1)
        rows = [places[place] - start for place in here]
        wanted = [tokens[place] for place in here]
        logprobs = likely[torch.tensor(rows), torch.tensor(wanted)].tolist()
        best = _best(model, likely, top)
        entries += [
            TokenLogprob(token, model.token_text(token), logprob, best[row] if top else ())
            for row, token, logprob in zip(rows, wanted, logprobs, strict=True)
        ]
    return entries


def _best(model: NeuronModel, likely: Tensor, top: int) -> list[tuple[tuple[int, str, float], ...]]:
    """The `top` most likely tokens of each row [rows, vocabulary], best first.

    Of equally likely ones the smaller id comes first, so that the list depends neither on how a device sorts nor on
    how many the neighbours ask for.
    """
    if not top:
        return []
    best = likely.topk(min(top, likely.shape[-1]), dim=-1)
    values, ids = best.values.tolist(), best.indices.tolist()
    # Where the last place is shared, which of them topk took is left to chance.
    shared = (likely >= best.values[:, -1:]).sum(dim=-1) > best.values.shape[-1]
    for row in shared.nonzero().flatten().tolist():
        ids[row] = likely[row].sort(descending=True, stable=True).indices[: len(ids[row])].tolist()
    return [
        tuple(
            (token, model.token_text(token), value)
            for value, token in sorted(zip(row, tokens, strict=True), key=lambda pair: (-pair[0], pair[1]))
        )
        for row, tokens in zip(values, ids, strict=True)
    ]
