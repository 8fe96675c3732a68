"""Finished runs of one specification on several models, side by side on one page."""

from valuescope.compare.comparison import Comparison, compare
from valuescope.compare.page import write_comparison
from valuescope.compare.runs import ComparedRun, CompareError, read_runs

__all__ = ["CompareError", "ComparedRun", "Comparison", "compare", "read_runs", "write_comparison"]
