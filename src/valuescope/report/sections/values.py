"""The page's sections on how values hang together: leakage, profiles, and probes."""

from __future__ import annotations

from valuescope.report.charts.leakage import group_marks, leakage_figure, nlr_figure
from valuescope.report.charts.probes import probes_figure
from valuescope.report.charts.radar import radar_figure
from valuescope.report.html import absent, details, facts, figure, paragraph, section, table
from valuescope.report.markup import Child, Markup
from valuescope.report.names import method_name, setting_name
from valuescope.report.numbers import MISSING, SHARES, effect_numbers, listing, sample
from valuescope.report.summary import Leakage, Probes, Summary


def leakage_section(summary: Summary) -> Markup:
    """The matrix, its ratios, groups and distances."""
    title, leakage = "Leakage to other values", summary.leakage
    drawn = leakage_figure(summary)
    if leakage is None or drawn is None:
        return section("leakage", title, absent("Leakage was not measured in this run."))
    marks = {mark: summary.group_name(group) for group, mark in group_marks(summary).items()}
    key = (
        paragraph(
            "Groups: ", ", ".join(f"{mark} {name}" for mark, name in marks.items()), ".", class_="small"
        )
        if marks
        else None
    )
    ratios = nlr_figure(summary)
    control = None if leakage.random_delta else absent("The matrix of random neurons was not measured.")
    return section(
        "leakage",
        title,
        figure(drawn),
        key,
        control,
        facts(_ratios(summary, leakage)),
        figure(ratios) if ratios else absent("Leakage ratios were not computed."),
    )


def _ratios(summary: Summary, leakage: Leakage) -> dict[str, Child]:
    mean = SHARES.plain(leakage.nlr_mean)
    if leakage.nlr_mean is not None:
        ends = leakage.nlr_mean_ci
        mean += f" [{SHARES.plain(ends[0])}, {SHARES.plain(ends[1])}]" if ends else " [no interval]"
    floored = [summary.value_name(value) for value in leakage.undefined]
    floor = "" if leakage.gain_floor is None else f" (gain at or below {leakage.gain_floor:g})"
    return {
        "Mean NLR": mean,
        "Median NLR": SHARES.plain(leakage.nlr_median),
        "Questions per cell": MISSING if leakage.n is None else str(leakage.n),
        "Method and setting": f"{method_name(leakage.method)}, {setting_name(leakage.setting)}",
        "Values without a gain of their own": (listing(floored) if floored else "none") + floor,
    }


def radar_section(summary: Summary) -> Markup:
    """Profiles before and after."""
    drawn, title = radar_figure(summary), "Value profile before and after"
    content = (
        [figure(drawn)]
        if drawn
        else [absent("No profile over at least three values was measured in this run.")]
    )
    base = _base_table(summary)
    return section("profile", title, content, details("Base model by value", base) if base else None)


def _base_table(summary: Summary) -> Markup | None:
    kinds = list(summary.base_by_value)
    if not kinds:
        return None
    numbers = effect_numbers(summary)
    rows: list[list[Child]] = []
    for value in summary.values:
        row: list[Child] = [summary.value_name(value)]
        for kind in kinds:
            estimate = summary.base_by_value[kind].get(value)
            row.append(
                MISSING
                if estimate is None
                else f"{numbers.full(estimate, signed=False)} {sample(estimate)}".strip()
            )
        rows.append(row)
    return table(f"Base model: {summary.measure_name} by value", ["Value", *kinds], rows)


def probes_section(summary: Summary) -> Markup:
    """Probe accuracies and their baselines."""
    drawn, probes, title = probes_figure(summary), summary.probes, "Probes"
    if drawn is None or probes is None:
        return section("probes", title, absent("No probes were trained in this run."))
    note = paragraph(
        "A probe means little where a bag of words does as well: then the texts give the answer away "
        "without the model.",
        class_="small",
    )
    return section(
        "probes", title, figure(drawn), note, details("Probe numbers", _probe_table(summary, probes))
    )


def _probe_table(summary: Summary, probes: Probes) -> Markup:
    rows: list[list[Child]] = []
    for value in probes.accuracy:
        present = [
            (level, layer)
            for layer, level in zip(probes.layers, probes.accuracy[value], strict=False)
            if level is not None
        ]
        best = max(present, key=lambda pair: pair[0], default=None)
        kept = probes.kept.get(value)
        rows.append(
            [
                summary.value_name(value),
                MISSING if best is None else f"{SHARES.plain(best[0])} (layer {best[1]})",
                MISSING if kept is None else ", ".join(map(str, kept)) or "none",
                SHARES.plain(probes.bag_of_words.get(value)),
                SHARES.plain(probes.shuffled.get(value)),
            ]
        )
    sizes = (
        f"{_count(probes.n_train)} texts to train, {_count(probes.n_validation)} to validate for each value"
    )
    head = ["Value", "Best accuracy", "Layers kept", "Bag of words", "Shuffled labels"]
    return table(f"Validation accuracy; {sizes}", head, rows)


def _count(found: int | None) -> str:
    return "an unstated number of" if found is None else str(found)
