"""The page's section that puts all locators beside each other."""

from __future__ import annotations

from valuescope.metrics import Estimate
from valuescope.report.charts.overlap import OverlapMap, overlap_figure
from valuescope.report.charts.precision import precision_figure
from valuescope.report.fields import Fields
from valuescope.report.html import estimate_cell, figure, paragraph, section, table
from valuescope.report.markup import Child, Markup, tag
from valuescope.report.names import measure_name, method_name
from valuescope.report.numbers import MISSING, SHARES, Numbers
from valuescope.report.summary import Summary
from valuescope.report.svg import Figure

TITLE = "Locators beside each other"
_PRECISION, _SECONDS = Numbers(3), Numbers(1)


def locators_section(summary: Summary) -> Markup | None:
    """The table, the average precisions and the overlaps; None where the run does not compare locators."""
    block = Fields.of(summary.raw.get("compare"), "compare")
    rows = [Fields.of(item, path) for path, item in block.items("rows")]
    if not rows:
        return None
    drawn = [one for one in (precision_figure(summary), locator_overlap_figure(summary)) if one]
    return section(
        "locators",
        TITLE,
        _table(summary, block, rows),
        _notes(block),
        _selection(summary, rows),
        [figure(one) for one in drawn],
    )


def _table(summary: Summary, block: Fields, rows: list[Fields]) -> Markup:
    score = score_measure(summary)
    head: list[Child] = [
        "Locator",
        "Average precision",
        "Score: base",
        "up",
        "random up",
        "down",
        "random down",
    ]
    head += ["Quality: base, up, down", "Seconds", "Memory"]
    cells = [_row(summary, row, score) for row in rows]
    caption = (
        "Every locator under its edit, towards the value (up) and away from it (down), beside as many random neurons: changes "
        f"of the score against the unedited model, with intervals. Score: {measure_name(score)}. Quality: "
        f"{measure_name(quality_measure(summary))}"
    )
    return table(caption, head, cells, class_="results")


def _row(summary: Summary, row: Fields, score: str) -> list[Child]:
    name = row.text("method")
    ways = ways_of(summary, name)
    up, down = ways.object("up").object(score), ways.object("down").object(score)
    quality = quality_measure(summary)
    any_way = ways.object("up") if ways.present("up") else ways.object("down")
    precision = row.estimate("precision")
    return [
        [method_name(name), tag("small", f"{row.text('edit')}, {row.text('site')}")],
        "no truth" if precision is None else estimate_cell(precision, _PRECISION, signed=False),
        _mean(any_way.object(score).estimate("base")),
        estimate_cell(up.estimate("effect"), SHARES),
        estimate_cell(up.estimate("random_effect"), SHARES),
        estimate_cell(down.estimate("effect"), SHARES),
        estimate_cell(down.estimate("random_effect"), SHARES),
        ", ".join(
            _mean(one)
            for one in (
                any_way.object(quality).estimate("base"),
                ways.object("up").object(quality).estimate("edited"),
                ways.object("down").object(quality).estimate("edited"),
            )
        ),
        _SECONDS.plain(row.number("seconds")) if row.present("seconds") else MISSING,
        _memory(row),
    ]


def ways_of(summary: Summary, name: str) -> Fields:
    """A method's directions and measures; of a method that was measured one way, its success."""
    method = Fields.of(summary.raw["methods"][name], f"methods.{name}")
    if method.present("ways"):
        return method.object("ways")
    success = {"effect": method.raw.get("effect"), "random_effect": method.raw.get("random")}
    return Fields.of({"down" if method.count("direction") == -1 else "up": {"success": success}}, method.path)


def score_measure(summary: Summary) -> str:
    """What the run scores answers by: G-Eval where it has ratings, else success."""
    return "relevance" if summary.raw.get("scores") else "success"


def quality_measure(summary: Summary) -> str:
    """What the run measures the writing by."""
    scores = summary.raw.get("scores")
    return "quality" if scores and scores.get("quality") else "fluent"


def _mean(found: Estimate | None) -> str:
    return MISSING if found is None else SHARES.plain(found.mean)


def _memory(row: Fields) -> Child:
    growth, estimate = row.number("peak_growth"), row.number("peak_estimate")
    shown = MISSING if growth is None else f"+{growth / 2**20:.0f} MiB"
    return [shown, tag("small", f"by formula {estimate / 2**20:.0f} MiB") if estimate is not None else None]


def _notes(block: Fields) -> Markup:
    seconds = block.number("counting_seconds")
    shared = (
        ""
        if seconds is None
        else f" The one pass over the texts that counters share took {seconds:.1f} s besides."
    )
    residuals = " It kept residuals for the probes." if block.flag("residuals") else ""
    return paragraph(
        f"Seconds: of the locator itself, on this machine as it was.{shared}{residuals} Memory: by how much locating raised the "
        "largest memory of the process, which shows nothing where an earlier step took more; by formula: the locator's own "
        "count of the numbers that it holds.",
        class_="small",
    )


def _selection(summary: Summary, rows: list[Fields]) -> Markup | None:
    """The share of neurons that a threshold selects, and how alike the values' scores are."""
    cells = list[list[Child]]()
    for row in rows:
        shares = [one for one in row.numbers("passing_share") if one is not None]
        if not shares:
            continue
        low, high = min(shares), max(shares)
        said = f"{low:.1%}" if low == high else f"{low:.1%} to {high:.1%}"
        correlation = row.number("mean_correlation")
        warnings = [tag("li", one) for one in row.texts("warnings")]
        cells.append(
            [
                method_name(row.text("method")),
                said,
                MISSING if correlation is None else SHARES.plain(correlation),
                tag("ul", warnings) if warnings else "none",
            ]
        )
    if not cells:
        return None
    head = ["Method", "Neurons that pass", "Mean correlation", "Warnings"]
    return table(
        "What a threshold selects: share of all neurons that pass for a value, and the mean correlation between the "
        "values' score vectors (near 1: one direction for all values)",
        head,
        cells,
        class_="wrap",
    )


def locator_overlap_figure(summary: Summary) -> Figure | None:
    """The overlaps between the locators' first neurons, over all values."""
    block = Fields.of(summary.raw.get("compare"), "compare")
    found = block.object("overlap")
    names = tuple(method_name(name) for name in found.texts("rows"))
    if not names:
        return None
    sizes, counts = (
        found.counts("row_sizes"),
        tuple(tuple(int(cell or 0) for cell in row) for row in found.matrix("count")),
    )
    shown = OverlapMap(
        title=f"First {block.count('top')} of each value",
        rows=names,
        columns=names,
        count=counts,
        expected=found.matrix("expected"),
        jaccard=found.matrix("jaccard"),
        p=found.matrix("p"),
        row_sizes=sizes,
        column_sizes=found.counts("column_sizes"),
        neurons=found.count("neurons") or 0,
    )
    drawn = overlap_figure([shown], name="locators_overlap")
    if drawn is None:
        return None
    description = (
        "Neurons that two locators both rank among the first for the same value, added up over values; as many as chance "
        "would give; and the shared as a part of both together (Jaccard). Bold: more than chance gives. On the diagonal: the "
        "size of the set."
    )
    return Figure(drawn.name, "Overlap of the locators' neurons", description, drawn.panels)
