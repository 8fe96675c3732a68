"""Inspect's GenerateConfig as requests to the engine."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from inspect_ai.model import GenerateConfig

from valuescope.generate import Sampling
from valuescope.provider.model_names import ProviderError

LONGEST_ANSWER = 2048
"""Tokens of an answer where `max_tokens` is not set; less where the context has less room."""

SUPPORTED = (
    *("max_tokens", "temperature", "top_p", "seed", "stop_seqs"),
    *("logprobs", "top_logprobs", "num_choices"),
)
# Acted on by Inspect before or around the call, or about tools, which are refused.
_INSPECTS_OWN = (
    *("max_retries", "timeout", "attempt_timeout", "stream_idle_timeout"),
    *("max_connections", "adaptive_connections", "cache", "cache_prompt", "fail_on_refusal"),
    *("system_message", "reasoning_history"),
    *("max_tool_output", "internal_tools", "parallel_tool_calls"),
)
_NO_EFFECT = {"frequency_penalty": 0, "presence_penalty": 0, "best_of": 1, "batch": False}


@dataclass(frozen=True)
class Draw:
    """How one call's answers are drawn. `cut` is the stop reason of an answer that reaches its last token."""

    sampling: Sampling
    keys: tuple[str, ...]
    stop: tuple[str, ...]
    top_logprobs: int | None
    cut: str


def require_supported(config: GenerateConfig) -> None:
    """ProviderError names the first field that is set and would be ignored."""
    for name in type(config).model_fields:
        value = getattr(config, name)
        if value is None or name in SUPPORTED or name in _INSPECTS_OWN:
            continue
        if name not in _NO_EFFECT or value != _NO_EFFECT[name]:
            raise ProviderError(
                f"{name} is set to {value!r}, which valuescope models cannot do: leave it unset "
                f"(they take {', '.join(SUPPORTED)})"
            )
    if config.num_choices is not None and config.num_choices < 1:
        raise ProviderError(f"num_choices is {config.num_choices}, it must be at least 1")
    if config.max_tokens is not None and config.max_tokens < 1:
        raise ProviderError(f"max_tokens is {config.max_tokens}, it must be at least 1")
    if config.top_logprobs is not None and not config.logprobs:
        raise ProviderError(
            f"top_logprobs is {config.top_logprobs} and logprobs is not set: set logprobs to true too"
        )


def draw_for(
    config: GenerateConfig, prompt: str, epoch: int, room: int | None, settled: tuple[float, float]
) -> Draw:
    """The draw of a call. `room` is how many tokens the context has left (None: no limit is known). `settled`: its
    temperature and top_p (see `SamplingDefaults`).

    Without a seed a fresh one is drawn. The noise of a row is named by the prompt, the epoch and the number of the
    choice: so a base and an edited model share it, and questions, epochs and choices do not.
    """
    wanted = LONGEST_ANSWER if config.max_tokens is None else config.max_tokens
    tokens = wanted if room is None else min(wanted, room)
    digest = hashlib.sha256(prompt.encode("utf-8")).hexdigest()[:16]
    return Draw(
        sampling=Sampling(
            max_new_tokens=tokens,
            temperature=settled[0],
            top_p=settled[1],
            seed=secrets.randbits(32) if config.seed is None else config.seed,
        ),
        keys=tuple(f"{digest}/{epoch}/{choice}" for choice in range(config.num_choices or 1)),
        stop=tuple(config.stop_seqs or ()),
        top_logprobs=(config.top_logprobs or 0) if config.logprobs else None,
        cut="max_tokens" if tokens == wanted else "model_length",
    )
