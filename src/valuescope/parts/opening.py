"""How a comparison's page opens: what was run, the result in plain words, and one figure that shows it."""

from __future__ import annotations

from collections.abc import Mapping

from valuescope.lab.result import Result
from valuescope.parts.effect_tables import effects_figure
from valuescope.parts.method import (
    FLUENCY_KEPT,
    MethodFound,
    SettingFound,
    blind,
    fluency_verdict,
    methods_of,
    verdict,
)
from valuescope.parts.sight import LIKELIHOOD, sight_words, sights_of
from valuescope.report.blocks import Code, Inline, Note, Opening, ResultBox, Strong
from valuescope.report.names import method_name
from valuescope.report.numbers import grouped, listing, plain_value


def comparison_opening(result: Result) -> Opening:
    """Title, what was run, the hero figure and the verdict."""
    found = methods_of(result)
    judging = result.found.get("judging")
    notes = [Note(warning, warning=True) for warning in getattr(judging, "warnings", ())]
    if result.head.bundled_organism:
        notes.append(
            Note(
                Strong("The model is the bundled organism: "),
                "a small model with planted value neurons, trained on text from a grammar. Its numbers say how well the "
                "methods find and use neurons that are known to matter; they say nothing about published language models.",
            )
        )
    return Opening(
        result.head.name or "run",
        lead=tuple(_what_was_run(result)),
        notes=tuple(notes),
        hero=effects_figure(found, result),
        result=ResultBox(headline(found, result)),
    )


def _what_was_run(result: Result) -> list[Inline]:
    head, measure = result.head, result.head.measure
    size = [
        f"{grouped(head.model[key])} {key}"
        for key in ("layers", "neurons", "parameters")
        if head.model.get(key) is not None
    ]
    words = f" ({', '.join(size)})" if size else ""
    words += f"; {len(head.values)} values; data: {plain_value(head.data.get('source') or 'not stated')}"
    if head.data.get("questions") is not None:
        words += f" with {grouped(head.data['questions'])} evaluation questions"
    words += f"; judge: {measure.judge or 'not stated'}"
    words += "; seed not stated. " if head.seed is None else f"; seed {head.seed}. "
    unit = f" ({measure.unit})" if measure.unit else ""
    explanation = f": {measure.explanation}" if measure.explanation else ""
    words += f"The measure is {measure.name or 'not stated'}{unit}{explanation}. "
    words += "Base and edited answers are paired: the same questions and, where answers are sampled, the same noise."
    return ["Model ", Code(plain_value(head.model.get("id") or "not named")), words]


def headline(found: Mapping[str, MethodFound], result: Result) -> str:
    """How many methods did what they should at their headline setting, and how many at the default."""
    sights = sights_of(result)
    if not found:
        return sight_words(sights) if sights else "This run measured no method."
    if all(blind(result, method) for method in found.values()):
        return (
            f"On this model the measure ({result.head.measure.name}) does not tell a positive instruction from a negative one, so "
            "no method is judged by it."
        )
    chosen = [(name, method, method.chosen) for name, method in found.items()]
    good = [
        method_name(name) for name, method, setting in chosen if setting and worked(method, setting, result)
    ]
    rest = [
        f"{method_name(name)} ({_why_not(method, setting, result)})"
        for name, method, setting in chosen
        if not setting or not worked(method, setting, result)
    ]
    unknown = any(setting and fluency_verdict(setting).clear is None for _, _, setting in chosen)
    fluent = (
        " (fluency missing)" if unknown else f", with at least {FLUENCY_KEPT:.0%} of the base model's fluency"
    )
    methods = "method" if len(chosen) == 1 else "methods"
    words = f"{len(good)} of {len(chosen)} {methods} moved the target value as intended and clear of random neurons{fluent}"
    words += f": {listing(good)}." if good else "."
    words += f" Not so: {listing(rest)}." if rest else ""
    if result.head.measure.name == LIKELIHOOD:
        words += f" The {LIKELIHOOD} is a likelihood: that the model acts otherwise is not shown by it."
    return words + _at_defaults(found, result)


def _at_defaults(found: Mapping[str, MethodFound], result: Result) -> str:
    """The same count at the papers' settings, where a headline stands at another one."""
    defaults = [
        (name, method, setting)
        for name, method in found.items()
        for setting in method.settings
        if setting.name == "default"
    ]
    if not defaults or all(method.setting == "default" for method in found.values()):
        return ""
    good = [method_name(name) for name, method, setting in defaults if worked(method, setting, result)]
    named = f" ({listing(good)})" if good else ""
    return f" At the papers' default settings: {len(good)} of {len(defaults)}{named}."


def worked(method: MethodFound, setting: SettingFound, result: Result) -> bool:
    """Whether a setting moved its target as intended, clear of chance, and answers stayed fluent as far as is known."""
    return bool(verdict(method, setting, result).clear) and fluency_verdict(setting).clear is not False


def _why_not(method: MethodFound, setting: SettingFound | None, result: Result) -> str:
    if setting is None:
        return "not measured"
    moved = verdict(method, setting, result)
    return fluency_verdict(setting).words if moved.clear else moved.words
