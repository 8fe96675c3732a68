"""Serve a model and its edits over HTTP, in the shape of the OpenAI API.

The parts that need the extra `serve` (fastapi, uvicorn) are `valuescope.serve.app` and `valuescope.serve.server`.
"""

from valuescope.serve.errors import ApiError
from valuescope.serve.limits import Limits, LimitsError
from valuescope.serve.roster import Roster, RosterError, Served

__all__ = ["ApiError", "Limits", "LimitsError", "Roster", "RosterError", "Served"]
