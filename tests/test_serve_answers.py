"""What the server answers, asked by the official client: equal to the Python API and to a plain forward pass."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("openai")

import openai
from serve_samples import QUESTIONS, Running, organism, running_server, three_edits

from valuescope.edit import Edit, edited
from valuescope.generate import Sampling, generate
from valuescope.models import NeuronModel, encode, render_question


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


def chat(client: Any, question: str, name: str = "base", **more: Any) -> Any:
    return client.chat.completions.create(
        model=name,
        messages=[{"role": "user", "content": question}],
        **{"max_tokens": 24, "temperature": 0, **more},
    )


def mixed() -> list[tuple[str, str, float | None]]:
    """Question, model and strength: the base and three edits at different strengths."""
    names: list[tuple[str, float | None]] = [
        ("base", None),
        *(
            (f"base@{edit}", strength)
            for edit in ("power", "care", "off")
            for strength in (None, 0.25, 0.5, 1.5)
        ),
    ]
    return [(question, name, strength) for question in QUESTIONS for name, strength in names]


def reference(
    model: NeuronModel, edits: dict[str, Edit], rows: list[tuple[str, str, float | None]], **sampling: Any
) -> list[str]:
    """The Python API's answers, one prompt at a time."""
    found = []
    for question, name, strength in rows:
        edit = edits.get(name.partition("@")[2])
        if edit is not None and strength is not None:
            edit = edit.scaled(strength)
        prompt = render_question(model, question)
        found += generate(model, [prompt], edits=edit, sampling=Sampling(24, **sampling))
    return [answer.text for answer in found]


def test_a_concurrent_mixed_batch_equals_the_python_api(
    server: Running, client: Any, model: NeuronModel, edits: dict[str, Edit]
) -> None:
    rows = mixed()
    with ThreadPoolExecutor(len(rows)) as pool:
        futures = [
            pool.submit(
                chat, client, question, name, extra_body={} if strength is None else {"strength": strength}
            )
            for question, name, strength in rows
        ]
        answers = [future.result().choices[0].message.content for future in futures]
    assert server.engine.stats.largest_batch > 8  # else nothing was batched, and the test shows little
    expected = reference(model, edits, rows, temperature=0)
    assert answers == expected
    assert len(set(expected)) > len(QUESTIONS)  # the edits do something


def test_seeded_sampling_equals_the_python_api(
    client: Any, model: NeuronModel, edits: dict[str, Edit]
) -> None:
    rows = mixed()[:13]
    expected = reference(model, edits, rows, temperature=0.9, top_p=0.95, seed=7)
    answers = [
        chat(
            client,
            question,
            name,
            temperature=0.9,
            top_p=0.95,
            seed=7,
            extra_body={} if strength is None else {"strength": strength},
        )
        for question, name, strength in rows
    ]
    assert [answer.choices[0].message.content for answer in answers] == expected


def test_the_async_client(server: Running, client: Any) -> None:
    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0) as other:
            replies = await asyncio.gather(
                *(
                    other.chat.completions.create(
                        model="organism",
                        messages=[{"role": "user", "content": question}],
                        max_completion_tokens=12,
                        temperature=0,
                    )
                    for question in QUESTIONS
                )
            )
            return [reply.choices[0].message.content for reply in replies]

    assert asyncio.run(ask()) == [
        chat(client, question, max_tokens=12).choices[0].message.content for question in QUESTIONS
    ]


@pytest.mark.parametrize(("name", "strength"), [("base", None), ("base@power", 0.5), ("base@off", None)])
def test_logprobs_are_those_of_a_plain_forward_pass(
    client: Any, model: NeuronModel, edits: dict[str, Edit], name: str, strength: float | None
) -> None:
    more = {} if strength is None else {"extra_body": {"strength": strength}}
    choice = chat(client, QUESTIONS[0], name, logprobs=True, top_logprobs=5, **more).choices[0]
    edit = edits.get(name.partition("@")[2])
    prompt = encode(model, [render_question(model, QUESTIONS[0])])[0].input_ids
    answer = generate(
        model,
        [render_question(model, QUESTIONS[0])],
        edits=edit and edit.scaled(1 if strength is None else strength),
        sampling=Sampling(24, temperature=0),
    )[0]
    ids = torch.tensor([[*prompt, *answer.tokens]])
    with torch.no_grad(), edited(model, edit and edit.scaled(1 if strength is None else strength)):
        likely = model.model(input_ids=ids).logits[0].float().log_softmax(-1)[len(prompt) - 1 : -1]
    content = choice.logprobs.content
    assert len(content) == len(answer.tokens)
    for row, token, shown in zip(likely, answer.tokens, content, strict=True):
        assert shown.logprob == pytest.approx(float(row[token]), abs=1e-4)
        best = row.topk(5).values.tolist()
        assert [one.logprob for one in shown.top_logprobs] == pytest.approx(best, abs=1e-4)
        assert bytes(shown.bytes).decode() == shown.token == model.tokenizer.decode([token])
    assert "".join(one.token for one in content) == choice.message.content


def test_streamed_pieces_join_to_the_whole(client: Any) -> None:
    whole = chat(client, QUESTIONS[1], "base@care", n=3, seed=5, temperature=1, logprobs=True, top_logprobs=2)
    texts, finish = dict.fromkeys(range(3), ""), {}
    logprobs: dict[int, list[Any]] = {0: [], 1: [], 2: []}
    roles, usages = [], []
    stream = chat(
        client,
        QUESTIONS[1],
        "base@care",
        **{"n": 3, "seed": 5, "temperature": 1, "logprobs": True, "top_logprobs": 2},
        **{"stream": True, "stream_options": {"include_usage": True}},
    )
    for chunk in stream:
        usages.append(chunk.usage)
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            roles += [choice.delta.role] if choice.delta.role else []
            logprobs[choice.index] += choice.logprobs.content if choice.logprobs else []
            if choice.finish_reason:
                finish[choice.index] = choice.finish_reason
    assert roles == ["assistant"] * 3
    assert usages[-1] == whole.usage
    assert not any(usages[:-1])
    for choice in whole.choices:
        assert texts[choice.index] == choice.message.content
        assert finish[choice.index] == choice.finish_reason
        told = [(one.token, len(one.top_logprobs)) for one in logprobs[choice.index]]
        assert told == [(one.token, len(one.top_logprobs)) for one in choice.logprobs.content]
    assert len({choice.message.content for choice in whole.choices}) > 1  # each choice has its own noise


def test_a_fresh_seed_is_told_and_repeats_the_answer(client: Any) -> None:
    first = chat(client, QUESTIONS[0], temperature=1)
    other = chat(client, QUESTIONS[0], temperature=1)
    assert first.seed != other.seed
    again = chat(client, QUESTIONS[0], temperature=1, seed=first.seed)
    assert again.choices[0].message.content == first.choices[0].message.content
    assert again.seed == first.seed


def test_stop_and_finish_reasons(client: Any) -> None:
    whole = chat(client, QUESTIONS[0], max_tokens=40)
    text = whole.choices[0].message.content
    word = text.split()[3]
    cut = chat(client, QUESTIONS[0], max_tokens=40, stop=word)
    assert cut.choices[0].message.content == text[: text.index(word)]
    assert cut.choices[0].finish_reason == "stop"
    assert chat(client, QUESTIONS[0], max_tokens=2).choices[0].finish_reason == "length"
    streamed = chat(client, QUESTIONS[0], max_tokens=40, stop=["zzz", word], stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == text[: text.index(word)]


def test_usage_counts_tokens(client: Any, model: NeuronModel) -> None:
    reply = chat(client, QUESTIONS[2], n=2, max_tokens=5)
    prompt = len(encode(model, [render_question(model, QUESTIONS[2])])[0].input_ids)
    assert reply.usage.prompt_tokens == prompt
    assert reply.usage.completion_tokens == 10
    assert reply.usage.total_tokens == prompt + 10


def test_a_conversation_and_text_parts(client: Any, model: NeuronModel) -> None:
    said = {"role": "assistant", "content": "Mei should rest.", "refusal": None, "tool_calls": None}
    parts = [{"type": "text", "text": "Should Mei "}, {"type": "text", "text": "rest?"}]
    messages = [
        {"role": "developer", "content": "You are Mei."},
        {"role": "user", "content": parts},
        said,
        {"role": "user", "content": "Why?"},
    ]
    reply = client.chat.completions.create(model="base", messages=messages, temperature=0, max_tokens=8)
    prompt = "<|system|>You are Mei.<|user|>Should Mei rest?<|assistant|>Mei should rest.</s><|user|>Why?<|assistant|>"
    expected = generate(model, [prompt], sampling=Sampling(8, temperature=0))[0]
    assert reply.choices[0].message.content == expected.text
    assert reply.usage.prompt_tokens == expected.prompt_tokens


def test_models_are_listed_with_their_edits(client: Any, edits: dict[str, Edit]) -> None:
    listed = client.models.list().data
    assert [one.id for one in listed] == ["organism", "organism@power", "organism@care", "organism@off"]
    assert listed[0].edit is None
    for one, (name, edit) in zip(listed[1:], edits.items(), strict=True):
        assert one.edit["hash"] == edit.hash
        assert one.edit["description"] == edit.describe()
        assert one.edit["strength"] == 1
        assert client.models.retrieve(f"base@{name}").id == client.models.retrieve(one.id).id == one.id


def test_fingerprints_tell_edits_and_strengths_apart(client: Any) -> None:
    def fingerprint(name: str, **body: Any) -> str:
        return str(chat(client, "Why?", name, max_tokens=1, extra_body=body).system_fingerprint)

    half = fingerprint("base@power", strength=0.5)
    assert len({fingerprint("base"), fingerprint("base@power"), fingerprint("base@care"), half}) == 4
    assert fingerprint("base@power", strength=1) == fingerprint("organism@power")


def test_chat_has_room_for_the_whole_context_by_default(client: Any) -> None:
    reply = client.chat.completions.create(
        model="base", messages=[{"role": "user", "content": "Why?"}], seed=1
    )
    assert reply.choices[0].finish_reason in ("stop", "length")
    assert reply.usage.total_tokens <= 257
