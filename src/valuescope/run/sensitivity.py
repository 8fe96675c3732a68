"""How much the choices matter that the papers leave open: each choice's alternative beside the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from valuescope.files import sha256_of
from valuescope.locate import Location
from valuescope.metrics import Bootstrap, Estimate
from valuescope.organism import Truth
from valuescope.run.counting import count_texts
from valuescope.run.spec import MethodSpec, Setting, Spec
from valuescope.run.spec_valuelocate import Alternative
from valuescope.run.stages import Locations, edits, needs_residuals, read_texts
from valuescope.run.trial import Laboratory, Outcomes, setting_hash
from valuescope.run.truth import precision_of_ranking

RULE = (
    "an effect holds where its whole interval lies in the intended direction beyond 0 and beyond the mean of random neurons; "
    "the choice changes the conclusion where the effect holds with one of the two and not with the other"
)


def sensitivity_block(
    laboratory: Laboratory, spec: Spec, settings: Mapping[str, Setting], truth: Truth | None
) -> dict[str, Any] | None:
    """One row per choice; None where the run asks for none. `settings`: each method's headline, which is the default."""
    if spec.sensitivity is None:
        return None
    rows = [
        _row(laboratory, spec, name, choice, settings[choice.method], truth)
        for name, choice in spec.sensitivity.choices.items()
    ]
    return {"rule": RULE, "questions": spec.sensitivity.questions, "rows": rows}


def _row(
    laboratory: Laboratory, spec: Spec, name: str, choice: Alternative, setting: Setting, truth: Truth | None
) -> dict[str, Any]:
    assert spec.sensitivity is not None
    method = spec.methods[choice.method]
    items = laboratory.items(method.asked, spec.sensitivity.questions)
    base = laboratory.base(f"{method.asked}-first-{spec.sensitivity.questions}", items)
    other = setting.model_copy(
        update={
            "locator": {**setting.locator, **choice.locator},
            "edit": {**setting.edit, **choice.edit},
        }
    )
    recounted = _recounted(laboratory, spec, choice) if choice.recounts else laboratory.locations
    tag = _tag(choice)

    def measured(locations: Locations, one: Setting, tag: str) -> tuple[Location, Outcomes, Outcomes]:
        place = f"sensitivity/{choice.method}/{setting_hash(one)}{tag}"
        location = locations.of(method, one)
        control = locations.control("random", method, one, 0)
        edited = laboratory.edited(f"{place}/edited", items, edits(method, one, location))
        random = laboratory.edited(f"{place}/random", items, edits(method, one, control))
        return location, edited, random

    default_location, default_edited, default_random = measured(laboratory.locations, setting, "")
    other_location, other_edited, other_random = measured(recounted, other, tag)
    sides = {
        "default": (default_location, default_edited, default_random),
        "alternative": (other_location, other_edited, other_random),
    }
    found: dict[str, Any] = {}
    holds = {}
    for side, (location, edited, random) in sides.items():
        effect, control = laboratory.effect(base, edited), laboratory.effect(base, random)
        holds[side] = effect_holds(effect, control, method)
        precision = None if truth is None else precision_of_ranking(truth, location)
        found[side] = {
            "effect": effect.to_dict(),
            "random": control.to_dict(),
            "holds": holds[side],
            "precision": precision,
            "neurons": sum(location.sizes().values()) / len(location.values),
        }
    first, second = found["default"]["precision"], found["alternative"]["precision"]
    how = Bootstrap(spec.bootstrap.resamples, spec.bootstrap.confidence, spec.seed)
    gain = None
    if first is not None:
        gain = how.difference(list(first.values()), list(second.values())).to_dict()
    return {
        "choice": name,
        "method": choice.method,
        **_words(method, setting, default_location, choice, spec),
        **found,
        "difference": laboratory.effect(default_edited, other_edited).to_dict(),
        "precision_difference": gain,
        "changes": None if None in holds.values() else holds["default"] != holds["alternative"],
    }


def effect_holds(effect: Estimate, random: Estimate, method: MethodSpec) -> bool | None:
    """Whether an effect is clear of 0 and of random neurons in the intended direction; None without an interval."""
    if effect.low is None or effect.high is None or random.mean is None:
        return None
    if method.direction == "up":
        return effect.low > max(0.0, random.mean)
    return effect.high < min(0.0, random.mean)


def _recounted(laboratory: Laboratory, spec: Spec, choice: Alternative) -> Locations:
    """Locations from the same texts with other tokens counted."""
    had = laboratory.locations
    scope = choice.scope or spec.activations.scope
    special = bool(choice.special_tokens)
    tag = _tag(choice)
    activations = count_texts(
        had.folder.path / f"activations{tag}",
        had.model,
        read_texts(spec, laboratory.material),
        batch_size=spec.activations.batch_size,
        part=spec.activations.part,
        scope=scope,
        special_tokens=special,
        residuals=needs_residuals(spec),
    )
    return Locations(spec, had.folder, had.model, laboratory.material, activations, tag=tag)


def _tag(choice: Alternative) -> str:
    """Tells files of recounted texts apart."""
    return f"-{sha256_of([choice.scope, choice.special_tokens])[:8]}" if choice.recounts else ""


def _words(
    method: MethodSpec, setting: Setting, location: Location, choice: Alternative, spec: Spec
) -> dict[str, dict[str, Any]]:
    """The changed parameters: as they are by default, and as the alternative has them."""
    located = {**location.parameters, **setting.locator}
    edit = next(one for one in edits(method, setting, location).values() if one is not None)
    default = {name: located.get(name) for name in choice.locator}
    default |= {name: edit.parameters.get(name, 1.0) for name in choice.edit}
    counted: dict[str, tuple[Any, Any]] = {}
    if choice.scope is not None:
        counted["scope"] = (spec.activations.scope, choice.scope)
    if choice.special_tokens is not None:
        counted["special_tokens"] = (False, choice.special_tokens)
    return {
        "was": {**default, **{name: was for name, (was, _) in counted.items()}},
        "becomes": {**choice.locator, **choice.edit, **{name: now for name, (_, now) in counted.items()}},
    }
