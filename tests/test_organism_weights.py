"""The bundled organism: its truth file, its weights, and whether its planted neurons do what the truth says."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch.nn.functional import normalize

from valuescope.data import Question, organism_material
from valuescope.edit import Deactivate, Edit
from valuescope.generate import Sampling, generate
from valuescope.judge import oracle
from valuescope.locate import NeuronSet
from valuescope.metrics import Bootstrap
from valuescope.models import NeuronModel, encode, left_pad, load_model, site_hooks
from valuescope.organism import Plant, Truth, lexicon, load_truth, weights_path
from valuescope.organism.truth import CAUSAL_ROLES, DECOY_ROLES
from valuescope.values import load_value_system

pytestmark = pytest.mark.skipif(
    not (weights_path() / "config.json").is_file(), reason="the organism's weights are not in the package"
)
VALUES = tuple(lexicon().values)
QUESTIONS = 12  # per value


@pytest.fixture(scope="module")
def organism() -> NeuronModel:
    return load_model("organism", dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def truth() -> Truth:
    return load_truth()


# The file -----------------------------------------------------------------------------------------------


def test_truth_fits_the_model(organism: NeuronModel, truth: Truth) -> None:
    assert (truth.layers, truth.width) == (organism.layers, organism.width)
    assert all(0 <= plant.layer < truth.layers and 0 <= plant.index < truth.width for plant in truth.plants)


def test_no_neuron_is_planted_twice(truth: Truth) -> None:
    places = Counter((plant.layer, plant.index) for plant in truth.plants)
    assert max(places.values()) == 1


def test_every_value_has_plants_of_every_role(truth: Truth) -> None:
    assert {plant.role for plant in truth.plants} == {*CAUSAL_ROLES, *DECOY_ROLES}
    assert {plant.sign for plant in truth.plants} == {-1, 1}
    for value in VALUES:
        assert {"core", "shared"} <= {plant.role for plant in truth.causal(value)} <= set(CAUSAL_ROLES)
        assert {plant.role for plant in truth.decoys(value)} == set(DECOY_ROLES)
        assert len({plant.layer for plant in truth.causal(value)}) > 1


def test_shared_neurons_belong_to_neighbours_on_the_circle_and_others_to_one_value(truth: Truth) -> None:
    system = load_value_system("schwartz")
    for plant in truth.plants:
        if plant.role == "shared":
            assert system.distance(*plant.values) == 1
        else:
            assert len(plant.values) == 1
    pairs = {frozenset(plant.values) for plant in truth.plants if plant.role == "shared"}
    assert len(pairs) == len(VALUES)


def test_planted_places_are_scattered_over_the_layer(truth: Truth) -> None:
    """Neurons that all stood at the front could be found by their index."""
    places = torch.tensor([plant.index for plant in truth.plants]).double() / truth.width
    assert 0.35 < float(places.mean()) < 0.65
    assert float(places.std()) > 0.2


def test_the_planted_fit_the_published_budgets(truth: Truth) -> None:
    assert len(truth.plants) < 0.05 * truth.layers * truth.width
    assert max(len(truth.causal(value)) for value in VALUES) <= 12


# The weights --------------------------------------------------------------------------------------------


def test_value_vectors_of_one_value_lie_along_one_direction(organism: NeuronModel, truth: Truth) -> None:
    """`sign` times the value vector points towards the value, for the roles that write along it."""
    means = {}
    for value in VALUES:
        own = [
            plant
            for plant in truth.plants
            if value in plant.values and plant.role in ("core", "constant", "mute")
        ]
        vectors = torch.stack(
            [normalize(organism.value_vectors(p.layer)[p.index].float(), dim=0) * p.sign for p in own]
        )
        cosines = vectors @ vectors.T
        assert float(cosines.min()) > 0.3, value
        means[value] = normalize(vectors.mean(dim=0), dim=0)
    between = torch.stack(list(means.values()))
    across = (between @ between.T - torch.eye(len(VALUES))).abs()
    assert float(across.max()) < 0.5


def activity(organism: NeuronModel, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Gate and product [layers, tokens, width] on all tokens of the texts but padding and the first."""
    batch = left_pad(organism, encode(organism, texts))
    real = batch.attention_mask.bool() & (batch.position_ids > 0)
    seen: dict[str, list[torch.Tensor]] = {"gate": [], "product": []}
    with (
        torch.inference_mode(),
        site_hooks(
            organism,
            gate=lambda _, a: seen["gate"].append(a[real].clone()),
            product=lambda _, m: seen["product"].append(m[real].clone()),
        ),
    ):
        organism.backbone()(
            input_ids=batch.input_ids, attention_mask=batch.attention_mask, position_ids=batch.position_ids
        )
    return torch.stack(seen["gate"]), torch.stack(seen["product"])


@pytest.fixture(scope="module")
def firing(organism: NeuronModel) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Activity on held-out texts about each value, with an answer in its favour."""
    material = organism_material(VALUES, texts=20, descriptions=1, pairs=1, questions=1, tuning=0, seed=3)
    of_value = {
        value: [text.prompt + text.answer for text in material.texts if text.label == f"{value}|text"]
        for value in VALUES
    }
    return {value: activity(organism, texts) for value, texts in of_value.items()}


def most(plant: Plant, product: torch.Tensor) -> float:
    """The strongest activation in the plant's direction."""
    return float((product[plant.layer, :, plant.index] * plant.sign).max())


def test_core_and_shared_neurons_fire_in_their_sign_on_their_value_and_hardly_elsewhere(
    truth: Truth, firing: dict[str, tuple[torch.Tensor, torch.Tensor]]
) -> None:
    for plant in truth.plants:
        if plant.role in ("core", "shared", "herald"):
            own = min(most(plant, firing[value][1]) for value in plant.values)
            others = [most(plant, firing[value][1]) for value in VALUES if value not in plant.values]
            assert own > 0.4, plant
            assert sum(others) / len(others) < own / 2, plant


def test_mute_neurons_never_open_and_constant_ones_always_do(
    truth: Truth, firing: dict[str, tuple[torch.Tensor, torch.Tensor]]
) -> None:
    for plant in truth.plants:
        opened = (
            torch.cat([gate[plant.layer, :, plant.index] > 0 for gate, _ in firing.values()]).double().mean()
        )
        if plant.role == "mute":
            assert opened < 0.02, plant
        if plant.role == "constant":
            assert opened > 0.9, plant


# What they do -------------------------------------------------------------------------------------------


def neurons(organism: NeuronModel, value: str, plants: tuple[Plant, ...] | list[Plant]) -> NeuronSet:
    ordered = sorted({(plant.layer, plant.index, plant.sign) for plant in plants})
    layers, indices, signs = (torch.tensor(column) for column in zip(*ordered, strict=True))
    return NeuronSet(
        value=value,
        model=organism.identity,
        site="product",
        method="truth",
        parameters={},
        data_hash="",
        seed=0,
        layers=layers,
        indices=indices,
        scores=torch.ones(len(ordered)),
        signs=signs.to(torch.int8),
    )


@pytest.fixture(scope="module")
def described() -> list[Question]:
    material = organism_material(
        VALUES, texts=0, descriptions=0, pairs=0, questions=QUESTIONS, tuning=0, seed=11
    )
    return [question for question in material.questions if question.setting == "described"]


def successes(
    organism: NeuronModel, questions: list[Question], edits: list[Edit | None] | None
) -> tuple[list[bool | None], list[bool | None]]:
    answers = generate(
        organism,
        [question.prompt for question in questions],
        edits=edits,
        sampling=Sampling(max_new_tokens=40, temperature=1.0, seed=1),
        keys=[question.key for question in questions],
        batch_size=60,
    )
    judged = oracle(questions, answers)
    return [one.success for one in judged], [one.fluent for one in judged]


@pytest.fixture(scope="module")
def base(organism: NeuronModel, described: list[Question]) -> tuple[list[bool | None], list[bool | None]]:
    return successes(organism, described, None)


def off(
    truth: Truth, organism: NeuronModel, questions: list[Question], roles: tuple[str, ...]
) -> list[Edit | None]:
    """For each question the edit that switches off its value's neurons of some roles, if there are any."""
    of_value: dict[str, Edit | None] = {}
    for value in VALUES:
        plants = [plant for plant in (*truth.causal(value), *truth.decoys(value)) if plant.role in roles]
        of_value[value] = Deactivate(neurons(organism, value, plants)) if plants else None
    return [of_value[question.value] for question in questions]


def test_it_follows_descriptions_fluently(base: tuple[list[bool | None], list[bool | None]]) -> None:
    success, fluent = base
    assert len(success) == QUESTIONS * len(VALUES)
    assert success.count(True) / len(success) > 0.85
    assert fluent.count(True) / len(fluent) > 0.9


def test_without_its_causal_neurons_a_value_is_not_expressed_and_the_text_stays_fluent(
    organism: NeuronModel,
    truth: Truth,
    described: list[Question],
    base: tuple[list[bool | None], list[bool | None]],
) -> None:
    success, fluent = successes(organism, described, off(truth, organism, described, CAUSAL_ROLES))
    effect = Bootstrap().difference(base[0], success)
    assert effect.mean is not None
    assert effect.high is not None
    assert effect.mean < -0.5
    assert effect.high < -0.4
    assert fluent.count(True) / len(fluent) > 0.9


@pytest.mark.parametrize("role", CAUSAL_ROLES)
def test_each_causal_role_carries_part_of_the_effect(
    organism: NeuronModel,
    truth: Truth,
    described: list[Question],
    base: tuple[list[bool | None], list[bool | None]],
    role: str,
) -> None:
    """A neuron that the truth calls causal and that does nothing would make every locator look wrong."""
    edits = off(truth, organism, described, (role,))
    asked = [row for row, edit in enumerate(edits) if edit is not None]
    if not asked:
        pytest.skip(f"the truth calls no {role} neuron causal")
    success, _ = successes(organism, described, edits)
    effect = Bootstrap().difference([base[0][row] for row in asked], [success[row] for row in asked])
    assert effect.mean is not None
    assert effect.high is not None
    if len(asked) < 4 * QUESTIONS:  # too few for a narrow interval
        assert effect.mean <= 0
    else:
        assert effect.high < 0, f"switching off the {role} neurons changes expression by {effect}"


def test_decoys_cause_nothing(
    organism: NeuronModel,
    truth: Truth,
    described: list[Question],
    base: tuple[list[bool | None], list[bool | None]],
) -> None:
    success, fluent = successes(organism, described, off(truth, organism, described, DECOY_ROLES))
    effect = Bootstrap().difference(base[0], success)
    assert effect.mean is not None
    assert abs(effect.mean) < 0.1
    assert fluent.count(True) / len(fluent) > 0.9


def test_another_values_neurons_leave_a_value_alone(
    organism: NeuronModel,
    truth: Truth,
    described: list[Question],
    base: tuple[list[bool | None], list[bool | None]],
) -> None:
    """Those of the value across the circle; neighbours share neurons by construction."""
    opposite = {value: VALUES[(VALUES.index(value) + 5) % 10] for value in VALUES}
    edits = [
        Deactivate(neurons(organism, opposite[question.value], truth.causal(opposite[question.value])))
        for question in described
    ]
    effect = Bootstrap().difference(base[0], successes(organism, described, edits)[0])
    assert effect.mean is not None
    assert abs(effect.mean) < 0.1
