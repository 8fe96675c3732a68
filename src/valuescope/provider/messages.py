"""Inspect's messages as the prompt that the model reads, and the engine's answers as Inspect's ModelOutput."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ContentText,
    Logprob,
    Logprobs,
    ModelOutput,
    ModelUsage,
    StopReason,
    TopLogprob,
)

from valuescope.generate import Answer, TokenLogprob
from valuescope.models import Chat, NeuronModel, render_chat
from valuescope.provider.model_names import ProviderError


def render_messages(model: NeuronModel, messages: Sequence[ChatMessage], chat: Chat | None = None) -> str:
    """The prompt; a final assistant message is left open, for the model to go on with it.

    Raises ProviderError for what is not text, or speaks of tools, and ChatError where the chat template refuses.
    """
    conversation = [
        {"role": message.role, "content": _text(number, message)} for number, message in enumerate(messages)
    ]
    begun = bool(conversation) and conversation[-1]["role"] == "assistant"
    return render_chat(model, conversation, chat=chat, continue_last=begun)


def _text(number: int, message: ChatMessage) -> str:
    if message.role == "tool" or (isinstance(message, ChatMessageAssistant) and message.tool_calls):
        raise ProviderError(
            f"message {number} ({message.role}) speaks of tools, which valuescope models do not have: ask without tools"
        )
    if isinstance(message.content, str):
        return message.content
    for part in message.content:
        if not isinstance(part, ContentText):
            raise ProviderError(
                f"message {number} ({message.role}) holds {part.type}, valuescope models read text only: leave it out"
            )
    return message.text


def model_output(name: str, answers: Sequence[Answer], cut: str, metadata: dict[str, Any]) -> ModelOutput:
    """One choice per answer; `cut` is the stop reason of those that were not finished."""
    read, written = answers[0].prompt_tokens, sum(len(answer.tokens) for answer in answers)
    return ModelOutput(
        model=name,
        choices=[
            ChatCompletionChoice(
                message=ChatMessageAssistant(content=answer.text, model=name, source="generate"),
                stop_reason="stop" if answer.finished else cast(StopReason, cut),
                logprobs=None if answer.logprobs is None else _logprobs(answer.logprobs),
            )
            for answer in answers
        ],
        usage=ModelUsage(input_tokens=read, output_tokens=written, total_tokens=read + written),
        metadata=metadata,
    )


def no_room(name: str, tokens: int, limit: int) -> ModelOutput:
    """What is said to a prompt that is longer than the context."""
    output = ModelOutput.from_content(
        name,
        "",
        stop_reason="model_length",
        error=f"the prompt has {tokens} tokens and the model's context {limit}: shorten it",
    )
    output.usage = ModelUsage(input_tokens=tokens, total_tokens=tokens)
    return output


def _logprobs(tokens: Sequence[TokenLogprob]) -> Logprobs:
    return Logprobs(
        content=[
            Logprob(
                token=token.text,
                logprob=token.logprob,
                bytes=_bytes(token.text),
                top_logprobs=[
                    TopLogprob(token=text, logprob=logprob, bytes=_bytes(text))
                    for _, text, logprob in token.top
                ],
            )
            for token in tokens
        ]
    )


def _bytes(text: str) -> list[int] | None:
    """None where the token is part of a character, whose bytes its text does not tell."""
    return None if "\N{REPLACEMENT CHARACTER}" in text else list(text.encode("utf-8"))
