"""Writes the report of a run into its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from valuescope.files import write_text_atomic
from valuescope.report.charts.by_value import by_value_figure
from valuescope.report.charts.dose import dose_figure
from valuescope.report.charts.effects import effects_figure
from valuescope.report.charts.layers import layers_figure
from valuescope.report.charts.leakage import leakage_figure, nlr_figure
from valuescope.report.charts.probes import probes_figure
from valuescope.report.charts.radar import radar_figure
from valuescope.report.csv_tables import csv_tables
from valuescope.report.page import page
from valuescope.report.reading import read_summary

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


def write_report(summary: Mapping[str, Any], folder: Path) -> Path:
    """Write `report.html`, `figures/*.svg` and `tables/*.csv` into a run's folder; returns the page's path.

    The same summary gives the same bytes. The page is written last, so a page that is there is complete. A
    figure that this summary has no data for is removed where an earlier report left it.

    Raises:
        ReportError: a summary of another format or with a field of the wrong type.
    """
    read, folder = read_summary(summary), Path(folder)
    content = page(read)
    for name, draw in FIGURES.items():
        path, figure = folder / "figures" / f"{name}.svg", draw(read)
        if figure is None:
            path.unlink(missing_ok=True)
        else:
            write_text_atomic(path, figure.standalone())
    for name, table in csv_tables(read).items():
        write_text_atomic(folder / "tables" / name, table)
    return write_text_atomic(folder / "report.html", content)
