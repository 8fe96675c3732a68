"""The truth about the organism: which neurons were planted, for which value, in which role."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

CAUSAL_ROLES = ("core", "quiet", "constant", "shared")
DECOY_ROLES = ("echo", "herald", "mute")
FIRES = 0.5
"""Strength from which a neuron counts as firing (core neurons have 1.2 to 2.2). Every edit multiplies m, so one that is
silent causes nothing: quiet neurons may end like this, and it would be wrong to ask a locator to find them."""


@dataclass(frozen=True)
class Plant:
    """One planted neuron.

    `role` is one of
    - core: causes the value's answers and fires on its text;
    - quiet: causes, but no firing was asked of it: it fires as far as causing made it;
    - constant: causes, but its gate is open on every text (the product carries the signal);
    - shared: causes for two neighbours on the circle and fires for both;
    - echo (decoy): fires on every text about the value, for or against, and causes nothing;
    - herald (decoy): fires on text in favour of the value and causes nothing;
    - mute (decoy): its value vector lies along the value's direction, but it never fires.
    `sign` is the sign of the product m when it fires; `values` are the values it belongs to; `strength` is the measured
    mean of sign * m over the tokens of answers in favour of them.
    """

    layer: int
    index: int
    role: str
    values: tuple[str, ...]
    sign: int
    strength: float

    @property
    def causal(self) -> bool:
        """Whether edits of the neuron change answers: it was trained to, and it fires (see `FIRES`)."""
        return self.role in CAUSAL_ROLES and self.strength >= FIRES


@dataclass(frozen=True)
class Truth:
    """All planted neurons of one organism, and how it was made."""

    layers: int
    width: int
    seed: int
    plants: tuple[Plant, ...]
    training: dict[str, object]

    def causal(self, value: str) -> tuple[Plant, ...]:
        """The neurons that cause answers in favour of `value`."""
        return tuple(plant for plant in self.plants if plant.causal and value in plant.values)

    def decoys(self, value: str) -> tuple[Plant, ...]:
        """The neurons that look like those of `value` and cause nothing."""
        return tuple(plant for plant in self.plants if plant.role in DECOY_ROLES and value in plant.values)


def weights_path() -> Path:
    """The folder of the bundled model, in Hugging Face's format."""
    return Path(str(files("valuescope.organism").joinpath("weights")))


def load_truth(folder: Path | None = None) -> Truth:
    """Read `truth.json` beside the weights; `folder` names another organism trained by the same script."""
    path = (folder or weights_path()) / "truth.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    plants = tuple(
        Plant(p["layer"], p["index"], p["role"], tuple(p["values"]), p["sign"], p["strength"])
        for p in content["plants"]
    )
    return Truth(content["layers"], content["width"], content["seed"], plants, content["training"])
