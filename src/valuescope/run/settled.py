"""What a specification becomes before it is run: batch sizes that are left to timing, and less of it for a budget.

It depends on the clock, so it is kept in the run's folder: the same command goes on with the same run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from valuescope.lab.folder import RunFolder
from valuescope.lab.spec import RunSpec
from valuescope.progress import duration
from valuescope.run.batch_size import is_left_open, with_batch_sizes
from valuescope.run.budget import detectable, within_budget
from valuescope.run.estimate import between
from valuescope.run.estimator import Estimator
from valuescope.run.plan import plan_of
from valuescope.run.spec_file import make_spec

RECORD = "given.json"
"""What was given, what became of it, and the lines that say so."""


@dataclass(frozen=True)
class Settled:
    """A specification that can be run, and what was decided on the way, a line each."""

    spec: RunSpec
    notes: tuple[str, ...] = ()


def settled(
    spec: RunSpec, folder: RunFolder | None, budget: float | None, estimator: Callable[[], Estimator]
) -> Settled:
    """A specification as it is run within `budget` seconds (None: as it is), its batch sizes numbers.

    A folder that holds what became of the same one is read, and nothing is timed. `estimator` is asked for only where
    something must be.
    """
    if budget is None and not is_left_open(spec):
        return Settled(spec)
    given: dict[str, Any] = {"spec_hash": spec.hash, "budget": budget}
    if folder and (
        known := folder.read(RECORD, lambda content: _known(content, given, str(folder.path / RECORD)))
    ):
        return known
    became = _settled(spec, budget, estimator())
    if folder and not folder.made():  # else it holds another run, which is refused when it is opened
        folder.write_json(
            RECORD, {**given, "spec": became.spec.model_dump(mode="json"), "notes": list(became.notes)}
        )
    return became


def _known(content: Any, given: dict[str, Any], origin: str) -> Settled | None:
    """What a record says became of what was given; None where something else was."""
    if {name: content.get(name) for name in given} != given:
        return None
    return Settled(make_spec(content["spec"], origin), tuple(content["notes"]))


def _settled(spec: RunSpec, budget: float | None, estimator: Estimator) -> Settled:
    spec, notes = with_batch_sizes(spec, estimator)
    if budget is None:
        return Settled(spec, tuple(notes))
    spec, cuts = within_budget(spec, budget, estimator)
    plan = plan_of(spec)
    pace = estimator.pace(plan)
    notes += [f"cut for the budget: {cut}" for cut in cuts] or ["the budget is enough: nothing was cut"]
    cost = estimator.cost(spec)
    if cost.seconds:
        notes.append(
            f"the run will take {between(cost.seconds)}, by estimate; timing took {duration(cost.timed)} besides"
        )
    notes.append(detectable(plan, None if pace is None else pace.margin_sd, spec.bootstrap.confidence))
    return Settled(spec, tuple(notes))
