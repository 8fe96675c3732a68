"""What can be asked of a model: an answer, or the log-probabilities of given continuations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from valuescope.edit import Edit, Scope, require_scope
from valuescope.generate.sampling import Sampling
from valuescope.models import Encoded, NeuronModel, context_length, encode


class GenerationError(RuntimeError):
    """Answers that cannot be generated as asked."""


@dataclass(frozen=True)
class Request:
    """One prompt to answer, with its own edit, sampling and noise.

    `prompt` is text or token ids. `key` names the noise: number t of (seed, key) decides token t, whoever shares the
    batch. The answer ends before the first of the `stop` texts. `top_logprobs` None: no log-probabilities; k >= 0: of
    every answer token, beside the k most likely at its place. `on` limits the edit to tokens of the prompt or of the
    answer. `force` applies an edit that was made for another model.
    """

    prompt: str | tuple[int, ...]
    edit: Edit | None = None
    sampling: Sampling = field(default_factory=Sampling)
    key: str = "0"
    stop: tuple[str, ...] = ()
    top_logprobs: int | None = None
    on: Scope = "both"
    add_special_tokens: bool = True
    force: bool = False

    def __post_init__(self) -> None:
        require_scope(self.on)
        if self.top_logprobs is not None and self.top_logprobs < 0:
            raise GenerationError(f"top_logprobs is {self.top_logprobs}, it must be None or at least 0")
        if isinstance(self.stop, str):
            raise GenerationError(f"stop is the text {self.stop!r}, it must be a tuple of texts")
        if "" in self.stop:
            raise GenerationError("stop holds an empty text, which every answer begins with: leave it out")


@dataclass(frozen=True)
class ScoreRequest:
    """One prompt and texts (or token ids) that could follow it, to be scored and not generated.

    Each continuation stands directly behind the prompt. With token ids on both sides nothing is tokenised; else prompt
    and continuation are tokenised as one text (see `encode`).
    """

    prompt: str | tuple[int, ...]
    continuations: tuple[str | tuple[int, ...], ...]
    edit: Edit | None = None
    on: Scope = "both"
    top_logprobs: int = 0
    add_special_tokens: bool = True
    force: bool = False

    def __post_init__(self) -> None:
        require_scope(self.on)
        if not self.continuations:
            raise GenerationError("nothing to score: give at least one continuation")
        if self.top_logprobs < 0:
            raise GenerationError(f"top_logprobs is {self.top_logprobs}, it must be at least 0")


def encode_prompt(model: NeuronModel, request: Request) -> Encoded:
    """The prompt as token ids; GenerationError where an id is none of the model's, or there is no room to answer."""
    if isinstance(request.prompt, str):
        encoded = encode(model, [request.prompt], add_special_tokens=request.add_special_tokens)[0]
    else:
        encoded = _from_ids(request.prompt, len(request.prompt))
    require_known(model, [encoded])
    require_room(model, [encoded], request.sampling)
    return encoded


def encode_continuations(model: NeuronModel, request: ScoreRequest) -> list[Encoded]:
    """Prompt and continuation as token ids, one row per continuation; at least one token of context is kept."""
    prompt = request.prompt
    for number, text in enumerate(request.continuations):
        if isinstance(text, str) != isinstance(prompt, str):
            raise GenerationError(
                f"continuation {number} and its prompt must both be text or both be token ids"
            )
    if isinstance(prompt, str):
        texts = [text for text in request.continuations if isinstance(text, str)]
        rows = encode(model, [prompt] * len(texts), texts, add_special_tokens=request.add_special_tokens)
    else:
        ids = [tokens for tokens in request.continuations if not isinstance(tokens, str)]
        rows = [_from_ids((*prompt, *tokens), len(prompt)) for tokens in ids]
    limit = context_length(model)
    for number, row in enumerate(rows):
        if row.prompt_length < 1 or len(row.input_ids) <= row.prompt_length:
            raise GenerationError(
                f"continuation {number} has nothing to score: {len(row.input_ids)} tokens in all, of which "
                f"{row.prompt_length} are the prompt's; both need at least one of their own"
            )
        # The last token is predicted, never read.
        if limit is not None and len(row.input_ids) - 1 > limit:
            raise GenerationError(
                f"prompt and continuation {number} have {len(row.input_ids)} tokens and {model.identity.id} has "
                f"{limit} positions: shorten them"
            )
    require_known(model, rows)
    return rows


def require_room(model: NeuronModel, encoded: Sequence[Encoded], sampling: Sampling) -> None:
    """GenerationError unless the longest prompt leaves room for the longest answer."""
    limit = context_length(model)
    longest = max((len(row.input_ids) for row in encoded), default=0)
    needed = longest + sampling.max_new_tokens - 1  # the last drawn token is never fed back
    if limit is not None and needed > limit:
        raise GenerationError(
            f"the longest prompt has {longest} tokens and max_new_tokens is {sampling.max_new_tokens}: that "
            f"needs {needed} positions and {model.identity.id} has {limit}; shorten the prompt or lower "
            "max_new_tokens"
        )


def require_known(model: NeuronModel, encoded: Sequence[Encoded]) -> None:
    """GenerationError for an id without an embedding, also one that a tokenizer with added tokens wrote: on a GPU it
    would end the process."""
    size = model.embeddings
    for row in encoded:
        if not 0 <= min(row.input_ids) <= max(row.input_ids) < size:
            wrong = next(token for token in row.input_ids if not 0 <= token < size)
            raise GenerationError(
                f"token id {wrong} is not in the vocabulary of {model.identity.id} (0 to {size - 1})"
            )


def _from_ids(ids: tuple[int, ...], prompt_length: int) -> Encoded:
    if not ids:
        raise GenerationError("a prompt needs at least one token")
    return Encoded(tuple(ids), prompt_length)
