"""Figure: in which layers the neurons of each value lie, in each language or selection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from valuescope.report.charts.layers import layer_panel
from valuescope.report.numbers import spread
from valuescope.report.svg import Figure


def layer_counts_figure(
    panels: Mapping[str, Sequence[tuple[str, Sequence[int] | None]]], *, name: str = "layer_counts"
) -> Figure | None:
    """One panel for each title with rows of (value, neurons per layer), None where missing; None without neurons."""
    shown = {
        title: rows for title, rows in panels.items() if any(any(counts) for _, counts in rows if counts)
    }
    if not shown:
        return None
    return Figure(
        name,
        "Neurons of each value by layer",
        "Rows are values, columns are layers counted from 1; the bars above add up the values, the numbers on the right add "
        "up the layers. A neuron of several values counts for each.",
        tuple(
            layer_panel(
                title,
                f"{spread(sum(counts) for _, counts in rows if counts is not None)} neurons per value",
                rows,
                index,
            )
            for index, (title, rows) in enumerate(shown.items())
        ),
    )
