"""CGVST against really scaling each neuron at each special token."""

from __future__ import annotations

import pytest
import torch
from attribution_references import (
    REAL,
    TEXTS,
    evidence_for,
    logits_of,
    model_of,
    slow_gradient_times_activation,
    some_neurons,
)
from tiny_models import BOS, EOS, FAMILIES, tiny_model

from valuescope.data.records import LabelledText
from valuescope.locate import LocateError, locate
from valuescope.locate.cgvst import gradient_times_activation, special_places
from valuescope.locate.next_token import frozen, next_tokens, pad_rows

LABELS = ["care+", "care-"]


def fast(model, rows) -> torch.Tensor:
    with frozen(model):
        batch, _ = pad_rows(model, rows)
        places = special_places(model, batch, separators=True)
        return gradient_times_activation(model, batch, rows, places)


@pytest.mark.parametrize("name", [*FAMILIES, *REAL])
def test_equals_scaling_one_neuron_at_a_time(name: str) -> None:
    model = model_of(name)
    rows = next_tokens(model, TEXTS, LABELS, "predicted")
    found = fast(model, rows)
    for index in (3,):
        ids = rows[index].encoded.input_ids
        special = [place for place, token in enumerate(ids) if token in model.tokenizer.all_special_ids]
        places = sorted({*special, len(ids) - 1})
        token, largest = int(logits_of(model, ids).argmax()), float(found[index].abs().max())
        for neuron in some_neurons(model, 10):
            expected = slow_gradient_times_activation(model, ids, token, neuron, places, 1e-2)
            assert float(found[index][neuron]) == pytest.approx(expected, rel=0.02, abs=0.01 * largest)


@pytest.mark.parametrize("name", [*FAMILIES, *REAL])
def test_the_batch_does_not_matter(name: str) -> None:
    model = model_of(name)
    rows = next_tokens(model, TEXTS, LABELS, "target")
    together = fast(model, rows)
    for index, row in enumerate(rows):
        alone = fast(model, [row])[0]
        torch.testing.assert_close(alone, together[index], rtol=1e-3, atol=1e-4 * float(alone.abs().max()))


def test_special_places() -> None:
    model = tiny_model("llama")
    texts = [LabelledText("care+", "we care </s> for you"), LabelledText("care+", "we")]
    rows = next_tokens(model, texts, LABELS, "predicted")
    batch, _ = pad_rows(model, rows)
    places = special_places(model, batch, separators=True)
    ids = batch.input_ids
    assert (ids == BOS).sum() == 2
    assert (ids == EOS).sum() == 1
    expected = (ids == BOS) | (ids == EOS)
    expected[:, -1] = True
    assert places.equal(expected)
    assert not (places & ~batch.attention_mask.bool()).any()


def test_line_breaks_are_separators() -> None:
    model = model_of("stories260K")
    (row,) = next_tokens(model, [LabelledText("care+", "we care\nfor you")], LABELS, "predicted")
    batch, _ = pad_rows(model, [row])
    with_them = special_places(model, batch, separators=True)
    without = special_places(model, batch, separators=False)
    more = (with_them & ~without).nonzero()[:, 1].tolist()
    assert len(more) == 1
    assert model.token_text(row.encoded.input_ids[more[0]]) == "\n"


def test_location() -> None:
    model = tiny_model("gpt2")
    evidence = evidence_for(model)
    found = locate("cgvst", model, evidence, top=11, batch_size=3)
    every = fast(model, next_tokens(model, TEXTS, LABELS, "predicted"))
    expected = every[:2].mean(dim=0) - every[2:].mean(dim=0)
    torch.testing.assert_close(found.signed[0], expected, rtol=1e-3, atol=1e-6)
    assert found.selected.sum() == 11
    assert found.scores[found.selected].min() >= found.scores[~found.selected].max()
    assert found.diagnostics["queries"] == 4
    assert found.hash == locate("cgvst", model, evidence, top=11, batch_size=3).hash
    standardised = locate("cgvst", model, evidence, standardise=True)
    errors = (every[:2].var(dim=0, unbiased=False) + every[2:].var(dim=0, unbiased=False)) / 2
    steady = errors.sqrt() > 1e-4 * every.abs().max()
    torch.testing.assert_close(
        standardised.signed[0][steady], (expected / errors.sqrt())[steady], rtol=1e-2, atol=1e-2
    )


def test_one_text_per_label_has_no_standard_error() -> None:
    model = tiny_model("llama")
    with pytest.raises(LocateError, match="standardise needs two texts per label, 'care\\+' has one"):
        locate("cgvst", model, evidence_for(model), standardise=True, texts=1)


def test_bfloat16_is_near_float32() -> None:
    exact, rough = tiny_model("llama"), tiny_model("llama", torch.bfloat16)
    rows = next_tokens(exact, TEXTS, LABELS, "target")
    one, other = fast(exact, rows), fast(rough, rows)
    assert (one - other).norm() < 0.2 * one.norm()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [({"token": "x"}, "token is 'x'"), ({"top": 0}, "top is 0"), ({"texts": 0}, "texts is 0")],
)
def test_bad_parameters(parameters: dict[str, object], said: str) -> None:
    model = tiny_model("llama")
    with pytest.raises(LocateError, match=said):
        locate("cgvst", model, evidence_for(model), **parameters)
