"""Prompts for a model in memory: one question, or a conversation."""

from __future__ import annotations

from valuescope.models.chat import Chat
from valuescope.models.neuron_model import NeuronModel
from valuescope.models.prompts import Messages, Prompts


def render_question(model: NeuronModel, question: str, system: str = "", *, chat: Chat | None = None) -> str:
    """The prompt of one question, after a system message of its own or (empty) without one (see `render_chat`)."""
    return _prompts(model, chat).question(question, system)


def render_chat(
    model: NeuronModel, messages: Messages, *, chat: Chat | None = None, continue_last: bool = False
) -> str:
    """The prompt of a conversation, by the model's own chat settings or by `chat` (see `Prompts.conversation`)."""
    return _prompts(model, chat).conversation(messages, continue_last=continue_last)


def _prompts(model: NeuronModel, chat: Chat | None) -> Prompts:
    return model.prompts if chat is None else model.with_chat(chat).prompts
