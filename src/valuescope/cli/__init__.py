"""The command `valuescope`."""

from valuescope.cli.main import main

__all__ = ["main"]
