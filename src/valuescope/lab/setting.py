"""A setting: every choice between the activations and the edited model; and the strengths that are tried."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from valuescope.files import sha256_of
from valuescope.lab.strict import Strict


class Setting(Strict):
    """One choice of everything between the activations and the edited model.

    `locator` and `edit` hold parameters of the method's locator and edit; `top` keeps so many neurons per
    value (None: all that the locator selects). `by_value`: value -> other parameters of its locator and edit.
    """

    locator: dict[str, Any] = Field(default_factory=dict)
    edit: dict[str, Any] = Field(default_factory=dict)
    top: int | None = Field(default=None, ge=1)
    by_value: dict[str, dict[str, Any]] = Field(default_factory=dict)

    def edit_of(self, value: str, located: Container[str] = ()) -> dict[str, Any]:
        """The parameters of one value's edit; those in `located` are its locator's."""
        own = self.by_value.get(value, {})
        return {**self.edit, **{name: given for name, given in own.items() if name not in located}}

    def located_alike(
        self, values: Sequence[str], located: Container[str]
    ) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
        """The different parameters that the values have of their locator (the names in `located`), each with its values."""
        alike: list[tuple[dict[str, Any], tuple[str, ...]]] = []
        for value in values:
            own = {name: given for name, given in self.by_value.get(value, {}).items() if name in located}
            parameters = {**self.locator, **own}
            place = next((place for place, (known, _) in enumerate(alike) if known == parameters), len(alike))
            members = alike.pop(place)[1] if place < len(alike) else ()
            alike.insert(place, (parameters, (*members, value)))
        return alike

    def with_edit(self, parameter: str, strength: float) -> Setting:
        """The setting with one parameter of the edit changed, for every value."""
        return self._for_every_value(parameter, {"edit": {**self.edit, parameter: strength}})

    def with_locator(self, parameter: str, strength: float) -> Setting:
        """The setting with one parameter of the locator changed, for every value; it takes all neurons that are selected."""
        return self._for_every_value(
            parameter, {"locator": {**self.locator, parameter: strength}, "top": None}
        )

    def _for_every_value(self, parameter: str, changed: Mapping[str, Any]) -> Setting:
        rest = {
            value: {name: given for name, given in parameters.items() if name != parameter}
            for value, parameters in self.by_value.items()
        }
        return self.model_copy(update={**changed, "by_value": rest})

    @property
    def hash(self) -> str:
        """A short name for the setting in file names."""
        return sha256_of(self.model_dump(mode="json"))[:12]


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


class AutomaticSpec(Strict):
    """The largest control at a floor of fluency and under a ceiling of leakage, found on the tuning questions.

    `points` strengths from `low` to `high` are tried at once, then, `rounds` times, the two halfway to the neighbours of
    the best that is allowed. `min_fluency`: share of the base's. `max_leakage`: mean change of the values that are not
    steered. Where pairs are asked, tuning questions tell fluency and nothing else, so the largest strength is taken that
    keeps the floor.
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


DOSE_KINDS = ("dose:one", "dose:list")
"""The two ways to give sweeps, as they stand in the place of a validation error."""
AnyDose = Annotated[
    Annotated[DoseSpec, Tag(DOSE_KINDS[0])]
    | Annotated[tuple[DoseSpec, ...], Tag(DOSE_KINDS[1]), Field(min_length=1)],
    Discriminator(lambda dose: DOSE_KINDS[isinstance(dose, list | tuple)]),
]
