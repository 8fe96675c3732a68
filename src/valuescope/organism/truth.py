"""The truth about the organism: which neurons were planted, for which value, in which role."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

BUNDLED: Mapping[str, str] = {"organism": "weights", "organism-social": "social/weights"}
"""The id of each bundled model and the folder of its weights in this package."""
CAUSAL_ROLES = ("core", "quiet", "constant", "shared")
LANGUAGE_ROLES = {"english": "en", "chinese": "zh"}
"""Causal roles in one language only, and that language (the social organism's)."""
DECOY_ROLES = ("echo", "herald", "mute")
ROLES = (*CAUSAL_ROLES, *LANGUAGE_ROLES, *DECOY_ROLES)
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
    - shared: causes for two neighbours on the circle (social organism: of one level) and fires for both;
    - english, chinese: cause in that language, and fire on its texts only;
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
        return (self.role in CAUSAL_ROLES or self.role in LANGUAGE_ROLES) and self.strength >= FIRES

    @property
    def language(self) -> str:
        """The one language that it belongs to ("en", "zh"), or "" where it belongs to all."""
        return LANGUAGE_ROLES.get(self.role, "")


@dataclass(frozen=True)
class Truth:
    """All planted neurons of one organism, and how it was made."""

    layers: int
    width: int
    seed: int
    plants: tuple[Plant, ...]
    training: dict[str, object]

    def causal(self, value: str, language: str = "") -> tuple[Plant, ...]:
        """The neurons that cause answers in favour of `value`: in one language, or in any."""
        return tuple(
            plant
            for plant in self.plants
            if plant.causal and value in plant.values and (not language or plant.language in ("", language))
        )

    def decoys(self, value: str) -> tuple[Plant, ...]:
        """The neurons that look like those of `value` and cause nothing."""
        return tuple(plant for plant in self.plants if plant.role in DECOY_ROLES and value in plant.values)


def weights_path(model_id: str = "organism") -> Path:
    """The folder of a bundled model, in Hugging Face's format; `model_id` is one of `BUNDLED`."""
    return Path(str(files("valuescope.organism").joinpath(BUNDLED[model_id])))


def load_truth(folder: Path | None = None) -> Truth:
    """Read `truth.json` beside the weights of the organism.

    `folder` names another organism: `weights_path("organism-social")`, or one trained by the same script.
    """
    path = (folder or weights_path()) / "truth.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    plants = tuple(
        Plant(p["layer"], p["index"], p["role"], tuple(p["values"]), p["sign"], p["strength"])
        for p in content["plants"]
    )
    return Truth(content["layers"], content["width"], content["seed"], plants, content["training"])
