"""A question as the model expects to be asked."""

from __future__ import annotations

from jinja2 import TemplateError

from valuescope.models.neuron_model import NeuronModel


class ChatError(ValueError):
    """A conversation that the model's chat template refuses."""


def render_question(model: NeuronModel, question: str, system: str = "") -> str:
    """The prompt for one question: by the chat template where the tokenizer has one, else the plain text.

    A beginning-of-text token that the template writes is taken off where the tokenizer adds one by itself, so that the
    prompt is encoded with one, never two. Without a template `system` stands before the question, on a line of its own.

    Raises ChatError where the template refuses, such as one that knows no system message.
    """
    tokenizer = model.tokenizer
    if tokenizer.chat_template is None:
        return f"{system}\n{question}" if system else question
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": question})
    try:
        text = str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    except TemplateError as error:
        raise ChatError(f"{model.identity.id}: its chat template refuses this: {error}") from error
    begin, first = tokenizer.bos_token, tokenizer("a")["input_ids"][:1]
    return text.removeprefix(begin) if begin and first == [tokenizer.bos_token_id] else text
