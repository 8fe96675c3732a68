"""All locators beside each other: how well their rankings meet the truth, how far their neurons overlap, what they cost."""

from __future__ import annotations

import torch
from pydantic import Field

from valuescope.lab.counted_texts import COUNTING, needs_residuals
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.strict import Found, Strict
from valuescope.lab.truth import chance_precision, precision_of_ranking
from valuescope.locate import Location
from valuescope.metrics import Estimate, neuron_overlap
from valuescope.parts.compare_shown import locators_section
from valuescope.parts.overlap_maps import OverlapFound
from valuescope.report.blocks import Section


class CompareSpec(Strict):
    """One table over all methods, and the overlap of the `top` neurons that each ranks first for a value."""

    top: int = Field(default=20, ge=1)


class PrecisionFound(Found):
    """Average precision over values."""

    mean: float | None = None
    ci: tuple[float, float] | None = None
    n: int = 0
    missing: int = 0
    interval: str = "bootstrap"
    by_value: dict[str, float | None] = {}

    @property
    def estimate(self) -> Estimate:
        """The mean with its interval."""
        low, high = self.ci or (None, None)
        return Estimate(self.mean, low, high, self.n, self.missing, self.interval)


class LocatorFound(Found):
    """One method's locator. `seconds` and `peak_growth` (bytes) are of locating; `passing_share` by value."""

    method: str
    locator: str
    edit: str
    precision: PrecisionFound | None = None
    seconds: float | None = None
    peak_growth: float | None = None
    peak_estimate: float | None = None
    passing_share: tuple[float | None, ...] | None = None
    mean_correlation: float | None = None
    site: str = ""
    warnings: tuple[str, ...] = ()


class CompareFound(Found):
    """The table's rows, and the overlap of the first neurons of all locators, over all values."""

    top: int
    values: int
    rows: tuple[LocatorFound, ...] = ()
    chance_precision: float | None = None
    counting_seconds: float | None = None
    residuals: bool = False
    overlap: OverlapFound = OverlapFound()


class Compare(Part[CompareSpec]):
    """Every method with a locator, at its headline setting."""

    key, Spec = "compare", CompareSpec
    place, order, Found = "compare", 20, CompareFound

    @classmethod
    def check(cls, spec: CompareSpec, run: ComparisonSpec) -> None:
        """Some method has a locator."""
        if all(method.intervention for method in run.methods.values()):
            raise ValueError("compare is for locators, and no method has one; drop compare, or add a method")

    def measure(self, lab: Laboratory) -> CompareFound:
        """Rankings against the truth, costs and overlaps."""
        locations = {
            name: lab.locations.of(method, lab.settings[name])
            for name, method in lab.spec.methods.items()
            if not method.intervention
        }
        model = next(iter(locations.values())).model
        sets = {
            name: {
                (row * model.layers + layer, index)
                for row in range(len(lab.values))
                for layer, index in _first(location, row, self.spec.top)
            }
            for name, location in locations.items()
        }
        overlap = neuron_overlap(sets, neurons=len(lab.values) * model.layers * model.width)
        return CompareFound(
            top=self.spec.top,
            values=len(lab.values),
            rows=tuple(_locator(lab, name, location) for name, location in locations.items()),
            chance_precision=None if lab.truth is None else chance_precision(lab.truth, lab.values),
            counting_seconds=(lab.folder.read_json(COUNTING) or {}).get("seconds"),
            residuals=needs_residuals(lab.spec),
            overlap=OverlapFound.model_validate(overlap.to_dict()),
        )

    @classmethod
    def view(cls, found: CompareFound, result: Result) -> Section:
        """The table, the average precisions and the overlaps."""
        return locators_section(found, result)


def _locator(lab: Laboratory, name: str, location: Location) -> LocatorFound:
    method, facts, precision = lab.spec.methods[name], location.diagnostics, None
    if lab.truth is not None:
        by_value = precision_of_ranking(lab.truth, location)
        precision = PrecisionFound(**lab.how.mean(list(by_value.values())).to_dict(), by_value=by_value)
    return LocatorFound(
        method=name,
        locator=method.locator,
        edit=method.edit,
        precision=precision,
        **lab.locations.cost(method, lab.settings[name]),
        peak_estimate=facts.get("peak_bytes"),
        passing_share=facts.get("passing_share"),
        mean_correlation=facts.get("mean_correlation"),
        site=location.site,
        warnings=location.warnings,
    )


def _first(location: Location, row: int, top: int) -> list[tuple[int, int]]:
    """The neurons that a location ranks first for a value, as (layer, index); none with score 0."""
    scores = location.scores[row].flatten()
    order = torch.argsort(scores, descending=True, stable=True)[:top]
    return [divmod(place, location.model.width) for place in order[scores[order] > 0].tolist()]
