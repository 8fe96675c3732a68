"""The sections of the page: each a few words, a figure and its table."""

from __future__ import annotations

from collections.abc import Callable

from valuescope.report.fields import Fields
from valuescope.report.html import absent, details, estimate_cell, figure, paragraph, section, table
from valuescope.report.markup import Child, Markup, tag
from valuescope.report.numbers import Numbers, grouped, parameters, spread
from valuescope.report.svg import Figure
from valuescope.report.valueexploration import figures
from valuescope.report.valueexploration.figures import POINTS
from valuescope.report.valueexploration.names import (
    language_name,
    languages,
    mean_present,
    selection_name,
    value_names,
)
from valuescope.report.valueexploration.opening import p_words

SHARES = Numbers(2)


def support_section(top: Fields) -> Markup:
    """Support rates of the unedited model."""
    rows: list[list[Child]] = []
    for language, block in languages(top):
        for measure in top.texts("measures"):
            found = block.object("support").object(measure)
            missing = found.object("missing")
            kinds = missing.object("by_kind").raw
            rows.append(
                [
                    f"{language_name(language)}, by {measure}",
                    estimate_cell(found.estimate("overall"), POINTS, signed=False),
                    estimate_cell(found.estimate("position_gap"), POINTS),
                    f"{missing.count('missing')} of {missing.count('asked')}",
                    ", ".join(f"{kind} {kinds[kind]}" for kind in kinds) or "none",
                ]
            )
    head = ["Language and measure", "Support (%)", "First place preferred by (points)", "Missing", "Kinds"]
    return section(
        "support",
        "Support rates",
        _drawn(figures.support_rates(top), "No support could be read."),
        table("Support of the unedited model", head, rows),
        _drawn(figures.agreement(top), ""),
    )


def perturbation_section(top: Fields) -> Markup:
    """The matrices with their tests, and their controls."""
    return section(
        "perturbation",
        "Perturbation",
        paragraph(
            "Rows are the values whose support is asked, columns the values whose neurons are off. The test asks whether "
            "columns hit their own value harder than each other's: the names of the columns are exchanged at random. A value "
            "that falls whatever is off, or neurons whose loss lowers everything, do not move it."
        ),
        _drawn(figures.perturbation(top), "No matrix was measured."),
        table("The diagonal of every matrix", _TEST_HEAD, _test_rows(top)),
        _folded("Matrices of the random controls", figures.controls(top)),
    )


_TEST_HEAD = [
    "Neurons",
    "Own value (points)",
    "Other values (points)",
    "Own minus other drop",
    "Own value among the largest drops",
    "p",
    "Missing",
]


def _test_rows(top: Fields) -> list[list[Child]]:
    main, rows = top.text("main"), list[list[Child]]()
    for language, block in languages(top):
        matrices = block.object("selections").object(main).object("matrices")
        for measure in matrices.raw:
            where = f"{language_name(language)}, by {measure}"
            rows.append(_test_row(f"{where}: {selection_name(main)}", matrices.object(measure)))
            for kind in block.object("controls").raw:
                drawn = block.object("controls").object(kind).object("matrices").items(measure)
                for path, item in drawn:
                    rows.append(_test_row(f"{where}: {kind.replace('-', ', ')}", Fields.of(item, path)))
    return rows


def _test_row(name: str, matrix: Fields) -> list[Child]:
    test, missing = matrix.object("test"), matrix.object("missing")
    return [
        name,
        estimate_cell(matrix.estimate("mean_diagonal"), POINTS),
        estimate_cell(matrix.estimate("mean_off_diagonal"), POINTS),
        estimate_cell(test.estimate("statistic"), POINTS),
        f"{test.count('own_among_largest')} of {len(test.texts('tested'))}",
        p_words(test.number("p")),
        f"{missing.count('missing')} of {missing.count('asked')}",
    ]


def neurons_section(top: Fields) -> Markup:
    """Which neurons were taken, how often they fire, and where they lie."""
    rows: list[list[Child]] = []
    measure = top.text("compared_by")
    for language, block in languages(top):
        for name in top.texts("selection_order"):
            found = block.object("selections").object(name)
            matrix = found.object("matrices").object(measure)
            rows.append(
                [
                    [
                        f"{language_name(language)}: {selection_name(name)}",
                        tag("small", parameters(found.object("parameters").raw)),
                    ],
                    spread(found.object("neurons").raw.values()),
                    estimate_cell(matrix.estimate("mean_diagonal"), POINTS),
                    estimate_cell(matrix.estimate("mean_off_diagonal"), POINTS),
                    p_words(matrix.object("test").number("p")),
                    [tag("small", warning) for warning in found.texts("warnings")] or "none",
                ]
            )
    head = [
        "Selection",
        "Neurons per value",
        "Own value (points)",
        "Other values (points)",
        "Diagonal test",
        "Warnings",
    ]
    return section(
        "neurons",
        "Neurons",
        table(f"Every selection, judged by the same perturbation ({measure})", head, rows, class_="wrap"),
        _drawn(figures.firing(top), "No selection kept a profile of firing rates."),
        _drawn(figures.layers(top), "No neurons were found."),
        _folded("Matrices of the other selections", figures.selections(top)),
    )


def overlap_section(top: Fields) -> Markup:
    """Neurons that values share."""
    return section(
        "overlap",
        "Overlap",
        paragraph(
            "How many neurons two values share, beside how many two random sets of their sizes would. Within a language chance "
            "draws from the neurons that were kept for any value: against all neurons of the model sharing would be built in, "
            "since VAPE gives a neuron to every value above its bar."
        ),
        _drawn(figures.overlap(top), "No neurons were found."),
    )


def variants_section(top: Fields) -> Markup:
    """Feeding against generating, data size, and replaced data."""
    return section(
        "variants",
        "Other texts",
        tag("h3", "Feeding against generating"),
        _drawn(figures.strategies(top), "The generating strategy was not run."),
        tag("h3", "Data size"),
        _drawn(figures.data_size(top), "No sizes were compared."),
        tag("h3", "Dataset replacement"),
        _drawn(figures.replacement(top), "No data was replaced."),
        _replaced(top),
    )


def _replaced(top: Fields) -> Markup | None:
    rows: list[list[Child]] = []
    for language, block in languages(top):
        for path, item in block.object("replacement").items("counts"):
            found = Fields.of(item, path)
            rows.append(
                [
                    f"{language_name(language)}: {found.text('value')}",
                    found.text("set"),
                    *(
                        grouped(found.count(name))
                        for name in ("records", "malformed", "in_language", "too_long")
                    ),
                ]
            )
    if not rows:
        return None
    head = ["Language and value", "Set", "Records", "Malformed rows", "In this language", "Too long"]
    return table("Sets that were read in a value's place", head, rows)


def truth_section(top: Fields) -> Markup:
    """Found neurons against planted ones, where they are known."""
    rows: list[list[Child]] = []
    for language, block in languages(top):
        variants = [
            (selection_name(name), block.object("selections").object(name))
            for name in top.texts("selection_order")
        ]
        variants += [(name, block.object(name)) for name in ("generating",) if block.present(name)]
        for name, found in variants:
            truth = found.object("truth")
            if truth.raw:
                rows.append(
                    [
                        f"{language_name(language)}: {name}",
                        *(_mean(truth.object(part)) for part in ("average_precision", "recall", "precision")),
                        SHARES.plain(truth.number("chance")),
                        _roles(truth.object("roles")),
                    ]
                )
    if not rows:
        return section("truth", "Truth", absent("Which neurons matter in this model is not known."))
    head = [
        "Neurons",
        "Average precision",
        "Recall",
        "Precision",
        "Chance",
        "Planted neurons found, by role",
    ]
    note = paragraph(
        "Means over values. Neurons that cause a value in the other language only do not count. Echo and herald are decoys: "
        "they fire for a value and cause nothing.",
        class_="small",
    )
    return section("truth", "Truth", table("Found against planted", head, rows, class_="wrap"), note)


def _mean(by_value: Fields) -> str:
    return SHARES.plain(mean_present(by_value.number(value) for value in by_value.raw))


def _roles(roles: Fields) -> str:
    return ", ".join(
        f"{role} {roles.object(role).count('found')} of {roles.object(role).count('of')}"
        for role in roles.raw
    )


def answers_section(top: Fields) -> Markup:
    """Examples: the base model's answer beside the one without a value's own neurons."""
    articles = []
    names = dict(zip(top.texts("values"), value_names(top), strict=True))
    for language, block in languages(top):
        for path, item in block.items("examples"):
            found = Fields.of(item, path)
            asked = f"{found.text('story')}\n+ {found.text('aligned')}\n\u2212 {found.text('violating')}"
            cards = [_card(name, found.object(arm)) for arm, name in _ARMS.items() if found.present(arm)]
            articles.append(
                tag(
                    "article",
                    tag(
                        "h3",
                        f"{names.get(found.text('value'), found.text('value'))}, {language_name(language)}",
                    ),
                    tag(
                        "div",
                        tag("span", "Dilemma", class_="label"),
                        tag("bdi", asked, class_="text", dir="auto"),
                        class_="asked",
                    ),
                    tag("div", cards, class_="cards"),
                    class_="example",
                )
            )
    note = paragraph(
        "The first dilemmas of each value, never picked by outcome; + keeps the value, \u2212 does not. Each is answered with "
        "its options in both orders.",
        class_="small",
    )
    return section("answers", "Answers side by side", note, articles or absent("No answers were kept."))


_ARMS = {"base": "base", "edited": "own neurons off"}


def _card(name: str, answer: Fields) -> Markup:
    support = answer.number("support")
    shown = "support missing" if support is None else f"support {support:.0f}%"
    return tag(
        "div",
        tag("h4", name),
        [tag("bdi", reply, class_="text", dir="auto") for reply in answer.texts("replies")],
        tag(
            "p",
            tag("span", shown, class_=f"badge {'unknown' if support is None else 'plain'}"),
            class_="badges",
        ),
        class_="card",
    )


def _drawn(shown: Figure | None, otherwise: str) -> Markup | None:
    if shown is None:
        return absent(otherwise) if otherwise else None
    return figure(shown)


def _folded(title: str, shown: Figure | None) -> Markup | None:
    return None if shown is None else details(title, figure(shown))


SECTIONS: dict[str, tuple[str, Callable[[Fields], Markup]]] = {
    "support": ("Support", support_section),
    "perturbation": ("Perturbation", perturbation_section),
    "neurons": ("Neurons", neurons_section),
    "overlap": ("Overlap", overlap_section),
    "variants": ("Other texts", variants_section),
    "truth": ("Truth", truth_section),
    "answers": ("Answers", answers_section),
}
