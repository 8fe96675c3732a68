"""The head of the page: what was run, and what came of it in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from valuescope.report.fields import Fields
from valuescope.report.html import paragraph
from valuescope.report.markup import Child, Markup, tag
from valuescope.report.numbers import MISSING, grouped, listing, plain_value
from valuescope.report.valueexploration.figures import POINTS
from valuescope.report.valueexploration.names import (
    language_name,
    languages,
    mean_present,
    missing_warnings,
    selection_name,
)

SIGNIFICANT = 0.05


def opening(top: Fields) -> Markup:
    """Title, what was run, warnings that come before any number, and the result."""
    organism = any(
        selections.object(name).present("truth")
        for _, block in languages(top)
        for selections in [block.object("selections")]
        for name in selections.raw
    )
    return tag(
        "header",
        paragraph("valuescope report", class_="kicker"),
        tag("h1", top.text("name") or "ValueExploration"),
        paragraph(list(_what_was_run(top)), class_="lead"),
        paragraph(
            tag("strong", "The model is an organism: "),
            "a small model whose value neurons were planted. Its numbers say how well neurons are found that are known to "
            "matter; they say nothing about published language models.",
            class_="note",
        )
        if organism
        else None,
        _warnings(top),
        tag(
            "div",
            tag("h2", "Result"),
            tag("ul", [tag("li", sentence) for sentence in _result(top)]),
            class_="result",
        ),
    )


def p_words(p: float | None) -> str:
    """`p = 0.0312`, or what stands for none."""
    return "no p" if p is None else f"p = {p:.4f}"


def _what_was_run(top: Fields) -> Iterator[Child]:
    model, data, edit = top.object("model"), top.object("data"), top.object("edit")
    yield "ValueExploration on model "
    yield tag("code", model.text("id") or "not named")
    sizes = [
        f"{grouped(model.raw[key])} {key}" for key in ("layers", "neurons", "parameters") if key in model.raw
    ]
    yield f" ({', '.join(sizes)}); {len(top.texts('values'))} values; dilemmas: {data.text('source') or 'not stated'}"
    yield f"; edit: {edit.text('name')}; seed {plain_value(top.raw.get('seed'))}. "
    yield "Support is how far the model stands behind the action that keeps a value, in percent; every dilemma is asked with "
    yield "its options in both orders, and the same dilemmas are asked of the base model and of every edited one."


def _warnings(top: Fields) -> Markup | None:
    said = [
        f"{language_name(language)}, {measure}: {warning}"
        for language, block in languages(top)
        for measure, warning in missing_warnings(block)
    ]
    if not said:
        return None
    return tag(
        "div", [paragraph(tag("strong", "Warning: "), one) for one in said], class_="warning", role="alert"
    )


def _result(top: Fields) -> Iterator[str]:
    main = top.text("main")
    for language, block in languages(top):
        matrices = block.object("selections").object(main).object("matrices")
        for measure in matrices.raw:
            yield _sentence(top, language, measure, main, matrices.object(measure), block)


def _sentence(top: Fields, language: str, measure: str, main: str, matrix: Fields, block: Fields) -> str:
    test = matrix.object("test")
    where = f"{language_name(language)}, by {measure}"
    own, other = matrix.estimate("mean_diagonal"), matrix.estimate("mean_off_diagonal")
    if own is None or own.mean is None:
        reason = test.text("reason")
        return f"{where}: {MISSING}. {f'{reason}.' if reason else ''}"
    p, tested = test.number("p"), len(test.texts("tested"))
    hit = f"{test.count('own_among_largest')} of {tested}"
    clear = p is not None and p < SIGNIFICANT and own.high is not None and own.high < 0
    controls = block.object("controls")
    against = listing(
        f"{kind.replace('-', ', ')} neurons {POINTS.signed(_mean(controls.object(kind), measure))}"
        for kind in controls.raw
    )
    return (
        f"{where}: without the neurons of {selection_name(main)}, a value's own support changes by {POINTS.full(own)} points, "
        f"other values' by {POINTS.signed(None if other is None else other.mean)} ({against}). In {hit} columns the own value is "
        f"among the {test.count('per_column')} largest drops; {p_words(p)}. "
        + ("Own values are hit hardest." if clear else "That own values are hit hardest is not shown.")
    )


def _mean(control: Fields, measure: str) -> float | None:
    """The mean diagonal over a control's draws."""
    matrices = control.object("matrices")
    found = [
        Fields.of(item, path).object("mean_diagonal").number("mean") for path, item in matrices.items(measure)
    ]
    return mean_present(found)
