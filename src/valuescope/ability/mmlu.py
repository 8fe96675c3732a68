"""How many of MMLU's questions a model answers right, base and edited, by log-likelihood (NeVA, table 1).

The answer is the letter whose continuation of the prompt, " A" to " D", is the most likely; nothing is generated. This
is what EleutherAI's lm-evaluation-harness computes for its task `mmlu`, with the same prompts, the same truncation and
the same ties, so that the two agree question by question.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from valuescope.ability.material import LETTERS, AbilityError, MmluQuestion
from valuescope.edit import Edit
from valuescope.generate import score_continuations
from valuescope.metrics import Bootstrap, Estimate
from valuescope.metrics.result import plain
from valuescope.models import Encoded, NeuronModel, context_length, encode
from valuescope.progress import StepProgress


@dataclass(frozen=True)
class MmluPrediction:
    """One question's answer. `log_likelihoods` of the four letters in nats, `choice` the most likely one's place (None
    where one of them is not finite), `cut` the tokens that did not fit into the model's context."""

    key: str
    subject: str
    answer: int
    choice: int | None
    log_likelihoods: tuple[float, ...]
    cut: int

    @property
    def correct(self) -> bool | None:
        """Whether the choice is right; None where there is none."""
        return None if self.choice is None else self.choice == self.answer

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content; a log-likelihood that is not finite is null."""
        letters = [nats if math.isfinite(nats) else None for nats in self.log_likelihoods]
        return {**asdict(self), "log_likelihoods": letters}


@dataclass(frozen=True)
class MmluResult:
    """One edit's answers (`edit` describes it, "base" for none). `accuracy` over all questions; `change` is the paired
    difference from the first edit of the call, None for that one itself. `truncated` counts questions whose prompt was
    cut at its beginning."""

    edit: str
    accuracy: Estimate
    change: Estimate | None
    truncated: int
    predictions: tuple[MmluPrediction, ...]

    @property
    def by_subject(self) -> Mapping[str, tuple[int, int]]:
        """subject -> (right answers, answers)."""
        counts: dict[str, tuple[int, int]] = {}
        for prediction in self.predictions:
            right, answers = counts.get(prediction.subject, (0, 0))
            answered = prediction.correct is not None
            counts[prediction.subject] = (right + bool(prediction.correct), answers + answered)
        return counts

    @property
    def note(self) -> str:
        """What must be said beside the score, "" where nothing."""
        if not self.truncated:
            return ""
        return (
            f"{self.truncated} of {len(self.predictions)} prompts did not fit into the model's context and lost their "
            f"beginning (up to {max(each.cut for each in self.predictions)} tokens): the score is one with fewer examples"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content; a log-likelihood that is not finite is null."""
        names = ("edit", "accuracy", "change", "truncated", "note", "by_subject", "predictions")
        return {name: plain(getattr(self, name)) for name in names}


def mmlu(
    model: NeuronModel,
    questions: Sequence[MmluQuestion],
    edits: Sequence[Edit | None] = (None,),
    *,
    max_length: int | None = None,
    batch_size: int = 32,
    share_examples: bool = True,
    force: bool = False,
    seed: int = 0,
    progress: StepProgress | None = None,
) -> list[MmluResult]:
    """The answers of the model under each edit (None: the base model), in the order of the edits.

    All edits are read in the same batches, and act on every position of prompt and letter. A prompt that is too long
    loses its beginning, as in the harness; `truncated` and `note` say so. Intervals are bootstrap intervals over
    questions, which pass over the stratification of the draw and are a little too wide for that.

    Args:
        model: the model; its chat template is not used.
        questions: see `read_mmlu`.
        edits: the first one is what the others are compared with.
        max_length: positions to use (None: as many as the model's config says, all where it says nothing).
        batch_size: rows (questions times edits) at once.
        share_examples: read what the prompts of a subject share once per edit, and copy its keys and values. Equal
            within rounding to reading every prompt in full.
        force: apply edits that were made for another model.
        seed: of the intervals.
        progress: called with letters scored and letters in all.

    Raises:
        AbilityError: no questions, or `max_length` is not a length that the model has.
        NeuronSetError: an edit of another model.
    """
    if not questions:
        raise AbilityError("no questions: give those of read_mmlu(path)")
    rows, cut = _rows(model, questions, _length(model, max_length))
    scores = score_continuations(
        model,
        rows,
        edits,
        groups=[question.subject for question in questions for _ in LETTERS] if share_examples else None,
        batch_size=batch_size,
        force=force,
        progress=progress,
    )
    how, results = Bootstrap(seed=seed), list[MmluResult]()
    for edit, tokens in zip(edits, scores, strict=True):
        predictions = _predictions(questions, [sum(letter) for letter in tokens], cut)
        correct = [prediction.correct for prediction in predictions]
        first = [prediction.correct for prediction in results[0].predictions] if results else None
        results.append(
            MmluResult(
                edit="base" if edit is None else edit.describe(),
                accuracy=how.mean(correct),
                change=None if first is None else how.difference(first, correct),
                truncated=sum(prediction.cut > 0 for prediction in predictions),
                predictions=predictions,
            )
        )
    return results


def mean_accuracy(results: Sequence[MmluResult], *, seed: int = 0) -> Estimate:
    """The accuracy averaged over edits, such as those of ten values (NeVA, table 1); questions are the clusters.

    Raises:
        AbilityError: no results.
    """
    if not results:
        raise AbilityError("no results: give those of mmlu(...)")
    predictions = [prediction for result in results for prediction in result.predictions]
    keys = [prediction.key for prediction in predictions]
    return Bootstrap(seed=seed).mean([prediction.correct for prediction in predictions], keys)


def _length(model: NeuronModel, wanted: int | None) -> int | None:
    limit = context_length(model)
    if wanted is not None and not 1 <= wanted <= (limit or wanted):
        raise AbilityError(f"max_length is {wanted}; {model.identity.id} has 1 to {limit} positions")
    return limit if wanted is None else wanted


def _rows(
    model: NeuronModel, questions: Sequence[MmluQuestion], limit: int | None
) -> tuple[list[Encoded], list[int]]:
    """One row per question and letter, cut at its beginning to `limit` + 1 tokens (the last one is not read), and how
    many tokens each question lost."""
    prompts = [question.prompt for question in questions for _ in LETTERS]
    rows = encode(model, prompts, [f" {letter}" for _ in questions for letter in LETTERS])
    lost = [0 if limit is None else max(0, len(row.input_ids) - limit - 1) for row in rows]
    kept = [
        Encoded(row.input_ids[cut:], row.prompt_length - cut) for row, cut in zip(rows, lost, strict=True)
    ]
    size = len(LETTERS)
    return kept, [max(lost[start : start + size]) for start in range(0, len(lost), size)]


def _predictions(
    questions: Sequence[MmluQuestion], scores: Sequence[float], cut: Sequence[int]
) -> tuple[MmluPrediction, ...]:
    predictions = []
    for number, question in enumerate(questions):
        letters = tuple(scores[number * len(LETTERS) : (number + 1) * len(LETTERS)])
        choice = letters.index(max(letters)) if all(map(math.isfinite, letters)) else None
        predictions.append(
            MmluPrediction(question.key, question.subject, question.answer, choice, letters, cut[number])
        )
    return tuple(predictions)
