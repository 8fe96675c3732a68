"""What the specification of every run is made of: strict, complete after loading, and saved beside the results."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

import yaml
from pydantic import Field, PlainValidator, model_validator

from valuescope.data import SOURCES
from valuescope.files import sha256_of
from valuescope.generate import Sampling
from valuescope.judge import FLUENT_BY_LIKELIHOOD, JUDGES
from valuescope.lab.judge_spec import OPERATIONAL, AnyJudge, JudgeSpec, ScoresSpec
from valuescope.lab.method import MethodSpec
from valuescope.lab.model_spec import ModelSpec
from valuescope.lab.parameters import keywords, require_known, require_parameters
from valuescope.lab.roles import AnswerSpec
from valuescope.lab.strict import Name, Strict
from valuescope.metrics import Bootstrap
from valuescope.models import SamplingDefaults
from valuescope.ranges import SEEDS, Count, hints_of, shown, wanted

Scope = Literal["all", "prompt", "answer"]
"""Which tokens of a text count."""
AUTO: Literal["auto"] = "auto"


def _batch_size(size: Any) -> Any:
    if size == AUTO or not (words := wanted(Count, size)):
        return size
    raise ValueError(f"give {words}, or auto (given: {shown(size)})")


BatchSize = Annotated[int | Literal["auto"], PlainValidator(_batch_size)]
"""Rows of a batch; "auto": the fastest of a few, timed on the model before the run begins."""
UNTIMED = 32
"""Stands for "auto" where no model is there to time."""


def rows_of(size: int | Literal["auto"]) -> int:
    """The rows of a batch size."""
    return UNTIMED if size == AUTO else size


class ValuesSpec(Strict):
    """Which value system (a built-in name or a path), which level, and which of its values (None: all)."""

    system: str = "schwartz"
    level: str = "value"
    only: tuple[str, ...] | None = None


class ActivationsSpec(Strict):
    """The streaming pass; `part` texts are counted between two saves."""

    batch_size: BatchSize = 64
    part: int = Field(default=1024, ge=1)
    scope: Scope = "all"

    @property
    def rows(self) -> int:
        """The batch size."""
        return rows_of(self.batch_size)


class ControlsSpec(Strict):
    """Random controls of equal size: draws of uniform ones and of ones matched by layer and rate."""

    draws: int = Field(default=2, ge=1)
    matched: bool = True


class BootstrapSpec(Strict):
    """Intervals: resampled questions."""

    resamples: int = Field(default=2000, ge=1)
    confidence: float = Field(default=0.95, gt=0, lt=1)


class RunSpec(Strict):
    """What every experiment has. `seed` drives the draws of data, splits, controls, sampling noise and bootstrap."""

    name: Name
    seed: int = Field(default=0, ge=0, le=SEEDS)
    model: ModelSpec = ModelSpec()
    values: ValuesSpec = ValuesSpec()
    bootstrap: BootstrapSpec = BootstrapSpec()
    activations: ActivationsSpec = ActivationsSpec()
    controls: ControlsSpec = ControlsSpec()
    experiment: str = ""

    asking_key: ClassVar[str] = "generate"
    """Where the batch size of asks stands."""

    def left_out(self) -> dict[str, Any]:
        """Settings that change no result, in pydantic's form of `exclude`."""
        return {}

    @property
    def ask_batch_size(self) -> int | Literal["auto"]:
        """How many rows are asked at once."""
        size: int | Literal["auto"] = getattr(self, self.asking_key).batch_size
        return size

    def with_ask_batch_size(self, rows: int) -> Self:
        """The same with so many rows asked at once."""
        how = getattr(self, self.asking_key).model_copy(update={"batch_size": rows})
        return self.model_copy(update={self.asking_key: how})

    @property
    def how(self) -> Bootstrap:
        """How intervals are drawn."""
        return Bootstrap(self.bootstrap.resamples, self.bootstrap.confidence, self.seed)

    @property
    def hash(self) -> str:
        """sha256 of the resolved content, but for what changes no result."""
        return sha256_of(self.model_dump(mode="json", exclude=self.left_out() or None))

    def to_yaml(self) -> str:
        """The resolved specification, every default written out."""
        text: str = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        return text


class SourceSpec(Strict):
    """Which source, and its parameters."""

    source: str
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> Self:
        require_known("source", [self.source], SOURCES)
        known = {name: default for name, default in keywords(SOURCES[self.source]).items() if name != "seed"}
        require_parameters(f"source {self.source}", self.parameters, known, hints_of(SOURCES[self.source]))
        return self


class DataSpec(SourceSpec):
    """Where texts, questions and pairs come from, and how much of them is used: the first `activation` texts of each label
    to read, the first `evaluation` questions (or pairs) of each value and setting to ask (None: all). `measured_on`:
    questions and pairs are another source's, or another tier's, so that what was located on one set is measured on another.
    """

    source: str = "organism"
    activation: int | None = Field(default=None, ge=1)
    evaluation: int | None = Field(default=None, ge=1)
    measured_on: SourceSpec | None = None


class GenerateSpec(Strict):
    """How answers are drawn, and how many rows share a batch. `temperature`, `top_p`: None for the model's own (see
    `SamplingDefaults`); a run that has begun has numbers."""

    max_new_tokens: int = Field(default=40, ge=1)
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    batch_size: BatchSize = 100
    on: Literal["both", "prompt", "response"] = "both"

    @property
    def rows(self) -> int:
        """The batch size."""
        return rows_of(self.batch_size)

    def sampling(self, seed: int) -> Sampling:
        """As the engine takes it. What no model has settled yet (a design that is only looked at) is 1.0."""
        temperature, top_p = SamplingDefaults(self.temperature, self.top_p).plain
        return Sampling(self.max_new_tokens, temperature, top_p, seed)


class ComparisonSpec(RunSpec):
    """A comparison of methods: each locates, edits, and is measured on the same questions. `valuescope.run.Spec` adds a
    key for every part that a run may have besides.

    `runs`: how often every question is answered, each time with other noise. `answers_per_value`: questions answered
    beside pairs, for fluency and examples. `yes_or_no`: open questions ask to begin with Yes or No, since small models take no
    side otherwise; fluency and examples are then answers to the same questions without that. `answer`: how open
    questions are put (None: as they are, by the chat template).
    """

    experiment: Literal["methods"] = "methods"
    data: DataSpec = DataSpec()
    methods: dict[Name, MethodSpec] = Field(default_factory=dict)
    generate: GenerateSpec = GenerateSpec()
    judge: AnyJudge = "oracle"
    runs: int = Field(default=1, ge=1)
    scores: ScoresSpec | None = None
    answer: AnswerSpec | None = None
    answers_per_value: int = Field(default=5, ge=1)
    yes_or_no: bool = False

    @model_validator(mode="after")
    def _fits(self) -> ComparisonSpec:
        if isinstance(self.judge, str):
            if "/" in self.judge:
                raise ValueError(f"judge {self.judge!r} is a model; write judge: {{by: {self.judge}}}")
            require_known("judge", [self.judge], JUDGES)
            if self.scores:
                raise ValueError(
                    f"scores are given by a model, and judge is {self.judge!r}; name one as judge: {{by: "
                    "provider/model}} (valuescope_oracle/organism for the organism's answers)"
                )
        if not self.methods and getattr(self, "instrument", None) is None:
            raise ValueError(
                "there is nothing to measure: give methods, or instrument for the unedited model alone"
            )
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

    @property
    def fluent_by_likelihood(self) -> bool:
        """Whether the judge reads no fluency, so that the unedited model's likelihood of each answer stands for it."""
        return self.judge in FLUENT_BY_LIKELIHOOD

    def left_out(self) -> dict[str, Any]:
        """Settings of the judge's calls."""
        return dict(OPERATIONAL) if isinstance(self.judge, JudgeSpec) else {}

    @property
    def judge_name(self) -> str:
        """The judge's own name, or the name of the model that judges."""
        return self.judge if isinstance(self.judge, str) else self.judge.by
