"""What a model's neurons do on labelled text: counters and last-token residuals from one streaming pass."""

from valuescope.activations.collect import collect, collect_encoded, special_ids, text_key
from valuescope.activations.counters import ActivationError, Counters
from valuescope.activations.residuals import Activations, Residuals

__all__ = [
    "ActivationError",
    "Activations",
    "Counters",
    "Residuals",
    "collect",
    "collect_encoded",
    "special_ids",
    "text_key",
]
