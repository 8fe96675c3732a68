"""Generate answers: one decoding loop for base and edited models, with noise that pairs their answers."""

from valuescope.generate.answer import Answer
from valuescope.generate.decoding import GenerationError, default_stop_ids, generate
from valuescope.generate.likelihood import log_likelihood, log_likelihood_encoded
from valuescope.generate.noise import row_noise
from valuescope.generate.sampling import Sampling, SamplingError, choose

__all__ = [
    "Answer",
    "GenerationError",
    "Sampling",
    "SamplingError",
    "choose",
    "default_stop_ids",
    "generate",
    "log_likelihood",
    "log_likelihood_encoded",
    "row_noise",
]
