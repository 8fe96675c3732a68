"""Serve a model and its edits over HTTP, in the shape of the OpenAI API.

The parts that need the extra `serve` (fastapi, uvicorn) are `valuescope.serve.app` and `valuescope.serve.server`.
"""

from valuescope.serve.limits import Limits, LimitsError

__all__ = ["Limits", "LimitsError"]
