"""One streaming pass over many texts, part by part, so that a run that was killed goes on where it stopped."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce
from pathlib import Path

from valuescope.activations import Activations, Counters, Residuals, collect
from valuescope.data import LabelledText
from valuescope.models import NeuronModel
from valuescope.progress import StepProgress


def count_texts(
    place: Path,
    model: NeuronModel,
    texts: Sequence[LabelledText],
    *,
    batch_size: int,
    part: int,
    scope: str,
    special_tokens: bool = False,
    residuals: bool = False,
    progress: StepProgress | None = None,
) -> Activations:
    """Counters, and residuals where they are asked for, of all texts, kept in the folder `place`.

    After each `part` texts the running total of the counters replaces the one before, so that disk space does not grow
    with the number of parts, and a pass that was killed goes on after its last whole part.
    """
    counters, kept = None, list[Residuals]()
    starts = range(0, len(texts), part)
    done = max((number for number in range(len(starts)) if _is_saved(place, number, residuals)), default=-1)
    if done >= 0:
        counters = Counters.load(place / f"counters-{done:04d}")
        if residuals:
            kept = [Residuals.load(place / f"residuals-{number:04d}") for number in range(done + 1)]
    for number in range(done + 1, len(starts)):
        before = starts[number]

        def tell(read: int, _: int, before: int = before) -> None:
            if progress is not None:
                progress(before + read, len(texts))

        found = collect(
            model,
            texts[before : before + part],
            batch_size=batch_size,
            scope=scope,
            special_tokens=special_tokens,
            residuals=residuals,
            progress=tell,
        )
        counters = found.counters if counters is None else counters + found.counters
        if found.residuals is not None:
            kept.append(found.residuals)
            found.residuals.save(place / f"residuals-{number:04d}")
        counters.save(place / f"counters-{number:04d}")
        for suffix in (".json", ".safetensors"):
            (place / f"counters-{number - 1:04d}").with_suffix(suffix).unlink(missing_ok=True)
    assert counters is not None
    return Activations(counters, reduce(operator.add, kept) if kept else None)


def _is_saved(place: Path, number: int, residuals: bool) -> bool:
    """Whether the total after a part, and the part's residuals, are on disk; a manifest is written last."""
    kinds = ("counters", "residuals") if residuals else ("counters",)
    return all((place / f"{kind}-{number:04d}.json").is_file() for kind in kinds)
