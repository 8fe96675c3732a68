"""ValueExploration as one experiment: its specification, its stages and its summary."""

from valuescope.run.valueexploration.experiment import explore
from valuescope.run.valueexploration.spec import ValueExplorationSpec

__all__ = ["ValueExplorationSpec", "explore"]
