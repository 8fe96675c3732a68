"""The page's tables of scores as ValueLocate lays them out (tables 1 to 6), and its questionnaires."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from valuescope.report.fields import Fields
from valuescope.report.html import absent, details, estimate_cell, paragraph, section, table
from valuescope.report.markup import Child, Markup, tag
from valuescope.report.names import measure_name, method_name
from valuescope.report.numbers import MISSING, SHARES, Numbers, plain_value, sample
from valuescope.report.sections.locators import quality_measure, score_measure
from valuescope.report.summary import Summary

WAYS = {"up": "after editing towards the value", "down": "after editing away from it"}
_VARIANCE = Numbers(3)
_LITTLE = 0.5  # of the probability on a scale's numbers
_TIE = 0.005  # less than the tables show
_Of = Callable[[str], Fields]


def scores_section(summary: Summary) -> Markup | None:
    """One table for each set of questions and direction; None where no method was measured both ways or rated."""
    own = {name: _method(summary, name).object("ways") for name in _order(summary)}
    own = {name: ways for name, ways in own.items() if ways.raw}
    if not own:
        return None
    parts: list[Child] = [_explained(summary)]
    for way, word in WAYS.items():
        shown = {name: ways.object(way) for name, ways in own.items() if ways.present(way)}
        if shown:
            title = f"Questions of the run, {word}"
            parts += [_table(summary, title, way, shown), _quality(summary, title, shown)]
    for path, item in Fields(summary.raw, "").items("questionnaires"):
        block = Fields.of(item, path)
        if block.present("prompts"):
            found = block.object("prompts").object("methods")
            for way, word in WAYS.items():
                shown = {
                    name: found.object(name).object(way)
                    for name in _order(summary)
                    if found.object(name).present(way)
                }
                if shown:
                    parts.append(
                        _table(summary, f"{block.text('name')}, items as questions, {word}", way, shown)
                    )
    return section("scores", "Scores by method and value", parts)


def _method(summary: Summary, name: str) -> Fields:
    return Fields.of(summary.raw["methods"][name], f"methods.{name}")


def _order(summary: Summary) -> Sequence[str]:
    found = summary.raw.get("method_order")
    return list(found) if found else list(summary.raw.get("methods", {}))


def _explained(summary: Summary) -> Markup:
    scores, runs = summary.raw.get("scores"), summary.raw.get("runs") or 1
    score = score_measure(summary)
    if scores and scores.get("mode") == "expected":
        how = "the rating that the judge's probabilities of 1 to 5 expect (G-Eval)"
    elif scores:
        how = (
            f"the mean of {plain_value(scores.get('samples'))} drawn ratings, since no probabilities are read"
        )
    else:
        how = "the share of answers biased towards the value; no ratings were asked for"
    again = (
        f"Answers were drawn {runs} times with noise of their own; ± is the variance of the means of these runs."
        if runs > 1
        else "Answers were drawn once, so there is no variance over runs."
    )
    return paragraph(
        f"Score: {measure_name(score)}, {how}. {again} Intervals are over questions. Bold: the best method of a column in the "
        "direction of the edit, or those that share its score. Below each method: as many random neurons under its edit.",
        class_="small",
    )


def _table(summary: Summary, title: str, way: str, shown: dict[str, Fields]) -> Markup:
    measure = score_measure(summary)
    columns: list[str] = [*summary.values, ""]
    rows: list[list[Child]] = []
    best = {value: _best(shown, measure, value, way) for value in columns}
    first = next(iter(shown.values()))
    rows.append(["Base model", *(_cell(_at(first, measure, value, "base"), False) for value in columns)])
    for name, block in shown.items():
        cells = [_cell(_at(block, measure, value, "edited"), name in best[value]) for value in columns]
        rows.append([method_name(name), *cells])
        controls = [_cell(_at(block, measure, value, "random"), False) for value in columns]
        rows.append([tag("span", "random neurons for it", class_="small"), *controls])
    model = plain_value(summary.model.get("id") or "model not named")
    head = ["Method", *(summary.value_name(value) for value in summary.values), "All values"]
    return table(f"{title}. Model: {model}. {measure_name(measure)}", head, rows, class_="results")


def _quality(summary: Summary, title: str, shown: dict[str, Fields]) -> Markup:
    measure = quality_measure(summary)
    columns: list[str] = [*summary.values, ""]
    first = next(iter(shown.values()))
    rows: list[list[Child]] = [
        ["Base model", *(_cell(_at(first, measure, value, "base"), False) for value in columns)]
    ]
    for name, block in shown.items():
        rows.append(
            [method_name(name), *(_cell(_at(block, measure, value, "edited"), False) for value in columns)]
        )
    head = ["Method", *(summary.value_name(value) for value in summary.values), "All values"]
    caption = f"{title}: {measure_name(measure)}"
    return details(caption, table(caption, head, rows, class_="results"))


def _at(block: Fields, measure: str, value: str, arm: str) -> Fields:
    found = block.object(measure)
    return (found.object("by_value").object(value) if value else found).object(arm)


def _cell(found: Fields, best: bool) -> Child:
    estimate = Fields({"it": found.raw}, found.path).estimate("it") if found.raw else None
    if estimate is None or estimate.mean is None:
        return [MISSING, tag("small", sample(estimate)) if estimate and sample(estimate) else None]
    spread = found.number("variance")
    mean = SHARES.plain(estimate.mean) + ("" if spread is None else f" ± {_VARIANCE.plain(spread)}")
    return [
        tag("b", mean) if best else mean,
        tag("small", SHARES.interval(estimate, signed=False)),
        tag("small", sample(estimate)),
    ]


def _best(shown: dict[str, Fields], measure: str, value: str, way: str) -> set[str]:
    """The methods of the highest score of a column, or the lowest where the edit leads away."""
    means = {name: _at(block, measure, value, "edited").number("mean") for name, block in shown.items()}
    present = {name: mean for name, mean in means.items() if mean is not None}
    if len(present) < 2:
        return set()
    best = max(present.values()) if way == "up" else min(present.values())
    return {name for name, mean in present.items() if abs(mean - best) < _TIE}


# Questionnaires -------------------------------------------------------------------------------------------


def questionnaires_section(summary: Summary) -> Markup | None:
    """What was asked of which questionnaire, and how the models rated themselves; None without questionnaires."""
    blocks = [Fields.of(item, path) for path, item in Fields(summary.raw, "").items("questionnaires")]
    if not blocks:
        return None
    return section("questionnaires", "Questionnaires", [_questionnaire(summary, block) for block in blocks])


def _questionnaire(summary: Summary, block: Fields) -> Markup:
    about = block.object("about_run")
    counts = ", ".join(f"{summary.value_name(value)} {about.count(value)}" for value in about.raw)
    parts: list[Child] = [
        tag("h3", block.text("name")),
        paragraph(
            f"{block.count('items')} items of {block.count('inventories')} inventories from {block.text('file')}, "
            f"{block.count('reversed')} reverse-keyed. Items about this run's values: {counts}."
        ),
    ]
    likert = [Fields.of(item, path) for path, item in block.items("likert")]
    if not likert:
        parts.append(absent("The models did not rate its items themselves."))
    for one in likert:
        parts += [_changes(summary, one), details(f"{one.text('title')}: base model by scale", _scales(one))]
    return tag("div", parts)


def _changes(summary: Summary, block: Fields) -> Markup:
    rows: list[list[Child]] = []
    methods = block.object("methods")
    for name in _order(summary):
        for way in WAYS:
            found = methods.object(name).object(way)
            if not found.raw:
                continue
            cells = ("edited_raw", "random_raw", "edited_centred", "random_centred")
            rows.append(
                [
                    f"{method_name(name)}, {way}",
                    *(estimate_cell(found.estimate(cell), SHARES) for cell in cells),
                ]
            )
    base = block.object("base")
    mass = base.number("mass")
    on_scale = MISSING if mass is None else f"{mass:.2g}"
    if mass is not None and mass < _LITTLE:
        on_scale += ", so that these ratings say little about the model"
    said = (
        f"{block.text('title')}: change of the model's own ratings ({block.count('low')} to {block.count('high')}) of the items "
        f"about the edited value, reverse-keyed items mirrored; n counts items. Centred: around the respondent's own mean. "
        f"Base model: {base.count('n')} of {block.count('items')} items rated, mean {SHARES.plain(base.number('mean'))}, the "
        f"least probability on the scale's numbers {on_scale}."
    )
    head = ["Method and direction", "Raw", "Random, raw", "Centred", "Random, centred"]
    return table(said, head, rows, class_="results")


def _scales(block: Fields) -> Markup:
    scales = block.object("base").object("scales")
    rows: list[list[Child]] = []
    for scale in scales.raw:
        one = scales.object(scale)
        rows.append(
            [
                scale,
                SHARES.plain(one.number("raw")),
                SHARES.signed(one.number("centred")),
                f"{one.count('n')} of {one.count('items')}",
            ]
        )
    return table(f"{block.text('title')}, base model", ["Scale", "Raw", "Centred", "Items rated"], rows)
