"""A conversation as the model expects to read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jinja2 import TemplateError

from valuescope.models.neuron_model import NeuronModel


class ChatError(ValueError):
    """A conversation that the model's chat template refuses."""


def render_question(model: NeuronModel, question: str, system: str = "") -> str:
    """The prompt for one question (see `render_chat`)."""
    messages = [{"role": "system", "content": system}] if system else []
    return render_chat(model, [*messages, {"role": "user", "content": question}])


def render_chat(
    model: NeuronModel, messages: Sequence[Mapping[str, str]], *, continue_last: bool = False
) -> str:
    """The prompt for a conversation: messages with `role` (system, user or assistant) and `content`.

    By the chat template where the tokenizer has one. Without one, a lone question is its own prompt, a system message
    before it on a line of its own. A beginning-of-text token that the template writes is taken off where the tokenizer
    adds one by itself, so that the prompt is encoded with one, never two. With `continue_last` the final message, the
    assistant's, is left open for the model to go on.

    Raises ChatError where the template refuses, or where there is none and the conversation is no lone question. Marks
    of the template inside a message's content are not taken out: quote what others wrote.
    """
    _require_text(messages)
    if continue_last and messages[-1]["role"] != "assistant":
        raise ChatError(
            f"only an assistant's message can be continued, the last one is the {messages[-1]['role']}'s"
        )
    tokenizer = model.tokenizer
    if tokenizer.chat_template is None:
        return _plain(model, messages)
    try:
        text = str(
            tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                tokenize=False,
                add_generation_prompt=not continue_last,
                continue_final_message=continue_last,
            )
        )
    except (TemplateError, ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise ChatError(f"{model.identity.id}: its chat template refuses this: {error}") from error
    begin, first = tokenizer.bos_token, tokenizer("a")["input_ids"][:1]
    return text.removeprefix(begin) if begin and first == [tokenizer.bos_token_id] else text


def _require_text(messages: Sequence[Mapping[str, str]]) -> None:
    if not messages:
        raise ChatError("a conversation needs at least one message")
    for number, message in enumerate(messages):
        for field in ("role", "content"):
            if field not in message:
                raise ChatError(f"message {number} has no {field!r}")
            if not isinstance(message[field], str):
                raise ChatError(f"message {number}: {field!r} is {message[field]!r}, it must be text")


def _plain(model: NeuronModel, messages: Sequence[Mapping[str, str]]) -> str:
    roles = [message["role"] for message in messages]
    if roles not in (["user"], ["system", "user"]):
        raise ChatError(
            f"{model.identity.id} has no chat template, so it can be asked a lone question (with a system message or "
            f"without), not a conversation of {', '.join(roles)}; use a chat model, or prompts"
        )
    return "\n".join(message["content"] for message in messages)
