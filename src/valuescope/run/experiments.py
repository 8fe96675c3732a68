"""One way to run, and to estimate, the specification of any experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from valuescope.models import NeuronModel
from valuescope.progress import Progress
from valuescope.run.comparison import compare
from valuescope.run.estimate import Cost, estimate_comparison
from valuescope.run.loading import silent
from valuescope.run.spec_file import AnySpec
from valuescope.run.valueexploration import ValueExplorationSpec, explore
from valuescope.run.valueexploration.estimate import estimate_exploration


def run(
    spec: AnySpec, out: Path, *, progress: Progress = silent, model: NeuronModel | None = None
) -> dict[str, Any]:
    """Run a specification in the folder `out`; returns the summary, which is also `out/summary.json`.

    A run that was interrupted goes on where it stopped and gives the same summary, but for the seconds.

    Raises:
        SpecError, RunError: for a specification that does not fit its data, or a folder of another run.
    """
    if isinstance(spec, ValueExplorationSpec):
        return explore(spec, out, progress=progress, model=model)
    return compare(spec, out, progress=progress, model=model)


def estimate(spec: AnySpec) -> Cost:
    """What a run would cost, without loading any weights."""
    if isinstance(spec, ValueExplorationSpec):
        return estimate_exploration(spec)
    return estimate_comparison(spec)
