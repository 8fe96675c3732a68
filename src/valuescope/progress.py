"""How long work tells its caller how far it is."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, and how much of it is done, out of how much."""
StepProgress = Callable[[int, int], None]
"""Called with how much is done, out of how much."""


def silent(stage: str, done: int, total: int) -> None:
    """A `Progress` that tells nobody."""


def duration(seconds: float) -> str:
    """`45 s`, `3.5 min`, `12 min` or `3.4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.{int(seconds < 600)}f} min"
    return f"{seconds / 3600:.1f} h"
