"""How exactly a server that is not ours answers like the organism itself: tokens, greedy answers, log-probabilities."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import torch
from servers import KEY, Server

from valuescope.data import Question
from valuescope.generate import Answer, Engine, Request, Sampling
from valuescope.models import NeuronModel, render_question

# llama-cpp-python's server divides the logits of tokens that have occurred by 1.1 unless it is told not to.
PLAIN = {"repeat_penalty": 1.0}
TOP = 20

# What a byte-level tokenizer most easily gets wrong, beside the grammar's own texts.
HARD_TEXTS = (
    "",
    " ",
    "  two  spaces and three   spaces ",
    "a line\nanother\n\n\nand a\ttab \r\n",
    "it's I'll we've they'd you're don't I'm IT'S I'LL",
    "0 12 345 6789 1,000.5 3/4 10%",
    "Zürich, naïve, Łódź, Ελλάδα, Привет, שלום, مرحبا",
    "价值 与 选择,日本語のテキスト、한국어",
    "emoji 🙂👩‍👩‍👧‍👦🏳️‍🌈 and accents e\u0301 n\u0303",
    "no-break\u00a0space, thin\u2009space, zero\u200bwidth, line\u2028separator",
    '"quoted" (bracketed) [square] {curly} <angle> #hash @at $5 a_b ...!?',
    "<s> </s> <pad> <|user|> <|system|>You are<|assistant|>",
    "<|user", "< |user|>", "<|USER|>", "\x00\x01\x7f\ufffd",
)  # fmt: skip


@dataclass(frozen=True)
class Agreement:
    """Counts of what is equal, and the largest difference of log-probabilities in nats."""

    texts: int
    token_ids_equal: int
    answers: int
    answers_equal: int
    answer_tokens: int
    answer_logprob_difference: float
    top_logprob_difference: float
    distributions: int
    distribution_tokens: int
    distribution_difference: float
    unequal: tuple[dict[str, Any], ...]


def measure(
    model: NeuronModel, server: Server, questions: Sequence[Question], distributions: int
) -> Agreement:
    """Compare the server with `model` (float32) on the questions; whole distributions on the first of them."""
    prompts = [_prompt(model, question) for question in questions]
    client = openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0)
    name = server.models[0]
    unequal: list[dict[str, Any]] = []

    texts = [*prompts, *HARD_TEXTS]
    same_ids = 0
    for text in texts:
        ours, theirs = model.tokenizer(text)["input_ids"], _token_ids(server, text)
        same_ids += ours == theirs
        if ours != theirs:
            unequal.append({"text": text, "token ids": [ours, theirs]})

    requests = [
        Request(prompt, sampling=Sampling(temperature=0.0), key=question.key, top_logprobs=TOP)
        for question, prompt in zip(questions, prompts, strict=True)
    ]
    with Engine(model) as engine:
        answers = [answer for answer in engine.run(requests) if isinstance(answer, Answer)]
    same_answers, tokens, answer_difference, top_difference = 0, 0, 0.0, 0.0
    for question, answer in zip(questions, answers, strict=True):
        choice = _chat(client, name, question)
        if choice.message.content != answer.text:
            unequal.append({"question": question.question, "answers": [answer.text, choice.message.content]})
            continue
        same_answers += 1
        tokens += len(answer.tokens)
        difference, difference_of_top = _logprob_differences(answer, choice)
        answer_difference = max(answer_difference, difference)
        top_difference = max(top_difference, difference_of_top)

    compared, difference = 0, 0.0
    for prompt in prompts[:distributions]:
        number, one = _distribution_difference(model, client, name, prompt)
        compared += number
        difference = max(difference, one)
    return Agreement(
        texts=len(texts),
        token_ids_equal=same_ids,
        answers=len(questions),
        answers_equal=same_answers,
        answer_tokens=tokens,
        answer_logprob_difference=answer_difference,
        top_logprob_difference=top_difference,
        distributions=min(distributions, len(prompts)),
        distribution_tokens=compared,
        distribution_difference=difference,
        unequal=tuple(unequal[:20]),
    )


def _prompt(model: NeuronModel, question: Question) -> str:
    return question.prompt or render_question(model, question.question, question.system)


def _token_ids(server: Server, text: str) -> list[int]:
    url = server.url.removesuffix("/v1") + "/extras/tokenize"
    answer = httpx.post(
        url, json={"input": text}, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False, timeout=60
    )
    return list(answer.raise_for_status().json()["tokens"])


def _chat(client: openai.OpenAI, name: str, question: Question) -> Any:
    messages: list[Any] = [{"role": "system", "content": question.system}] if question.system else []
    messages.append({"role": "user", "content": question.question})
    completion = client.chat.completions.create(
        model=name,
        messages=messages,
        temperature=0,
        max_tokens=Sampling().max_new_tokens,
        logprobs=True,
        top_logprobs=TOP,
        extra_body=PLAIN,
    )
    return completion.choices[0]


def _logprob_differences(answer: Answer, choice: Any) -> tuple[float, float]:
    """The largest difference over the answer's tokens, and over the alternatives that both sides name."""
    ours, theirs = answer.logprobs or (), choice.logprobs.content
    if [one.text for one in ours] != [one.token for one in theirs]:
        return math.inf, math.inf
    own, top = 0.0, 0.0
    for mine, other in zip(ours, theirs, strict=True):
        own = max(own, abs(mine.logprob - other.logprob))
        named = {one.token: one.logprob for one in other.top_logprobs}
        shared = [(logprob, named[text]) for _, text, logprob in mine.top if text in named]
        top = max([top, *(abs(one - two) for one, two in shared)])
    return own, top


def _distribution_difference(
    model: NeuronModel, client: openai.OpenAI, name: str, prompt: str
) -> tuple[int, float]:
    """The next token after a prompt, over the whole vocabulary: how many tokens were compared, the largest difference.

    The server names tokens by their texts, so tokens that share a text (single bytes, special tokens) are left out.
    Ours is a plain forward of transformers, without any code of valuescope's.
    """
    size = model.tokenizer.vocab_size
    completion = client.completions.create(
        model=name, prompt=prompt, max_tokens=1, temperature=0, logprobs=size, extra_body=PLAIN
    )
    found = completion.choices[0].logprobs
    theirs = (found.top_logprobs or [{}])[0] if found else {}
    ids = model.tokenizer(prompt, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        ours = model.model(ids).logits[0, -1].float().log_softmax(-1).tolist()
    texts = [model.tokenizer.decode([token]) for token in range(size)]
    often = Counter(texts)
    alone = {text: token for token, text in enumerate(texts) if often[text] == 1}
    shared = [(ours[alone[text]], logprob) for text, logprob in theirs.items() if text in alone]
    return len(shared), max((abs(one - two) for one, two in shared), default=math.inf)
