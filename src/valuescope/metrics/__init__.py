"""Measures: means with intervals, rankings against a known truth, control success, value leakage, support rates and their
perturbation, overlaps of neuron sets, and judges: their agreement, accuracy and biases.

The leakage matrices have the STEERED value in rows and the EVALUATED value in columns; the perturbation matrix is
laid out as in its paper, the EVALUATED value in rows and the value whose neurons are off in columns.
"""

from valuescope.metrics.agreement import Accuracy, Agreement, accuracy, cohen_kappa
from valuescope.metrics.bootstrap import Bootstrap, Estimate, MetricError
from valuescope.metrics.circle_leakage import CircleLeakage, circle_leakage
from valuescope.metrics.circle_test import NeighbourTest, neighbour_test
from valuescope.metrics.control import ControlEffect, control_effect
from valuescope.metrics.correlation import Correlation, correlation
from valuescope.metrics.data_size import DataSizeScore, data_size_scores
from valuescope.metrics.delta import DeltaMatrix, delta_matrix
from valuescope.metrics.diagonal_test import (
    DiagonalContrast,
    DiagonalTest,
    diagonal_against_control,
    diagonal_test,
)
from valuescope.metrics.group_leakage import GroupLeakage, group_leakage
from valuescope.metrics.judge_bias import JudgeBias, length_bias, position_bias
from valuescope.metrics.leakage import GAIN_FLOOR, ValueLeakage, value_leakage
from valuescope.metrics.neuron_overlap import (
    NeuronOverlap,
    neuron_overlap,
    neurons_by_layer,
    overlap_p_value,
)
from valuescope.metrics.pareto import AtFloor, ParetoCurve, ParetoPoint, Strength, pareto_curves, verdict_of
from valuescope.metrics.perturbation import LARGEST, PerturbationMatrix, perturbation_matrix
from valuescope.metrics.ranking import (
    PrecisionRecall,
    SelectionQuality,
    average_precision,
    bootstrap_average_precision,
    precision_recall,
    selection_quality,
)
from valuescope.metrics.support_rates import SupportRates, support_rates

__all__ = [
    "GAIN_FLOOR",
    "LARGEST",
    "Accuracy",
    "Agreement",
    "AtFloor",
    "Bootstrap",
    "CircleLeakage",
    "ControlEffect",
    "Correlation",
    "DataSizeScore",
    "DeltaMatrix",
    "DiagonalContrast",
    "DiagonalTest",
    "Estimate",
    "GroupLeakage",
    "JudgeBias",
    "MetricError",
    "NeighbourTest",
    "NeuronOverlap",
    "ParetoCurve",
    "ParetoPoint",
    "PerturbationMatrix",
    "PrecisionRecall",
    "SelectionQuality",
    "Strength",
    "SupportRates",
    "ValueLeakage",
    "accuracy",
    "average_precision",
    "bootstrap_average_precision",
    "circle_leakage",
    "cohen_kappa",
    "control_effect",
    "correlation",
    "data_size_scores",
    "delta_matrix",
    "diagonal_against_control",
    "diagonal_test",
    "group_leakage",
    "length_bias",
    "neighbour_test",
    "neuron_overlap",
    "neurons_by_layer",
    "overlap_p_value",
    "pareto_curves",
    "perturbation_matrix",
    "position_bias",
    "precision_recall",
    "selection_quality",
    "support_rates",
    "value_leakage",
    "verdict_of",
]
