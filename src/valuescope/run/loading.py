"""Loading the model of a specification, and being silent about progress."""

from __future__ import annotations

from valuescope.models import NeuronModel, load_model
from valuescope.run.spec_parts import ModelSpec


def load_from(spec: ModelSpec) -> NeuronModel:
    """The model that a specification names, loaded as it says."""
    return load_model(
        spec.id,
        revision=spec.revision,
        dtype=spec.dtype,
        device=spec.device,
        device_map=spec.device_map,
        attn_implementation=spec.attn_implementation,
        trust_remote_code=spec.trust_remote_code,
    )


def silent(stage: str, done: int, total: int) -> None:
    """The default progress: none."""
