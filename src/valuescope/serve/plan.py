"""From a request's body to what the engine is asked: prompts in tokens, one request per choice."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from valuescope.edit import Edit, EditError
from valuescope.generate import Request, Sampling, ScoreRequest
from valuescope.models import BatchError, ChatError, NeuronModel, context_length, encode, render_chat
from valuescope.serve.bodies import ChatBody, CommonBody, CompletionBody
from valuescope.serve.errors import refused, too_long, unknown_model
from valuescope.serve.limits import Limits
from valuescope.serve.roster import Roster, Served

_TOKEN_CHARACTERS = 16

COMPLETION_TOKENS = 16
"""The API's own default of `max_tokens` in completions."""


@dataclass(frozen=True)
class Prompt:
    """A prompt in tokens, and as the text that `echo` gives back."""

    tokens: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class Plan:
    """All that one HTTP request asks of the engine.

    Choice i answers prompt i // n with `answers[i]` (there are none where the prompt is only to be scored), and its
    noise key is str(i). `scores` are the prompts' own log-probabilities, where they are to be echoed.
    """

    model: str
    fingerprint: str
    seed: int
    n: int
    prompts: tuple[Prompt, ...]
    answers: tuple[Request, ...]
    scores: Mapping[int, ScoreRequest]
    echo: bool
    top_logprobs: int | None
    stream: bool
    stream_usage: bool

    @property
    def edited(self) -> bool:
        """Whether an edit is on."""
        asked: list[Request | ScoreRequest] = [*self.answers, *self.scores.values()]
        return any(request.edit is not None for request in asked)

    @property
    def choices(self) -> int:
        """How many choices the reply has."""
        return len(self.prompts) * self.n

    @property
    def prompt_tokens(self) -> int:
        """Tokens of all prompts, each counted once."""
        return sum(len(prompt.tokens) for prompt in self.prompts)


def most_characters(model: NeuronModel) -> int | None:
    """Beyond so many characters a text is refused before it is made into tokens; None where the context has no limit.

    16 for each token of the context, where language has about 4; longer tokens are rows of spaces or dashes.
    """
    limit = context_length(model)
    return None if limit is None else limit * _TOKEN_CHARACTERS


def plan(
    model: NeuronModel,
    roster: Roster,
    limits: Limits,
    body: ChatBody | CompletionBody,
    most: int | None = None,
) -> Plan:
    """The plan of a chat completion or a completion. ApiError where the request cannot be answered as it is.

    most: characters of a prompt (see `most_characters`).
    """
    served = _served(roster, body)
    _check_length(model, limits, body, most)
    if isinstance(body, ChatBody):
        prompts, max_tokens, top_logprobs = [_chat(model, body)], body.wanted_tokens, body.alternatives
        usual_tokens, echo = limits.max_tokens, False
    else:
        prompts = [_prompt(model, prompt, f"prompt[{number}]") for number, prompt in enumerate(body.prompt)]
        max_tokens, top_logprobs = body.max_tokens, body.logprobs
        usual_tokens, echo = min(COMPLETION_TOKENS, limits.max_tokens), bool(body.echo)
    n, scored = body.n or 1, echo and top_logprobs is not None
    _check_size(limits, len(prompts), n, max_tokens)
    rooms = [_room(model, prompt, max_tokens, usual_tokens) for prompt in prompts]
    if top_logprobs is not None:
        tokens = n * sum(rooms) + scored * sum(len(prompt.tokens) for prompt in prompts)
        if tokens * (1 + top_logprobs) > limits.max_logprobs:
            raise refused(
                f"Up to {tokens * (1 + top_logprobs)} log-probabilities are more than {limits.max_logprobs}, the "
                "server's limit: ask for fewer tokens, prompts, choices or alternatives.",
                "logprobs",
            )
    edit = _edit_at(served, body.strength)
    seed = secrets.randbelow(2**31) if body.seed is None else body.seed
    temperature, top_p = model.sampling.settled(model.identity.id, body.temperature, body.top_p)
    answers = tuple(
        Request(
            prompt.tokens,
            edit,
            Sampling(
                room,
                temperature=temperature,
                top_p=top_p,
                seed=seed,
            ),
            key=str(number * n + choice),
            stop=tuple(body.stop or ()),
            top_logprobs=top_logprobs,
            force=roster.force,
        )
        for number, (prompt, room) in enumerate(zip(prompts, rooms, strict=True))
        for choice in range(n)
        if room > 0
    )
    scores = {
        number: ScoreRequest(
            prompt.tokens[:1], (prompt.tokens[1:],), edit, top_logprobs=top_logprobs or 0, force=roster.force
        )
        for number, prompt in enumerate(prompts)
        # The first token follows nothing: it has no probability.
        if scored and len(prompt.tokens) > 1
    }
    return Plan(
        served.id,
        served.fingerprint_under(edit),
        seed,
        n,
        tuple(prompts),
        answers,
        scores,
        echo=echo,
        top_logprobs=top_logprobs,
        stream=bool(body.stream),
        stream_usage=body.stream_options is not None and bool(body.stream_options.include_usage),
    )


def _check_length(
    model: NeuronModel, limits: Limits, body: ChatBody | CompletionBody, most: int | None
) -> None:
    """What can be told before anything is made into tokens, which takes its time."""
    if isinstance(body, ChatBody):
        lengths = {"messages": sum(len(part.text) for message in body.messages for part in message.content)}
    elif len(body.prompt) > limits.max_prompts:
        raise refused(
            f"{len(body.prompt)} prompts are more than {limits.max_prompts}, the server's limit.", "prompt"
        )
    else:
        lengths = {
            f"prompt[{number}]": len(prompt)
            for number, prompt in enumerate(body.prompt)
            if isinstance(prompt, str)
        }
    for place, characters in lengths.items():
        if most is not None and characters > most:
            raise too_long(place, characters, most, context_length(model) or 0)


def _chat(model: NeuronModel, body: ChatBody) -> Prompt:
    chat = model.chat
    if variables := body.chat_template_kwargs:
        try:
            chat = chat.with_variables(variables)
        except ChatError as error:
            raise refused(f"chat_template_kwargs: {error}", "chat_template_kwargs") from error
        if unread := model.prompts.unread(variables):
            raise refused(
                f"The model's chat template reads no variable {unread[0]!r}: leave it out.",
                f"chat_template_kwargs.{unread[0]}",
                "unsupported_parameter",
            )
    try:
        text = render_chat(model, [message.plain() for message in body.messages], chat=chat)
    except ChatError as error:
        raise refused(
            "The model's chat template refuses this conversation (usually for the order of roles); a model without a "
            "template takes one user message, with a system message before it or without.",
            "messages",
        ) from error
    return _prompt(model, text, "messages")


def _served(roster: Roster, body: CommonBody) -> Served:
    served = roster.find(body.model)
    if served is None:
        raise unknown_model(body.model, roster.ids)
    if served.edit is None and body.strength is not None:
        raise refused(
            "The base model has no edit whose strength could be set: leave `strength` out.", "strength"
        )
    return served


def _edit_at(served: Served, strength: float | None) -> Edit | None:
    try:
        return served.at(strength)
    except EditError as error:
        raise refused("This strength is too large to be a number.", "strength") from error


def _check_size(limits: Limits, prompts: int, n: int, max_tokens: int | None) -> None:
    if n > limits.max_choices:
        raise refused(f"n {n} is more than {limits.max_choices}, the server's limit.", "n")
    if max_tokens is not None and max_tokens > limits.max_tokens:
        raise refused(
            f"max_tokens {max_tokens} is more than {limits.max_tokens}, the server's limit.", "max_tokens"
        )
    if prompts * n > limits.max_queue:
        raise refused(
            f"{prompts} prompts with n {n} are more than the server's queue of {limits.max_queue}.", "n"
        )


def _room(model: NeuronModel, prompt: Prompt, max_tokens: int | None, usual_tokens: int) -> int:
    """How many tokens the answer may have; without a number in the request as many as there is room for."""
    limit, length = context_length(model), len(prompt.tokens)
    # The last token of an answer is drawn and never read.
    room = None if limit is None else limit - length + 1
    if room is not None and (room < 1 or (max_tokens or 0) > room):
        raise refused(
            f"The model's context is {limit} tokens: the prompt has {length} and leaves no room for "
            f"{usual_tokens if max_tokens is None else max_tokens} more.",
            "max_tokens" if room > 0 else "prompt",
            "context_length_exceeded",
        )
    if max_tokens is not None:
        return max_tokens
    return usual_tokens if room is None else min(usual_tokens, room)


def _prompt(model: NeuronModel, prompt: str | list[int], place: str) -> Prompt:
    if isinstance(prompt, str):
        try:
            tokens, text = encode(model, [prompt])[0].input_ids, prompt
        except BatchError as error:
            raise refused(f"{place} is empty: the model needs at least one token to read.", place) from error
    else:
        if not prompt:
            raise refused(f"{place} is empty: the model needs at least one token to read.", place)
        tokens, text = tuple(prompt), None
    # A tokenizer may write ids, of tokens that were added to it, for which the model has nothing.
    wrong = next((token for token in tokens if token >= model.embeddings), None)
    if wrong is not None:
        raise refused(
            f"{place}: token id {wrong} is not in the vocabulary (0 to {model.embeddings - 1}).", place
        )
    return Prompt(
        tokens, str(model.tokenizer.decode(tokens, skip_special_tokens=True)) if text is None else text
    )
