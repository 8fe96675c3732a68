"""Prices the specifications of one model, which is timed once."""

from __future__ import annotations

import time
from functools import cached_property

import torch

from valuescope.generate.memory import free_bytes
from valuescope.lab.spec import AUTO, RunSpec
from valuescope.models import NeuronModel
from valuescope.run.estimate import Cost, ask_bytes, cost_of, tokens_of
from valuescope.run.model_size import model_size, weights_are_here
from valuescope.run.pace import Pace
from valuescope.run.plan import Plan, plan_of
from valuescope.run.price import ItemTokens, text_lengths
from valuescope.run.ready import ready
from valuescope.run.stopwatch import Clock
from valuescope.run.timing import measure_pace

SIZES = (8, 16, 32, 64, 128)
"""The batch sizes that are timed where a specification leaves one open."""
SHARE = 0.7  # of the free memory that a batch may fill


class Estimator:
    """What runs of one model cost.

    The model is the one given, or that of `spec` if its weights are here and fit into memory. Its pace is measured once, on the first specification that is priced: those priced later may ask for less of the same, and are
    arithmetic.
    """

    def __init__(
        self, spec: RunSpec, model: NeuronModel | None = None, *, clock: Clock = time.perf_counter
    ) -> None:
        self.size, self.clock = model_size(spec.model), clock
        self._spec, self._given = spec.model, model
        self._pace: Pace | None = None
        self._free = free_bytes(torch.device(self.size.device))

    @cached_property
    def model(self) -> NeuronModel | None:
        """The model, loaded when it is first asked for; None where its weights are not here or do not fit."""
        if self._given is not None:
            return self._given
        fits = self._free is None or self.size.model_bytes < self._free
        return self._spec.load() if fits and weights_are_here(self._spec) else None

    @cached_property
    def tokens(self) -> ItemTokens:
        """How many tokens items have."""
        return tokens_of(self.size, self.model)

    def pace(self, plan: Plan) -> Pace | None:
        """The model's pace; None where there is no model."""
        if self._pace is None and self.model is not None:
            self._pace = measure_pace(
                self.model,
                plan,
                reading_sizes=self.reading_sizes(plan),
                asking_sizes=self.asking_sizes(plan),
                clock=self.clock,
            )
        return self._pace

    def cost(self, spec: RunSpec) -> Cost:
        """What a run of a specification costs; without seconds where there is no model."""
        plan = plan_of(spec)
        return cost_of(plan, self.size, self.tokens, self.pace(plan))

    def reading_sizes(self, plan: Plan) -> list[int]:
        """The batch sizes at which texts can be read: the plan's, or where it leaves it open, those that fit."""
        how = plan.spec.activations
        if how.batch_size != AUTO:
            return [how.rows]
        longest = max(text_lengths(plan.reading.texts, self.tokens.lengths), default=0)
        return self._fitting({size: self.size.reading_bytes(size, longest) for size in SIZES})

    def asking_sizes(self, plan: Plan) -> list[int]:
        """The batch sizes at which items can be asked, likewise."""
        if plan.spec.ask_batch_size != AUTO:
            return []
        asks, scored = (
            [ask for _, ask, _ in plan.distinct()],
            getattr(plan.spec, "fluent_by_likelihood", False),
        )
        return self._fitting(
            {
                size: max(ask_bytes(ask, self.tokens, self.size, scored=scored, rows=size) for ask in asks)
                for size in SIZES
            }
        )

    def _fitting(self, held: dict[int, int]) -> list[int]:
        room = None if self._free is None else SHARE * self._free
        return [size for size in SIZES if room is None or held[size] <= room] or [1]


def estimate(spec: RunSpec, model: NeuronModel | None = None) -> Cost:
    """What a run would cost: by the asks of its parts, and by timing its model on them where the weights are here.

    Raises:
        SpecError: for a specification that does not fit its data, or a prompt that the chat template refuses.
    """
    spec = ready(spec, model=model)
    return Estimator(spec, model).cost(spec)
