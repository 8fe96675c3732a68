"""Perplexity against Hugging Face's own loss; windows; the neutral text."""

from __future__ import annotations

import json
import math

import pytest
import torch
from edit_samples import some_neurons
from tiny_models import tiny_model

from valuescope.ability import AbilityError, neutral_texts, perplexity
from valuescope.ability.perplexity import windows
from valuescope.edit import Deactivate, Edit, edited
from valuescope.models import NeuronModel, encode

TEXTS = (
    "we help the old friend so that they feel free",
    "power is my idea of nature",
    "you win not the race but the day and never the night",
)


def losses(model: NeuronModel, text: str, edit: Edit | None = None) -> list[float]:
    """Negative log-likelihoods of all tokens of a text but the first, by one plain pass."""
    ids = torch.tensor([encode(model, [text])[0].input_ids])
    with torch.no_grad(), edited(model, edit):
        likely = model.model(input_ids=ids).logits[0, :-1].float().log_softmax(-1)
    return [-float(row[token]) for row, token in zip(likely, ids[0, 1:], strict=True)]


@pytest.mark.parametrize("family", ["llama", "gpt2", "opt", "bloom", "gemma3"])
def test_short_texts_give_what_the_plain_pass_says(family: str) -> None:
    model = tiny_model(family)
    silent = Deactivate(some_neurons(model, 1))
    found = perplexity(model, TEXTS, [None, silent], batch_size=4)
    for result, edit in zip(found, (None, silent), strict=True):
        tokens = [loss for text in TEXTS for loss in losses(model, text, edit)]
        assert result.perplexity == pytest.approx(math.exp(sum(tokens) / len(tokens)), rel=1e-4)
        assert (result.nats.n, result.texts) == (len(tokens), len(TEXTS))
        by_text = [losses(model, text, edit) for text in TEXTS]
        assert result.by_text == pytest.approx([sum(own) / len(own) for own in by_text], abs=1e-4)
        assert result.ci is not None
        assert result.ci[0] < (result.perplexity or 0) < result.ci[1]
    assert found[0].change is None
    change = found[1].change
    assert change is not None
    assert change.mean == pytest.approx((found[1].nats.mean or 0) - (found[0].nats.mean or 0))
    assert json.loads(json.dumps(found[1].to_dict(), allow_nan=False))["change"]["n"] == found[0].nats.n


@pytest.mark.parametrize(("window", "stride"), [(6, 3), (6, 6), (5, 1), (40, 8)])
def test_windows_score_each_token_once_behind_their_context(window: int, stride: int) -> None:
    ids = list(range(100, 123))
    scored = list[int]()
    for number, row in enumerate(windows(ids, window, stride)):
        assert len(row.input_ids) - 1 <= window  # the last token is predicted, never read
        own = row.input_ids[row.prompt_length :]
        scored += own
        begin = ids.index(row.input_ids[0])
        assert list(row.input_ids) == ids[begin : begin + len(row.input_ids)]
        if number:
            assert row.prompt_length >= min(window - stride + 1, ids.index(own[0]))
    assert scored == ids[1:]


def test_a_long_text_in_windows_equals_passes_over_the_windows() -> None:
    model = tiny_model("llama")
    text = " ".join(TEXTS * 3)
    (row,) = encode(model, [text])
    tokens = []
    for piece in windows(row.input_ids, 16, 8):
        with torch.no_grad():
            likely = model.model(input_ids=torch.tensor([piece.input_ids])).logits[0].float().log_softmax(-1)
        places = range(piece.prompt_length, len(piece.input_ids))
        tokens += [-float(likely[place - 1, piece.input_ids[place]]) for place in places]
    (found,) = perplexity(model, [text], window=16, stride=8)
    assert found.nats.mean == pytest.approx(sum(tokens) / len(tokens), abs=1e-4)
    assert found.nats.n == len(row.input_ids) - 1
    assert found.ci is None  # one text says nothing about spread
    (whole,) = perplexity(model, [text])
    assert whole.nats.mean == pytest.approx(sum(losses(model, text)) / found.nats.n, abs=1e-4)
    assert whole.nats.mean != pytest.approx(found.nats.mean, abs=1e-4)


def test_the_neutral_text() -> None:
    english, chinese = neutral_texts(), neutral_texts("zh")
    assert 550 <= sum(len(text.split()) for text in english) <= 650
    assert 550 <= sum(map(len, chinese)) <= 650
    assert len(set(english)) >= 8
    assert len(set(chinese)) >= 8
    with pytest.raises(AbilityError, match="no neutral text in 'fr'; there are en, zh"):
        neutral_texts("fr")


def test_what_cannot_be_measured() -> None:
    model = tiny_model("llama")
    with pytest.raises(AbilityError, match="no texts"):
        perplexity(model, [])
    with pytest.raises(AbilityError, match="window is 129; tiny-llama has 1 to 128 positions"):
        perplexity(model, TEXTS, window=129)
    with pytest.raises(AbilityError, match="stride is 9; it must be between 1 and the window, 8"):
        perplexity(model, TEXTS, window=8, stride=9)
