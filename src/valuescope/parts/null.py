"""A null beside every location: what exchanged labels select, and how far the selections of two halves of the texts agree."""

from __future__ import annotations

from collections.abc import Mapping

from valuescope.lab.laboratory import Laboratory
from valuescope.lab.locations import cut, located
from valuescope.lab.method import READING, MethodSpec
from valuescope.lab.null import NullSpec, Reading, exchange_of
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.setting import Setting
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.strict import FoundRoot
from valuescope.locate import Evidence, Location
from valuescope.parts.null_found import NullFound, null_found
from valuescope.parts.null_shown import null_section
from valuescope.report.blocks import Section
from valuescope.report.names import method_name


class Null(Part[NullSpec]):
    """The null of every method's locator at its headline setting; nothing is asked."""

    key, Spec = "nulls", NullSpec
    place, order, Found = "methods.*.null", 112, NullFound

    @classmethod
    def check(cls, spec: NullSpec, run: ComparisonSpec) -> None:
        """Some method has a locator."""
        if all(method.intervention for method in run.methods.values()):
            raise ValueError("nulls are of locators, and no method has one; drop nulls, or add a method")

    def measure(self, lab: Laboratory) -> Mapping[str, NullFound]:
        """Locate again under exchanged labels and on halves, from the counters of the one pass."""
        return nulls(self.spec, lab)

    @classmethod
    def view(cls, found: Mapping[str, NullFound], result: Result) -> Section | None:
        """Selections beside their nulls, and halves beside chance."""
        return null_section({method_name(name): null for name, null in found.items()}, result.head)


class ShareFound(FoundRoot[float]):
    """A share."""


class NullShare(Part[NullSpec]):
    """Every method's neurons under exchanged labels as a share of those under the real ones; `Null` shows it."""

    key, Spec = "nulls", NullSpec
    place, order, Found = "methods.*.null_share", 113, ShareFound

    def measure(self, lab: Laboratory) -> Mapping[str, ShareFound]:
        """The mean over values, where there is one."""
        shares = {name: null.null_share for name, null in nulls(self.spec, lab).items()}
        return {name: ShareFound(share) for name, share in shares.items() if share is not None}


class SplitHalf(Part[NullSpec]):
    """The Jaccard index of every method's selections from two halves of the texts; `Null` shows it."""

    key, Spec = "nulls", NullSpec
    place, order, Found = "methods.*.split_half", 114, ShareFound

    def measure(self, lab: Laboratory) -> Mapping[str, ShareFound]:
        """The mean over values, where there is one."""
        shares = {name: null.split_half for name, null in nulls(self.spec, lab).items()}
        return {name: ShareFound(share) for name, share in shares.items() if share is not None}


def nulls(spec: NullSpec, lab: Laboratory) -> dict[str, NullFound]:
    """The null of every method that has one; each is kept on disk as soon as it is known."""
    found, readings = dict[str, NullFound](), None
    for done, (name, method) in enumerate(lab.spec.methods.items()):
        setting = lab.settings[name]
        exchange = exchange_of(method, setting, lab.values)
        if exchange is None or (method.locator in READING and not spec.reading):
            continue
        top = "" if setting.top is None else f"-top{setting.top}"
        place = f"locate/{lab.locations.name(method, setting)}{top}.null.json"
        if lab.folder.read_json(place) is None:
            readings = readings or lab.locations.null_readings()
            real = cut(lab.locations.of(method, setting), setting.top)
            null = null_found(spec, readings, exchange, real, _Locating(lab, method, setting))
            lab.folder.write_json(place, null.model_dump(mode="json"))
            lab.progress("null", done + 1, len(lab.spec.methods))
        with lab.folder.decoding(place):
            found[name] = NullFound.model_validate(lab.folder.read_json(place))
    return found


class _Locating:
    """One method's locator at one setting, on any reading of the run's texts."""

    def __init__(self, lab: Laboratory, method: MethodSpec, setting: Setting):
        self.lab, self.method, self.setting = lab, method, setting

    def __call__(self, reading: Reading) -> Location:
        """The location of what the setting takes."""
        lab, method, of = self.lab, self.method, self.lab.locations.evidence(self.method)
        known = reading.activations.counters.labels
        evidence = Evidence(
            reading.activations,
            of.values,
            of.positive,
            {value: label for value, label in of.negative.items() if label in known},
            reading.texts(of.texts) if method.locator in READING else (),
        )
        location = located(method, self.setting, lab.model, evidence, seed=lab.spec.seed)
        return cut(location, self.setting.top)
