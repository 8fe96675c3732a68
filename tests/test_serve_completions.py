"""Completions of plain prompts: every kind of prompt, several choices, and prompts that are scored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("openai")

import openai
import torch
from serve_samples import Running, organism, running_server, three_edits

from valuescope.edit import Edit, edited
from valuescope.generate import Sampling, generate
from valuescope.models import NeuronModel, encode


@pytest.fixture(scope="module")
def model() -> NeuronModel:
    return organism()


@pytest.fixture(scope="module")
def edits(model: NeuronModel) -> dict[str, Edit]:
    return three_edits(model)


@pytest.fixture(scope="module")
def server(model: NeuronModel, edits: dict[str, Edit]) -> Iterator[Running]:
    with running_server(model, edits) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Running) -> Any:
    return openai.OpenAI(base_url=server.url, api_key="none", max_retries=0)


def test_choices_are_those_of_the_python_api_with_keys_by_their_index(
    client: Any, model: NeuronModel
) -> None:
    prompts = ["Should Mei", "Should Omar"]
    reply = client.completions.create(
        model="base", prompt=prompts, n=2, seed=11, max_tokens=10, temperature=1
    )
    expected = generate(
        model, [prompts[0]] * 2 + [prompts[1]] * 2, sampling=Sampling(10, seed=11), keys=["0", "1", "2", "3"]
    )
    assert [choice.text for choice in reply.choices] == [answer.text for answer in expected]
    assert [choice.index for choice in reply.choices] == [0, 1, 2, 3]


def test_prompts_of_every_kind(client: Any, model: NeuronModel) -> None:
    texts = ["Should Mei", "Lena may"]
    ids = [list(one.input_ids) for one in encode(model, texts)]
    expected = [answer.text for answer in generate(model, texts, sampling=Sampling(6, temperature=0))]

    def ask(prompt: Any) -> list[str]:
        reply = client.completions.create(model="base", prompt=prompt, max_tokens=6, temperature=0)
        return [choice.text for choice in reply.choices]

    assert ask(texts[0]) == ask(ids[0]) == expected[:1]
    assert ask(texts) == ask(ids) == expected


@pytest.mark.parametrize("name", ["base", "base@power"])
@pytest.mark.parametrize("new_tokens", [0, 1])
def test_echo_scores_the_prompt(
    client: Any, model: NeuronModel, edits: dict[str, Edit], name: str, new_tokens: int
) -> None:
    texts = ["Mei should rest on the sofa.", "Lena"]
    reply = client.completions.create(
        model=name, prompt=texts, echo=True, logprobs=3, max_tokens=new_tokens, temperature=0
    )
    for text, choice in zip(texts, reply.choices, strict=True):
        ids = encode(model, [text])[0].input_ids
        with torch.no_grad(), edited(model, edits.get(name.partition("@")[2])):
            likely = model.model(input_ids=torch.tensor([ids])).logits[0].float().log_softmax(-1)
        told = choice.logprobs
        assert len(told.tokens) == len(told.token_logprobs) == len(told.text_offset) == len(ids) + new_tokens
        assert told.token_logprobs[0] is told.top_logprobs[0] is None
        expected = [float(likely[place, token]) for place, token in enumerate(ids[1:])]
        assert told.token_logprobs[1 : len(ids)] == pytest.approx(expected, abs=1e-4)
        for place, best in enumerate(told.top_logprobs[1 : len(ids)]):
            assert max(best.values()) == pytest.approx(float(likely[place].max()), abs=1e-4)
            assert told.tokens[place + 1] in best
        assert choice.text.startswith(text)
        assert (choice.text == text) == (new_tokens == 0)
        shown = [(told.tokens[at], told.text_offset[at]) for at in range(1, len(told.tokens))]
        assert all(choice.text[start : start + len(token)] == token for token, start in shown)
    assert reply.usage.completion_tokens == 2 * new_tokens


def test_streamed_echo_equals_the_whole(client: Any) -> None:
    asked: dict[str, Any] = {
        "model": "base",
        "prompt": ["Mei should rest", "Lena"],
        "echo": True,
        "logprobs": 2,
    }
    asked |= {"max_tokens": 4, "temperature": 0, "n": 2}
    whole = client.completions.create(**asked)
    texts: dict[int, str] = {}
    offsets: dict[int, list[int]] = {}
    for chunk in client.completions.create(**asked, stream=True):
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + choice.text
            offsets.setdefault(choice.index, []).extend(
                choice.logprobs.text_offset if choice.logprobs else []
            )
    assert [texts[choice.index] for choice in whole.choices] == [choice.text for choice in whole.choices]
    assert [offsets[choice.index] for choice in whole.choices] == [
        choice.logprobs.text_offset for choice in whole.choices
    ]


def test_echo_without_new_tokens_or_logprobs_gives_the_prompt_back(client: Any) -> None:
    reply = client.completions.create(model="base", prompt="Mei should", echo=True, max_tokens=0)
    assert reply.choices[0].text == "Mei should"
    assert reply.choices[0].logprobs is None
