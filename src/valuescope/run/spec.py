"""The specification of a run: strict, complete after loading, and saved beside the results."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from valuescope.data import SOURCES
from valuescope.data.records import ROLES
from valuescope.edit import EDITS
from valuescope.judge import JUDGES
from valuescope.judge.asked_model import require_no_secrets
from valuescope.locate import locator_parameters
from valuescope.run.names import keywords, require_known, require_parameters
from valuescope.run.spec_neva import (
    SFT,
    SYSTEM_PROMPT,
    AbilitySpec,
    AutomaticSpec,
    ParetoSpec,
    ProfilesSpec,
    TurnsSpec,
    require_interventions,
)
from valuescope.run.spec_parts import ActivationsSpec, ControlsSpec, RunSpec, Strict
from valuescope.run.spec_valuelocate import (
    CompareSpec,
    QuestionnairesSpec,
    ScoresSpec,
    SensitivitySpec,
    Way,
)

Asked = Literal["dilemma", "described", "pairs"]
Roles = tuple[str, str]


class DataSpec(Strict):
    """Which source, and its parameters."""

    source: str = "organism"
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> DataSpec:
        require_known("source", [self.source], SOURCES)
        known = {name: default for name, default in keywords(SOURCES[self.source]).items() if name != "seed"}
        require_parameters(f"source {self.source}", self.parameters, known)
        return self


class Setting(Strict):
    """One choice of everything between the activations and the edited model.

    `locator` and `edit` hold parameters of the method's locator and edit; `top` keeps so many neurons per
    value (None: all that the locator selects). `by_value`: value -> other parameters of its edit.
    """

    locator: dict[str, Any] = Field(default_factory=dict)
    edit: dict[str, Any] = Field(default_factory=dict)
    top: int | None = Field(default=None, ge=1)
    by_value: dict[str, dict[str, Any]] = Field(default_factory=dict)

    def edit_of(self, value: str) -> dict[str, Any]:
        """The parameters of one value's edit."""
        return {**self.edit, **self.by_value.get(value, {})}

    def with_edit(self, parameter: str, strength: float) -> Setting:
        """The setting with one parameter of the edit changed, for every value."""
        rest = {
            value: {name: one for name, one in own.items() if name != parameter}
            for value, own in self.by_value.items()
        }
        return self.model_copy(update={"edit": {**self.edit, parameter: strength}, "by_value": rest})


class SearchSpec(Strict):
    """Settings tried on the tuning questions: all combinations of the lists.

    Taken is the largest effect in the method's direction among those whose fluency keeps at least
    `min_fluency` of the base's; where none does, the default.
    """

    locator: tuple[dict[str, Any], ...] = ({},)
    edit: tuple[dict[str, Any], ...] = ({},)
    top: tuple[int | None, ...] = (None,)
    min_fluency: float = Field(default=0.97, gt=0, le=1)

    def settings(self) -> list[Setting]:
        """All combinations, in the order of the lists."""
        return [
            Setting(locator=locator, edit=edit, top=top)
            for locator in self.locator
            for edit in self.edit
            for top in self.top
        ]


class DoseSpec(Strict):
    """Strengths to sweep: the name of an edit's or a locator's parameter, or "top", and its values."""

    parameter: str
    values: tuple[float, ...] = Field(min_length=1)
    questions: int = Field(default=20, ge=1)


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


DOSE_KINDS = ("dose:one", "dose:list")
"""The two ways to give sweeps, as they stand in the place of a validation error."""


def _dose_kind(dose: Any) -> str:
    return DOSE_KINDS[1] if isinstance(dose, list | tuple) else DOSE_KINDS[0]


AnyDose = Annotated[
    Annotated[DoseSpec, Tag(DOSE_KINDS[0])]
    | Annotated[tuple[DoseSpec, ...], Tag(DOSE_KINDS[1]), Field(min_length=1)],
    Discriminator(_dose_kind),
]


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
        for setting in self.settings():
            require_parameters(f"locator {self.locator or self.intervention}", setting.locator, names)
            for parameters in (setting.edit, *setting.by_value.values()):
                require_parameters(f"edit {self.edit or self.intervention}", parameters, of_edit)
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
            names, of_edit = require_interventions(self.intervention).parameters()
            return names, ({**of_edit, "strength": 1.0} if names else of_edit)
        if not self.locator or not self.edit:
            raise ValueError("give locator and edit, or intervention")
        names = locator_parameters(self.locator)
        require_known("edit", [self.edit], EDITS)
        return names, {**EDITS[self.edit].parameter_defaults(), "strength": 1.0}

    def _check_intervention(self) -> None:
        if any(setting.top is not None for setting in self.settings()):
            raise ValueError(f"intervention {self.intervention} takes no neurons; remove top")
        if self.directions is not None or self.numbers != "own":
            raise ValueError(f"intervention {self.intervention} goes one way; remove directions and numbers")

    def _check_automatic(self, of_edit: dict[str, Any]) -> None:
        assert self.automatic is not None
        strengths = {name for name, default in of_edit.items() if isinstance(default, float)}
        require_known("automatic.parameter", [self.automatic.parameter], strengths)
        if self.asked == "pairs" or self.search:
            raise ValueError(
                "automatic tries strengths on tuning questions by itself; drop search, and ask dilemmas or described"
            )

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
        others = tuple(one for one in self.directions or () if one != self.direction)
        return (self.direction, *others)

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


class GenerateSpec(Strict):
    """How answers are drawn, and how many rows share a batch."""

    max_new_tokens: int = Field(default=40, ge=1)
    temperature: float = Field(default=1.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    batch_size: int = Field(default=100, ge=1)
    on: Literal["both", "prompt", "response"] = "both"


class LeakageSpec(Strict):
    """The matrix of every steered against every evaluated value, with one method's headline setting.

    `methods`: those whose matrices are measured besides, with tests and controls of their own.
    """

    method: str = "neva"
    questions: int = Field(default=20, ge=1)
    methods: tuple[str, ...] = ()


class JudgeSpec(Strict):
    """A model that judges, by the name that Inspect knows it under, and how it is asked.

    `max_tokens`: of one reply; give more to a model that thinks aloud first. `missing_limit`: a larger share of answers without a judgement is said loudly. `max_connections`, `retries` and
    `timeout` say how calls are made and change no reply, so a run may go on with others. Keys are read from the
    environment and stand in no specification.
    """

    by: str
    base_url: str | None = None
    model_args: dict[str, Any] = Field(default_factory=dict)
    language: Literal["en", "zh"] = "en"
    max_tokens: int = Field(default=64, ge=1)
    missing_limit: float = Field(default=0.1, ge=0, le=1)
    max_connections: int | None = Field(default=None, ge=1)
    retries: int = Field(default=4, ge=0)
    timeout: int = Field(default=120, ge=1)

    @model_validator(mode="after")
    def _valid(self) -> JudgeSpec:
        provider, _, model = self.by.partition("/")
        if not provider or not model or any(map(str.isspace, self.by)):
            raise ValueError(f"by {self.by!r} is no model; give provider and model, such as openai/gpt-4o")
        require_no_secrets(self.base_url, self.model_args)
        return self


def _judge_kind(judge: Any) -> str:
    return JUDGE_KINDS[0] if isinstance(judge, str) else JUDGE_KINDS[1]


JUDGE_KINDS = ("judge:name", "judge:model")
"""The two ways to name a judge, as they stand in the place of a validation error."""
AnyJudge = Annotated[
    Annotated[str, Tag(JUDGE_KINDS[0])] | Annotated[JudgeSpec, Tag(JUDGE_KINDS[1])],
    Discriminator(_judge_kind),
]
OPERATIONAL = {"judge": {"max_connections", "retries", "timeout"}}
"""Settings that change no result, and so are no part of what makes two runs the same."""


class Spec(RunSpec):
    """A comparison of methods: each locates, edits, and is measured on the same questions."""

    experiment: Literal["methods"] = "methods"
    data: DataSpec = DataSpec()
    activations: ActivationsSpec = ActivationsSpec()
    methods: dict[str, MethodSpec] = Field(min_length=1)
    controls: ControlsSpec = ControlsSpec()
    generate: GenerateSpec = GenerateSpec()
    judge: AnyJudge = "oracle"
    leakage: LeakageSpec | None = None
    runs: int = Field(default=1, ge=1)
    scores: ScoresSpec | None = None
    compare: CompareSpec | None = None
    questionnaires: QuestionnairesSpec | None = None
    sensitivity: SensitivitySpec | None = None
    pareto: ParetoSpec | None = None
    profiles: ProfilesSpec | None = None
    ability: AbilitySpec | None = None
    turns: TurnsSpec | None = None
    decoded: int | None = Field(default=None, ge=1)  # tokens per value that the probes' directions stand for
    answers_per_value: int = Field(
        default=5, ge=1
    )  # questions answered beside pairs, for fluency and examples
    examples: int = Field(default=1, ge=0)

    @model_validator(mode="after")
    def _known(self) -> Spec:
        if isinstance(self.judge, str):
            if "/" in self.judge:
                raise ValueError(f"judge {self.judge!r} is a model; write judge: {{by: {self.judge}}}")
            require_known("judge", [self.judge], JUDGES)
        if self.leakage:
            require_known("leakage.method", [self.leakage.method, *self.leakage.methods], self.methods)
        self._check_valuelocate()
        self._check_neva()
        measures = {method.asked == "pairs" for method in self.methods.values()}
        if self.judge == "likelihood" and False in measures:
            raise ValueError(
                "judge likelihood reads fluency and no values, so answers would have no effect; ask pairs, or name "
                "another judge"
            )
        if len(measures) > 1:
            raise ValueError(
                "methods ask both pairs and questions; their effects have different units: ask one kind"
            )
        return self

    def _check_neva(self) -> None:
        for name in ("pareto", "profiles", "ability", "turns"):
            part = getattr(self, name)
            if part is not None:
                named = [part.method] if name == "profiles" else part.methods
                require_known(
                    f"{name}.methods", [*named, *([part.reference] if name == "pareto" else [])], self.methods
                )
        if self.profiles and self.methods[self.profiles.method].edit != "modulate":
            raise ValueError(
                "profiles are solved for edit modulate; name a method that has it as profiles.method"
            )
        if self.turns and not any(method.asked == "dilemma" for method in self.methods.values()):
            raise ValueError("turns asks dilemmas, and no method does; drop turns, or ask dilemma")
        if not any(method.reads_texts for method in self.methods.values()):
            raise ValueError("no method reads texts; add one beside the system prompt or the adapters")

    def _check_valuelocate(self) -> None:
        if self.scores and isinstance(self.judge, str):
            raise ValueError(
                f"scores are given by a model, and judge is {self.judge!r}; name one as judge: {{by: provider/model}} "
                "(valuescope_oracle/organism for the organism's answers)"
            )
        if self.compare and all(method.intervention for method in self.methods.values()):
            raise ValueError("compare is for locators, and no method has one; drop compare, or add a method")
        if self.questionnaires:
            require_known("questionnaires.methods", self.questionnaires.methods, self.methods)
            for name in self.questionnaires.methods or self.methods:
                if self.methods[name].intervention:
                    raise ValueError(
                        f"questionnaires.methods: {name} edits no neurons, and questionnaires are for edits of neurons; "
                        "name the others"
                    )
            asked = any(one.prompts for one in self.questionnaires.sets.values())
            if asked and not self.scores:
                raise ValueError(
                    "questionnaires ask items as prompts, whose answers are rated by scores; give scores, or set "
                    "prompts: false"
                )
        for name, choice in (self.sensitivity.choices if self.sensitivity else {}).items():
            place = f"sensitivity.choices.{name}"
            require_known(f"{place}.method", [choice.method], self.methods)
            method = self.methods[choice.method]
            if method.intervention:
                raise ValueError(f"{place}.method: {choice.method} edits no neurons; name another")
            require_parameters(
                f"{place}: locator {method.locator}", choice.locator, locator_parameters(method.locator)
            )
            require_parameters(
                f"{place}: edit {method.edit}", choice.edit, EDITS[method.edit].parameter_defaults()
            )
            if not (choice.locator or choice.edit or choice.recounts):
                raise ValueError(f"{place} changes nothing; give locator, edit, scope or special_tokens")

    @property
    def asks_pairs(self) -> bool:
        """Whether effects are margins of contrast pairs, in nats per token; else shares of answers."""
        return any(method.asked == "pairs" for method in self.methods.values())

    def left_out(self) -> dict[str, Any]:
        """Settings of the judge's calls."""
        return dict(OPERATIONAL) if isinstance(self.judge, JudgeSpec) else {}

    @property
    def judge_name(self) -> str:
        """The judge's own name, or the name of the model that judges."""
        return self.judge if isinstance(self.judge, str) else self.judge.by
