"""What the specifications of all experiments are made of: strict, and complete after loading."""

from __future__ import annotations

from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from valuescope.files import sha256_of


class SpecError(ValueError):
    """A specification that cannot be run; the message names file, field, value and the fix."""


class Strict(BaseModel):
    """Unknown keys are errors, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class ModelSpec(Strict):
    """Which model, and how it is loaded (see `load_model`)."""

    id: str = "organism"
    revision: str | None = None
    dtype: str = "auto"
    device: str | None = None
    device_map: str | None = None
    attn_implementation: str | None = None
    trust_remote_code: bool = False


class ValuesSpec(Strict):
    """Which value system (a built-in name or a path), which level, and which of its values (None: all)."""

    system: str = "schwartz"
    level: str = "value"
    only: tuple[str, ...] | None = None


class ActivationsSpec(Strict):
    """The streaming pass; `part` texts are counted between two saves."""

    batch_size: int = Field(default=64, ge=1)
    part: int = Field(default=1024, ge=1)
    scope: Literal["all", "prompt", "answer"] = "all"


class ControlsSpec(Strict):
    """Random controls of equal size: draws of uniform ones and of ones matched by layer and rate."""

    draws: int = Field(default=2, ge=1)
    matched: bool = True


class BootstrapSpec(Strict):
    """Intervals: resampled questions."""

    resamples: int = Field(default=2000, ge=1)
    confidence: float = Field(default=0.95, gt=0, lt=1)


class RunSpec(Strict):
    """What every experiment has. `seed` drives the draws of data, splits, controls, sampling noise and bootstrap."""

    name: str
    seed: int = 0
    model: ModelSpec = ModelSpec()
    values: ValuesSpec = ValuesSpec()
    bootstrap: BootstrapSpec = BootstrapSpec()

    def left_out(self) -> dict[str, Any]:
        """Settings that change no result, in pydantic's form of `exclude`."""
        return {}

    @property
    def hash(self) -> str:
        """sha256 of the resolved content, but for what changes no result."""
        return sha256_of(self.model_dump(mode="json", exclude=self.left_out() or None))

    def to_yaml(self) -> str:
        """The resolved specification, every default written out."""
        text: str = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        return text
