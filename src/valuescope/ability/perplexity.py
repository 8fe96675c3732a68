"""Perplexity on a neutral text: the cheap test of whether an edit leaves the language model as it was.

A text longer than the window is read in strided windows: the first window scores all of its tokens, and each further one
moves on by `stride` tokens and scores those, behind the `window - stride` tokens before them or more. So each token is
scored once, and all but those of the first window with that much context. The first token of a text has no context and
is not scored; where the tokenizer puts a token in front of a text, that is the one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from valuescope.ability.material import AbilityError
from valuescope.edit import Edit
from valuescope.generate import score_continuations
from valuescope.metrics import Bootstrap, Estimate
from valuescope.metrics.result import plain
from valuescope.models import Encoded, NeuronModel, context_length, encode
from valuescope.progress import StepProgress

LONGEST_WINDOW = 1024
"""Positions in a window where nothing else is asked for, however long the model's context is."""


@dataclass(frozen=True)
class Perplexity:
    """One edit's perplexity over all texts (`edit` describes it, "base" for none).

    `nats` is the mean negative log-likelihood per token, its interval over texts; `change` the paired difference from
    the first edit of the call, None for that one itself. `by_text` holds the mean of each text, None where none of its
    tokens has a number.
    """

    edit: str
    nats: Estimate
    change: Estimate | None
    by_text: tuple[float | None, ...]

    @property
    def texts(self) -> int:
        """How many texts were read."""
        return len(self.by_text)

    @property
    def perplexity(self) -> float | None:
        """exp of the mean."""
        return None if self.nats.mean is None else math.exp(self.nats.mean)

    @property
    def ci(self) -> tuple[float, float] | None:
        """The perplexity's interval, None for one text."""
        ci = self.nats.ci
        return None if ci is None else (math.exp(ci[0]), math.exp(ci[1]))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        names = ("edit", "perplexity", "ci", "nats", "change", "by_text")
        return {name: plain(getattr(self, name)) for name in names}


def perplexity(
    model: NeuronModel,
    texts: Sequence[str],
    edits: Sequence[Edit | None] = (None,),
    *,
    window: int | None = None,
    stride: int | None = None,
    batch_size: int = 8,
    force: bool = False,
    seed: int = 0,
    progress: StepProgress | None = None,
) -> list[Perplexity]:
    """The perplexity of the texts under each edit (None: the base model), in the order of the edits.

    Args:
        model: the model.
        texts: such as `neutral_texts()`; each is read on its own.
        edits: the first one is what the others are compared with; they act on every position.
        window: positions read at once (None: the model's context, at most 1024).
        stride: tokens by which windows move on (None: half a window).
        batch_size: windows times edits at once.
        force: apply edits that were made for another model.
        seed: of the intervals, which resample texts.
        progress: called with windows read and windows in all.

    Raises:
        AbilityError: no texts, one without two tokens, or a window or stride that is none.
        NeuronSetError: an edit of another model.
    """
    if not texts:
        raise AbilityError("no texts: give some, such as neutral_texts()")
    window, stride = _window(model, window, stride)
    rows, places = list[Encoded](), list[int]()
    for place, row in enumerate(encode(model, texts)):
        if len(row.input_ids) < 2:
            raise AbilityError(
                f"text {place} has {len(row.input_ids)} token: nothing to score; make it longer"
            )
        parts = windows(row.input_ids, window, stride)
        rows += parts
        places += [place] * len(parts)
    scores = score_continuations(model, rows, edits, batch_size=batch_size, force=force, progress=progress)
    counts = [len(row.input_ids) - row.prompt_length for row in rows]
    clusters = [place for place, count in zip(places, counts, strict=True) for _ in range(count)]
    losses = [[-nats if math.isfinite(nats) else None for row in scored for nats in row] for scored in scores]
    how = Bootstrap(seed=seed)
    return [
        Perplexity(
            edit="base" if edit is None else edit.describe(),
            nats=how.mean(tokens, clusters),
            change=None if tokens is losses[0] else how.difference(losses[0], tokens, clusters),
            by_text=_by_text(tokens, clusters, len(texts)),
        )
        for edit, tokens in zip(edits, losses, strict=True)
    ]


def windows(ids: Sequence[int], window: int, stride: int) -> list[Encoded]:
    """The windows of a text of two tokens or more; the tokens behind each one's prompt are those that it scores.

    A window reads `window` tokens at most: the last of its row is predicted, never read.
    """
    parts, done, last = list[Encoded](), 0, len(ids) - 1
    while done < last:
        end = min(last, done + (stride if parts else window))
        begin = max(0, end - window)
        parts.append(Encoded(tuple(ids[begin : end + 1]), done + 1 - begin))
        done = end
    return parts


def _by_text(losses: Sequence[float | None], places: Sequence[int], texts: int) -> tuple[float | None, ...]:
    by_text: list[list[float]] = [[] for _ in range(texts)]
    for loss, place in zip(losses, places, strict=True):
        if loss is not None:
            by_text[place].append(loss)
    return tuple(fmean(tokens) if tokens else None for tokens in by_text)


def _window(model: NeuronModel, window: int | None, stride: int | None) -> tuple[int, int]:
    limit = context_length(model)
    if window is None:
        window = min(limit or LONGEST_WINDOW, LONGEST_WINDOW)
    if not 1 <= window <= (limit or window):
        raise AbilityError(f"window is {window}; {model.identity.id} has 1 to {limit} positions")
    if stride is None:
        stride = max(1, window // 2)
    if not 1 <= stride <= window:
        raise AbilityError(f"stride is {stride}; it must be between 1 and the window, {window}")
    return window, stride
