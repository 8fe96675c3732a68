"""How locators are shown beside each other."""

from __future__ import annotations

from operator import methodcaller
from typing import Any, NamedTuple

from valuescope.lab.result import Head, Result
from valuescope.metrics import Estimate
from valuescope.parts.method import METHODS
from valuescope.parts.overlap_maps import OverlapMap, overlap_figures
from valuescope.parts.score_tables import quality_measure, score_measure
from valuescope.report.blocks import Section, Words
from valuescope.report.figure import Figure
from valuescope.report.names import measure_name, method_name
from valuescope.report.numbers import MISSING, SHARES, Numbers
from valuescope.report.plots import DotFacet, Dots, dots
from valuescope.report.table import Column, Table, records

PRECISION, SECONDS = Numbers(3), Numbers(1)


class _Changes(NamedTuple):
    """A locator with what its method's edits do: the block of one measure by direction, where it was measured."""

    locator: Any
    method: Any
    ways: Any

    def block(self, way: str, measure: str) -> Any:
        return self.ways.root.get(way, {}).get(measure) if self.ways else None

    def arm(self, way: str, measure: str, arm: str) -> Estimate | None:
        """An arm's estimate; of a method that was measured one way, its success."""
        block = self.block(way, measure)
        if block is not None:
            score = getattr(block, arm)
            return score.estimate if hasattr(score, "estimate") else score  # type: ignore[no-any-return]
        intended = "down" if self.method.direction == -1 else "up"
        if self.ways or way != intended or measure != "success":
            return None
        return {"effect": self.method.effect, "random_effect": self.method.random}.get(arm)


def locators_section(found: Any, result: Result) -> Section:
    """The table, the average precisions and the overlaps."""
    methods, ways = result.found.get(METHODS) or {}, result.found.get("methods.*.ways") or {}
    rows = [
        _Changes(locator, methods[locator.method], ways.get(locator.method))  # type: ignore[index, union-attr]
        for locator in found.rows
        if locator.method in methods
    ]
    overlap = overlap_figures(
        [OverlapMap(f"First {found.top} of each value", found.overlap)],
        method_name,
        "locators_overlap",
        "Overlap of the locators' neurons",
        "Neurons that two locators both rank among the first for the same value, added up over values. On the diagonal: the "
        "size of the set.",
    )
    files = [
        (
            locator.method,
            locator.locator,
            locator.edit,
            locator.site,
            locator.precision and locator.precision.estimate,
            locator.seconds,
            locator.peak_growth,
            locator.peak_estimate,
        )
        for locator in found.rows
    ]
    blocks = (
        _table(rows, result.head),
        _note(found),
        _selection(found),
        _precision_figure(found),
        *overlap,
        records("locators", "method locator edit site * seconds peak_growth peak_estimate", files),
    )
    return Section("locators", "Locators beside each other", blocks, link="Locators")


def _table(rows: list[_Changes], head: Head) -> Table[_Changes]:
    score, quality = score_measure(head), quality_measure(head)

    def mean(estimate: Estimate | None) -> str:
        return MISSING if estimate is None else SHARES.plain(estimate.mean)

    def base(row: _Changes, measure: str) -> Estimate | None:
        return row.arm("up", measure, "base") or row.arm("down", measure, "base")

    def writing(row: _Changes) -> str:
        edited = (row.arm(way, quality, "edited") for way in ("up", "down"))
        return ", ".join(map(mean, (base(row, quality), *edited)))

    columns: tuple[Column[_Changes], ...] = (
        Column(
            "",
            "Locator",
            lambda row: method_name(row.locator.method),
            small=lambda row: f"{row.locator.edit}, {row.locator.site}",
        ),
        Column(
            "",
            "Average precision",
            lambda row: row.locator.precision and row.locator.precision.estimate,
            PRECISION,
            signed=False,
            absent="no truth",
        ),
        Column("", "Score: base", lambda row: mean(base(row, score))),
        *(
            Column[_Changes]("", title, methodcaller("arm", way, score, arm), SHARES)
            for title, way, arm in (
                ("up", "up", "effect"),
                ("random up", "up", "random_effect"),
                ("down", "down", "effect"),
                ("random down", "down", "random_effect"),
            )
        ),
        Column("", "Quality: base, up, down", writing),
        Column("", "Seconds", lambda row: row.locator.seconds, SECONDS, signed=False),
        Column(
            "",
            "Memory",
            lambda row: (
                None if row.locator.peak_growth is None else f"+{row.locator.peak_growth / 2**20:.0f} MiB"
            ),
            small=lambda row: (
                ""
                if row.locator.peak_estimate is None
                else f"by formula {row.locator.peak_estimate / 2**20:.0f} MiB"
            ),
        ),
    )
    caption = (
        "Every locator under its edit, towards the value (up) and away from it (down), beside as many random neurons: changes "
        f"of the score against the unedited model, with intervals. Score: {measure_name(score)}. Quality: "
        f"{measure_name(quality)}"
    )
    return Table("", caption, columns, rows)


def _note(found: Any) -> Words:
    seconds = found.counting_seconds
    shared = (
        ""
        if seconds is None
        else f" The one pass over the texts that counters share took {seconds:.1f} s besides."
    )
    residuals = " It kept residuals for the probes." if found.residuals else ""
    return Words(
        f"Seconds: of the locator itself, on this machine as it was.{shared}{residuals} Memory: by how much locating raised the "
        "largest memory of the process, which shows nothing where an earlier step took more; by formula: the locator's own "
        "count of the numbers that it holds.",
        style="small",
    )


def _selection(found: Any) -> Table[Any]:
    """The share of neurons that a threshold selects, and how alike the values' scores are."""

    def passing(row: Any) -> str:
        shares = [share for share in row.passing_share if share is not None]
        low, high = f"{min(shares):.1%}", f"{max(shares):.1%}"
        return low if low == high else f"{low} to {high}"

    columns: tuple[Column[Any], ...] = (
        Column("", "Method", lambda row: method_name(row.method)),
        Column("", "Neurons that pass", passing),
        Column("", "Mean correlation", lambda row: row.mean_correlation, SHARES, signed=False),
        Column("", "Warnings", lambda row: "; ".join(row.warnings) or "none"),
    )
    caption = (
        "What a threshold selects: share of all neurons that pass for a value, and the mean correlation between the values' "
        "score vectors (near 1: one direction for all values)"
    )
    rows = [row for row in found.rows if any(share is not None for share in row.passing_share or ())]
    return Table("", caption, columns, rows)


def _precision_figure(found: Any) -> Figure | None:
    rows = [row for row in found.rows if row.precision and row.precision.mean is not None]
    facet = DotFacet(
        "Average precision",
        tuple(method_name(row.method) for row in rows),
        (Dots("", tuple(range(len(rows))), tuple(row.precision.estimate for row in rows)),),
    )
    chance = found.chance_precision
    return dots(
        "locators_precision",
        "Average precision of each locator's ranking against the planted neurons",
        "1 means that all neurons that cause a value's answers are ranked before all others. Marks: the mean over values, "
        "with intervals over values.",
        [facet] if rows else [],
        axis="average precision",
        numbers=PRECISION,
        signed=False,
        domain=(0.0, 1.0),
        reference=None if chance is None else (chance, "chance"),
    )
