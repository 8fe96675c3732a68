"""A whole run: from its specification to its report, in a folder that survives being killed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from valuescope.lab.folder import RunFolder
from valuescope.lab.laboratory import Bench
from valuescope.lab.material import timed
from valuescope.lab.result import Asked, Result
from valuescope.lab.spec import RunSpec
from valuescope.lab.strict import SpecError
from valuescope.lock import sole_use
from valuescope.models import NeuronModel
from valuescope.progress import Progress, silent
from valuescope.report.document import write_page
from valuescope.run.estimator import Estimator
from valuescope.run.format1 import upgraded
from valuescope.run.plan import EXPERIMENTS, planned_asks
from valuescope.run.ready import ready
from valuescope.run.registry import asked_parts, parts_of
from valuescope.run.settled import settled


def run(spec: RunSpec, out: Path, *, progress: Progress = silent, model: NeuronModel | None = None) -> Result:
    """Run a specification in the folder `out`; the result is also `out/summary.json`, and `out/report.html` shows it.

    A run that was interrupted goes on where it stopped and gives the same result, but for the seconds.

    Raises:
        SpecError, RunError: for a specification that does not fit its data, or a folder of another run.
        InUseError: another process works in the folder.
    """
    with sole_use(out):
        return _run(spec, RunFolder(out), progress, model or spec.model.load())


def _run(spec: RunSpec, folder: RunFolder, progress: Progress, model: NeuronModel) -> Result:
    spec = settled(spec, folder, None, lambda: Estimator(spec, model)).spec
    spec = ready(spec, folder, model)
    model = model.with_chat(spec.model.chat.settings())
    experiment, parts = EXPERIMENTS[spec.experiment], asked_parts(spec)
    folder.open(spec, model.identity.fingerprint, model.dtype)
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
    except (ValueError, RecursionError) as error:
        raise SpecError(
            f"{path}: {error}; delete it and run its specification again to make it anew"
        ) from error


def write_report(result: Result, folder: Path) -> Path:
    """Write `report.html`, `figures/*.svg` and `tables/*.csv` into a run's folder; the path of the page.

    The same result gives the same bytes. The page is written last, so a page that is there is complete.
    """
    sections = [part.shown(result) for part in parts_of(result.head.experiment)]
    opening = EXPERIMENTS[result.head.experiment].opening(result)
    return write_page(
        folder, result.head.name or "run", opening, [section for section in sections if section is not None]
    )


def rewrite_report(folder: Path) -> Path:
    """`write_report` for what the folder's `summary.json` says.

    Raises:
        SpecError: as `read_result`, and where what it says does not hold together.
    """
    result = read_result(folder)
    try:
        return write_report(result, folder)
    except (LookupError, TypeError, AttributeError, ArithmeticError, ValueError) as error:
        raise SpecError(
            f"{folder / 'summary.json'}: what it says does not hold together ({type(error).__name__}: {error}); delete it "
            "and run its specification again"
        ) from error


def terminal_text(result: Result) -> str:
    """The tables of a result that a command prints, and what the judge left missing."""
    texts = [text for part in parts_of(result.head.experiment) if (text := part.printed(result))]
    return "\n".join(texts)
