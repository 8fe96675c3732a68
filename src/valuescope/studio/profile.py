"""What a model finds likely of each value, before and after an edit: a small profile that is ready in seconds."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from valuescope.data import ContrastPair
from valuescope.edit import Edit
from valuescope.generate import Engine, ScoreRequest, Scores
from valuescope.metrics import Bootstrap, Estimate
from valuescope.models import encode


@dataclass(frozen=True)
class ValueProfile:
    """One value: the mean log-probability per token of its texts minus that of their opposites, in nats, of the base model
    and of the edited one, and the paired change."""

    value: str
    base: Estimate
    edited: Estimate
    change: Estimate


@dataclass(frozen=True)
class Progress:
    """So many texts were scored."""

    done: int
    total: int


def profile_steps(
    engine: Engine, pairs: Sequence[ContrastPair], edit: Edit | None, *, seed: int = 0
) -> Generator[Progress | list[ValueProfile]]:
    """Score both texts of every pair under both models; yields progress, then the profile, values in the pairs' order.

    Where the iterator is closed early, what was not scored is cancelled.
    """
    rows = encode(engine.model, [text for pair in pairs for text in (pair.positive, pair.negative)])
    arms: list[Edit | None] = [None] if edit is None else [None, edit]
    futures = [
        engine.submit(ScoreRequest(row.input_ids[:1], (row.input_ids[1:],), arm))
        for arm in arms
        for row in rows
    ]
    try:
        scores = list[Scores]()
        for future in futures:
            scores.append(future.result())
            if len(scores) % 8 == 0 or len(scores) == len(futures):
                yield Progress(len(scores), len(futures))
    finally:
        for future in futures:
            future.cancel()
    means = [score.totals[0] / len(score.continuations[0]) for score in scores]
    preferences = [positive - negative for positive, negative in zip(means[::2], means[1::2], strict=True)]
    base, edited = preferences[: len(pairs)], preferences[-len(pairs) :]
    bootstrap, profiles = Bootstrap(seed=seed), []
    for value in dict.fromkeys(pair.value for pair in pairs):
        places = [place for place, pair in enumerate(pairs) if pair.value == value]
        before, after = ([side[place] for place in places] for side in (base, edited))
        changes = [now - then for now, then in zip(after, before, strict=True)]
        profiles.append(
            ValueProfile(value, bootstrap.mean(before), bootstrap.mean(after), bootstrap.mean(changes))
        )
    yield profiles
