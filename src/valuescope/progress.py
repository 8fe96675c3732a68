"""How long work tells its caller how far it is."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, and how much of it is done, out of how much."""
StepProgress = Callable[[int, int], None]
"""Called with how much is done, out of how much."""


def silent(stage: str, done: int, total: int) -> None:
    """A `Progress` that tells nobody."""
