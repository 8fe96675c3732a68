"""The page's section of sweeps: score and quality over gamma, number of neurons and threshold."""

from __future__ import annotations

from valuescope.report.charts.sweeps import sweep_figures
from valuescope.report.html import figure, section
from valuescope.report.markup import Markup
from valuescope.report.summary import Summary


def sweeps_section(summary: Summary) -> Markup | None:
    """One figure for each sweep; None without any."""
    drawn = sweep_figures(summary)
    if not drawn:
        return None
    return section("sweeps", "Sweeps in both directions", [figure(one) for one in drawn])
