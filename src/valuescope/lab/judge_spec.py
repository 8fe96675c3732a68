"""The judge in a specification: a model that judges, how it is checked first, and the ratings that it gives."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from valuescope.judge.answer_judge import MODES
from valuescope.judge.asked_model import require_no_secrets
from valuescope.judge.calibration import CHANCE
from valuescope.judge.known_answers import ITEMS
from valuescope.judge.own_prompt import own_prompt
from valuescope.judge.rating import MINIMUM_SAMPLES
from valuescope.lab.strict import Strict


class ScoresSpec(Strict):
    """Ratings of every answer from 1 to 5 by the judge model: relevance to the value (G-Eval), and text quality.

    `mode`: "expected" weights 1..5 by the probabilities of the judge's first token; "sampled" takes the mean of `samples`
    replies, for judges without log-probabilities. The report says which. `quality_alone`: text quality is asked of the answer
    without its question. `max_tokens`: of one reply.
    """

    mode: Literal["expected", "sampled"] = "expected"
    samples: int = Field(default=MINIMUM_SAMPLES, ge=MINIMUM_SAMPLES)
    quality: bool = True
    quality_alone: bool = False
    max_tokens: int = Field(default=64, ge=1)


class CalibrationSpec(Strict):
    """What a judge is asked before it is believed (`judge.calibration`): at most `items` known answers for each verdict. It is
    refused where the interval of its balanced accuracy is not above `minimum_accuracy`, or where it says one thing always."""

    items: int = Field(default=ITEMS, ge=10)
    minimum_accuracy: float = Field(default=CHANCE, ge=0, lt=1)


class JudgeSpec(Strict):
    """A model that judges, by the name that Inspect knows it under, and how it is asked.

    `max_tokens`: of one reply; give more to a model that thinks aloud first. `missing_limit`: a larger share of answers
    without a judgement is said loudly. `max_connections`, `retries` and `timeout` say how calls are made and change no
    reply, so a run may go on with others. Keys are read from the environment and stand in no specification.
    `calibration`: the known answers that it is asked first (none: not asked); `accept_uncalibrated`: judge also where they
    speak against it. `fluency_alone`: fluency is asked of the answer without its question (grammar only). `prompts`: files of
    prompts of one's own, for the judges that they are put in place of.
    """

    by: str
    base_url: str | None = None
    model_args: dict[str, Any] = Field(default_factory=dict)
    language: Literal["en", "zh"] = "en"
    max_tokens: int = Field(default=64, ge=1)
    fluency_alone: bool = False
    prompts: dict[str, str] = Field(default_factory=dict)
    missing_limit: float = Field(default=0.1, ge=0, le=1)
    calibration: CalibrationSpec | None = CalibrationSpec()
    accept_uncalibrated: bool = False
    max_connections: int | None = Field(default=None, ge=1)
    retries: int = Field(default=4, ge=0)
    timeout: int = Field(default=120, ge=1)

    @model_validator(mode="after")
    def _valid(self) -> JudgeSpec:
        provider, _, model = self.by.partition("/")
        if not provider or not model or any(map(str.isspace, self.by)):
            raise ValueError(f"by {self.by!r} is no model; give provider and model, such as openai/gpt-4o")
        require_no_secrets(self.base_url, self.model_args)
        if self.fluency_alone and "fluency" in self.prompts:
            raise ValueError("fluency_alone and prompts.fluency; give one of them")
        for judge, path in self.prompts.items():
            if judge not in MODES:
                raise ValueError(f"prompts has {judge!r}; the judges are {', '.join(MODES)}")
            own_prompt(path, judge, self.language)  # a JudgeError is a ValueError
        return self


JUDGE_KINDS = ("judge:name", "judge:model")
"""The two ways to name a judge, as they stand in the place of a validation error."""
AnyJudge = Annotated[
    Annotated[str, Tag(JUDGE_KINDS[0])] | Annotated[JudgeSpec, Tag(JUDGE_KINDS[1])],
    Discriminator(lambda judge: JUDGE_KINDS[not isinstance(judge, str)]),
]
OPERATIONAL = {"judge": {"accept_uncalibrated", "max_connections", "retries", "timeout"}}
"""Settings that change no result, and so are no part of what makes two runs the same."""
