"""Questionnaires put to a model in memory: expected ratings against plain passes, and ratings by text."""

from __future__ import annotations

import json

import pytest
import torch
from ability_samples import tiny_model_with
from conftest import shared
from edit_samples import some_neurons
from tiny_models import tiny_model

from valuescope.edit import Deactivate, Edit, Modulate, edited
from valuescope.judge import (
    JudgeError,
    Questionnaire,
    load_questionnaire,
    rate_by_likelihood,
    rate_by_text,
    score_questionnaire,
)
from valuescope.judge.self_rating import QuestionnaireAsked
from valuescope.models import NeuronModel, encode, load_model, render_question

STEPS = ("no", "so", "old", "fair")
QUESTIONNAIRE = Questionnaire(
    name="small",
    items={"1": "I help my friend", "2": "power is my idea", "3": "we share the old story", "4": "they rest"},
    key={"care": ("1", "3"), "power": ("2", "4")},
    labels=STEPS,
    reverse=frozenset({"4"}),
)
ASKED = QuestionnaireAsked(QUESTIONNAIRE, "agreement", max_tokens=4)


def next_token(model: NeuronModel, prompt: str, edit: Edit | None, *behind: int) -> torch.Tensor:
    """Probabilities of the token behind a prompt, by one plain pass."""
    ids = [*encode(model, [prompt])[0].input_ids, *behind]
    with torch.no_grad(), edited(model, edit):
        return model.model(input_ids=torch.tensor([ids])).logits[0, -1].double().softmax(-1)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_expected_ratings_are_those_of_plain_passes(family: str) -> None:
    model = tiny_model_with(family, "1", "2", "3", "4")
    edits = [None, Deactivate(some_neurons(model, 1)), Modulate(some_neurons(model, 2), beta=1.5)]
    found = rate_by_likelihood(model, ASKED, edits, minimum_mass=0, batch_size=5)
    ids = model.tokenizer.convert_tokens_to_ids(["1", "2", "3", "4"])
    for result, edit in zip(found, edits, strict=True):
        masses = []
        for item, call in zip(QUESTIONNAIRE.items, ASKED.calls(), strict=True):
            shares = next_token(model, render_question(model, call.user), edit)[ids]
            masses.append(float(shares.sum()))
            expected = float((shares * torch.arange(1, 5)).sum() / shares.sum())
            assert result.replies[item].value == pytest.approx(expected, abs=1e-4)
        assert result.mass == pytest.approx(min(masses), rel=1e-3)
        assert result.scores == score_questionnaire(QUESTIONNAIRE, result.replies)
        care, power = (result.scores.scales[scale] for scale in ("care", "power"))
        rated = {item: reply.value or 0 for item, reply in result.replies.items()}
        assert power.raw == pytest.approx((rated["2"] + 5 - rated["4"]) / 2)
        assert (care.centred or 0) + (power.centred or 0) == pytest.approx(0)
        assert (care.n, care.items, result.scores.missing.total) == (2, 2, 4)
    assert found[0].replies != found[1].replies
    assert [one.edit for one in found] == ["base", edits[1].describe(), edits[2].describe()]  # type: ignore[union-attr]
    assert found == rate_by_likelihood(model, ASKED, edits, minimum_mass=0, batch_size=5)


def test_little_mass_on_the_scale_is_missing() -> None:
    model = tiny_model_with("llama", "1", "2", "3", "4")
    (result,) = rate_by_likelihood(model, ASKED)
    assert result.mass is not None
    assert result.mass < 0.5
    assert result.scores.missing.by_kind == {"low mass": 4}
    assert result.scores.mean is None
    assert result.scores.scales["care"].raw is None
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert (plain["n"], plain["ratings"]["1"], plain["method"]) == (0, "low mass", "log-probabilities")


def test_a_lead_in_stands_behind_the_prompt() -> None:
    model = tiny_model_with("llama", "1", "2", "3", "4")
    (result,) = rate_by_likelihood(model, ASKED, lead_in=" you should", minimum_mass=0)
    ids = model.tokenizer.convert_tokens_to_ids(["1", "2", "3", "4"])
    prompt = render_question(model, ASKED.calls()[0].user) + " you should"
    shares = next_token(model, prompt, None)[ids]
    expected = float((shares * torch.arange(1, 5)).sum() / shares.sum())
    assert result.replies["1"].value == pytest.approx(expected, abs=1e-4)


def test_a_digit_behind_a_token_of_white_space_counts() -> None:
    model = load_model(str(shared("models/stories260K")))
    questionnaire = load_questionnaire(shared("data/pvq/pvq21_ess_first_person.json"))
    asked = QuestionnaireAsked(
        Questionnaire("one", {"A": questionnaire.items["A"]}, {"all": ("A",)}, questionnaire.labels),
        "self-description",
    )
    silent = Deactivate(some_neurons(model, 3))
    found = rate_by_likelihood(model, asked, [None, silent], lead_in="\nAnswer:", minimum_mass=0)
    space, *digits = model.tokenizer.convert_tokens_to_ids(["▁", *"123456"])
    prompt = render_question(model, asked.calls()[0].user) + "\nAnswer:"
    for result, edit in zip(found, (None, silent), strict=True):
        first = next_token(model, prompt, edit)
        shares = first[digits] + first[space] * next_token(model, prompt, edit, space)[digits]
        assert result.mass == pytest.approx(float(shares.sum()), rel=1e-3)
        expected = float((shares * torch.arange(1, 7)).sum() / shares.sum())
        assert result.replies["A"].value == pytest.approx(expected, abs=1e-3)


def test_ratings_by_text_are_parsed_and_paired() -> None:
    model = tiny_model_with("llama", "1", "2", "3", "4")
    with torch.no_grad():  # a model that says 3 and then ends
        head = model.model.get_output_embeddings()
        bias = torch.full((head.weight.shape[0],), -1e4)
        three, end = model.tokenizer.convert_tokens_to_ids("3"), model.tokenizer.eos_token_id
        bias[three], bias[end] = 10.0, 9.0
        head.bias = torch.nn.Parameter(bias)
    base, again = rate_by_text(
        model, QuestionnaireAsked(QUESTIONNAIRE, "agreement", max_tokens=1), [None, None]
    )
    assert base == again
    said = {item: reply.value for item, reply in base.replies.items()}
    assert set(said.values()) == {3}
    assert base.scores.scales["power"].raw == (3 + 2) / 2
    assert (base.method, base.mass, base.scores.same_answer) == ("text", None, 1)


def test_what_is_no_rating_is_missing_by_kind() -> None:
    model = tiny_model_with("llama", "1", "2", "3", "4")
    results = rate_by_text(model, ASKED, [None, Deactivate(some_neurons(model, 1))], batch_size=3)
    for result in results:
        assert result.scores.missing.missing == sum(one.value is None for one in result.replies.values())
        assert result.scores.missing.total == 4


def test_what_cannot_be_asked() -> None:
    with pytest.raises(JudgeError, match="questionnaire 'small': tiny-llama has no token for the step 1"):
        rate_by_likelihood(tiny_model("llama"), ASKED)
    wide = Questionnaire("wide", QUESTIONNAIRE.items, QUESTIONNAIRE.key, tuple("abcdefghijk"))
    with pytest.raises(JudgeError, match="the scale goes from 1 to 11"):
        rate_by_likelihood(tiny_model("llama"), QuestionnaireAsked(wide, "agreement"))
