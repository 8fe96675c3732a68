"""What a model answered to one prompt, and how likely it found what it said or was given."""

from __future__ import annotations

from dataclasses import dataclass


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
