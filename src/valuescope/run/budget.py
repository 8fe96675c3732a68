"""Fits a specification to a time: less of what is asked and read, in a stated order, with its controls kept."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

from valuescope.lab.spec import RunSpec
from valuescope.lab.strict import SpecError
from valuescope.metrics import PAIRED_SHARE_SD, minimum_detectable
from valuescope.models import NeuronModel
from valuescope.progress import duration
from valuescope.run.estimator import Estimator
from valuescope.run.plan import Plan, evaluation_items, plan_of
from valuescope.run.spec_file import make_spec

Content = dict[str, Any]
"""A specification as JSON."""
UNITS = {"s": 1, "m": 60, "h": 3600}
KEPT = 0.9  # share of the budget that the likeliest time may fill, so that a little more still fits
FEWEST_QUESTIONS, FEWEST_TEXTS = 4, 12  # per value, and per label
WORTH = 0.02  # a cut that saves less than this share of the time is not made
SHRINK = 0.8  # from one level of a cut to the next


class BudgetError(SpecError):
    """A budget that no cut can meet, or one that is no time."""


def seconds_of(text: str) -> float:
    """The seconds of a budget such as `90s`, `20m` or `1h`.

    Raises:
        BudgetError: for anything else.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text.strip())
    if match is None or not float(match[1]):
        raise BudgetError(
            f"budget: {text!r} is no time; give seconds, minutes or hours, such as 90s, 20m or 1h"
        )
    return float(match[1]) * UNITS[match[2]]


def within_budget(
    spec: RunSpec, seconds: float, estimator: Estimator | None = None, *, model: NeuronModel | None = None
) -> tuple[RunSpec, list[str]]:
    """The specification with as little cut as its likeliest time needs to fit, and what was cut, a line each.

    The order (`CUTS`): sweeps, further selections and curves; draws of the controls, down to one, which stays; repeated
    runs; questions, down to 4 per value; texts to read, down to 12 per label. Each is cut no further than needed before
    the next is touched, and left alone where that saves next to nothing. Values, methods and the kinds of controls stay.

    Args:
        estimator: of the specification's model; None: one for `model`, or for the model that the specification names.

    Raises:
        BudgetError: where the least does not fit, saying what it needs, or where the model's weights are not here.
    """
    estimator = estimator or Estimator(spec, model)
    before = whole = spec.model_dump(mode="json")
    cost = estimator.cost(spec).seconds
    if cost is None:
        raise BudgetError(
            f"budget: {spec.model.id}: its weights are not here, so nothing can be timed; fetch them (valuescope sites MODEL)"
        )
    room, now = KEPT * seconds, cost.middle
    used = {"data.evaluation": items_per_value(spec), "data.activation": texts_per_label(spec)}

    def price(content: Content) -> float:
        cut = estimator.cost(make_spec(content, "budget")).seconds
        assert cut is not None
        return cut.middle

    for cut in CUTS:
        levels = list(cut(whole, make_spec(whole, "budget"))) if now > room else []
        if levels and price(levels[-1]) <= (1 - WORTH) * now:
            whole = _mildest(levels, lambda content: price(content) <= room)
            now = price(whole)
    if now > room:
        raise BudgetError(
            f"budget: {duration(seconds)} is too little: the least of this specification needs about "
            f"{duration(now / KEPT)}; ask for fewer values (values.only) or methods, or give it that"
        )
    return (spec, []) if whole == before else (make_spec(whole, "budget"), _changes(before, whole, used))


def _mildest(levels: Sequence[Content], fits: Callable[[Content], bool]) -> Content:
    """The first level that fits, of levels each of which asks less than the one before; else the last."""
    low, high = 0, len(levels) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(levels[middle]) else (middle + 1, high)
    return levels[low]


def _without_sweeps(content: Content, spec: RunSpec) -> Iterator[Content]:
    """Sweeps go, and what compares or draws them: curves, other choices, sizes, generated texts, further selections."""
    cut = copy.deepcopy(content)
    for method in cut.get("methods", {}).values():
        method["dose"] = None
    cut |= {key: None for key in ("pareto", "sensitivity", "generating") if cut.get(key)}
    if "selections" in cut:
        cut |= {"sizes": [], "selections": {cut["main"]: cut["selections"][cut["main"]]}}
    if cut != content:
        yield cut


def _fewer_draws(content: Content, spec: RunSpec) -> Iterator[Content]:
    """Draws of the controls, down to one."""
    for draws in range(content["controls"]["draws"] - 1, 0, -1):
        yield _with(content, {"controls.draws": draws})


def _fewer_runs(content: Content, spec: RunSpec) -> Iterator[Content]:
    """Repetitions of every answer, down to one."""
    for runs in range(content.get("runs", 1) - 1, 0, -1):
        yield _with(content, {"runs": runs})


def _fewer_questions(content: Content, spec: RunSpec) -> Iterator[Content]:
    """Evaluation items per value, and with them those of every part that asks some of them."""
    most = items_per_value(spec)
    for number in _falling(most, FEWEST_QUESTIONS):
        parts = {
            f"{key}.questions": max(1, min(part["questions"], round(part["questions"] * number / most)))
            for key, part in content.items()
            if isinstance(part, dict) and isinstance(part.get("questions"), int)
        }
        yield _with(content, {"data.evaluation": number, **parts})


def _fewer_texts(content: Content, spec: RunSpec) -> Iterator[Content]:
    """Texts that are read, per label."""
    for number in _falling(texts_per_label(spec), FEWEST_TEXTS):
        yield _with(content, {"data.activation": number})


def detectable(plan: Plan, margin_sd: float | None = None, confidence: float = 0.95) -> str:
    """A line that says the smallest effect which the items of a plan can tell from none (`minimum_detectable`).

    `margin_sd`: of the base's margins, where pairs were scored; the change is taken to vary as much. A share is taken to
    be 1/2, and base and edited answers to be independent: the worst case.
    """
    items = evaluation_items(plan)
    per_value = min(Counter(item.value for item in items).values())
    pairs = getattr(plan.spec, "asks_pairs", False)
    if pairs and margin_sd is None:
        return "the smallest detectable effect is not told: no pairs were scored"
    sd = margin_sd if pairs and margin_sd is not None else PAIRED_SHARE_SD
    how = f"(2.80 sd / sqrt(n), sd {sd:.2f} " + (
        "nats, that of the base's margins)" if pairs else "for shares at 1/2, base and edited independent)"
    )
    each, whole = (minimum_detectable(sd, n, confidence=confidence) for n in (per_value, len(items)))
    unit = " nats per token" if pairs else ""
    return (
        f"smallest effect found with 80% power: {each:.2f}{unit} for one value (n = {per_value}), {whole:.2f}{unit} over all "
        f"(n = {len(items)}) {how}"
    )


CUTS: tuple[Callable[[Content, RunSpec], Iterator[Content]], ...] = (
    _without_sweeps,
    _fewer_draws,
    _fewer_runs,
    _fewer_questions,
    _fewer_texts,
)
"""What is cut, in this order; each gives its levels from the mildest on."""


def items_per_value(spec: RunSpec) -> int:
    """The most evaluation items that a run asks about one value."""
    return max(Counter(item.value for item in evaluation_items(plan_of(spec))).values())


def texts_per_label(spec: RunSpec) -> int:
    """The most texts that a run reads of one label."""
    return max(Counter(text.label for text in plan_of(spec).reading.texts).values(), default=0)


def _falling(most: int, fewest: int) -> Iterator[int]:
    while (fewer := max(fewest, int(most * SHRINK))) < most:
        yield (most := fewer)


def _with(content: Content, changes: Mapping[str, Any]) -> Content:
    """A copy with some dotted names set."""
    changed = copy.deepcopy(content)
    for dotted, value in changes.items():
        *above, last = dotted.split(".")
        reduce(lambda place, name: place[name], above, changed)[last] = value
    return changed


def _changes(before: Any, after: Any, used: Mapping[str, int], place: str = "") -> list[str]:
    """A line for each key that differs: `controls.draws: 3 -> 1`. `used`: what "all" was."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = [name for name in before if before[name] != after.get(name)]
        return [
            line
            for name in names
            for line in _changes(before[name], after.get(name), used, f"{place}.{name}".removeprefix("."))
        ]
    if after in (None, []):
        return [f"{place}: left out"]
    old = f"all ({used.get(place)})" if before is None else json.dumps(before)
    return [f"{place}: {old} -> {json.dumps(after)}"]
