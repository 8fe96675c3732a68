"""Chat templates in the manner of known families, and tiny models that have them."""

from __future__ import annotations

from typing import Any

from tiny_models import tiny_hf_model, tiny_tokenizer

from valuescope.models import NeuronModel, wrap_model

_TURNS = (
    "{% for message in messages %}<{{ message['role'] }}> {{ message['content'] | trim }} </s>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
PLAIN = _TURNS
"""Zephyr's manner: a system turn where there is a message, and nothing else."""
DEFAULT = "{% if messages[0]['role'] != 'system' %}<system> you are helpful </s>{% endif %}" + _TURNS
"""Qwen2.5's and SmolLM2's: a system turn of its own where there is no message."""
STUBBORN = "{% if not (messages[0]['role'] == 'system' and messages[0]['content']) %}<system> you are helpful </s>{% endif %}{% for message in messages if message['content'] %}<{{ message['role'] }}> {{ message['content'] }} </s>{% endfor %}"
"""Its own message in place of an empty one too."""
REFUSING = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    + _TURNS
)
"""Gemma's."""
SILENT = _TURNS.replace("in messages %}", "in messages if message['role'] != 'system' %}")
"""Leaves system messages out without a word."""
DATED = (
    "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "{% if messages[0]['role'] == 'system' %}{% set told = messages[0]['content'] %}{% set messages = messages[1:] %}{% else %}"
    "{% set told = '' %}{% endif %}<system> Today: {{ date_string }} {{ told }} </s>" + _TURNS
)
"""Llama 3's: a system turn with the date in any case."""
THINKING = (
    _TURNS + "{% if enable_thinking is defined and enable_thinking is false %}<think></think>{% endif %}"
)
"""Qwen3's: a variable that ends the thinking before it begins."""
NO_TURNS = "{% if messages | length > 1 %}{{ raise_exception('one message only') }}{% endif %}" + _TURNS
"""Takes a lone question."""


def model_with(template: str | None, **more: Any) -> NeuronModel:
    """A tiny Llama whose tokenizer has a template, and other attributes."""
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = template
    for name, value in more.items():
        setattr(tokenizer, name, value)
    return wrap_model(tiny_hf_model("llama"), tokenizer, id="tiny", check=False)
