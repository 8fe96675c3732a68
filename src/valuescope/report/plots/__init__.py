"""Charts from plain data: each builder gives a figure, or None where there is nothing to draw."""

from valuescope.report.figure import Figure
from valuescope.report.plots.bars import BarFacet, Bars, bars
from valuescope.report.plots.curves import Curve, CurveFacet, Strip, curves
from valuescope.report.plots.dots import DotFacet, Dots, dots
from valuescope.report.plots.heat_maps import HeatCell, HeatFacet, counts_facet, heat_maps
from valuescope.report.plots.histograms import Counts, Histogram, histograms
from valuescope.report.plots.scatters import ScatterFacet, scatters
from valuescope.report.plots.tradeoff import TradeFacet, TradePath, tradeoff

__all__ = [
    "BarFacet",
    "Bars",
    "Counts",
    "Curve",
    "CurveFacet",
    "DotFacet",
    "Dots",
    "Figure",
    "HeatCell",
    "HeatFacet",
    "Histogram",
    "ScatterFacet",
    "Strip",
    "TradeFacet",
    "TradePath",
    "bars",
    "counts_facet",
    "curves",
    "dots",
    "heat_maps",
    "histograms",
    "scatters",
    "tradeoff",
]
