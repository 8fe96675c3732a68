"""What the numbers say in words: whether an effect stands clear of its controls, and the page's headline."""

from __future__ import annotations

from dataclasses import dataclass

from valuescope.report.names import method_name, setting_name
from valuescope.report.numbers import Numbers, effect_numbers, listing, sample
from valuescope.report.summary import Method, Setting, Summary

NO_BREAK = "\u00a0"
FLUENCY_KEPT = 0.9  # of the base model's fluency


@dataclass(frozen=True)
class Verdict:
    """`clear`: None where it cannot be said. `words` is the reason in a few words."""

    clear: bool | None
    words: str


def verdict(method: Method, setting: Setting) -> Verdict:
    """Whether a setting moved its target as intended, clear of chance.

    Clear means: the whole interval of the effect lies in the intended direction beyond 0 and beyond the mean
    of every random control that was measured.
    """
    effect, sign = setting.effect, method.direction
    if effect is None or effect.mean is None:
        return Verdict(None, "effect missing")
    if effect.low is None or effect.high is None:
        return Verdict(None, "no interval")
    controls = [
        one.mean
        for one in (setting.random, setting.random_matched)
        if one is not None and one.mean is not None
    ]
    if not controls or sign is None:
        return Verdict(None, "no control" if not controls else "no stated direction")
    bars = [0.0, *controls]
    near, far = (effect.low, effect.high) if sign > 0 else (-effect.high, -effect.low)
    if near > max(sign * bar for bar in bars):
        return Verdict(True, "clear of random")
    if far < min(sign * bar for bar in bars):
        return Verdict(False, "wrong direction")
    return Verdict(False, "not clear of random")


def fluency_verdict(setting: Setting) -> Verdict:
    """Whether the answers stayed fluent: at least `FLUENCY_KEPT` of the base model's share."""
    now = setting.fluency.mean if setting.fluency else None
    base = setting.base_fluency.mean if setting.base_fluency else None
    if now is None or base is None:
        return Verdict(None, "fluency missing")
    kept = now >= FLUENCY_KEPT * base
    return Verdict(kept, "fluency kept" if kept else f"fluency below {FLUENCY_KEPT:.0%} of base")


def headline(summary: Summary) -> str:
    """How many methods did what they should at their headline setting, and how many at the default."""
    if not summary.methods:
        return "This run measured no method."
    chosen = [(method, method.chosen) for method in summary.methods]
    good = [method_name(method.id) for method, setting in chosen if setting and _worked(method, setting)]
    rest = [
        f"{method_name(method.id)} ({_why_not(method, setting)})"
        for method, setting in chosen
        if not setting or not _worked(method, setting)
    ]
    unknown = any(setting and fluency_verdict(setting).clear is None for _, setting in chosen)
    fluent = (
        " (fluency missing)" if unknown else f", with at least {FLUENCY_KEPT:.0%} of the base model's fluency"
    )
    methods = "method" if len(chosen) == 1 else "methods"
    count = f"{len(good)} of {len(chosen)} {methods}"
    said = f"{count} moved the target value as intended and clear of random neurons{fluent}"
    said += f": {listing(good)}." if good else "."
    said += f" Not so: {listing(rest)}." if rest else ""
    return said + _at_defaults(summary)


def _at_defaults(summary: Summary) -> str:
    """The same count at the papers' settings, where a headline stands at another one."""
    if all(method.headline == "default" for method in summary.methods):
        return ""
    defaults = [
        (method, setting)
        for method in summary.methods
        for setting in method.settings
        if setting.name == "default"
    ]
    if not defaults:
        return ""
    good = [method_name(method.id) for method, setting in defaults if _worked(method, setting)]
    named = f" ({listing(good)})" if good else ""
    return f" At the papers' default settings: {len(good)} of {len(defaults)}{named}."


def _worked(method: Method, setting: Setting) -> bool:
    return bool(verdict(method, setting).clear) and fluency_verdict(setting).clear is not False


def _why_not(method: Method, setting: Setting | None) -> str:
    if setting is None:
        return "not measured"
    moved = verdict(method, setting)
    return fluency_verdict(setting).words if moved.clear else moved.words


def method_sentences(summary: Summary) -> list[tuple[str, list[str]]]:
    """For each method what it was meant to do, and one sentence for each setting that was measured."""
    numbers, found = effect_numbers(summary), []
    for method in summary.methods:
        aim = {1: "meant to raise", -1: "meant to lower", None: "no stated direction for"}[method.direction]
        name = f"{method_name(method.id)} ({method.edit or 'no edit'}, {aim} {summary.measure_name})"
        found.append((name, [_sentence(method, setting, numbers) for setting in method.settings]))
    return found


def _sentence(method: Method, setting: Setting, numbers: Numbers) -> str:
    parts = [numbers.full(setting.effect)]
    if sample(setting.effect):
        parts.append(sample(setting.effect))
    parts += [
        f"random neurons {numbers.full(setting.random)}",
        verdict(method, setting).words,
        fluency_verdict(setting).words,
    ]
    return f"{setting_name(setting.name)}: {'; '.join(part.replace(' ', NO_BREAK) for part in parts)}"
