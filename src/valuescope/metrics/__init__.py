"""Measures: means with intervals, rankings against a known truth, control success, value leakage, and judges: their
agreement, accuracy and biases.

Every matrix has the STEERED value in rows and the EVALUATED value in columns.
"""

from valuescope.metrics.agreement import Accuracy, Agreement, accuracy, cohen_kappa
from valuescope.metrics.bootstrap import Estimate, MetricError, bootstrap_mean, paired_difference
from valuescope.metrics.circle_leakage import CircleLeakage, circle_leakage
from valuescope.metrics.control import ControlEffect, control_effect, rate
from valuescope.metrics.delta import DeltaMatrix, delta_matrix
from valuescope.metrics.group_leakage import GroupLeakage, group_leakage
from valuescope.metrics.judge_bias import JudgeBias, length_bias, position_bias
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
    "Accuracy",
    "Agreement",
    "CircleLeakage",
    "ControlEffect",
    "DeltaMatrix",
    "Estimate",
    "GroupLeakage",
    "JudgeBias",
    "MetricError",
    "PrecisionRecall",
    "SelectionQuality",
    "ValueLeakage",
    "accuracy",
    "average_precision",
    "bootstrap_average_precision",
    "bootstrap_mean",
    "circle_leakage",
    "cohen_kappa",
    "control_effect",
    "delta_matrix",
    "group_leakage",
    "length_bias",
    "paired_difference",
    "position_bias",
    "precision_recall",
    "rate",
    "selection_quality",
    "value_leakage",
]
