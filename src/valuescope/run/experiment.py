"""A whole run: from its specification to its report, in a folder that survives being killed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valuescope.lab.ask import Ask
from valuescope.lab.folder import RunFolder
from valuescope.lab.laboratory import Bench
from valuescope.lab.material import timed
from valuescope.lab.part import Part
from valuescope.lab.result import Asked, Head, Result
from valuescope.lab.spec import RunSpec
from valuescope.lab.strict import SpecError
from valuescope.models import NeuronModel
from valuescope.progress import Progress, silent
from valuescope.report.blocks import Opening
from valuescope.report.document import write_page
from valuescope.run import comparison, exploration
from valuescope.run.estimate import Cost, TextsToRead, cost_of
from valuescope.run.format1 import upgraded
from valuescope.run.registry import asked_parts, parts_of


@dataclass(frozen=True)
class Experiment:
    """What an experiment brings beside its parts. `plan`: a design without a model, of a run's folder or of none;
    `open`: a laboratory."""

    plan: Callable[..., Any]
    open: Callable[[Any, RunFolder, NeuronModel, Progress], Any]
    reading: Callable[[Any], TextsToRead]
    head: Callable[[Any], Head]
    opening: Callable[[Result], Opening]
    head_kind: type[Head] = Head


EXPERIMENTS = {
    "methods": Experiment(
        comparison.plan, comparison.open_laboratory, comparison.reading, comparison.head, comparison.opening
    ),
    "valueexploration": Experiment(
        exploration.plan,
        exploration.open_laboratory,
        exploration.reading,
        exploration.head,
        exploration.opening,
        exploration.ExplorationHead,
    ),
}
"""Every experiment, under the name that a specification gives."""


def planned_asks(parts: Iterable[Part[Any]], design: Any) -> list[Ask]:
    """Everything that parts will ask, at most; equal asks stand there as often as they are planned."""
    return [ask for part in parts for ask in (*part.asks(design), *part.later(design))]


def estimate(spec: RunSpec) -> Cost:
    """What a run would cost, by the asks of its parts, without loading any weights."""
    experiment = EXPERIMENTS[spec.experiment]
    design = experiment.plan(spec)
    return cost_of(spec, planned_asks(asked_parts(spec), design), experiment.reading(design))


def run(spec: RunSpec, out: Path, *, progress: Progress = silent, model: NeuronModel | None = None) -> Result:
    """Run a specification in the folder `out`; the result is also `out/summary.json`, and `out/report.html` shows it.

    A run that was interrupted goes on where it stopped and gives the same result, but for the seconds.

    Raises:
        SpecError, RunError: for a specification that does not fit its data, or a folder of another run.
    """
    folder, experiment, parts = RunFolder(out), EXPERIMENTS[spec.experiment], asked_parts(spec)
    model = model or spec.model.load()
    folder.open(spec, model.identity.fingerprint)
    planned = sum(len(ask.items) for ask in planned_asks(parts, experiment.plan(spec, folder)))
    lab = experiment.open(spec, folder, model, progress)
    bench: Bench = lab.bench
    found = dict[str, Any]()
    try:
        for part in parts:
            with bench.part(part.name(), part.asks(lab), part.later(lab), rated=part.rated):
                measured = part.measure(lab)
            if measured:
                found[part.place] = measured
        result = Result(experiment.head(lab), found, _counted(planned, bench)).timed(folder)
        with timed(folder, "report"):
            write_report(result, folder.path)
    finally:
        lab.close()
    result = result.timed(folder)
    result.write(folder, [part.place for part in parts_of(spec.experiment) if part.place])
    return result


def _counted(planned: int, bench: Bench) -> Asked:
    asked = [ask for asks in bench.asked.values() for ask in asks]
    answered = {ask.hash: ask for ask in asked}.values()
    return Asked(planned, *(sum(len(ask.items) for ask in asks) for asks in (asked, answered)))


def read_result(folder: Path) -> Result:
    """The result of a finished run, of this or the previous format of summary.json.

    Raises:
        SpecError: no summary, or one of an unknown format or with a wrong field, which is named.
    """
    path = folder / "summary.json"
    if not path.is_file():
        raise SpecError(
            f"{path}: no such file; the run is not finished: run its specification again to resume it"
        )
    try:
        content: Mapping[str, Any] = upgraded(json.loads(path.read_text(encoding="utf-8")))
        name = content.get("experiment") or "methods"
        if name not in list(EXPERIMENTS):
            raise ValueError(f"experiment: {name!r} is unknown; known: {', '.join(EXPERIMENTS)}")
        return Result.from_dict(content, parts_of(name), EXPERIMENTS[name].head_kind)
    except ValueError as error:
        raise SpecError(f"{path}: {error}") from error


def write_report(result: Result, folder: Path) -> Path:
    """Write `report.html`, `figures/*.svg` and `tables/*.csv` into a run's folder; the path of the page.

    The same result gives the same bytes. The page is written last, so a page that is there is complete.
    """
    sections = [part.shown(result) for part in parts_of(result.head.experiment)]
    opening = EXPERIMENTS[result.head.experiment].opening(result)
    return write_page(
        folder, result.head.name or "run", opening, [section for section in sections if section is not None]
    )


def terminal_text(result: Result) -> str:
    """The tables of a result that a command prints, and what the judge left missing."""
    texts = [text for part in parts_of(result.head.experiment) if (text := part.printed(result))]
    return "\n".join(texts)
