"""Target profiles of several values: nets, the budget for shared neurons, and the edit that comes of them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from edit_samples import PROMPTS, logits_of, neuron_set
from tiny_models import tiny_model

from valuescope.edit import EditError, Modulate, Profile, edited, load_edit, profile, weights_edited
from valuescope.locate import NeuronSet
from valuescope.models import NeuronModel, encode, left_pad


@pytest.fixture(scope="module")
def model() -> NeuronModel:
    return tiny_model("llama")


def sets_of(model: NeuronModel) -> dict[str, NeuronSet]:
    """care and power want the same of (0, 1) and opposite things of (0, 2); fun has no target but (0, 4) and (1, 0)."""
    return {
        "care": neuron_set(
            model, [0, 0, 0, 1, 2], [0, 1, 2, 0, 5], [0.5, 0.4, -0.3, 0.2, 0.1], [1, 1, -1, 1, 1]
        ),
        "power": neuron_set(model, [0, 0, 0, 1], [1, 2, 4, 7], [-0.6, -0.2, 0.2, 0.9], [-1, -1, 1, 1]),
        "fun": neuron_set(model, [0, 1], [4, 0], [0.1, 0.1], [1, 1]),
    }


def nets(edit: Profile) -> dict[tuple[int, int], float]:
    places = zip(edit.neurons.layers.tolist(), edit.neurons.indices.tolist(), strict=True)
    return dict(zip(places, edit.slopes().beta.tolist(), strict=True))


TARGETS = {"care": 1.0, "power": -0.5}
ALONE = {(0, 0): 0.9, (2, 5): 0.9, (1, 7): -0.45}


def test_nets_are_sums_and_are_clipped(model: NeuronModel) -> None:
    every = profile(TARGETS, sets_of(model), overlap_budget=1.0)
    shared = {(0, 1): 1.0, (0, 2): -0.45, (0, 4): -0.45, (1, 0): 0.9}  # 0.9 * 1.5 is clipped
    assert nets(every) == pytest.approx({**ALONE, **shared})
    assert nets(profile(TARGETS, sets_of(model), overlap_budget=1, limit=2.0))[0, 1] == pytest.approx(1.35)
    assert every.value == "care +1, power -0.5"
    assert every.neurons.parameters["shared"] == 4
    assert every.neurons.parameters["disagreeing_kept"] == 1


def test_the_budget_lets_go_of_what_values_disagree_on_first(model: NeuronModel) -> None:
    kept = [
        nets(profile(TARGETS, sets_of(model), overlap_budget=b)).keys() - ALONE for b in (0, 0.25, 0.4, 0.5)
    ]
    assert kept == [set(), {(0, 1)}, {(0, 1), (1, 0)}, {(0, 1), (1, 0), (0, 4)}]
    for share in (0.1, 0.2, 0.3, 0.45, 0.9):
        found = profile(TARGETS, sets_of(model), overlap_budget=share)
        assert found.neurons.parameters["shared_kept"] <= share * len(found.neurons)


def test_one_target_is_modulate(model: NeuronModel) -> None:
    batch = left_pad(model, encode(model, PROMPTS))
    own = sets_of(model)["care"]
    for weight, direction in ((1.0, "positive"), (-1.0, "negative")):
        with edited(model, Modulate(own, beta=0.7, direction=direction)):  # type: ignore[arg-type]
            expected = logits_of(model, batch)
        with edited(model, profile({"care": weight}, {"care": own}, beta=0.7)):
            torch.testing.assert_close(logits_of(model, batch), expected)


def test_order_of_sets_and_targets_does_not_matter(model: NeuronModel) -> None:
    draw = random.Random(0)

    def random_set() -> NeuronSet:
        flat = torch.tensor(draw.sample(range(model.neurons), 60))
        signs = torch.tensor([draw.choice((-1, 1)) for _ in flat])
        scores = torch.tensor([draw.choice((0.1, 0.2)) for _ in flat])
        return neuron_set(model, flat // model.width, flat % model.width, scores, signs)

    sets = {name: random_set() for name in ("a", "b", "c", "d")}
    one = profile({"a": 1.0, "b": -1.0, "c": 0.5}, sets)
    other = profile({"c": 0.5, "b": -1.0, "a": 1.0}, dict(reversed(sets.items())))
    assert nets(one) == pytest.approx(nets(other))
    assert one.neurons.parameters["cancelled"] == other.neurons.parameters["cancelled"] > 0
    assert 0 < one.neurons.parameters["shared_kept"] < one.neurons.parameters["shared"]


def test_it_is_an_edit_like_others(model: NeuronModel, tmp_path: Path) -> None:
    edit = profile(TARGETS, sets_of(model))
    path = edit.scaled(0.5).save(tmp_path / "profile.json")
    loaded = load_edit(path)
    assert loaded.hash == edit.scaled(0.5).hash != edit.hash
    assert isinstance(loaded, Profile)
    assert nets(loaded) == pytest.approx({place: beta / 2 for place, beta in nets(edit).items()})
    control = edit.control(model)
    assert sorted(nets(control).values()) == pytest.approx(sorted(nets(edit).values()))
    with pytest.raises(EditError, match="depends on the sign of m"), weights_edited(model, edit):
        pass


def test_what_cannot_be_solved_is_refused(model: NeuronModel) -> None:
    sets = sets_of(model)
    for targets, told in (
        ({}, "targets are empty"),
        ({"joy": 1.0}, "no neuron set of 'joy'; the sets are of care"),
        ({"care": 0.0}, "'care' is 0.0"),
        ({"care": float("nan")}, "'care' is nan"),
    ):
        with pytest.raises(EditError, match=told):
            profile(targets, sets)
    with pytest.raises(EditError, match="a share between 0 and 1"):
        profile(TARGETS, sets, overlap_budget=1.1)
    with pytest.raises(EditError, match="no neuron is left, 2 are shared"):
        profile({"fun": 1.0}, sets)
    with pytest.raises(EditError, match="different models"):
        profile(TARGETS, {**sets, "other": neuron_set(tiny_model("gpt2"), [0], [0], [1.0], [1])})
    with pytest.raises(EditError, match="that profile"):
        Profile(sets["care"])
