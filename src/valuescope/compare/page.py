"""The page of a comparison, its tables and figures, and comparison.json."""

from __future__ import annotations

from pathlib import Path

from valuescope.compare.comparison import Comparison
from valuescope.compare.exploration_sections import changes_section, matrices_section, support_section
from valuescope.compare.method_sections import (
    leakage_section,
    overview_section,
    rates_section,
)
from valuescope.compare.model_sections import instrument_section, models_section, settings_section
from valuescope.compare.opening import comparison_opening
from valuescope.compare.runs import SPEC, SUMMARY, CompareError
from valuescope.compare.score_sections import scores_section, sweeps_section
from valuescope.parts.perturbation import ExplorationHead
from valuescope.report.document import write_page

METHODS = (
    models_section,
    instrument_section,
    overview_section,
    rates_section,
    scores_section,
    sweeps_section,
    leakage_section,
    settings_section,
)
EXPLORATION = (
    models_section,
    instrument_section,
    support_section,
    changes_section,
    matrices_section,
    settings_section,
)
"""The sections of a page, in order; one with nothing to show is left out."""


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """Write `comparison.html`, `comparison.json`, `figures/*.svg` and `tables/*.csv`; returns the page's path.

    The same runs give the same bytes. The page is written last, so a page that is there is complete.

    Raises:
        CompareError: the folder holds a run, whose figures would be lost.
    """
    for name in (SPEC, SUMMARY):
        if (folder / name).exists():
            raise CompareError(f"{folder} holds a run ({name}); give --out a folder of its own")
    sections = EXPLORATION if isinstance(comparison.head, ExplorationHead) else METHODS
    comparison.write(folder)
    return write_page(
        folder,
        f"{comparison.head.name or 'runs'}, compared",
        comparison_opening(comparison),
        [section(comparison) for section in sections],
        name="comparison.html",
        numbers="comparison.json",
    )
