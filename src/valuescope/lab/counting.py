"""One streaming pass over many texts, part by part, so that a run that was killed goes on where it stopped."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
    relabellings: Mapping[str, Sequence[str]] | None = None,
    drawn: Sequence[tuple[int, ...] | None] | None = None,
    progress: StepProgress | None = None,
) -> Activations:
    """Counters, and residuals where they are asked for, of all texts, kept in the folder `place`; `relabellings` and
    `drawn` as in `collect`.

    After each `part` texts the running total of the counters replaces the one before, so that disk space does not grow
    with the number of parts, and a pass that was killed goes on after its last whole part.
    """
    dealt, kept, total = dict(relabellings or {}), list[Residuals](), None
    names = ("counters", *dealt)
    starts = range(0, len(texts), part)
    saved = (number for number in range(len(starts)) if _is_saved(place, number, names, residuals))
    done = max(saved, default=-1)
    if done >= 0:
        loaded = {name: Counters.load(place / f"{name}-{done:04d}") for name in names}
        total = Activations(loaded.pop("counters"), None, loaded)
        if residuals:
            kept = [Residuals.load(place / f"residuals-{number:04d}") for number in range(done + 1)]
    for number in range(done + 1, len(starts)):
        before = starts[number]

        def tell(read: int, _: int, before: int = before) -> None:
            if progress is not None:
                progress(before + read, len(texts))

        counted = collect(
            model,
            texts[before : before + part],
            batch_size=batch_size,
            scope=scope,
            special_tokens=special_tokens,
            residuals=residuals,
            drawn=None if drawn is None else drawn[before : before + part],
            relabellings={name: labels[before : before + part] for name, labels in dealt.items()},
            progress=tell,
        )
        if counted.residuals is not None:
            kept.append(counted.residuals)
            counted.residuals.save(place / f"residuals-{number:04d}")
        counted = replace(counted, residuals=None)
        total = counted if total is None else total + counted
        for name, counters in {**total.relabelled, "counters": total.counters}.items():
            counters.save(place / f"{name}-{number:04d}")
        for name in names:
            for suffix in (".json", ".safetensors"):
                (place / f"{name}-{number - 1:04d}").with_suffix(suffix).unlink(missing_ok=True)
    assert total is not None
    return replace(total, residuals=reduce(operator.add, kept) if kept else None)


def _is_saved(place: Path, number: int, names: Sequence[str], residuals: bool) -> bool:
    """Whether the totals after a part, and the part's residuals, are on disk; a manifest is written last."""
    kinds = (*names, "residuals") if residuals else names
    return all((place / f"{kind}-{number:04d}.json").is_file() for kind in kinds)
