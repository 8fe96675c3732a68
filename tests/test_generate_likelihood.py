"""Log-likelihood against Hugging Face's own loss, text by text."""

from __future__ import annotations

import pytest
import torch
from edit_samples import hooks_on, some_neurons
from tiny_models import FAMILIES, tiny_model

from valuescope.edit import Deactivate, Edit, Modulate, edited
from valuescope.generate import GenerationError, log_likelihood, log_likelihood_encoded
from valuescope.models import BatchError, Encoded, NeuronModel, encode

TEXTS = (
    "I care",
    "we help the old friend so that they feel free",
    "power is my idea",
    "you win not the race but the day and never the night",
)
PROMPTS = ("should we help the city", "do you care", "why", "the child and the story of the people")
ANSWERS = ("yes we should", "not always", "because power is safe for my child", "never")


def loss(model: NeuronModel, ids: tuple[int, ...], given: int, edit: Edit | None = None) -> float:
    """Hugging Face's mean loss of one unpadded row, of the tokens from `given` on."""
    row = torch.tensor([ids])
    labels = row.clone()
    labels[:, :given] = -100
    with torch.no_grad(), edited(model, edit):
        return float(model.model(input_ids=row, labels=labels).loss)


@pytest.fixture(scope="module", params=("llama", "gpt2", "opt", "bloom", "gemma2"))
def model(request: pytest.FixtureRequest) -> NeuronModel:
    assert request.param in FAMILIES
    return tiny_model(request.param)


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_texts_score_what_the_plain_loss_says(model: NeuronModel, batch_size: int) -> None:
    expected = [-loss(model, row.input_ids, 1) for row in encode(model, TEXTS)]
    assert log_likelihood(model, TEXTS, batch_size=batch_size) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_answers_score_what_the_plain_loss_of_their_tokens_says(model: NeuronModel, batch_size: int) -> None:
    answers = [f" {answer}" for answer in ANSWERS]
    rows = encode(model, PROMPTS, answers)
    expected = [-loss(model, row.input_ids, row.prompt_length) for row in rows]
    assert log_likelihood(model, PROMPTS, answers, batch_size=batch_size) == pytest.approx(expected, abs=1e-4)


def test_each_text_may_carry_its_own_edit(model: NeuronModel) -> None:
    edits: list[Edit | None] = [
        Deactivate(some_neurons(model, 1)),
        None,
        Modulate(some_neurons(model, 2), beta=1.5),
        Deactivate(some_neurons(model, 3)),
    ]
    rows = encode(model, TEXTS)
    expected = [-loss(model, row.input_ids, 1, edit) for row, edit in zip(rows, edits, strict=True)]
    found = log_likelihood(model, TEXTS, edits=edits, batch_size=3)
    assert found == pytest.approx(expected, abs=1e-4)
    plain = log_likelihood(model, TEXTS)
    assert found[1] == pytest.approx(plain[1], abs=1e-4)
    assert abs(found[0] - plain[0]) > 1e-3
    assert not hooks_on(model)


def test_one_edit_serves_all_texts(model: NeuronModel) -> None:
    edit = Modulate(some_neurons(model, 4), beta=1.0)
    expected = [-loss(model, row.input_ids, 1, edit) for row in encode(model, TEXTS)]
    assert log_likelihood(model, TEXTS, edits=edit, batch_size=2) == pytest.approx(expected, abs=1e-4)


def test_token_ids_score_as_they_are(model: NeuronModel) -> None:
    rows = [Encoded((5, 6, 7, 8, 9), 2), Encoded((5, 6, 7), 0), Encoded((9, 8, 7, 6, 5, 4, 20, 21), 7)]
    expected = [-loss(model, row.input_ids, max(1, row.prompt_length)) for row in rows]
    assert log_likelihood_encoded(model, rows, batch_size=2) == pytest.approx(expected, abs=1e-4)


def test_base_and_edited_runs_of_one_shape_agree_bit_by_bit_where_nothing_is_edited() -> None:
    model = tiny_model("llama")
    empty = Deactivate(some_neurons(model, 1, share=0.0))
    assert log_likelihood(model, TEXTS, edits=[empty] * 4) == log_likelihood(model, TEXTS)


def test_progress_counts_texts() -> None:
    seen: list[tuple[int, int]] = []
    log_likelihood(
        tiny_model("llama"), TEXTS, batch_size=3, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(3, 4), (4, 4)]


def test_the_whole_context_can_be_scored() -> None:
    """The last token is predicted, not read: an answer that fills the context has one token more than positions."""
    model = tiny_model("gpt2")
    limit = model.model.config.n_positions
    (score,) = log_likelihood_encoded(model, [Encoded((5,) * (limit + 1), 3)])
    assert score < 0
    with pytest.raises(BatchError, match="context"):
        log_likelihood_encoded(model, [Encoded((5,) * (limit + 2), 3)])


def test_nothing_to_score_is_an_error_that_names_the_text() -> None:
    model = tiny_model("llama")
    with pytest.raises(GenerationError, match="text 1 has nothing to score: 1 tokens"):
        log_likelihood(model, ["I care", ""])
    with pytest.raises(GenerationError, match="text 0 has nothing to score: 3 tokens, of which the first 3"):
        log_likelihood(model, ["I care"], [""])
    with pytest.raises(GenerationError, match="4 texts but 1 edits: give one per text"):
        log_likelihood(model, TEXTS, edits=[None])


def test_no_texts_have_no_scores() -> None:
    assert log_likelihood(tiny_model("llama"), []) == []
