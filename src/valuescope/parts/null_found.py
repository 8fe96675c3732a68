"""What a locator selects under exchanged labels, and how far its selections from two halves of the texts agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import fmean

from valuescope.activations import ActivationError
from valuescope.lab.null import NullReadings, NullSpec, Reading
from valuescope.lab.strict import Found
from valuescope.locate import LocateError, Location
from valuescope.locate.relabelling import Exchange
from valuescope.metrics.stability import chance_jaccard, items_needed, jaccard, rank_correlation

Locating = Callable[[Reading], Location]
"""From labels and activations to a location; LocateError or ActivationError where the texts do not suffice."""


class SplitFound(Found):
    """Two halves of the texts against each other: the Jaccard index of their selections, that of random sets of the same
    sizes, and Spearman's correlation of the method's own numbers over all neurons; means over cuts."""

    jaccard: float | None = None
    chance: float | None = None
    correlation: float | None = None


class ValueNull(Found):
    """One value's selection beside its null.

    `neurons`: selected by the real labels; `shuffled`: by exchanged ones, the mean over dealings. `null_share`: those of
    `shuffled` that score at least as high as the lowest real one, as a share of `neurons`. `score_ratio`: the mean score of
    what exchanged labels select against that of what the real ones do. `overlap`: the Jaccard index of the two. `halves`,
    `shuffled_halves`: under the labels as they are, and exchanged. `texts`: read for the value. `texts_needed`: so that two
    sets of that many would give numbers that correlate as asked (Spearman-Brown, an extrapolation). `kept_layers`,
    `accuracy` and the same `shuffled`: of the probes, where there are any, the layers kept and the best accuracy.
    """

    neurons: int
    shuffled: float | None = None
    null_share: float | None = None
    score_ratio: float | None = None
    overlap: float | None = None
    halves: SplitFound = SplitFound()
    shuffled_halves: SplitFound = SplitFound()
    texts: int = 0
    texts_needed: int | None = None
    kept_layers: int | None = None
    shuffled_kept_layers: float | None = None
    accuracy: float | None = None
    shuffled_accuracy: float | None = None


class NullFound(Found):
    """One locator's selection beside its null; `null_share` and `split_half` (the Jaccard index of two halves) are means over
    values, None where nothing was selected. `exchanged`: "sides" or "values". `missing`: why something was not measured.
    `model_neurons`: all of the model's."""

    exchanged: str = ""
    shuffles: int = 0
    halves: int = 0
    agreement: float | None = None
    model_neurons: int = 0
    null_share: float | None = None
    split_half: float | None = None
    by_value: dict[str, ValueNull] = {}
    missing: tuple[str, ...] = ()


def null_found(
    spec: NullSpec, readings: NullReadings, exchange: Exchange, real: Location, locating: Locating
) -> NullFound:
    """Locate under every dealing and on every half, and compare with the real location."""
    missing = dict[str, None]()

    def located(readings: Iterable[Reading]) -> list[Location]:
        return list(_tried(readings, locating, missing))

    def cut(pairs: Iterable[tuple[Reading, Reading]]) -> list[tuple[Location, Location]]:
        both = [located(pair) for pair in pairs]
        return [(pair[0], pair[1]) for pair in both if len(pair) == 2]

    shuffled = located(readings.shuffled(exchange, spec.shuffles))
    halves = cut(readings.halves(spec.halves))
    shuffled_halves = cut(readings.shuffled_halves(exchange, spec.halves, spec.shuffles))
    labels = [text.label for text in readings.texts]
    by_value = {}
    for row, value in enumerate(real.values):
        # One pool per value where its sides are exchanged; one for all where the values are.
        read = (
            exchange.pools[row]
            if len(exchange.pools) > 1 or len(real.values) == 1
            else exchange.pools[0][row : row + 1]
        )
        texts = sum(labels.count(label) for label in read)
        found = _value(real, row, shuffled, halves, shuffled_halves)
        needed = items_needed(found.halves.correlation, texts // 2, spec.agreement)
        by_value[value] = found.model_copy(update={"texts": texts, "texts_needed": needed})
    return NullFound(
        exchanged=exchange.name.partition("-")[0],
        shuffles=len(shuffled),
        halves=len(halves),
        agreement=spec.agreement,
        model_neurons=real.selected[0].numel(),
        null_share=mean_present(value.null_share for value in by_value.values()),
        split_half=mean_present(value.halves.jaccard for value in by_value.values()),
        by_value=by_value,
        missing=tuple(missing),
    )


def mean_present(numbers: Iterable[float | None]) -> float | None:
    """The mean of the numbers that are there; None where none is."""
    present = [number for number in numbers if number is not None]
    return fmean(present) if present else None


def _tried(readings: Iterable[Reading], locating: Locating, missing: dict[str, None]) -> Iterator[Location]:
    for reading in readings:
        try:
            yield locating(reading)
        except (LocateError, ActivationError) as error:
            missing[str(error)] = None


def _value(
    real: Location,
    row: int,
    shuffled: Sequence[Location],
    halves: Sequence[tuple[Location, Location]],
    shuffled_halves: Sequence[tuple[Location, Location]],
) -> ValueNull:
    chosen, scores = real.selected[row], real.scores[row]
    neurons = int(chosen.sum())
    dealt = [(location.selected[row], location.scores[row]) for location in shuffled]
    kept, best = _probes(real, row)
    null_kept, null_best = (
        zip(*(_probes(location, row) for location in shuffled), strict=True) if shuffled else ((), ())
    )
    share = ratio = None
    if neurons and dealt:
        lowest, mean = float(scores[chosen].min()), float(scores[chosen].double().mean())
        share = fmean(int((also & (its >= lowest)).sum()) / neurons for also, its in dealt)
        means = [float(its[also].double().mean()) for also, its in dealt if bool(also.any())]
        ratio = fmean(means) / mean if means and mean else None
    return ValueNull(
        neurons=neurons,
        shuffled=mean_present(float(also.sum()) for also, _ in dealt),
        null_share=share,
        score_ratio=ratio,
        overlap=mean_present(jaccard(chosen, also) for also, _ in dealt),
        halves=_split(halves, row),
        shuffled_halves=_split(shuffled_halves, row),
        kept_layers=kept,
        shuffled_kept_layers=mean_present(null_kept),
        accuracy=best,
        shuffled_accuracy=mean_present(null_best),
    )


def _split(halves: Sequence[tuple[Location, Location]], row: int) -> SplitFound:
    chosen = [(first.selected[row], second.selected[row]) for first, second in halves]
    numbers = [(first.signed[row], second.signed[row]) for first, second in halves]
    return SplitFound(
        jaccard=mean_present(jaccard(*pair) for pair in chosen),
        chance=mean_present(
            chance_jaccard(int(first.sum()), int(second.sum()), first.numel()) for first, second in chosen
        ),
        correlation=mean_present(rank_correlation(*pair) for pair in numbers),
    )


def _probes(location: Location, row: int) -> tuple[int | None, float | None]:
    """The layers that probes kept, and the best accuracy within the band, where the locator trains probes."""
    facts, value = location.diagnostics, location.values[row]
    if "validation_accuracy" not in facts:
        return None, None
    first, last = location.parameters["layers"]
    return len(facts["kept_layers"][value]), max(facts["validation_accuracy"][value][first : last + 1])
