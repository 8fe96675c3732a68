"""Scored continuations against one plain unpadded pass per row and edit, with and without a shared beginning."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from edit_samples import hooks_on, some_neurons
from tiny_models import BOS, FAMILIES, VOCABULARY, tiny_model

from valuescope.edit import Deactivate, Edit, Modulate, edited
from valuescope.generate import GenerationError, likelihood, score_continuations
from valuescope.models import Encoded, NeuronModel


def rows_of(groups: int = 2, questions: int = 3) -> tuple[list[Encoded], list[int]]:
    """Rows of several lengths behind a long beginning per group, most of them differing in their last token alone."""
    rng = random.Random(0)
    rows, names = list[Encoded](), list[int]()

    def draw(number: int) -> list[int]:
        return [rng.randrange(BOS + 3, VOCABULARY) for _ in range(number)]

    for group in range(groups):
        beginning = (BOS, *draw(40))
        for _ in range(questions):
            prompt = (*beginning, *draw(rng.randrange(1, 9)))
            rows += [Encoded((*prompt, last), len(prompt)) for last in (7, 8, 9)]
        rows.append(Encoded((*beginning, 5, 9, 9), len(beginning)))
        names += [group] * (len(rows) - len(names))
    return rows, names


def plain(model: NeuronModel, row: Encoded, edit: Edit | None) -> list[float]:
    with torch.no_grad(), edited(model, edit):
        likely = model.model(input_ids=torch.tensor([row.input_ids])).logits[0].float().log_softmax(-1)
    places = range(row.prompt_length, len(row.input_ids))
    return [float(likely[place - 1, row.input_ids[place]]) for place in places]


def flat(scores: list[list[tuple[float, ...]]]) -> list[float]:
    return [token for edit in scores for row in edit for token in row]


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_are_those_of_the_plain_pass(family: str) -> None:
    model = tiny_model(family)
    rows, groups = rows_of()
    edits = [None, Deactivate(some_neurons(model, 1)), Modulate(some_neurons(model, 2), beta=1.5)]
    expected = [token for edit in edits for row in rows for token in plain(model, row, edit)]
    for batch_size in (1, 64):
        shared = score_continuations(model, rows, edits, groups=groups, batch_size=batch_size)
        assert [len(own) for own in shared] == [len(rows)] * 3
        assert flat(shared) == pytest.approx(expected, abs=1e-4)
    apart = score_continuations(model, rows, edits, batch_size=7)
    assert flat(apart) == pytest.approx(expected, abs=1e-4)
    assert shared[0] != shared[1] != shared[2]
    assert not hooks_on(model)


def test_the_shared_beginning_is_read_once_per_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    rows, groups = rows_of()
    tokens = list[int]()
    forward = model.model.forward

    def counted(*arguments: Any, **named: Any) -> Any:
        tokens.append(named["input_ids"].numel())
        return forward(*arguments, **named)

    monkeypatch.setattr(model.model, "forward", counted)
    edits = [None, Deactivate(some_neurons(model, 1))]
    score_continuations(model, rows, edits, groups=groups)
    shared, tokens[:] = sum(tokens), []
    own = [row for row, group in zip(rows, groups, strict=True) if not group]
    score_continuations(model, own, edits)
    score_continuations(model, [row for row, group in zip(rows, groups, strict=True) if group], edits)
    assert shared < sum(tokens) / 2


def test_what_does_not_fit_beside_the_copies_is_read_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("qwen2")
    rows, groups = rows_of()
    expected = score_continuations(model, rows, [None], groups=groups)

    def full(*arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(likelihood.copy, "deepcopy", full)
    assert flat(score_continuations(model, rows, [None], groups=groups)) == pytest.approx(
        flat(expected), abs=1e-5
    )


def test_bfloat16_rows_do_not_depend_on_their_batch_much() -> None:
    model = tiny_model("llama", torch.bfloat16)
    rows, groups = rows_of()
    expected = [token for row in rows for token in plain(model, row, None)]
    found = flat(score_continuations(model, rows, [None], groups=groups, batch_size=5))
    assert found == pytest.approx(expected, abs=0.15)


def test_progress_counts_every_row_and_edit() -> None:
    rows, groups = rows_of()
    seen = list[tuple[int, int]]()
    score_continuations(
        tiny_model("gpt2"),
        rows,
        [None, None],
        groups=groups,
        batch_size=4,
        progress=lambda *one: seen.append(one),
    )
    assert seen[-1] == (2 * len(rows), 2 * len(rows))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


@pytest.mark.parametrize(
    ("rows", "named", "message"),
    [
        ([Encoded((1, 5), 2)], {}, "row 0 has 2 tokens, 2 of them the prompt's"),
        ([Encoded((1, 5), 0)], {}, "row 0 has 2 tokens, 0 of them"),
        ([Encoded((1,) * 130, 1)], {}, "row 0 has 130 tokens and tiny-llama has 128 positions"),
        ([Encoded((1, 9999), 1)], {}, "token id 9999"),
        ([Encoded((1, 5), 1)], {"groups": [1, 2]}, "1 rows but 2 groups"),
        ([Encoded((1, 5), 1)], {"edits": []}, "no edits: give None"),
        ([Encoded((1, 5), 1)], {"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_what_cannot_be_scored(rows: list[Encoded], named: dict[str, Any], message: str) -> None:
    with pytest.raises(GenerationError, match=message):
        score_continuations(tiny_model("llama"), rows, **named)
