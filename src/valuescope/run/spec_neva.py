"""The parts of a comparison's specification that NeVA's evaluation adds: baselines, Pareto curves, ability, profiles."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pydantic import Field, model_validator

from valuescope.edit import edit_parameters
from valuescope.locate import direction_parameters
from valuescope.run.names import require_known
from valuescope.run.spec_parts import Strict
from valuescope.tune import LoraTraining


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


class AutomaticSpec(Strict):
    """The largest control at a floor of fluency and under a ceiling of leakage, found on the tuning questions.

    `points` strengths from `low` to `high` are tried at once, then, `rounds` times, the two halfway to the neighbours of
    the best that is allowed. `min_fluency`: share of the base's. `max_leakage`: mean change of the values that are not
    steered.
    """

    parameter: str
    low: float = Field(gt=0)
    high: float = Field(gt=0)
    points: int = Field(default=4, ge=2)
    rounds: int = Field(default=2, ge=0)
    min_fluency: float = Field(default=0.97, gt=0, le=1)
    max_leakage: float = Field(default=0.05, ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> AutomaticSpec:
        if self.low >= self.high:
            raise ValueError(f"low is {self.low} and high is {self.high}; low must be the smaller one")
        return self


class ParetoSpec(Strict):
    """Curves of control against fluency and leakage: every method's sweep, steering every value on all questions.

    `methods` (none: all with the reference's kind of questions). `reference` is what the others are compared with;
    `floors`: shares of the base's fluency at which controls are interpolated. `questions`: per value.
    """

    methods: tuple[str, ...] = ()
    reference: str = "neva"
    floors: tuple[float, ...] = Field(default=(0.97, 0.9), min_length=1)
    questions: int = Field(default=6, ge=1)

    @model_validator(mode="after")
    def _shares(self) -> ParetoSpec:
        if any(not 0 < floor <= 1 for floor in self.floors):
            raise ValueError(
                f"floors are {list(self.floors)}; each is a share of the base's fluency, above 0 to 1"
            )
        return self


class ProfilesSpec(Strict):
    """Target profiles of several values, each solved as one edit of a method's neurons.

    `targets`: a profile's name -> value -> weight. `overlap_budget`: the share of neurons that may serve several values.
    """

    method: str = "neva"
    targets: dict[str, dict[str, float]] = Field(min_length=1)
    overlap_budget: float = Field(default=0.2, ge=0, le=1)
    questions: int = Field(default=10, ge=1)


class AbilitySpec(Strict):
    """General ability before and after, averaged over the values' edits.

    `mmlu`: folder with MMLU's `dev` and `test` (none: not measured), of which `number` questions are drawn and asked with
    `shots` examples. `perplexity`: also the perplexity on a neutral text. `methods`: none for all that edit the model.
    """

    methods: tuple[str, ...] = ()
    mmlu: str | None = None
    number: int = Field(default=100, ge=1)
    shots: int = Field(default=5, ge=0)
    perplexity: bool = True
    batch_size: int = Field(default=32, ge=1)

    @model_validator(mode="after")
    def _something(self) -> AbilitySpec:
        if self.mmlu is None and not self.perplexity:
            raise ValueError(
                "neither mmlu nor perplexity is asked for; give the folder of MMLU's files, or leave it out"
            )
        return self


class TurnsSpec(Strict):
    """Does control last: questions about one value, one after the other in a conversation of `turns` turns.

    `conversations`: per value. `methods`: none for all that are asked dilemmas.
    """

    turns: int = Field(default=5, ge=2)
    conversations: int = Field(default=4, ge=1)
    methods: tuple[str, ...] = ()


def require_interventions(name: str) -> Intervention:
    """The intervention of a name; ValueError names the known ones."""
    require_known("intervention", [name], INTERVENTIONS)
    return INTERVENTIONS[name]
