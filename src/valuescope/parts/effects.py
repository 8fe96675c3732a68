"""What every method does to its target value: at every setting in full, beside random controls, and value by value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from valuescope.edit import Edit
from valuescope.lab.ask import Ask
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory, Trial
from valuescope.lab.locations import neuron_sets
from valuescope.lab.method import INTERVENTIONS, MethodSpec
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.setting import Setting
from valuescope.lab.treatments import Treatments, sizes
from valuescope.lab.truth import chance_precision, precision_of_ranking, selection_against
from valuescope.parts.effect_tables import by_value_figure, methods_table, values_table
from valuescope.parts.instrument import ceiling_asks, ceiling_share
from valuescope.parts.method import (
    METHODS,
    MethodFound,
    SettingFound,
    ValueEffect,
    fault_of,
    mean_of,
    methods_of,
)
from valuescope.parts.sight import sights_of
from valuescope.parts.t_tests import t_tests, t_tests_table
from valuescope.report.blocks import Em, Section, Words
from valuescope.report.names import method_name, setting_name
from valuescope.report.text import visible


class Effects(Part[None]):
    """The trial of every method's default, and of the setting that its search found."""

    place, order, Found = METHODS, 10, MethodFound

    def asks(self, design: Design) -> Iterator[Ask]:
        """Every setting in full."""
        for name, method in design.spec.methods.items():
            for setting in design.settings_of(name).values():
                yield from design.trial(method, setting)
            yield from ceiling_asks(design, method)

    def measure(self, lab: Laboratory) -> Mapping[str, MethodFound]:
        """What each method did."""
        return {name: _method(lab, name, method) for name, method in lab.spec.methods.items()}

    @classmethod
    def view(cls, found: Mapping[str, MethodFound], result: Result) -> Section:
        """The headline table, and the effects value by value."""
        note = Words(
            "Intervals are 95% bootstrap intervals over questions unless the specification says otherwise. ",
            Em("Average precision"),
            ": the method's ranking against the planted truth. ",
            Em("Random, matched"),
            ": random neurons with the same layers and activation rates. Clear of random: the whole interval lies in the "
            "intended direction beyond 0 and beyond the mean of every control.",
            style="small",
        )
        blocks = (
            methods_table(found, result),
            note,
            t_tests_table(found, result),
            by_value_figure(found, result),
            values_table(found),
        )
        return Section("results", "Results", blocks)

    @classmethod
    def printed(cls, result: Result) -> str:
        """The headline table; `*` marks the headline setting, `-` what was not measured."""
        if not result.of(cls):
            return "" if sights_of(result) else "no method was measured"
        measure = result.head.measure
        unit = f" ({measure.unit})" if measure.unit else ""
        foot = f"effect: change of {measure.name}{unit}, mean [interval]; * headline setting"
        return "\n".join(map(visible, (super().printed(result), foot, *_faults(result))))


def _faults(result: Result) -> Iterator[str]:
    """One line for each setting that selects nothing, or far too much."""
    for name, method in methods_of(result).items():
        for setting in method.settings:
            if fault := fault_of(setting, result):
                yield f"{method_name(name)} ({setting_name(setting.name)}) {fault}"


# Measuring ------------------------------------------------------------------------------------------------


def _method(lab: Laboratory, name: str, method: MethodSpec) -> MethodFound:
    trials = {
        which: (setting, lab.trial_of(method, setting, lab.trial(method, setting)))
        for which, setting in lab.settings_of(name).items()
    }
    settings = [_setting(lab, method, which, *trial) for which, trial in trials.items()]
    headline, (_, trial) = settings[-1], list(trials.values())[-1]
    intervention = INTERVENTIONS[method.intervention] if method.intervention else None
    known = lab.truth is not None and intervention is None
    idle = nothing_done(lab.treatments(method, lab.settings_of(name)[headline.name]))
    return MethodFound(
        locator=intervention.directions if intervention else method.locator,
        edit=method.edit_kind or str(method.intervention),
        intervention=method.intervention,
        asked=method.asked,
        direction=method.sign,
        setting=headline.name,
        average_precision=headline.mean_precision,
        chance_precision=chance_precision(lab.truth, lab.values) if known and lab.truth else None,
        effect=headline.effect,
        random=headline.random,
        random_matched=headline.random_matched,
        fluency=mean_of(headline.fluency),
        base_fluency=mean_of(headline.base_fluency),
        ceiling_share=ceiling_share(lab, method, trial.base, trial.edited),
        settings=tuple(settings),
        by_value={
            value: ValueEffect(
                base=lab.success(trial.base, value),
                edited=lab.success(trial.edited, value),
                effect=None if idle else lab.effect(trial.base, trial.edited, value=value),
                random=None if idle else lab.effect(trial.base, *trial.random, value=value),
            )
            for value in lab.values
        },
    )


def nothing_done(treatments: Treatments) -> bool:
    """Whether nothing was found for any value: every arm is then the base, which is not asked again, and there is no effect."""
    return all(treatment is None for treatment in treatments.values())


def _effects(lab: Laboratory, trial: Trial) -> dict[str, Any]:
    """What a setting changed, and what its controls did."""
    return {
        "effect": lab.effect(trial.base, trial.edited),
        "random": lab.effect(trial.base, *trial.random),
        "random_matched": lab.effect(trial.base, *trial.matched) if trial.matched else None,
        "t_tests": t_tests(trial.base, trial.edited),
    }


def _setting(lab: Laboratory, method: MethodSpec, name: str, setting: Setting, trial: Trial) -> SettingFound:
    location = None if method.intervention else lab.locations.of(method, setting)
    treatments = lab.treatments(method, setting)
    against: dict[str, Any] = {}
    if lab.truth is not None and location is not None:
        against = {
            "average_precision": precision_of_ranking(lab.truth, location),
            **selection_against(lab.truth, neuron_sets(location, setting)),
        }
    edits = [edit for edit in treatments.values() if isinstance(edit, Edit)]
    nothing = [
        f"{value}: no layer has a probe of the accuracy asked for, so nothing is done"
        for value, treatment in treatments.items()
        if treatment is None
    ]
    return SettingFound(
        name=name,
        locator_parameters=setting.locator if location is None else dict(location.parameters),
        edit_parameters={
            **(edits[0].parameters if edits else setting.edit),
            **({} if setting.top is None else {"top": setting.top}),
            **({"by_value": setting.by_value} if setting.by_value else {}),
        },
        neurons={} if location is None else sizes(lab.locations, method, setting),
        **({} if nothing_done(treatments) else _effects(lab, trial)),
        fluency=lab.fluency(trial.answers),
        base_fluency=lab.fluency(trial.base_answers),
        warnings=(*(nothing if location is None else location.warnings), *trial.control_warnings),
        diagnostics={} if location is None else dict(location.diagnostics),
        **against,
    )
