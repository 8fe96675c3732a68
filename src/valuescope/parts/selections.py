"""Every selection's neurons: which were taken, how often they fire, where they lie, and what their loss does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from valuescope.lab.ask import Ask
from valuescope.lab.dilemma_design import DilemmaDesign
from valuescope.lab.dilemma_laboratory import DilemmaLaboratory
from valuescope.lab.part import Part
from valuescope.lab.result import Head, Result
from valuescope.lab.strict import Found
from valuescope.parts.perturbation import SelectionFound, SelectionsFound, matrices_of, neurons_of
from valuescope.parts.perturbation_views import (
    every_matrix,
    exploration,
    facts,
    language_name,
    matrix_figure,
    selection_name,
)
from valuescope.report.blocks import Details, Section, Words
from valuescope.report.figure import Figure
from valuescope.report.numbers import parameters, spread
from valuescope.report.plots import Counts, Histogram, counts_facet, heat_maps, histograms
from valuescope.report.table import Column, Table


class FiringFound(Found):
    """How often neurons fire, and how evenly over the values, as locators of firing rates report it."""

    bars: tuple[float | None, ...] = ()
    rates: tuple[int, ...] = ()
    eligible_entropies: tuple[int, ...] = ()
    kept_entropies: tuple[int, ...] = ()
    maximum_entropy: float | None = None
    mean_kept_entropy: float | None = None


class Selections(Part[None]):
    """Every selection's neurons off; the main one by all measures, the others by the one that compares."""

    experiment, place, order, Found = "valueexploration", "languages.*.selections", 30, SelectionsFound

    def asks(self, design: DilemmaDesign) -> Iterator[Ask]:
        """Base and every value's neurons off."""
        for language in design.spec.languages:
            for name in design.spec.selections:
                yield from design.arms(language, design.treatments(language, name), design.measures(name))

    def measure(self, lab: DilemmaLaboratory) -> Mapping[str, SelectionsFound]:
        """Neurons and matrices in every language."""
        return {
            language: SelectionsFound({name: _selection(lab, language, name) for name in lab.spec.selections})
            for language in lab.spec.languages
        }

    @classmethod
    def view(cls, found: Mapping[str, SelectionsFound], result: Result) -> Section:
        """What every selection took, how often its neurons fire, and where the main one's lie."""
        head = exploration(result)
        rows = [
            _Row(language, name, selection)
            for language, selections in found.items()
            for name, selection in selections.root.items()
        ]
        others = {
            f"{language_name(row.language)}, {row.name}": row.matrix
            for row in every_matrix(result)
            if row.part == "selections" and row.key != head.main
        }
        title = f"Other ways to take neurons from the same counters, by {head.compared_by}"
        main = [row for row in rows if row.name == head.main]
        blocks = (
            _table(rows),
            _firing_figure(rows, head.main)
            or Words("No selection kept a profile of firing rates.", style="absent"),
            _layers_figure(main, head) or Words("No neurons were found.", style="absent"),
            Details("Matrices of the other selections", (matrix_figure("selections", title, others, head),)),
            _csv(rows),
        )
        return Section("neurons", "Neurons", blocks)


def _selection(lab: DilemmaLaboratory, language: str, name: str) -> SelectionFound:
    location = lab.identification.location(name, language)
    return SelectionFound(
        **neurons_of(lab, location, language),
        matrices=matrices_of(lab, language, lab.treatments(language, name), lab.measures(name)),
    )


class _Row(NamedTuple):
    language: str
    name: str
    selection: SelectionFound


def _table(rows: Sequence[_Row]) -> Table[_Row]:
    columns: tuple[Column[_Row], ...] = (
        Column("", "Selection", lambda row: f"{language_name(row.language)}: {selection_name(row.name)}"),
        Column("", "Parameters", lambda row: parameters(row.selection.parameters)),
        Column("", "Neurons per value", lambda row: spread(row.selection.neurons.values())),
        Column("", "Warnings", lambda row: "; ".join(row.selection.warnings) or "none"),
    )
    return Table("", "What every selection took", columns, rows)


def _firing_figure(rows: Sequence[_Row], main: str) -> Figure | None:
    """How often neurons fire, and the entropies of those above the bar and of those kept."""
    facets = []
    for row in rows:
        content = row.selection.diagnostics.get("firing_profile")
        if content:
            rates, entropies = _profile(row, FiringFound.model_validate(content))
            facets += [rates, entropies] if row.name == main else [entropies]
    title = "How often neurons fire, and how evenly over the values"
    return histograms("firing", title, "Dashed lines are named above them.", facets)


def _profile(row: _Row, profile: FiringFound) -> tuple[Histogram, Histogram]:
    language, selection = language_name(row.language), selection_name(row.name)
    bars = [bar for bar in profile.bars if bar is not None]
    most, kept = profile.maximum_entropy or 0.0, profile.mean_kept_entropy
    return (
        Histogram(
            f"{language}: firing rates, with the bar of {selection}",
            0.0,
            1.0,
            (Counts("values × neurons", profile.rates),),
            "share of a value's tokens at which a neuron fires",
            "rates",
            tuple((bar, "bar") for bar in bars),
            note="" if len(bars) < 2 else f"bars per layer from {min(bars):.2f} to {max(bars):.2f}",
        ),
        Histogram(
            f"{language}: entropies, {selection}",
            0.0,
            most,
            (
                Counts("above the bar" if bars else "that fire", profile.eligible_entropies),
                Counts("kept", profile.kept_entropies),
            ),
            "entropy over the values (nats)",
            marks=(
                *(((most, "maximum"),) if most else ()),
                *(() if kept is None else ((kept, "mean of the kept"),)),
            ),
        ),
    )


def _layers_figure(rows: Sequence[_Row], head: Head) -> Figure | None:
    """In which layers each value's neurons lie."""
    facets = []
    for place, (language, _, selection) in enumerate(rows):
        layers = selection.neurons_per_layer
        words = f"{spread(map(sum, layers.values()))} neurons per value"
        named = [(head.value_name(value), layers.get(value)) for value in head.values]
        facets.append(counts_facet(language_name(language), words, named, place))
    return heat_maps(
        "layer_counts",
        "Neurons of each value by layer",
        "Rows are values, columns are layers counted from 1; the bars above add up the values, the numbers on the right add "
        "up the layers. A neuron of several values counts for each.",
        facets,
    )


class _Count(NamedTuple):
    language: str
    selection: str
    value: str
    layer_from_1: int
    neurons: int


def _csv(rows: Sequence[_Row]) -> Table[_Count]:
    counted = [
        _Count(language, name, value, layer, count)
        for language, name, selection in rows
        for value, counts in selection.neurons_per_layer.items()
        for layer, count in enumerate(counts, start=1)
    ]
    title = "Neurons of each value by layer"
    return Table("neurons_per_layer", title, facts(*_Count._fields), counted, page=False)
