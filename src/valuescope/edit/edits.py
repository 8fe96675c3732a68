"""The three edits of the field as values: what is done to a neuron set, and how strongly."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args

import torch

from valuescope.edit.slopes import EditError, Slopes
from valuescope.files import sha256_of, write_json_atomic
from valuescope.locate.neuron_set import NeuronSet

Direction = Literal["positive", "negative"]

_FILE_VERSION = 1


@dataclass(frozen=True)
class _NeuronEdit(ABC):
    """What all edits share: one neuron set, a strength, a description, and a file.

    `strength` is the share of the edit that is done: 0 nothing, 1 all of it, above 1 more of the same. It moves
    every slope along the line from "unchanged" to the edit, `alpha' = 1 + strength (alpha - 1)` and
    `beta' = strength beta`; so it multiplies Modulate's beta and Amplify's gamma, and 0.5 of Deactivate halves m.
    """

    neurons: NeuronSet
    strength: float = field(default=1.0, kw_only=True)

    kind: ClassVar[str]

    def __post_init__(self) -> None:
        self._check_number("strength")

    @abstractmethod
    def _full_slopes(self) -> Slopes:
        """The slopes at strength 1."""

    def slopes(self) -> Slopes:
        """Alpha and beta of `m' = alpha * m + beta * |m|` for every neuron of the set, in the set's order."""
        full = self._full_slopes()
        if self.strength == 1.0:
            return full
        alpha = 1.0 + self.strength * (full.alpha - 1.0)
        return replace(full, alpha=alpha, beta=self.strength * full.beta)

    def scaled(self, strength: float) -> Self:
        """The same edit at another strength (`edit.scaled(0.5).scaled(0.5)` is at 0.5: it is set, not multiplied)."""
        return replace(self, strength=strength)

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything that defines the edit beside its neurons; `strength` only where it is not 1."""
        names = [field.name for field in fields(self) if field.name not in ("neurons", "strength")]
        scale = {} if self.strength == 1.0 else {"strength": self.strength}
        return {name: getattr(self, name) for name in names} | scale

    @property
    def hash(self) -> str:
        """sha256 of kind, parameters and neuron set: equal for edits that do the same with the same set."""
        return sha256_of({"edit": self.kind, "parameters": self.parameters, "neurons": self.neurons.hash})

    def describe(self) -> str:
        """One line for people."""
        settings = ", ".join(f"{name} {value}" for name, value in self.parameters.items())
        who = f"{len(self.neurons)} neurons of {self.neurons.value!r} ({self.neurons.method})"
        return f"{self.kind} {who}" + (f", {settings}" if settings else "")

    def to_dict(self) -> dict[str, Any]:
        """The edit as JSON; it names its neuron set by hash and holds no neuron."""
        return {
            "edit": self.kind,
            "parameters": self.parameters,
            "neurons": {
                "value": self.neurons.value,
                "method": self.neurons.method,
                "site": self.neurons.site,
                "count": len(self.neurons),
                "hash": self.neurons.hash,
                "model": self.neurons.model.to_dict(),
            },
            "hash": self.hash,
        }

    def save(self, path: Path | str) -> Path:
        """Write the edit to `path` (a .json) and its set beside it (`<stem>.neurons.*`); returns `path`."""
        path = Path(path)
        if path.suffix != ".json":
            raise EditError(f"{path}: an edit is saved as JSON: give a path that ends in .json")
        neurons = f"{path.stem}.neurons"
        self.neurons.save(path.parent / neurons)
        return write_json_atomic(path, {"version": _FILE_VERSION, "file": neurons, **self.to_dict()})

    def _check_number(self, name: str) -> None:
        """Refuse what is no size, and make 1 and 1.0 the same edit with the same hash."""
        value = getattr(self, name)
        if not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
            raise EditError(
                f"{self.kind}: {name} must be a finite number >= 0, it is {value!r}; direction is its sign"
            )
        object.__setattr__(self, name, float(value))

    def _check_direction(self, direction: str) -> None:
        if direction not in get_args(Direction):
            raise EditError(f"{self.kind}: direction must be 'positive' or 'negative', it is {direction!r}")


@dataclass(frozen=True)
class Deactivate(_NeuronEdit):
    """Switch the neurons off: m' = 0 (ValueExploration, section 3; VAPE's edit)."""

    kind: ClassVar[str] = "deactivate"

    def _full_slopes(self) -> Slopes:
        """alpha = beta = 0."""
        zeros = torch.zeros(len(self.neurons), dtype=torch.float64)
        return Slopes(self.neurons.layers, self.neurons.indices, alpha=zeros, beta=zeros)


@dataclass(frozen=True)
class Amplify(_NeuronEdit):
    """ValueLocate's edit (eq. 6): m' = m * (1 + |delta| * gamma) for one role, min(0, m) for the other.

    The set's `signs` are the roles and its `scores` the deltas. `direction` "positive" amplifies the
    positive neurons and suppresses the negative ones; "negative" swaps the roles. `delta_scale` multiplies
    delta: 1 reads it as a fraction, 100 as percent. Raises EditError where the neurons to amplify all have
    delta 0: that would pass for an edit and change nothing.
    """

    gamma: float = 2.0
    direction: Direction = "positive"
    delta_scale: float = 1.0

    kind: ClassVar[str] = "amplify"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_number("gamma")
        self._check_number("delta_scale")
        self._check_direction(self.direction)
        amplified = self.neurons.scores[self._amplified()]
        if amplified.numel() and not bool(amplified.any()):
            raise EditError(
                f"amplify reads delta from the scores of {self.neurons!r}, and all {amplified.numel()} "
                "neurons to amplify have score 0, so nothing would change: give a set whose scores are "
                "deltas (a random control takes the scores of the set that it is the control of)"
            )

    def _amplified(self) -> torch.Tensor:
        return self.neurons.signs > 0 if self.direction == "positive" else self.neurons.signs < 0

    def _full_slopes(self) -> Slopes:
        """Amplified: alpha = 1 + |delta| gamma, beta = 0. Suppressed: 1/2 and -1/2, that is min(0, m)."""
        amplified = self._amplified()
        factor = 1.0 + self.neurons.scores.double().abs() * self.delta_scale * self.gamma
        half = torch.full_like(factor, 0.5)
        return Slopes(
            self.neurons.layers,
            self.neurons.indices,
            alpha=torch.where(amplified, factor, half),
            beta=torch.where(amplified, torch.zeros_like(factor), -half),
        )


@dataclass(frozen=True)
class Modulate(_NeuronEdit):
    """NeVA's edit (eq. 13): m' = m * (1 + sign(m) sign(s) beta) = m + sign(s) beta |m|.

    The set's `signs` are sign(s). `direction` "negative" flips them: it works against the value.
    """

    beta: float = 0.9
    direction: Direction = "positive"

    kind: ClassVar[str] = "modulate"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_number("beta")
        self._check_direction(self.direction)

    def _full_slopes(self) -> Slopes:
        """alpha = 1, beta = +-beta by the neuron's sign."""
        flip = 1.0 if self.direction == "positive" else -1.0
        beta = self.neurons.signs.double() * (flip * self.beta)
        return Slopes(self.neurons.layers, self.neurons.indices, alpha=torch.ones_like(beta), beta=beta)


Edit = Deactivate | Amplify | Modulate

EDITS: Mapping[str, type[Edit]] = {edit.kind: edit for edit in (Deactivate, Amplify, Modulate)}


def load_edit(path: Path | str) -> Edit:
    """Read an edit and its neuron set as `save` wrote them.

    Raises EditError naming the file and the field for anything unknown or missing, and where the neuron set
    beside the edit is not the one it was saved with.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise EditError(f"{path}: not JSON ({error})") from error
    if not isinstance(content, dict) or content.get("version") != _FILE_VERSION:
        raise EditError(
            f"{path}: field 'version' must be {_FILE_VERSION}: save the edit with this valuescope"
        )
    edit_type = EDITS.get(str(content.get("edit")))
    if edit_type is None:
        raise EditError(f"{path}: field 'edit' is {content.get('edit')!r}; known are {', '.join(EDITS)}")
    parameters = content.get("parameters")
    known = {field.name for field in fields(edit_type)} - {"neurons", "strength"}
    if not isinstance(parameters, dict) or set(parameters) - {"strength"} != known:
        raise EditError(
            f"{path}: field 'parameters' of {edit_type.kind} must hold {sorted(known)}, it is {parameters!r}"
        )
    if not isinstance(content.get("file"), str):
        raise EditError(f"{path}: field 'file' must name the neuron set beside this file")
    edit: Edit = edit_type(NeuronSet.load(path.parent / content["file"]), **parameters)
    if edit.hash != content.get("hash"):
        raise EditError(
            f"{path}: field 'hash' is {content.get('hash')!r}, but this edit of the neuron set "
            f"{content['file']!r} has {edit.hash!r}: a file was changed or exchanged; save the edit again"
        )
    return edit
