"""Inspect's messages as the prompt that the model reads."""

from __future__ import annotations

from collections.abc import Sequence

from inspect_ai.model import ChatMessage, ChatMessageAssistant, ContentText

from valuescope.models import NeuronModel, render_chat
from valuescope.provider.names import ProviderError


def render_messages(model: NeuronModel, messages: Sequence[ChatMessage]) -> str:
    """The prompt; a final assistant message is left open, for the model to go on with it.

    Raises ProviderError for what is not text, or speaks of tools, and ChatError where the chat template refuses.
    """
    chat = [
        {"role": message.role, "content": _text(number, message)} for number, message in enumerate(messages)
    ]
    return render_chat(model, chat, continue_last=bool(chat) and chat[-1]["role"] == "assistant")


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
