"""What a run will read, learn and ask: its parts' own asks, made without a model, and what is read before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from valuescope.lab.ask import Ask
from valuescope.lab.folder import RunFolder
from valuescope.lab.part import Part
from valuescope.lab.result import Head, Result
from valuescope.lab.spec import RunSpec
from valuescope.models import NeuronModel
from valuescope.progress import Progress
from valuescope.report.blocks import Opening
from valuescope.run import comparison, exploration
from valuescope.run.reading import TextsToRead
from valuescope.run.registry import asked_parts


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


@dataclass(frozen=True)
class Plan:
    """A specification with all that a run of it will do.

    `asks`: by part, in the order in which parts are measured, each ask with whether it depends on earlier answers (then
    it counts as much as there will be at most). `uncounted`: parts that compute more than they ask.
    """

    spec: Any
    design: Any
    reading: TextsToRead
    asks: dict[str, list[tuple[Ask, bool]]]
    uncounted: tuple[str, ...]

    def distinct(self) -> Iterator[tuple[str, Ask, bool]]:
        """Each ask once, with the first part that asks it: later parts read its answers from the disk."""
        seen = set[str]()
        for part, asks in self.asks.items():
            for ask, later in asks:
                if ask.items and ask.hash not in seen:
                    seen.add(ask.hash)
                    yield part, ask, later


def plan_of(spec: RunSpec) -> Plan:
    """The plan of a specification.

    Raises:
        SpecError: for a specification that does not fit its data.
    """
    experiment, parts = EXPERIMENTS[spec.experiment], asked_parts(spec)
    design = experiment.plan(spec)
    asks = {
        part.name(): [
            *((ask, False) for ask in part.asks(design)),
            *((ask, True) for ask in part.later(design)),
        ]
        for part in parts
    }
    uncounted = tuple(part.name() for part in parts if part.computes)
    return Plan(spec, design, experiment.reading(design), asks, uncounted)


def evaluation_items(plan: Plan) -> list[Any]:
    """What a run is evaluated on: of the kinds of items that its methods ask the one with the fewest, or its evaluation
    dilemmas of one language."""
    spec, design = plan.spec, plan.design
    if spec.experiment == "valueexploration":
        return list(design.evaluated(spec.languages[0]))
    kinds = {method.asked for method in spec.methods.values()} or {
        "pairs",
        "dilemma",
    }  # none: the instrument alone
    return min((items for kind in sorted(kinds) if (items := list(design.items(kind)))), key=len)
