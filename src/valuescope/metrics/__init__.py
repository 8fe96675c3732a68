"""Measures: means with intervals, rankings against a known truth, control success, and value leakage.

Every matrix has the STEERED value in rows and the EVALUATED value in columns.
"""

from valuescope.metrics.bootstrap import Estimate, MetricError, bootstrap_mean, paired_difference
from valuescope.metrics.circle_leakage import CircleLeakage, circle_leakage
from valuescope.metrics.control import ControlEffect, control_effect, rate
from valuescope.metrics.delta import DeltaMatrix, delta_matrix
from valuescope.metrics.group_leakage import GroupLeakage, group_leakage
from valuescope.metrics.leakage import GAIN_FLOOR, ValueLeakage, value_leakage
from valuescope.metrics.ranking import (
    PrecisionRecall,
    SelectionQuality,
    average_precision,
    bootstrap_average_precision,
    precision_recall,
    selection_quality,
)

__all__ = [
    "GAIN_FLOOR",
    "CircleLeakage",
    "ControlEffect",
    "DeltaMatrix",
    "Estimate",
    "GroupLeakage",
    "MetricError",
    "PrecisionRecall",
    "SelectionQuality",
    "ValueLeakage",
    "average_precision",
    "bootstrap_average_precision",
    "bootstrap_mean",
    "circle_leakage",
    "control_effect",
    "delta_matrix",
    "group_leakage",
    "paired_difference",
    "precision_recall",
    "rate",
    "selection_quality",
    "value_leakage",
]
