"""What the probes' directions mean in words (NeVA, table 7)."""

from __future__ import annotations

from typing import Any

from valuescope.locate import decode_direction
from valuescope.run.spec import MethodSpec, Setting
from valuescope.run.stages import PROBING
from valuescope.run.trial import Laboratory


def decoded_block(laboratory: Laboratory) -> dict[str, Any] | None:
    """The tokens nearest to each value's direction, at the layer of the most accurate probe; None where the run does not ask
    for it, or has no probes.

    The probes are those of the first method that has any, trained again: they are quick to train.
    """
    spec, model = laboratory.spec, laboratory.runner.model
    if spec.decoded is None:
        return None
    for method in spec.methods.values():
        if method.intervention == "conva" or method.locator in PROBING:
            break
    else:
        return None
    path = "locate/decoded.json"
    found: dict[str, Any] | None = laboratory.runner.folder.read_json(path)
    if found is None:
        found = _decoded(laboratory, method, spec.decoded)
        laboratory.runner.folder.write_json(path, found)
    return found | {"model": model.identity.id}


def _decoded(laboratory: Laboratory, method: MethodSpec, top: int) -> dict[str, Any]:
    shared: dict[str, Any] = {
        name: method.default.locator[name] for name in ("validation", "c") if name in method.default.locator
    }
    asked = Setting(locator={**shared, "accuracy": 0.0})
    values = {}
    for value, probes in laboratory.locations.directions("probes", method, asked).items():
        best = int(probes.accuracy.argmax())  # type: ignore[attr-defined]
        values[value] = {
            "layer": int(probes.layers[best]) + 1,
            "accuracy": float(probes.accuracy[best]),  # type: ignore[attr-defined]
            "tokens": decode_direction(laboratory.runner.model, probes.weights[best], top),  # type: ignore[attr-defined]
        }
    return {"values": values}
