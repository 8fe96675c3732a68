"""The rows of a ValueExploration run, read off its typed result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import attrgetter

from valuescope.compare.rows import ChangeRow, SightRow, SupportRow, tells_of
from valuescope.compare.runs import ComparedRun
from valuescope.lab.result import Result
from valuescope.metrics import Estimate
from valuescope.parts.perturbation import ControlsFound, PerturbationFound
from valuescope.parts.perturbation_views import by_language, main_matrices, mean_present
from valuescope.parts.sight import InstrumentFound, SightFound
from valuescope.parts.support import LanguageFound

ALL = "all"
OWN, OTHERS, EACH = "own", "others", "each"
"""In the rows over all values: own or other values' support, each value's neurons off in turn."""


def supports_missing(result: Result) -> tuple[int, int]:
    """How many supports of the unedited model were asked, and how many are missing."""
    languages = by_language(result, "", LanguageFound).values()
    counts = [support.missing for block in languages for support in block.support.values()]
    return sum(count.asked for count in counts), sum(count.missing for count in counts)


def sight_of(result: Result, language: str, measure: str) -> SightFound | None:
    """What a measure sees in a language; None where that was not asked."""
    found = by_language(result, ".instrument", InstrumentFound).get(language)
    return found.root.get(measure) if found else None


def _tells(run: ComparedRun, language: str, measure: str) -> bool | None:
    return tells_of(sight_of(run.result, language, measure))


def exploration_sights(run: ComparedRun) -> Iterator[SightRow]:
    """What every measure sees in every language."""
    for language, found in by_language(run.result, ".instrument", InstrumentFound).items():
        for measure, sight in found.root.items():
            yield SightRow.of(run.label, measure, sight, language)


def support_rows(run: ComparedRun) -> Iterator[SupportRow]:
    """The unedited model's support of every value, and over all."""
    for language, block in by_language(run.result, "", LanguageFound).items():
        for measure, support in block.support.items():
            pairs = {
                ALL: (support.overall, support.position_gap),
                **{
                    value: (support.rates.get(value), support.position_gaps.get(value))
                    for value in run.head.values
                },
            }
            for value, (rate, gap) in pairs.items():
                yield SupportRow(
                    model=run.label,
                    language=language,
                    measure=measure,
                    value=value,
                    rate=rate,
                    order_gap=gap,
                    tells=_tells(run, language, measure),
                )


Pick = Callable[[PerturbationFound], Estimate | None]


def change_rows(run: ComparedRun) -> Iterator[ChangeRow]:
    """Every cell of the main selection's matrices, and over all values the own one and the others under each value's neurons."""
    controls = by_language(run.result, ".controls", ControlsFound)
    for row in main_matrices(run.result):
        kinds = controls[row.language].root if row.language in controls else {}
        draws = {kind: control.matrices.get(row.measure, ()) for kind, control in kinds.items()}
        seen = _tells(run, row.language, row.measure)
        for support_of, neurons_off, pick, among in _cells(row.matrix):
            change = pick(row.matrix)
            if change is not None:
                yield ChangeRow(
                    model=run.label,
                    language=row.language,
                    measure=row.measure,
                    support_of=support_of,
                    neurons_off=neurons_off,
                    change=change,
                    random=over_draws(draws.get("random", ()), pick),
                    random_matched=over_draws(draws.get("random-matched", ()), pick),
                    among_largest=among,
                    tells=seen,
                )


def _cells(found: PerturbationFound) -> Iterator[tuple[str, str, Pick, bool | None]]:
    """Whose support, whose neurons, how to read that off a matrix, and whether it is among the largest drops of its column."""
    yield OWN, EACH, attrgetter("mean_diagonal"), None
    yield OTHERS, EACH, attrgetter("mean_off_diagonal"), None
    for i, support_of in enumerate(found.values):
        for j, neurons_off in enumerate(found.values):
            largest = found.largest_drops[j] if j < len(found.largest_drops) else None
            among = None if largest is None else i in largest
            yield support_of, neurons_off, partial(_cell, i, j), among


def _cell(i: int, j: int, found: PerturbationFound) -> Estimate | None:
    return found.change[i][j] if i < len(found.change) and j < len(found.change[i]) else None


def over_draws(draws: Sequence[PerturbationFound], pick: Pick) -> Estimate | None:
    """What the draws of a control have in one place: one as it is, several as their mean, without an interval."""
    read = [pick(matrix) for matrix in draws]
    if len(read) < 2:
        return read[0] if read else None
    mean = mean_present(estimate.mean for estimate in read if estimate is not None)
    return Estimate(mean, None, None, sum(estimate.n for estimate in read if estimate is not None), 0, "none")
