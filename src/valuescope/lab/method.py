"""A method of a comparison: a locator, the edit that uses what it finds, and the strengths that are tried."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import model_validator

from valuescope.data.records import ROLES
from valuescope.edit import EDITS, edit_parameters
from valuescope.lab.parameters import REQUIRED, require_known, require_parameters
from valuescope.lab.setting import AnyDose, AutomaticSpec, DoseSpec, SearchSpec, Setting
from valuescope.lab.strict import Strict
from valuescope.locate import DIRECTIONS, LOCATORS, direction_parameters, locator_parameters
from valuescope.ranges import Count, CountOrNone, Size, hints_of, wanted
from valuescope.tune import LoraTraining

Asked = Literal["dilemma", "described", "pairs"]
Roles = tuple[str, str]
Way = Literal["up", "down"]


@dataclass(frozen=True)
class Intervention:
    """A baseline that edits no neurons: which directions are found, which edit uses them, or a system message.

    `random` puts random directions of equal length in their place, so that the method is a control of its own. `adapter`:
    the weights are fine-tuned instead.
    """

    directions: str = ""
    edit: str = ""
    random: bool = False
    adapter: bool = False

    def parameters(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The parameters of locating and of editing, with their defaults."""
        if self.adapter:
            return {**asdict(LoraTraining()), "texts": None, "reader": None, "most": None}, {}
        if not self.edit:
            return {}, {"wording": 0}
        return direction_parameters(self.directions), edit_parameters(self.edit)


SYSTEM_PROMPT = "system-prompt"
SFT = "sft"
INTERVENTIONS: dict[str, Intervention] = {
    "caa": Intervention("mean-difference", "add-vector"),
    "conva": Intervention("probes", "probe-shift"),
    "random-vector": Intervention("mean-difference", "add-vector", random=True),
    SYSTEM_PROMPT: Intervention(),
    SFT: Intervention(adapter=True),
}
"""Methods that a specification names under `intervention` instead of `locator` and `edit`."""


DEFAULT_ROLES: dict[str, Roles] = {
    "vape": ("text", "text"),
    "vape-layer-bar": ("text", "text"),
    "specificity": ("text", "text"),
    "two-proportion": ("text", "text"),
    "valuelocate": ("for", "against"),
    "lpip": ("for", "against"),
    "qrnca": ("for", "against"),
    "cgvst": ("for", "against"),
    "random": ("for", "against"),
    "neva": ("positive", "negative"),
    "neva-exclusive": ("positive", "negative"),
}
"""Which texts a locator reads: (for the value, against it)."""
READING = ("lpip", "qrnca", "cgvst")
"""The locators that run the texts through the model themselves."""


class MethodSpec(Strict):
    """A locator, the edit that uses what it finds, and how its effect is measured.

    `asked`: evaluation dilemmas alone ("dilemma"), after a description of somebody who holds the value
    ("described"), or held-out contrast pairs ("pairs"). `direction` is the intended one. `directions`: measure both ways,
    `direction` first; the edit then has a direction of its own, which is set by this. `numbers`: what strength and roles of
    an edit are read from, the locator's "own" numbers, or each neuron's "delta" as ValueLocate counts it (eq. 5), so that
    its edit (eq. 6) can be made of any locator's neurons. `default` should be the paper's setting: it is always shown, also
    where a search finds a better one. `dose`: one sweep, or a list of them. `intervention`: a baseline that edits no
    neurons, in place of locator and edit. `automatic`: find a strength by control, fluency and leakage.
    """

    locator: str = ""
    roles: Roles | None = None
    edit: str = ""
    asked: Asked = "dilemma"
    direction: Way = "up"
    directions: tuple[Way, ...] | None = None
    numbers: Literal["own", "delta"] = "own"
    default: Setting = Setting()
    search: SearchSpec | None = None
    automatic: AutomaticSpec | None = None
    dose: AnyDose | None = None
    intervention: str | None = None

    @model_validator(mode="after")
    def _known(self) -> MethodSpec:
        names, of_edit = self._parameters()
        require_known("role", self.roles or (), ROLES)
        locator_hints, edit_hints = self._hints()
        for setting in self.settings():
            locator, edit = (
                f"{kind} {name or self.intervention}"
                for kind, name in (("locator", self.locator), ("edit", self.edit))
            )
            require_parameters(locator, setting.locator, names, locator_hints)
            require_parameters(edit, setting.edit, of_edit, edit_hints)
            of_both = {name: names[name] for name in self.located if names[name] is not REQUIRED} | of_edit
            for parameters in setting.by_value.values():
                what = f"by_value of {self.locator or self.intervention}"
                require_parameters(what, parameters, of_both, {**locator_hints, **edit_hints})
            for value in ("", *setting.by_value) if self.edit_kind else ():
                EDITS[self.edit_kind].check(setting.edit_of(value, self.located))
            if self.asked == "pairs" and any(
                setting.edit_of(value, self.located).get("per") == "prompt"
                for value in ("", *setting.by_value)
            ):
                raise ValueError(
                    "per: prompt is measured at the last token of a prompt, and pairs are texts without one; ask dilemma, "
                    "or take per: token"
                )
        if self.intervention:
            self._check_intervention()
        if self.automatic:
            self._check_automatic(of_edit)
        strengths = {name for name, default in of_edit.items() if isinstance(default, float)}
        strengths |= {name for name, default in names.items() if isinstance(default, float)}
        for dose in self.doses:
            tops = set() if self.intervention else {"top"}
            what = f"dose parameter of edit {self.edit or self.intervention}"
            require_known(what, [dose.parameter], strengths | tops)
            if dose.parameter == "top" and any(n < 1 or n % 1 for n in dose.values):
                raise ValueError(
                    f"dose values of top must be whole numbers from 1 on, they are {dose.values}"
                )
            for strength in dose.values if dose.parameter in of_edit and self.edit_kind else ():
                EDITS[self.edit_kind].check({dose.parameter: strength})
            for number in dose.values if dose.parameter in locator_hints and dose.parameter != "top" else ():
                if words := wanted(locator_hints[dose.parameter], number):
                    raise ValueError(f"dose values of {dose.parameter} must be {words}, one is {number}")
        self._check_directions(of_edit)
        if self.search and self.asked == "pairs":
            raise ValueError(
                "search needs tuning questions, and pairs have none; drop search or ask dilemmas"
            )
        if self.roles is None and self.locator and self.locator not in DEFAULT_ROLES:
            raise ValueError(f"locator {self.locator} has no default roles; give roles: [positive, negative]")
        return self

    def _parameters(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The parameters of locating and of editing, with their defaults."""
        if self.intervention is not None:
            if self.locator or self.edit:
                raise ValueError("give intervention, or locator and edit, not both")
            names, of_edit = intervention_named(self.intervention).parameters()
            return names, ({**of_edit, "strength": 1.0} if names else of_edit)
        if not self.locator or not self.edit:
            raise ValueError("give locator and edit, or intervention")
        names = locator_parameters(self.locator)
        require_known("edit", [self.edit], EDITS)
        return names, {**EDITS[self.edit].parameter_defaults(), "strength": 1.0}

    def _hints(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The annotations of the parameters of locating and of editing."""
        of_edit = hints_of(EDITS[self.edit_kind]) if self.edit_kind else {"wording": CountOrNone}
        if self.intervention == SFT:
            learnt = {"texts": str | None, "reader": str | None, "most": Count | None}
            return {**hints_of(LoraTraining), **learnt}, {"strength": Size}
        if self.intervention is None:
            return hints_of(LOCATORS[self.locator]), of_edit
        directions = INTERVENTIONS[self.intervention].directions
        return hints_of(DIRECTIONS[directions]) if directions else {}, of_edit

    def _check_intervention(self) -> None:
        if any(setting.top is not None for setting in self.settings()):
            raise ValueError(f"intervention {self.intervention} takes no neurons; remove top")
        if self.directions is not None or self.numbers != "own":
            raise ValueError(f"intervention {self.intervention} goes one way; remove directions and numbers")

    def _check_automatic(self, of_edit: dict[str, Any]) -> None:
        assert self.automatic is not None
        strengths = {name for name, default in of_edit.items() if isinstance(default, float)}
        require_known("automatic.parameter", [self.automatic.parameter], strengths)
        if self.search:
            raise ValueError("automatic tries strengths on tuning questions by itself; drop search")

    def _check_directions(self, of_edit: dict[str, Any]) -> None:
        if self.directions is None:
            return
        if self.direction not in self.directions or len(set(self.directions)) != len(self.directions):
            raise ValueError(
                f"directions are {list(self.directions)}; give up and down once each, with direction "
                f"{self.direction!r} among them"
            )
        if "direction" not in of_edit:
            raise ValueError(
                f"edit {self.edit} has one direction only, so directions cannot be measured; drop directions, or take "
                "an edit that works both ways, such as amplify or modulate"
            )
        if any("direction" in setting.edit for setting in self.settings()):
            raise ValueError(
                "directions sets the edit's direction; remove direction from the edit's parameters"
            )

    @property
    def doses(self) -> tuple[DoseSpec, ...]:
        """All sweeps."""
        if self.dose is None:
            return ()
        return self.dose if isinstance(self.dose, tuple) else (self.dose,)

    @property
    def ways(self) -> tuple[Way, ...]:
        """The directions that are measured, the intended one first."""
        return tuple(dict.fromkeys((self.direction, *(self.directions or ()))))

    @property
    def sign(self) -> Literal[1, -1]:
        """+1 where the edit should raise its value, -1 where it should lower it."""
        return 1 if self.direction == "up" else -1

    @property
    def located(self) -> frozenset[str]:
        """The parameters that `by_value` may give of the locator; an adapter's and a message's are the same for all."""
        return frozenset(self._parameters()[0] if self.edit_kind else ())

    @property
    def edit_kind(self) -> str:
        """The kind of edit that the method makes; empty for a system message or an adapter."""
        return INTERVENTIONS[self.intervention].edit if self.intervention else self.edit

    @property
    def chooses(self) -> bool:
        """Whether a setting is looked for on the tuning questions."""
        return self.search is not None or self.automatic is not None

    def is_of_locator(self, dose: DoseSpec) -> bool:
        """Whether a sweep changes which neurons are located."""
        known = EDITS[self.edit_kind].parameter_defaults() if self.edit_kind else ()
        return dose.parameter not in ("top", "strength", *known)

    def dosed(self, setting: Setting, dose: DoseSpec, strength: float) -> Setting:
        """The setting with one strength changed: an edit's parameter, `top`, or a locator's, which then takes all
        neurons that it selects."""
        if dose.parameter == "top":
            return setting.model_copy(update={"top": int(strength)})
        if self.is_of_locator(dose):
            return setting.with_locator(dose.parameter, strength)
        return setting.with_edit(dose.parameter, strength)

    def turned(self, setting: Setting, way: Way) -> Setting:
        """The setting with the edit turned one way, where both are measured; else as it is."""
        if self.directions is None:
            return setting
        turned = {"direction": "positive" if way == "up" else "negative"}
        return setting.model_copy(update={"edit": {**setting.edit, **turned}})

    def settings(self) -> list[Setting]:
        """The default, then what the search tries."""
        tried = self.search.settings() if self.search else []
        return [self.default, *(setting for setting in tried if setting != self.default)]

    @property
    def read_roles(self) -> Roles:
        """The roles that are read; for directions in the stream those of NeVA's pairs."""
        return self.roles or DEFAULT_ROLES.get(self.locator, DEFAULT_ROLES["neva"])

    @property
    def reads_texts(self) -> bool:
        """Whether anything is found in activations of texts; a system message and an adapter need none."""
        return self.intervention not in (SYSTEM_PROMPT, SFT)


def intervention_named(name: str) -> Intervention:
    """The intervention of a name; ValueError names the known ones."""
    require_known("intervention", [name], INTERVENTIONS)
    return INTERVENTIONS[name]
