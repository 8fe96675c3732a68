"""The figures of a ValueExploration run, from its summary to the charts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from valuescope.metrics import Estimate
from valuescope.report.charts.data_size import SizePoint, data_size_figure
from valuescope.report.charts.distribution import Counts, Histogram, distribution_figure
from valuescope.report.charts.grouped_bars import (
    BarSeries,
    replacement_figure,
    strategies_figure,
    support_figure,
)
from valuescope.report.charts.layer_counts import layer_counts_figure
from valuescope.report.charts.overlap import OverlapMap, overlap_figure
from valuescope.report.charts.perturbation import PerturbationMap, perturbation_figure
from valuescope.report.charts.scatter import Scatter, scatter_figure
from valuescope.report.fields import Fields
from valuescope.report.numbers import Numbers
from valuescope.report.svg import Figure
from valuescope.report.valueexploration.names import language_name, languages, selection_name, value_names

POINTS = Numbers(1)
Draw = Callable[[Fields], Figure | None]


def support_rates(top: Fields) -> Figure | None:
    """Fig. 4: the unedited model's support per value and language, a panel per measure."""
    values = top.texts("values")
    panels = {
        f"by {measure}": [
            BarSeries(
                language_name(language),
                tuple(
                    block.object("support").object(measure).object("rates").estimate(value)
                    for value in values
                ),
            )
            for language, block in languages(top)
        ]
        for measure in top.texts("measures")
    }
    return support_figure(value_names(top), panels)


def agreement(top: Fields) -> Figure | None:
    """Stated percentages against log-probabilities, a point per dilemma."""
    scatters = []
    for language, block in languages(top):
        found = block.object("agreement")
        if block.present("agreement"):
            points = tuple((row[0], row[1]) for row in found.matrix("points"))
            scatters.append(
                Scatter(
                    language_name(language),
                    points,
                    found.estimate("pearson"),
                    found.estimate("spearman"),
                    found.text("reason"),
                )
            )
    return scatter_figure(scatters)


def perturbation(top: Fields) -> Figure | None:
    """Fig. 5: the main selection's matrices, one per language and measure."""
    main = top.text("main")
    return perturbation_figure(
        [
            _map(f"{language_name(language)}, by {measure}", matrices.object(measure), top)
            for language, block in languages(top)
            for matrices in [block.object("selections").object(main).object("matrices")]
            for measure in top.texts("measures")
            if matrices.present(measure)
        ],
        groups=_groups(top),
    )


def controls(top: Fields) -> Figure | None:
    """The same matrices with as many random neurons off."""
    maps = []
    for language, block in languages(top):
        for kind in block.object("controls").raw:
            matrices = block.object("controls").object(kind).object("matrices")
            for measure in top.texts("measures"):
                drawn = matrices.items(measure)
                for number, (path, item) in enumerate(drawn, start=1):
                    what = kind.replace("-", ", ") + (f" {number}" if len(drawn) > 1 else "")
                    title = f"{language_name(language)}, {what}, by {measure}"
                    maps.append(_map(title, Fields.of(item, path), top))
    title = "Controls: the same with as many random neurons off"
    return perturbation_figure(maps, name="controls", title=title)


def selections(top: Fields) -> Figure | None:
    """What every other selection does, by the measure that selections are compared by."""
    main, measure = top.text("main"), top.text("compared_by")
    maps = [
        _map(f"{language_name(language)}, {selection_name(name)}", found, top)
        for language, block in languages(top)
        for name in top.texts("selection_order")
        if name != main
        for found in [block.object("selections").object(name).object("matrices").object(measure)]
        if found.raw
    ]
    title = f"Other ways to take neurons from the same counters, by {measure}"
    return perturbation_figure(maps, name="selections", title=title)


def firing(top: Fields) -> Figure | None:
    """How often neurons fire, and the entropies of those above the bar and of those kept."""
    histograms = []
    for language, block in languages(top):
        for name in top.texts("selection_order"):
            profile = block.object("selections").object(name).object("diagnostics").object("firing_profile")
            if profile.raw:
                rates, entropies = _profile(language_name(language), selection_name(name), profile)
                histograms += [rates, entropies] if name == top.text("main") else [entropies]
    return distribution_figure(histograms)


def overlap(top: Fields) -> Figure | None:
    """Figs. 6 and 13: neurons that values share, within each language and across them."""
    maps = [
        _overlap(language_name(language), block.object("overlap"), top)
        for language, block in languages(top)
        if block.present("overlap")
    ]
    for path, item in top.items("across_languages"):
        found = Fields.of(item, path)
        first, other = (language_name(found.text(f"{side}_language")) for side in ("rows", "columns"))
        maps.append(_overlap(f"{first} and {other}", found, top, first, other))
    return overlap_figure(maps)


def layers(top: Fields) -> Figure | None:
    """In which layers each value's neurons lie."""
    panels: dict[str, list[tuple[str, tuple[int, ...] | None]]] = {}
    for language, block in languages(top):
        found = block.object("selections").object(top.text("main")).object("neurons_per_layer")
        rows = [
            (name, found.counts(value) or None)
            for value, name in zip(top.texts("values"), value_names(top), strict=True)
        ]
        panels[language_name(language)] = rows
    return layer_counts_figure(panels)


def strategies(top: Fields) -> Figure | None:
    """Fig. 8: feeding against generating."""
    return _variants(top, "generating", ("feeding", "generating"), strategies_figure)


def replacement(top: Fields) -> Figure | None:
    """Fig. 7: some values' texts replaced by those of other sets."""
    return _variants(top, "replacement", ("own dilemmas", "replaced"), replacement_figure)


def data_size(top: Fields) -> Figure | None:
    """Fig. 9: eq. 4 over the number of activation dilemmas."""
    curves: dict[str, list[SizePoint]] = {}
    evaluated = None
    for language, block in languages(top):
        points = []
        for path, item in block.items("sizes"):
            found = Fields.of(item, path)
            score = found.estimate("score")
            if score is not None:
                points.append(
                    SizePoint(
                        found.count("size") or 0,
                        score,
                        found.count("found") or 0,
                        found.count("values") or 0,
                        found.number("drop"),
                    )
                )
        if points:
            curves[language_name(language)] = points
        evaluated = block.count("n")
    return data_size_figure(curves, evaluated=evaluated) if curves else None


FIGURES: dict[str, Draw] = {
    "support_rates": support_rates,
    "agreement": agreement,
    "perturbation": perturbation,
    "controls": controls,
    "selections": selections,
    "firing": firing,
    "overlap": overlap,
    "layer_counts": layers,
    "strategies": strategies,
    "replacement": replacement,
    "data_size": data_size,
}


def _map(title: str, matrix: Fields, top: Fields) -> PerturbationMap:
    values = matrix.texts("values")
    largest = tuple(
        None if row is None else tuple(int(place) for place in row)
        for row in matrix.raw.get("largest_drops") or [None] * len(values)
    )
    names = dict(zip(top.texts("values"), value_names(top), strict=True))
    without = tuple(values.index(value) for value in matrix.texts("without_neurons"))
    note = _test_note(matrix.object("test"))
    return PerturbationMap(
        title, tuple(names[value] for value in values), matrix.estimates("change"), largest, without, note
    )


def _test_note(test: Fields) -> str:
    """The diagonal test in a line that is no wider than the map."""
    statistic, p = test.estimate("statistic"), test.number("p")
    if statistic is None or p is None:
        return test.text("reason")
    own = f"{test.count('own_among_largest')} of {len(test.texts('tested'))}"
    return f"own minus other drop {POINTS.full(statistic)}, p = {p:.4f}; own hit in {own}"


def _groups(top: Fields) -> list[tuple[str, list[int]]]:
    """The levels of the values, each with a letter and the places of its values."""
    values, found = top.texts("values"), []
    for path, item in top.items("groups"):
        group = Fields.of(item, path)
        name = group.text("name") or group.text("id")
        found.append((name[:1].upper(), [values.index(value) for value in group.texts("values")]))
    return found


def _profile(language: str, selection: str, profile: Fields) -> tuple[Histogram, Histogram]:
    bars = [bar for bar in profile.numbers("bars") if bar is not None]
    most = profile.number("maximum_entropy") or 0.0
    kept = profile.number("mean_kept_entropy")
    ends = [(most, "maximum")] + ([] if kept is None else [(kept, "mean of the kept")])
    return (
        Histogram(
            f"{language}: firing rates, with the bar of {selection}",
            0.0,
            1.0,
            (Counts("values × neurons", profile.counts("rates")),),
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
                Counts("above the bar" if bars else "that fire", profile.counts("eligible_entropies")),
                Counts("kept", profile.counts("kept_entropies")),
            ),
            "entropy over the values (nats)",
            marks=tuple(ends),
        ),
    )


def _overlap(title: str, found: Fields, top: Fields, first: str = "", other: str = "") -> OverlapMap:
    names = dict(zip(top.texts("values"), value_names(top), strict=True))
    return OverlapMap(
        title,
        tuple(names[value] for value in found.texts("rows")),
        tuple(names[value] for value in found.texts("columns")),
        tuple(tuple(int(cell or 0) for cell in row) for row in found.matrix("count")),
        tuple(tuple(row) for row in found.matrix("expected")),
        tuple(tuple(row) for row in found.matrix("jaccard")),
        tuple(tuple(row) for row in found.matrix("p")),
        found.counts("row_sizes"),
        found.counts("column_sizes"),
        found.count("neurons") or 0,
        bool(found.flag("within")),
        *((f"neurons of ({first})", f"neurons of ({other})") if first else ()),
    )


def _variants(
    top: Fields,
    part: str,
    series: tuple[str, str],
    draw: Callable[[tuple[str, ...], Mapping[str, list[BarSeries]]], Figure | None],
) -> Figure | None:
    """The main selection's own drops beside those of a variant, a panel per language."""
    measure, main, values = top.text("compared_by"), top.text("main"), top.texts("values")
    panels: dict[str, list[BarSeries]] = {}
    for language, block in languages(top):
        other = block.object(part)
        if not other.present("matrices"):
            continue
        both = [
            found.object("matrices").object(measure)
            for found in (block.object("selections").object(main), other)
        ]
        panels[f"{language_name(language)}, by {measure}"] = [
            BarSeries(
                name, own_changes(matrix), _starred(matrix), dashed=number == 1 and part == "replacement"
            )
            for number, (name, matrix) in enumerate(zip(series, both, strict=True))
        ]
    return draw(value_names(top), panels) if panels and values else None


def own_changes(matrix: Fields) -> tuple[Estimate | None, ...]:
    """A matrix's diagonal."""
    return tuple(row[place] for place, row in enumerate(matrix.estimates("change")))


def _starred(matrix: Fields) -> tuple[bool, ...]:
    """Whether a value is among the largest drops of its own column."""
    largest = matrix.raw.get("largest_drops") or []
    return tuple(rows is not None and place in rows for place, rows in enumerate(largest))
