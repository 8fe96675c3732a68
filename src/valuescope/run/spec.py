"""The specification of a run: strict, complete after loading, and saved beside the results."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from valuescope.data import SOURCES
from valuescope.data.records import ROLES
from valuescope.edit import EDITS
from valuescope.judge import JUDGES
from valuescope.judge.asked_model import require_no_secrets
from valuescope.locate import locator_parameters
from valuescope.run.names import keywords, require_known, require_parameters
from valuescope.run.spec_parts import ActivationsSpec, ControlsSpec, RunSpec, Strict

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
    value (None: all that the locator selects).
    """

    locator: dict[str, Any] = Field(default_factory=dict)
    edit: dict[str, Any] = Field(default_factory=dict)
    top: int | None = Field(default=None, ge=1)


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
    """Strengths to sweep: an edit parameter's name or "top", and its values."""

    parameter: str
    values: tuple[float, ...] = Field(min_length=1)
    questions: int = Field(default=20, ge=1)


DEFAULT_ROLES: dict[str, Roles] = {
    "vape": ("text", "text"),
    "valuelocate": ("for", "against"),
    "neva": ("positive", "negative"),
}
"""Which texts a locator reads: (for the value, against it)."""


class MethodSpec(Strict):
    """A locator, the edit that uses what it finds, and how its effect is measured.

    `asked`: evaluation dilemmas alone ("dilemma"), after a description of somebody who holds the value
    ("described"), or held-out contrast pairs ("pairs"). `direction` is the intended one. `default` should be
    the paper's setting: it is always shown, also where a search finds a better one.
    """

    locator: str
    roles: Roles | None = None
    edit: str
    asked: Asked = "dilemma"
    direction: Literal["up", "down"] = "up"
    default: Setting = Setting()
    search: SearchSpec | None = None
    dose: DoseSpec | None = None

    @model_validator(mode="after")
    def _known(self) -> MethodSpec:
        names = locator_parameters(self.locator)
        require_known("edit", [self.edit], EDITS)
        require_known("role", self.roles or (), ROLES)
        of_edit = {field.name: field.default for field in fields(EDITS[self.edit]) if field.name != "neurons"}
        for setting in self.settings():
            require_parameters(f"locator {self.locator}", setting.locator, names)
            require_parameters(f"edit {self.edit}", setting.edit, of_edit)
        if self.dose:
            strengths = {name for name, default in of_edit.items() if isinstance(default, float)}
            require_known(f"dose parameter of edit {self.edit}", [self.dose.parameter], strengths | {"top"})
            if self.dose.parameter == "top" and any(n < 1 or n % 1 for n in self.dose.values):
                raise ValueError(
                    f"dose values of top must be whole numbers from 1 on, they are {self.dose.values}"
                )
        if self.search and self.asked == "pairs":
            raise ValueError(
                "search needs tuning questions, and pairs have none; drop search or ask dilemmas"
            )
        if self.roles is None and self.locator not in DEFAULT_ROLES:
            raise ValueError(f"locator {self.locator} has no default roles; give roles: [positive, negative]")
        return self

    def settings(self) -> list[Setting]:
        """The default, then what the search tries."""
        tried = self.search.settings() if self.search else []
        return [self.default, *(setting for setting in tried if setting != self.default)]

    @property
    def read_roles(self) -> Roles:
        """The roles that the locator reads."""
        return self.roles or DEFAULT_ROLES[self.locator]


class GenerateSpec(Strict):
    """How answers are drawn, and how many rows share a batch."""

    max_new_tokens: int = Field(default=40, ge=1)
    temperature: float = Field(default=1.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    batch_size: int = Field(default=100, ge=1)
    on: Literal["both", "prompt", "response"] = "both"


class LeakageSpec(Strict):
    """The matrix of every steered against every evaluated value, with one method's headline setting."""

    method: str = "neva"
    questions: int = Field(default=20, ge=1)


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
            require_known("leakage.method", [self.leakage.method], self.methods)
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
