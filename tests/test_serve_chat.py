"""How the server puts conversations to its model: template variables, the system turn, and the model's own sampling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import transformers as hf

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("openai")

import openai
from chat_templates import DEFAULT, PLAIN, THINKING, model_with
from serve_samples import Running, running_server

from valuescope.generate import Sampling, generate
from valuescope.models import Chat, NeuronModel, render_question

QUESTION = "should I share my money"


@pytest.fixture(scope="module")
def model() -> NeuronModel:
    model = model_with(DEFAULT.replace(PLAIN, THINKING.replace("<think>", " <think>"))).with_chat(
        Chat("none")
    )
    model.model.generation_config = hf.GenerationConfig(do_sample=True, temperature=0.4, top_p=0.7)
    return model


@pytest.fixture(scope="module")
def server(model: NeuronModel) -> Iterator[Running]:
    with running_server(model) as running:
        yield running


def ask(server: Running, **more: Any) -> Any:
    client = openai.OpenAI(base_url=server.url, api_key="none", max_retries=0)
    messages = [{"role": "user", "content": QUESTION}]
    return client.chat.completions.create(
        **{"model": "base", "messages": messages, "max_tokens": 12, "seed": 3, **more}
    )


def said(model: NeuronModel, chat: Chat, system: str = "", **sampling: Any) -> tuple[str, int]:
    """The answer in Python, and the tokens of its prompt."""
    prompt = render_question(model, QUESTION, system, chat=chat)
    (answer,) = generate(model, [prompt], sampling=Sampling(12, seed=3, **sampling), keys=["0"])
    return answer.text, answer.prompt_tokens


OWN = {"temperature": 0.4, "top_p": 0.7}


@pytest.mark.parametrize("thinking", [None, True, False])
def test_variables_of_the_template_are_those_of_the_request(
    server: Running, model: NeuronModel, thinking: bool | None
) -> None:
    variables = {} if thinking is None else {"enable_thinking": thinking}
    reply = ask(server, extra_body={"chat_template_kwargs": variables or None})
    text, tokens = said(model, Chat("none", variables), **OWN)
    assert (reply.choices[0].message.content, reply.usage.prompt_tokens) == (text, tokens)
    assert tokens == said(model, Chat("none"))[1] + (thinking is False)


def test_a_variable_that_the_template_does_not_read_is_refused_by_name(server: Running) -> None:
    with pytest.raises(openai.BadRequestError, match="reads no variable 'thinking'") as caught:
        ask(server, extra_body={"chat_template_kwargs": {"enable_thinking": False, "thinking": "off"}})
    assert caught.value.body["param"] == "chat_template_kwargs.thinking"  # type: ignore[index]


def test_values_that_are_no_scalars_are_refused(server: Running) -> None:
    with pytest.raises(openai.BadRequestError, match="chat_template_kwargs"):
        ask(server, extra_body={"chat_template_kwargs": {"enable_thinking": [False]}})


def test_the_system_turn_is_the_servers_where_a_conversation_brings_none(
    server: Running, model: NeuronModel
) -> None:
    reply = ask(server)
    assert reply.usage.prompt_tokens == said(model, Chat("none"))[1] != said(model, Chat())[1]
    talk = [{"role": "system", "content": "be calm"}, {"role": "user", "content": QUESTION}]
    told = ask(server, messages=talk)
    assert told.choices[0].message.content == said(model, Chat(), "be calm", **OWN)[0]


def test_sampling_is_the_models_own_unless_a_request_says_otherwise(
    server: Running, model: NeuronModel
) -> None:
    for given, drawn in (
        ({}, OWN),
        ({"temperature": 1.0}, {"temperature": 1.0, "top_p": 0.7}),
        ({"temperature": 1.0, "top_p": 1.0}, {}),
        ({"temperature": 0}, {"temperature": 0.0}),
    ):
        assert ask(server, **given).choices[0].message.content == said(model, Chat("none"), **drawn)[0]
    answers = {said(model, Chat("none"), **drawn)[0] for drawn in (OWN, {}, {"temperature": 0.0})}
    assert len(answers) == 3  # or the above would say nothing
