"""Measures: means with intervals, rankings against a known truth, control success, value leakage, support rates and their
perturbation, overlaps of neuron sets, and judges: their agreement, accuracy and biases.

The leakage matrices have the STEERED value in rows and the EVALUATED value in columns; the perturbation matrix is
laid out as in its paper, the EVALUATED value in rows and the value whose neurons are off in columns.
"""

from valuescope.metrics.agreement import cohen_kappa, correlation
from valuescope.metrics.bootstrap import Bootstrap
from valuescope.metrics.circle import circle_leakage, neighbour_test
from valuescope.metrics.delta import DeltaMatrix, delta_matrix
from valuescope.metrics.diagonal_test import DiagonalTest, diagonal_against_control, diagonal_test
from valuescope.metrics.judge_errors import accuracy, length_bias, position_bias
from valuescope.metrics.leakage import GAIN_FLOOR, group_leakage, value_leakage
from valuescope.metrics.neurons import (
    average_precision,
    bootstrap_average_precision,
    neuron_overlap,
    neurons_by_layer,
    overlap_p_value,
    precision_recall,
    selection_quality,
)
from valuescope.metrics.pareto import Strength, pareto_curves, verdict_of
from valuescope.metrics.perturbation import PerturbationMatrix, data_size_scores, perturbation_matrix
from valuescope.metrics.power import PAIRED_SHARE_SD, minimum_detectable
from valuescope.metrics.rates import SupportRates, control_effect, support_rates
from valuescope.metrics.result import Estimate, MetricError
from valuescope.metrics.t_test import TTest, paired_t_test

__all__ = [
    "GAIN_FLOOR",
    "PAIRED_SHARE_SD",
    "Bootstrap",
    "DeltaMatrix",
    "DiagonalTest",
    "Estimate",
    "MetricError",
    "PerturbationMatrix",
    "Strength",
    "SupportRates",
    "TTest",
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
    "minimum_detectable",
    "neighbour_test",
    "neuron_overlap",
    "neurons_by_layer",
    "overlap_p_value",
    "paired_t_test",
    "pareto_curves",
    "perturbation_matrix",
    "position_bias",
    "precision_recall",
    "selection_quality",
    "support_rates",
    "value_leakage",
    "verdict_of",
]
