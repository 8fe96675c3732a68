"""A pace that is given and not timed, for tests of what is made of it."""

from __future__ import annotations

from valuescope.run.estimator import Estimator
from valuescope.run.pace import AnswerLengths, Curve, LocatingPace, Pace, Sampled
from valuescope.run.plan import Plan


def steady(plan: Plan, *, step: Curve | None = None, ends_at: tuple[int, ...] = (3, 6)) -> Pace:
    """A millisecond per token, and per row in a decoding step; answers end at these steps."""
    token = Curve(((1, 0.001), (10_000, 10.0)))
    answered = [ask for _, ask, _ in plan.distinct() if ask.answers]
    return Pace(
        read=token,
        score=token,
        prefill=token,
        step=step or Curve(((1, 0.001), (1000, 1.0))),
        learn=0.01,
        locate={locating.name: LocatingPace(0.0, 0.001) for locating in plan.reading.locating},
        lengths=[
            Sampled(
                ask.sampling,
                frozenset(item.key for item in ask.items),
                AnswerLengths(ends_at, ask.sampling.max_new_tokens),
            )
            for ask in answered
        ],
        margin_sd=0.5,
    )


class SteadyEstimator(Estimator):
    """Times nothing; counts how often it is asked for the pace of another plan than before."""

    step: Curve | None = None

    def pace(self, plan: Plan) -> Pace:
        """`steady`, of the first plan."""
        if self._pace is None:
            self._pace = steady(plan, step=self.step)
        return self._pace
