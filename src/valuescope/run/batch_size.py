"""The batch sizes that are fastest on a model, where a specification leaves them open (`batch_size: auto`)."""

from __future__ import annotations

from collections.abc import Sequence

from valuescope.lab.spec import AUTO, RunSpec
from valuescope.run.estimator import Estimator
from valuescope.run.pace import NOTHING
from valuescope.run.plan import plan_of
from valuescope.run.price import part_seconds, reading_seconds, text_lengths

LIKE = 0.02  # of two sizes whose times are as near as this, the smaller is taken


def is_left_open(spec: RunSpec) -> bool:
    """Whether a batch size is left to timing."""
    return AUTO in (spec.activations.batch_size, spec.ask_batch_size)


def with_batch_sizes(spec: RunSpec, estimator: Estimator) -> tuple[RunSpec, list[str]]:
    """The specification with the sizes, of those that were timed, at which the whole of it takes least; and a line for each.

    Without weights to time it stays as it is.
    """
    plan = plan_of(spec)
    pace = estimator.pace(plan) if is_left_open(spec) else None
    if pace is None:
        return spec, []
    tokens, notes = estimator.tokens, list[str]()
    if spec.activations.batch_size == AUTO:
        lengths = text_lengths(plan.reading.texts, tokens.lengths)
        sizes = estimator.reading_sizes(plan)
        seconds = [reading_seconds(lengths, size, pace).middle for size in sizes]
        best = fastest(sizes, seconds)
        spec = spec.model_copy(
            update={"activations": spec.activations.model_copy(update={"batch_size": best})}
        )
        notes.append(_note("activations.batch_size", best, sizes, seconds))
    if spec.ask_batch_size == AUTO:
        sizes = estimator.asking_sizes(plan)
        seconds = [sum(part_seconds(plan, tokens, pace, size).values(), NOTHING).middle for size in sizes]
        best = fastest(sizes, seconds)
        spec = spec.with_ask_batch_size(best)
        notes.append(_note(f"{spec.asking_key}.batch_size", best, sizes, seconds))
    return spec, notes


def fastest(sizes: Sequence[int], seconds: Sequence[float]) -> int:
    """The smallest size that takes at most a little longer than the fastest."""
    return min(size for size, taken in zip(sizes, seconds, strict=True) if taken <= (1 + LIKE) * min(seconds))


def _note(key: str, best: int, sizes: Sequence[int], seconds: Sequence[float]) -> str:
    times = ", ".join(f"{size}: {taken:.0f} s" for size, taken in zip(sizes, seconds, strict=True))
    return f"{key}: {best} (the run would take {times})"
