"""Score requests in pieces: read once, between the steps of the answers, and never too large."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
import torch
from edit_samples import PROMPTS
from engine_samples import GREEDY, LONG, WAIT, plugged
from tiny_models import VOCABULARY, tiny_model, tiny_tokenizer

from valuescope.generate import (
    Engine,
    Request,
    ScoreRequest,
    TokenLogprob,
    scorer,
)
from valuescope.generate.readings import readings_of
from valuescope.models import Encoded, NeuronModel, encode

CLOSE = 1e-4


@cache
def loaded(family: str) -> NeuronModel:
    return tiny_model(family)


@pytest.fixture
def llama() -> NeuronModel:
    return loaded("llama")


def likely(model: NeuronModel, ids: Sequence[int]) -> torch.Tensor:
    """What transformers says of every place, with nothing of ours but the weights: float64 [len(ids), vocabulary]."""
    with torch.no_grad():
        return model.model(input_ids=torch.tensor([list(ids)])).logits[0].double().log_softmax(dim=-1)


def check(found: Sequence[TokenLogprob], wanted: Sequence[int], places: torch.Tensor, top: int) -> None:
    """`found` are the `wanted` tokens at `places` [tokens, vocabulary], each beside the `top` likeliest."""
    assert [one.token for one in found] == list(wanted)
    for one, place in zip(found, places, strict=True):
        assert one.logprob == pytest.approx(float(place[one.token]), abs=CLOSE)
        assert len(one.top) == min(top, len(place))
        values = [value for _, _, value in one.top]
        assert values == sorted(values, reverse=True)
        assert values == pytest.approx(place.sort(descending=True).values[: len(values)].tolist(), abs=CLOSE)
        for token, text, value in one.top:
            assert value == pytest.approx(float(place[token]), abs=CLOSE)
            assert text == tiny_tokenizer().decode([token])
        assert one.text == tiny_tokenizer().decode([one.token])


def test_options_behind_one_prompt_are_read_once(llama: NeuronModel) -> None:
    rows: list[int] = []
    handle = llama.model.register_forward_pre_hook(
        lambda _, __, inputs: rows.append(inputs["input_ids"].shape[0]), with_kwargs=True
    )
    try:
        with Engine(llama) as engine:
            every = tuple((token,) for token in range(VOCABULARY))
            scores = engine.submit(ScoreRequest((1, 5, 9), every)).result(WAIT)
    finally:
        handle.remove()
    assert rows == [1]
    assert [one[0].token for one in scores.continuations] == list(range(VOCABULARY))
    assert torch.tensor(scores.totals).exp().sum() == pytest.approx(1)
    assert scores.totals == pytest.approx(likely(llama, (1, 5, 9))[-1].tolist(), abs=CLOSE)


def test_readings_keep_apart_what_differs() -> None:
    rows = [
        Encoded((1, 2, 3), 2),
        Encoded((1, 2, 4), 2),
        Encoded((1, 2, 4), 1),
        Encoded((1, 2), 1),
        Encoded((1, 2, 3), 2),
    ]
    readings = readings_of(rows)
    assert [(one.ids, one.begin, one.last, one.places) for one in readings] == [
        ((1, 2), 2, (3, 4, 3), (0, 1, 4)),
        ((1, 2), 1, (4,), (2,)),
        ((1,), 1, (2,), (3,)),
    ]
    assert [one.scored for one in readings] == [1, 2, 1]


def test_many_continuations_do_not_hold_answers_up(llama: NeuronModel) -> None:
    """They are read in pieces of like length, and a step of the running answers follows each."""
    words = llama.tokenizer.convert_ids_to_tokens(range(4, 54))
    many = tuple(
        f" {' '.join([first] * (1 + n % 30))} {second} {first}"
        for n, first in enumerate(words)
        for second in words[:8]
    )
    passes: list[tuple[bool, int, int]] = []
    order: list[Future[Any]] = []

    def watch(_: object, __: object, inputs: dict[str, torch.Tensor]) -> None:
        passes.append((bool(inputs["use_cache"]), *inputs["input_ids"].shape))

    with Engine(llama, max_rows=16, prefill_tokens=200) as engine:
        with plugged(engine):
            handle = llama.model.register_forward_pre_hook(watch, with_kwargs=True)
            scored = engine.submit(ScoreRequest("we", many))
            short = engine.submit(Request(PROMPTS[0], sampling=GREEDY))
            for future in (scored, short):
                future.add_done_callback(order.append)
            answers = [engine.submit(Request(PROMPTS[n % 4], sampling=LONG, key=str(n))) for n in range(8)]
        scores = scored.result(WAIT)
        handle.remove()
        assert all(answer.result(WAIT).tokens for answer in answers)
    assert order == [short, scored], "nobody waits for all continuations of another"
    assert len(scores.totals) == 400
    scoring = [(rows, length) for cached, rows, length in passes if not cached]
    assert all(rows <= 16 and rows * length <= 200 for rows, length in scoring)
    assert max(rows for rows, _ in scoring) == 16
    kinds = [cached for cached, *_ in passes]
    busy = kinds[: len(kinds) - kinds[::-1].index(True)]
    assert not any(first is second is False for first, second in pairwise(busy))
    expected = encode(llama, ["we"] * 400, many)
    for number in (0, 7, 133, 399):
        row = expected[number]
        total = sum(
            likely(llama, row.input_ids)[place, token] for place, token in enumerate(row.input_ids[2:], 1)
        )
        assert scores.totals[number] == pytest.approx(float(total), abs=CLOSE)


def test_many_score_requests_do_not_starve_answers_nor_the_other_way(llama: NeuronModel) -> None:
    with Engine(llama, max_rows=2, prefill_tokens=64) as engine:
        with plugged(engine):
            answers = [engine.submit(Request(PROMPTS[n % 4], sampling=GREEDY, key=str(n))) for n in range(60)]
            scores = [engine.submit(ScoreRequest(PROMPTS[n % 4], (" rule the",))) for n in range(60)]
        scores[0].result(WAIT)
        assert sum(answer.done() for answer in answers) < 10
        answers[0].result(WAIT)
        assert sum(score.done() for score in scores) < 60
        assert all(future.result(WAIT) for future in (*answers, *scores))


def test_pieces_keep_the_logits_small(llama: NeuronModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorer, "_LOGITS", 12 * VOCABULARY)
    options = (" rule", " rule the people with power", " never", " help my old friend", " rule the city")
    rows: list[tuple[int, int]] = []
    handle = llama.model.register_forward_hook(
        lambda _, __, output: rows.append(tuple(output.logits.shape[:2]))
    )
    try:
        with Engine(llama) as engine:
            with plugged(engine):
                futures = [engine.submit(ScoreRequest(PROMPTS[0], options, top_logprobs=1)) for _ in range(5)]
            first, *others = [future.result(WAIT) for future in futures]
    finally:
        handle.remove()
    assert all(count * places <= 12 for count, places in rows)
    assert any(count > 1 for count, _ in rows)
    for other in others:
        assert other.totals == pytest.approx(first.totals, abs=1e-5)
