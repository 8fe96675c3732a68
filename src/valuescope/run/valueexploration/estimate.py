"""What a ValueExploration run will cost, before it starts."""

from __future__ import annotations

from valuescope.judge.support import SupportRate
from valuescope.run.estimate import Cost
from valuescope.run.model_size import model_size
from valuescope.run.stages import chosen_values
from valuescope.run.valueexploration.asking import FIRST, ORDERS
from valuescope.run.valueexploration.experiment import draw_dilemmas
from valuescope.run.valueexploration.spec import Measure, ValueExplorationSpec


def estimate_exploration(spec: ValueExplorationSpec) -> Cost:
    """Estimate a run without loading any weights; replaced data is taken to be as long as the dilemmas."""
    _, values = chosen_values(spec)
    dilemmas, size = draw_dilemmas(spec, values), model_size(spec.model)
    fed = size.lengths(
        [f"{one.story} {one.aligned} {one.violating} {one.rationale}" for one in dilemmas.activation]
    )
    rate = SupportRate(brief=spec.support.brief)
    asked = size.lengths([call.user for one in dilemmas.evaluation for call in rate.calls(one)])
    arms = planned_arms(spec, len(values))
    per_arm = ORDERS * len(dilemmas.evaluation)
    stated, letters = (arms[measure] * per_arm for measure in ("percentages", "log-probabilities"))
    generated = (
        len(dilemmas.first("activation", spec.generating.dilemmas).activation) if spec.generating else 0
    )
    answer = spec.generating.max_new_tokens if spec.generating else 0
    written = stated * spec.support.max_new_tokens + letters * FIRST + generated * answer
    read = sum(fed) * (2 if spec.replacement else 1) + generated * answer
    prompts = sum(asked) / len(asked) * (stated + letters) + generated * max(asked)
    batch, longest = spec.support.batch_size, max(asked) + max(spec.support.max_new_tokens, answer)
    batches = {measure: -(-arms[measure] * per_arm // batch) for measure in arms}
    steps = batches["percentages"] * spec.support.max_new_tokens + batches["log-probabilities"] * FIRST
    return Cost(
        read_tokens=int(read),
        answers=stated + letters + generated,
        written_tokens=written,
        model_bytes=size.model_bytes,
        counter_bytes=size.counter_bytes(len(values) * len(spec.languages)),
        batch_bytes=max(
            size.cache_bytes * batch * longest + batch * size.vocabulary * 12,
            size.reading_bytes(spec.activations.batch_size, max(fed)),
        ),
        seconds=size.seconds(read + prompts + written, steps + answer * -(-generated // batch)),
        device=size.device,
    )


def planned_arms(spec: ValueExplorationSpec, values: int) -> dict[Measure, int]:
    """Models to ask per language and measure, the base among them; `values` perturbed ones to a matrix."""
    controls = spec.controls.draws * (2 if spec.controls.matched else 1)
    compared = (
        len(spec.selections) - 1 + len(spec.sizes) + (spec.generating is not None) + bool(spec.replacement)
    )
    arms: dict[Measure, int] = {"percentages": 0, "log-probabilities": 0}
    for measure in {*spec.support.measures, spec.support.compared_by}:
        arms[measure] = 1 + values * (1 + controls)
    arms[spec.support.compared_by] += values * compared
    return arms
