"""Log-probabilities of answers and of given continuations, against a plain forward pass of transformers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import pytest
import torch
from edit_samples import PROMPTS, hooks_on, some_neurons
from engine_samples import GREEDY, LONG, SAMPLED, WAIT, plugged
from tiny_models import FAMILIES, VOCABULARY, tiny_hf_model, tiny_model, tiny_tokenizer

from valuescope.edit import Amplify, Deactivate, Edit, Modulate, edited, weights_edited
from valuescope.generate import (
    Engine,
    GenerationError,
    Request,
    ScoreRequest,
    Scores,
    TokenLogprob,
)
from valuescope.generate.answer import token_logprobs
from valuescope.models import NeuronModel, encode, wrap_model

CLOSE = 1e-4


@cache
def loaded(family: str) -> NeuronModel:
    return tiny_model(family)


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest) -> Iterator[NeuronModel]:
    model = loaded(request.param)
    yield model
    assert hooks_on(model) == []


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


def test_an_answers_logprobs_are_those_of_a_plain_pass(model: NeuronModel) -> None:
    """Raw ones, whatever the temperature; base, and with edits that stand in the weights of the reference."""
    edits: list[Edit | None] = [
        None,
        Deactivate(some_neurons(model, 1)),
        Amplify(some_neurons(model, 2, sign=1)),
    ]
    requests = [
        Request(PROMPTS[n % 4], edit, sampling, key=str(n), top_logprobs=n % 4)
        for n, (edit, sampling) in enumerate((edit, s) for edit in edits for s in (GREEDY, SAMPLED))
    ]
    with Engine(model, max_rows=4) as engine:
        with plugged(engine):
            futures = [engine.submit(request) for request in requests]
        answers = [future.result(WAIT) for future in futures]
        plain = engine.submit(Request(PROMPTS[0], sampling=GREEDY)).result(WAIT)
    for request, answer in zip(requests, answers, strict=True):
        prompt = encode(model, [str(request.prompt)])[0].input_ids
        assert answer.logprobs is not None
        if request.edit is None:
            places = likely(model, (*prompt, *answer.tokens))
        else:
            with weights_edited(model, request.edit):
                places = likely(model, (*prompt, *answer.tokens))
        check(answer.logprobs, answer.tokens, places[len(prompt) - 1 : -1], request.top_logprobs or 0)
        if request.sampling is GREEDY and request.top_logprobs:
            assert all(one.top[0][0] == one.token for one in answer.logprobs)
    assert plain.logprobs is None
    assert plain.tokens == answers[0].tokens


def test_an_edit_by_sign_of_m_scores_like_its_hook(model: NeuronModel) -> None:
    """No weight can express it: the reference is the same hook round a plain pass."""
    edit = Modulate(some_neurons(model, 3), strength=0.7)
    ids = encode(model, [PROMPTS[1]])[0].input_ids
    with Engine(model) as engine:
        scores = engine.submit(ScoreRequest(ids[:3], (ids[3:],), edit, top_logprobs=3)).result(WAIT)
    with edited(model, edit):
        places = likely(model, ids)
    check(scores.continuations[0], ids[3:], places[2:-1], 3)


CONTINUATIONS = (
    " rule",
    " help",
    " rule the people with power",
    " never",
    " help my old friend",
    " rule the city",
)


def test_scores_are_those_of_a_plain_pass(model: NeuronModel) -> None:
    """Texts and token ids, base and edited, all in one batch with rows that are being answered."""
    edits: list[Edit | None] = [
        None,
        Deactivate(some_neurons(model, 1)),
        Amplify(some_neurons(model, 2, sign=1)),
    ]
    texts = [ScoreRequest(PROMPTS[n], CONTINUATIONS, edit, top_logprobs=n) for n, edit in enumerate(edits)]
    ids = [
        ScoreRequest(
            rows[0].input_ids[: rows[0].prompt_length],
            tuple(row.input_ids[row.prompt_length :] for row in rows),
        )
        for rows in [encode(model, [PROMPTS[3]] * 6, CONTINUATIONS)]
    ]
    with Engine(model, max_rows=5) as engine:
        with plugged(engine):
            beside = engine.submit(Request(PROMPTS[3], sampling=LONG))
            futures = [engine.submit(request) for request in (*texts, *ids)]
        scores = [future.result(WAIT) for future in futures]
        assert beside.result(WAIT).tokens
    for request, found in zip((*texts, *ids), scores, strict=True):
        prompts = [request.prompt if isinstance(request.prompt, str) else PROMPTS[3]] * 6
        rows = encode(model, prompts, CONTINUATIONS)
        assert found.prompt_tokens == rows[0].prompt_length
        for row, tokens in zip(rows, found.continuations, strict=True):
            if request.edit is None:
                places = likely(model, row.input_ids)
            else:
                with weights_edited(model, request.edit):
                    places = likely(model, row.input_ids)
            begin = row.prompt_length
            check(tokens, row.input_ids[begin:], places[begin - 1 : -1], request.top_logprobs)
        assert found.totals == pytest.approx([sum(one.logprob for one in c) for c in found.continuations])


@pytest.mark.parametrize("on", ["both", "prompt", "response"])
def test_scores_know_the_scope_of_an_edit(llama: NeuronModel, on: str) -> None:
    edit = Modulate(some_neurons(llama, 3))
    rows = encode(llama, [PROMPTS[0]] * 2, [" rule the people", " rule"])
    with Engine(llama) as engine:
        scores = engine.submit(
            ScoreRequest(PROMPTS[0], (" rule the people", " rule"), edit, on=on)  # type: ignore[arg-type]
        ).result(WAIT)
        base = engine.submit(ScoreRequest(PROMPTS[0], (" rule the people", " rule"))).result(WAIT)
    for row, tokens in zip(rows, scores.continuations, strict=True):
        with edited(llama, edit, on=on) as session:  # type: ignore[arg-type]
            session.response_mask = torch.arange(len(row.input_ids))[None] >= row.prompt_length
            places = likely(llama, row.input_ids)
        check(tokens, row.input_ids[row.prompt_length :], places[row.prompt_length - 1 : -1], 0)
    # Behind the prompt alone nothing of the answer has been read yet.
    same = scores.continuations[1][0].logprob == pytest.approx(base.continuations[1][0].logprob, abs=1e-6)
    assert same == (on == "response")


def test_a_long_text_is_worked_off_in_slices(llama: NeuronModel, monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.randn(7, 20, generator=torch.Generator().manual_seed(0))
    places, tokens = [0, 1, 1, 2, 4, 6, 6], [3, 4, 5, 6, 7, 8, 9]
    whole = token_logprobs(llama, logits, places, tokens, 3)
    monkeypatch.setattr("valuescope.generate.answer._NUMBERS", 45)
    assert token_logprobs(llama, logits, places, tokens, 3) == whole
    assert [one.token for one in whole] == tokens


def test_equally_likely_tokens_come_by_their_id(llama: NeuronModel) -> None:
    """However many are asked for: else a row's list would depend on its neighbours, and on the device."""
    logits = torch.zeros(3, 50)
    logits[0, [7, 30, 41]] = 1.0
    logits[1, 9] = 5.0
    logits[2] = torch.arange(50).flip(0).div(10, rounding_mode="floor")
    longest = token_logprobs(llama, logits, [0, 1, 2], [0, 0, 0], 50)
    assert [token for token, _, _ in longest[0].top][:6] == [7, 30, 41, 0, 1, 2]
    assert [token for token, _, _ in longest[1].top][:3] == [9, 0, 1]
    for top in (1, 2, 5, 12, 49):
        for place, one in enumerate(token_logprobs(llama, logits, [0, 1, 2], [0, 0, 0], top)):
            assert [token for token, _, _ in one.top] == [token for token, _, _ in longest[place].top[:top]]


def test_more_alternatives_than_tokens(llama: NeuronModel) -> None:
    with Engine(llama) as engine:
        answer = engine.submit(Request(PROMPTS[0], sampling=GREEDY, top_logprobs=10_000)).result(WAIT)
        scores = engine.submit(ScoreRequest(PROMPTS[0], (" rule",), top_logprobs=10_000)).result(WAIT)
    assert answer.logprobs is not None
    for one in (*answer.logprobs, *scores.continuations[0]):
        assert sorted(token for token, _, _ in one.top) == list(range(VOCABULARY))


def test_rows_ask_for_different_numbers_of_alternatives(llama: NeuronModel) -> None:
    tops = (None, 0, 1, 5, 5, 2)
    with Engine(llama) as engine:
        with plugged(engine):
            futures = [engine.submit(Request(PROMPTS[0], sampling=GREEDY, top_logprobs=top)) for top in tops]
        answers = [future.result(WAIT) for future in futures]
    for top, answer in zip(tops, answers, strict=True):
        assert (answer.logprobs is None) == (top is None)
        assert all(len(one.top) == top for one in answer.logprobs or ())


def test_an_id_beyond_the_tokenizer_has_no_text() -> None:
    """Vocabularies are rounded up: a model may find likely what no tokenizer can say."""
    bare = tiny_hf_model("llama", vocab_size=VOCABULARY + 12)
    model = wrap_model(bare, tiny_tokenizer(), check=False)
    with torch.no_grad():
        model.model.get_output_embeddings().weight[VOCABULARY:] *= 30
    with Engine(model) as engine:
        answer = engine.submit(Request(PROMPTS[0], sampling=SAMPLED, top_logprobs=4, stop=("the",))).result(
            WAIT
        )
    beyond = [one for one in answer.logprobs or () if one.token >= VOCABULARY]
    assert beyond
    assert all(one.text == "" for one in beyond)


def test_scores_that_cannot_be_are_refused_at_once(llama: NeuronModel) -> None:
    with Engine(llama) as engine:
        for bad, match in (
            (ScoreRequest(PROMPTS[0], ((5,),)), "continuation 0 and its prompt must both be text"),
            (ScoreRequest((1, 5), ((5,), " rule")), "continuation 1 and its prompt must both be text"),
            (ScoreRequest(PROMPTS[0], (" rule", "")), "continuation 1 has nothing to score: 5 tokens in all"),
            (ScoreRequest((), ((5,),)), "continuation 0 has nothing to score: 1 tokens in all, of which 0"),
            (ScoreRequest("", (" rule",), add_special_tokens=False), "continuation 0 has nothing to score"),
            (ScoreRequest((1,), ((5, 100),)), "token id 100"),
            (ScoreRequest((1,) * 100, ((5,) * 30,)), "130 tokens and tiny-llama has 128 positions"),
        ):
            with pytest.raises(GenerationError, match=match):
                engine.submit(bad)
        whole = engine.submit(ScoreRequest((1,) * 100, ((5,) * 29,))).result(WAIT)
    assert len(whole.continuations[0]) == 29
    for wrong in ({"continuations": ()}, {"top_logprobs": -1}):
        with pytest.raises(GenerationError):
            ScoreRequest("we", **{"continuations": (" rule",), **wrong})  # type: ignore[arg-type]
    assert Scores(1, ()).totals == ()
