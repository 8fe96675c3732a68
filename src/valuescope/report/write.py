"""Writes the report of a run into its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valuescope.files import write_text_atomic
from valuescope.report.charts.by_value import by_value_figure
from valuescope.report.charts.dose import dose_figure
from valuescope.report.charts.effects import effects_figure
from valuescope.report.charts.layers import layers_figure
from valuescope.report.charts.leakage import leakage_figure, nlr_figure
from valuescope.report.charts.leakage_ratios import leakage_ratios_figure
from valuescope.report.charts.pareto import pareto_figure
from valuescope.report.charts.precision import precision_figure
from valuescope.report.charts.probes import probes_figure
from valuescope.report.charts.radar import radar_figure
from valuescope.report.charts.rates import leakages_figure, rates_figure
from valuescope.report.charts.sweeps import sweep_figures
from valuescope.report.csv_tables import csv_tables
from valuescope.report.fields import Fields
from valuescope.report.neva_tables import neva_tables
from valuescope.report.page import page
from valuescope.report.reading import read_summary
from valuescope.report.sections.locators import locator_overlap_figure
from valuescope.report.svg import Figure
from valuescope.report.valueexploration.csv_tables import exploration_tables
from valuescope.report.valueexploration.figures import FIGURES as EXPLORATION_FIGURES
from valuescope.report.valueexploration.page import exploration_page
from valuescope.report.valuelocate_tables import valuelocate_tables

FIGURES = {
    "effects": effects_figure,
    "by_value": by_value_figure,
    "dose": dose_figure,
    "neurons_per_layer": layers_figure,
    "leakage": leakage_figure,
    "nlr": nlr_figure,
    "radar": radar_figure,
    "probes": probes_figure,
}
OPTIONAL_FIGURES = {
    "locators_precision": precision_figure,
    "locators_overlap": locator_overlap_figure,
    "pareto": pareto_figure,
    "rates": rates_figure,
    "leakages": leakages_figure,
    "leakage_ratios": leakage_ratios_figure,
}
"""Figures of parts that a run need not have."""


def write_report(summary: Mapping[str, Any], folder: Path) -> Path:
    """Write `report.html`, `figures/*.svg` and `tables/*.csv` into a run's folder; returns the page's path.

    The same summary gives the same bytes. The page is written last, so a page that is there is complete. A
    figure that this summary has no data for is removed where an earlier report left it.

    Raises:
        ReportError: a summary of another format or with a field of the wrong type.
    """
    drawn = _drawn(summary)
    for name, figure in drawn.figures.items():
        path = folder / "figures" / f"{name}.svg"
        if figure is None:
            path.unlink(missing_ok=True)
        else:
            write_text_atomic(path, figure.standalone())
    for name, table in drawn.tables.items():
        write_text_atomic(folder / "tables" / name, table)
    return write_text_atomic(folder / "report.html", drawn.page)


@dataclass(frozen=True)
class _Report:
    page: str
    figures: Mapping[str, Figure | None]
    tables: Mapping[str, str]


def _drawn(summary: Mapping[str, Any]) -> _Report:
    if summary.get("experiment") == "valueexploration":
        top = Fields.of(summary, "")
        figures = {name: draw(top) for name, draw in EXPLORATION_FIGURES.items()}
        return _Report(exploration_page(top), figures, exploration_tables(top))
    read = read_summary(summary)
    drawn: dict[str, Figure | None] = {
        name: draw(read) for name, draw in {**FIGURES, **OPTIONAL_FIGURES}.items()
    }
    drawn |= {figure.name: figure for figure in sweep_figures(read)}
    return _Report(page(read), drawn, {**csv_tables(read), **valuelocate_tables(read), **neva_tables(read)})
