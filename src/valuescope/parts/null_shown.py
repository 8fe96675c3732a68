"""How nulls are shown: what exchanged labels select, and how far two halves of the texts agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from valuescope.lab.result import Head
from valuescope.parts.null_found import NullFound, ValueNull, mean_present
from valuescope.report.blocks import Bullets, Details, Section, Words
from valuescope.report.figure import Figure
from valuescope.report.numbers import SHARES, Numbers
from valuescope.report.plots import DotFacet, Dots, dots
from valuescope.report.table import Column, Table

PERCENT = Numbers(2)


@dataclass(frozen=True)
class NullRow:
    """A selection's name and its null, of all values or of one."""

    name: str
    null: NullFound
    values: tuple[ValueNull, ...]
    value: str = ""

    def mean(self, number: Callable[[ValueNull], float | None]) -> float | None:
        """The mean of one number over the values that have it."""
        return mean_present(map(number, self.values))

    def share(self, number: Callable[[ValueNull], float | None]) -> float | None:
        """Neurons as a share of the model's."""
        neurons = self.mean(number)
        return neurons / self.null.model_neurons if neurons is not None and self.null.model_neurons else None

    def percent(self, number: Callable[[ValueNull], float | None]) -> float | None:
        """Neurons in percent of the model's."""
        share = self.share(number)
        return None if share is None else 100 * share


def null_section(nulls: Mapping[str, NullFound], head: Head) -> Section | None:
    """The nulls of some selections by name; None where there are none."""
    if not nulls:
        return None
    rows = [NullRow(name, null, tuple(null.by_value.values())) for name, null in nulls.items()]
    by_value = [
        NullRow(row.name, row.null, (null,), head.value_name(value))
        for row in rows
        for value, null in row.null.by_value.items()
    ]
    reasons = [f"{row.name}: {reason}" for row in rows for reason in row.null.missing]
    blocks = (
        "Labels are exchanged where nothing tells them apart if no neuron is related to a value: the sides within each pair, or "
        "the values among the texts. What a method selects then, it selects by chance. The null share counts of those neurons "
        "the ones that score at least as high as the lowest real one; near 1 the selection is noise. Where the number of "
        "neurons is fixed, their scores tell: see the score ratio. Two halves of the texts should find the same neurons; "
        "halves of exchanged labels say how far they agree for being neurons that vary much, whatever the label.",
        _figure(rows),
        _table("null", "Selections beside their nulls, means over values", rows),
        Words(
            "Texts needed: so many that two sets of them would give numbers that correlate as the specification asks, "
            "extrapolated from the correlation of the halves (Spearman-Brown). Missing where the halves do not correlate.",
            style="small",
        ),
        Details("By value", (_table("null_by_value", "Selections beside their nulls, by value", by_value),)),
        Bullets(reasons),
    )
    return Section("null", "By chance", blocks, link="Null")


def _figure(rows: list[NullRow]) -> Figure | None:
    names = [row.name for row in rows]

    def series(name: str, style: int | str, number: Callable[[NullRow], float | None]) -> Dots:
        return Dots(name, style, [number(row) for row in rows])

    facets = [
        DotFacet(
            "Neurons selected",
            names,
            (
                series("real labels", 0, lambda row: row.share(lambda value: value.neurons)),
                series("exchanged labels", "control", lambda row: row.share(lambda value: value.shuffled)),
            ),
            "share of all neurons, mean over values",
        ),
        DotFacet(
            "Neurons shared by two halves of the texts",
            names,
            (
                series("real labels", 0, lambda row: row.mean(lambda value: value.halves.jaccard)),
                series(
                    "exchanged labels",
                    "control",
                    lambda row: row.mean(lambda value: value.shuffled_halves.jaccard),
                ),
                series("random neurons", "matched", lambda row: row.mean(lambda value: value.halves.chance)),
            ),
            "Jaccard index, mean over values",
        ),
    ]
    return dots(
        "null",
        "Selections beside chance",
        "Left: what the real labels select, and exchanged ones. Right: how far the selections from two halves of the texts "
        "agree.",
        facets,
        axis="share",
        signed=False,
    )


def _table(name: str, caption: str, rows: list[NullRow]) -> Table[NullRow]:
    def number(
        key: str,
        title: str,
        of: Callable[[ValueNull], float | None],
        terminal: str = "",
        numbers: Numbers = SHARES,
        signed: bool = False,
    ) -> Column[NullRow]:
        return Column(key, title, lambda row: row.mean(of), numbers, signed, terminal=terminal)

    def texts(row: NullRow) -> str | None:
        needed = row.mean(lambda value: value.texts_needed)
        return None if needed is None else f"{round(needed):,}"

    def probes(row: NullRow) -> str | None:
        kept = row.mean(lambda value: value.kept_layers)
        dealt = row.mean(lambda value: value.shuffled_kept_layers)
        best = [row.mean(lambda value: value.accuracy), row.mean(lambda value: value.shuffled_accuracy)]
        if kept is None or dealt is None:
            return None
        return f"{kept:.1f} and {dealt:.1f} layers kept, best {SHARES.plain(best[0])} and {SHARES.plain(best[1])}"

    by_value = any(row.value for row in rows)
    heads: tuple[Column[NullRow], ...] = (
        Column("selection", "Selection", lambda row: row.name, terminal="" if by_value else "null of"),
        *([Column[NullRow]("value", "Value", lambda row: row.value)] if by_value else []),
        Column("exchanged", "Exchanged", lambda row: row.null.exchanged),
        Column(
            "percent",
            "Selected (%)",
            lambda row: row.percent(lambda value: value.neurons),
            PERCENT,
            False,
            terminal="" if by_value else "selected (%)",
        ),
        Column(
            "shuffled_percent",
            "Exchanged (%)",
            lambda row: row.percent(lambda value: value.shuffled),
            PERCENT,
            False,
            terminal="" if by_value else "exchanged (%)",
        ),
    )
    shown = "" if by_value else "{}"
    numbers = (
        number("null_share", "Null share", lambda value: value.null_share, shown.format("null share")),
        number("score_ratio", "Score ratio", lambda value: value.score_ratio, shown.format("score ratio")),
        number("overlap", "Overlap with exchanged", lambda value: value.overlap),
        number("split_half", "Halves share", lambda value: value.halves.jaccard, shown.format("halves")),
        number(
            "shuffled_split_half",
            "Exchanged halves share",
            lambda value: value.shuffled_halves.jaccard,
            shown.format("exchanged halves"),
        ),
        number(
            "chance_split_half",
            "Random sets share",
            lambda value: value.halves.chance,
            shown.format("random"),
        ),
        number("correlation", "Halves correlate", lambda value: value.halves.correlation, "", SHARES, True),
        number(
            "shuffled_correlation",
            "Exchanged halves correlate",
            lambda value: value.shuffled_halves.correlation,
            "",
            SHARES,
            True,
        ),
    )
    tail: tuple[Column[NullRow], ...] = (
        Column("texts", "Texts read", lambda row: round(row.mean(lambda value: value.texts) or 0)),
        Column("", "Texts needed", texts, terminal=shown.format("texts needed")),
        Column("texts_needed", "", lambda row: row.mean(lambda value: value.texts_needed)),
        Column("", "Probes, real and exchanged", probes, absent="none trained"),
    )
    return Table(name, caption, (*heads, *numbers, *tail), rows)
