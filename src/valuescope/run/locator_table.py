"""All methods beside each other: how well their rankings meet the truth, how far their neurons overlap, what they cost."""

from __future__ import annotations

from typing import Any

import torch

from valuescope.locate import Location
from valuescope.metrics import Bootstrap, neuron_overlap
from valuescope.organism import Truth
from valuescope.run.spec import Setting, Spec
from valuescope.run.stages import needs_residuals
from valuescope.run.trial import Laboratory
from valuescope.run.truth import chance_precision, precision_of_ranking


def compare_block(
    laboratory: Laboratory, spec: Spec, settings: dict[str, Setting], truth: Truth | None
) -> dict[str, Any] | None:
    """The table's rows and the overlaps; None where the run does not ask for them. `settings`: each method's headline."""
    if spec.compare is None:
        return None
    locations = {
        name: laboratory.locations.of(method, settings[name])
        for name, method in spec.methods.items()
        if not method.intervention
    }
    values = laboratory.material.values
    how = Bootstrap(spec.bootstrap.resamples, spec.bootstrap.confidence, spec.seed)
    rows = []
    for name, method in spec.methods.items():
        if method.intervention:
            continue
        location, found = locations[name], None
        if truth is not None:
            by_value = precision_of_ranking(truth, location)
            mean = how.mean(list(by_value.values()))
            found = {**mean.to_dict(), "by_value": by_value}
        facts = location.diagnostics
        rows.append(
            {
                "method": name,
                "locator": method.locator,
                "edit": method.edit,
                "precision": found,
                **laboratory.locations.cost(method, settings[name]),
                "peak_estimate": facts.get("peak_bytes"),
                "passing_share": facts.get("passing_share"),
                "mean_correlation": facts.get("mean_correlation"),
                "site": location.site,
                "warnings": list(location.warnings),
            }
        )
    layers, width = next(iter(locations.values())).model.layers, next(iter(locations.values())).model.width
    sets = {
        name: {
            (row * layers + layer, index)
            for row in range(len(values))
            for layer, index in _first(location, row, spec.compare.top)
        }
        for name, location in locations.items()
    }
    return {
        "top": spec.compare.top,
        "values": len(values),
        "rows": rows,
        "chance_precision": None if truth is None else chance_precision(truth, values),
        "counting_seconds": laboratory.locations.folder.seconds().get("activations"),
        "residuals": needs_residuals(spec),
        "overlap": neuron_overlap(sets, neurons=len(values) * layers * width).to_dict(),
    }


def _first(location: Location, row: int, top: int) -> list[tuple[int, int]]:
    """The neurons that a location ranks first for a value, as (layer, index); none with score 0."""
    scores = location.scores[row].flatten()
    order = torch.argsort(scores, descending=True, stable=True)[:top]
    kept = order[scores[order] > 0].tolist()
    return [divmod(flat, location.model.width) for flat in kept]
