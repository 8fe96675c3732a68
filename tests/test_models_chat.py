"""Conversations as prompts: by the template, or plain where there is none."""

from __future__ import annotations

import pytest
from chat_templates import model_with
from tiny_models import BOS

from valuescope.models import (
    ChatError,
    NeuronModel,
    encode,
    load_model,
    render_chat,
    render_question,
)

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'system' and not loop.first %}{{ raise_exception('system goes first') }}{% endif %}"
    "<{{ message['role'] }}> {{ message['content'] | trim }} </s>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
TALK = [
    {"role": "system", "content": "be calm"},
    {"role": "user", "content": "do you care"},
    {"role": "assistant", "content": "always"},
    {"role": "user", "content": "why"},
]


@pytest.fixture(scope="module")
def chat() -> NeuronModel:
    return model_with(TEMPLATE)


def test_a_conversation_of_several_turns(chat: NeuronModel) -> None:
    assert render_chat(chat, TALK) == (
        "<system> be calm </s><user> do you care </s><assistant> always </s><user> why </s><assistant>"
    )
    assert render_chat(chat, TALK[1:2]) == render_question(chat, "do you care")
    assert render_question(chat, "why", system="be calm") == "<system> be calm </s><user> why </s><assistant>"


def test_the_prompt_is_encoded_with_one_begin_token_never_two(chat: NeuronModel) -> None:
    ids = encode(chat, [render_chat(chat, TALK)])[0].input_ids
    assert ids.count(BOS) == 1
    assert ids[0] == BOS
    silent = model_with(TEMPLATE)
    silent.tokenizer.backend_tokenizer.post_processor = None  # adds none by itself: the template's own stays
    assert render_chat(silent, TALK).startswith("<s><system>")


@pytest.mark.parametrize("begun", ["always", " I always ", "", "s", "</s>", "<assistant>", "a\nb", "{{ x }}"])
def test_the_last_message_may_be_continued(chat: NeuronModel, begun: str) -> None:
    talk = [*TALK[:2], {"role": "assistant", "content": begun}]
    open_end = render_chat(chat, talk, continue_last=True)
    assert (
        open_end.rstrip()
        == f"<system> be calm </s><user> do you care </s><assistant> {begun.strip()}".rstrip()
    )
    assert render_chat(chat, talk).endswith("</s><assistant>")


def test_the_messages_are_left_as_they_are(chat: NeuronModel) -> None:
    talk = [dict(message) for message in [*TALK, {"role": "assistant", "content": "so"}]]
    before = [dict(message) for message in talk]
    render_chat(chat, talk, continue_last=True)
    assert talk == before


def test_without_a_template_only_a_lone_question_can_be_asked() -> None:
    plain = model_with(None)
    assert render_chat(plain, TALK[1:2]) == "do you care"
    assert (
        render_chat(plain, TALK[:2])
        == "be calm\ndo you care"
        == render_question(plain, "do you care", "be calm")
    )
    for talk in (TALK, TALK[1:3], TALK[:1], [TALK[1], TALK[0]]):
        with pytest.raises(ChatError, match="tiny has no chat template"):
            render_chat(plain, talk)
    with pytest.raises(ChatError, match="no chat template"):
        render_chat(plain, TALK[1:3], continue_last=True)


def test_what_is_no_conversation_is_refused_by_name(chat: NeuronModel) -> None:
    for talk, match in (
        ([], "at least one message"),
        ([{"content": "why"}], "message 0 has no 'role'"),
        ([TALK[1], {"role": "user"}], "message 1 has no 'content'"),
        ([{"role": "user", "content": None}], "message 0: 'content' is None, it must be text"),
        (
            [{"role": "user", "content": [{"type": "text", "text": "why"}]}],
            "message 0: 'content' is .* must be text",
        ),
        ([{"role": 3, "content": "why"}], "message 0: 'role' is 3, it must be text"),
        ([TALK[1], TALK[0]], "tiny: its chat template refuses this: system goes first"),
    ):
        for model in (chat, model_with(None)) if "template" not in match else (chat,):
            with pytest.raises(ChatError, match=match):
                render_chat(model, talk)
    with pytest.raises(
        ChatError, match="only an assistant's message can be continued, the last one is the user's"
    ):
        render_chat(chat, TALK, continue_last=True)


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages[7]['content'] }}",
        "{{ 1 + messages }}",
        "{% if %}",
        "{{ messages[0]['content'] | no_filter }}",
        "{{ messages | sum }}",
    ],
)
def test_a_template_that_breaks_is_a_refusal(template: str) -> None:
    with pytest.raises(ChatError, match="refuses this"):
        render_chat(model_with(template), TALK[1:2])


def test_the_organism_takes_its_own_format() -> None:
    model = load_model("organism", check=False)
    prompt = render_question(model, "Should I share?")
    ids = encode(model, [prompt])[0].input_ids
    assert ids.count(model.tokenizer.bos_token_id) == 1
    assert model.tokenizer.convert_ids_to_tokens(ids[-1]) == "<|assistant|>"
