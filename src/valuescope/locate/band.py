"""A band of layers, from the first to the last one."""

from __future__ import annotations

from collections.abc import Sequence

from valuescope.locate.evidence import LocateError
from valuescope.models import NeuronModel


def layer_band(method: str, model: NeuronModel, layers: Sequence[int] | None) -> tuple[int, int]:
    """First and last layer, counted from 0 and both included (None: all layers of the model).

    LocateError names what `method` got instead.
    """
    band = (0, model.layers - 1) if layers is None else tuple(layers)
    if len(band) != 2 or not 0 <= band[0] <= band[1] < model.layers:
        raise LocateError(
            f"{method}: layers is {layers}; give the first and last layer, from 0 to {model.layers - 1}"
        )
    return band[0], band[1]
