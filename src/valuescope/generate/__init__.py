"""Generate answers: one engine for base and edited models, with noise that pairs their answers."""

from valuescope.generate.answer import Answer, Scores, TokenLogprob
from valuescope.generate.decoding import default_stop_ids, generate
from valuescope.generate.engine import Engine, EngineStats
from valuescope.generate.likelihood import log_likelihood, log_likelihood_encoded, score_continuations
from valuescope.generate.promise import EngineBusy, EngineClosed, EngineError, EngineFailed
from valuescope.generate.request import GenerationError, Request, ScoreRequest
from valuescope.generate.sampling import Sampling, SamplingError, choose, row_noise

__all__ = [
    "Answer",
    "Engine",
    "EngineBusy",
    "EngineClosed",
    "EngineError",
    "EngineFailed",
    "EngineStats",
    "GenerationError",
    "Request",
    "Sampling",
    "SamplingError",
    "ScoreRequest",
    "Scores",
    "TokenLogprob",
    "choose",
    "default_stop_ids",
    "generate",
    "log_likelihood",
    "log_likelihood_encoded",
    "row_noise",
    "score_continuations",
]
