"""Several edits on one row: the sum of their changes, in any batch, and what cannot be blended."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from edit_samples import PROMPTS, logits_of, some_neurons
from steering_samples import some_probes, some_vectors
from tiny_models import tiny_model

from valuescope.edit import (
    AddVector,
    Amplify,
    Blend,
    Deactivate,
    Edit,
    EditError,
    Modulate,
    ProbeShift,
    edited,
)
from valuescope.generate import Engine, Request, Sampling
from valuescope.generate.decoding import generate
from valuescope.models import NeuronModel, encode, left_pad


@pytest.fixture(scope="module")
def model() -> NeuronModel:
    return tiny_model("llama")


def neuron_edits(model: NeuronModel) -> list[Edit]:
    return [
        Modulate(some_neurons(model, 1), beta=0.6),
        Amplify(some_neurons(model, 2), strength=0.5),
        Deactivate(some_neurons(model, 3), strength=0.25),
    ]


def test_neurons_change_by_the_sum_of_the_parts_changes(model: NeuronModel) -> None:
    parts = neuron_edits(model)
    m = torch.randn(2, 5, model.width, generator=torch.Generator().manual_seed(0)) * 3
    blend = Blend(tuple(parts), strength=0.5).tables(model.width).product
    assert blend.layers == {0, 1, 2}
    for layer in range(model.layers):
        expected = m.clone()
        for part in parts:
            expected += (
                part.scaled(part.strength * 0.5).tables(model.width).product.tables[layer].apply(m) - m
            )
        torch.testing.assert_close(blend.tables[layer].apply(m), expected)


def test_a_vector_a_probe_and_neurons_act_at_once_as_nested_blocks_do(model: NeuronModel) -> None:
    batch = left_pad(model, encode(model, PROMPTS))
    parts = (
        Modulate(some_neurons(model, 1), beta=0.6),
        AddVector(some_vectors(model, 1, (0, 1)), coefficient=0.7),
        ProbeShift(some_probes(model, 3, (2,)), p0=0.9),
    )
    with edited(model, parts[0]), edited(model, parts[1]), edited(model, parts[2]):
        expected = logits_of(model, batch)
    with edited(model, Blend(parts)):
        blended = logits_of(model, batch)
    mask = batch.attention_mask.bool()
    assert float((blended - expected)[mask].abs().max()) < 2e-5
    assert float((blended - logits_of(model, batch))[mask].abs().max()) > 1e-2


def test_order_and_a_single_part_change_nothing(model: NeuronModel) -> None:
    parts = neuron_edits(model)
    batch = left_pad(model, encode(model, PROMPTS))
    answers = []
    for edit in (Blend(tuple(parts)), Blend(tuple(reversed(parts))), parts[0], Blend((parts[0],))):
        with edited(model, edit):
            answers.append(logits_of(model, batch))
    torch.testing.assert_close(answers[0], answers[1])
    assert torch.equal(answers[2], answers[3])
    assert Blend(tuple(parts)).hash == Blend(tuple(reversed(parts))).hash != Blend((parts[0],)).hash


def test_blends_are_rows_beside_other_edits(model: NeuronModel) -> None:
    parts = neuron_edits(model)
    edits: list[Edit | None] = [
        None,
        Blend(tuple(parts)),
        parts[1],
        Blend((*parts, AddVector(some_vectors(model, 2)))),
    ]
    sampling = Sampling(8, temperature=1.0, seed=3)
    alone = [
        generate(model, [prompt], edits=edit, sampling=sampling, keys=[str(place)])[0].tokens
        for place, (prompt, edit) in enumerate(zip(PROMPTS, edits, strict=True))
    ]
    together = generate(model, PROMPTS, edits=edits, sampling=sampling, keys=["0", "1", "2", "3"])
    with Engine(model) as engine:
        requests = [
            Request(prompt, edit, sampling, key=str(place))
            for place, (prompt, edit) in enumerate(zip(PROMPTS, edits, strict=True))
        ]
        from_engine = engine.run(requests)
    assert [answer.tokens for answer in together] == alone
    assert [answer.tokens for answer in from_engine] == alone  # type: ignore[union-attr]


def test_what_cannot_be_blended(model: NeuronModel, tmp_path: Path) -> None:
    shift = ProbeShift(some_probes(model, 3, (2,)))
    with pytest.raises(EditError, match="give at least one edit"):
        Blend(())
    with pytest.raises(EditError, match="cannot be a part"):
        Blend((Blend((shift,)),))
    with pytest.raises(EditError, match="2 probe shifts meet in layer 2"):
        Blend((shift, shift.scaled(0.5))).tables(model.width)
    with pytest.raises(EditError, match="save its parts"):
        Blend((shift,)).save(tmp_path / "blend.json")
