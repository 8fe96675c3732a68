"""A band of layers, from the first to the last one."""

from __future__ import annotations

from collections.abc import Sequence

from valuescope.locate.evidence import LocateError
from valuescope.models import NeuronModel


def layer_band(
    method: str, model: NeuronModel, layers: Sequence[int] | None, margin: int = 0
) -> tuple[int, int]:
    """First and last layer, counted from 0 and both included; None: all layers of the model but the last `margin`.

    LocateError names what `method` got instead.
    """
    if not 0 <= margin < model.layers:
        raise LocateError(f"{method}: margin is {margin}; leave out between 0 and {model.layers - 1} layers")
    if margin and layers is not None:
        raise LocateError(
            f"{method}: layers is {layers} and margin {margin}; give the band itself or a margin from the last layer"
        )
    band = (0, model.layers - 1 - margin) if layers is None else tuple(layers)
    if len(band) != 2 or not 0 <= band[0] <= band[1] < model.layers:
        raise LocateError(
            f"{method}: layers is {layers}; give the first and last layer, from 0 to {model.layers - 1}"
        )
    return band[0], band[1]
