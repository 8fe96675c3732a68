"""What all edits are: a value that names what was found, says how strongly it acts, and can be saved."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args

from valuescope.edit.layer_tables import EditError, EditTables
from valuescope.files import sha256_of, write_json_atomic
from valuescope.locate import LayerTensors, NeuronSet
from valuescope.models import NeuronModel

Direction = Literal["positive", "negative"]

Subject = NeuronSet | LayerTensors
"""What an edit acts with."""

FILE_VERSION = 1


@dataclass(frozen=True)
class Edit(ABC):
    """The base of every edit. Its first field, named by `subject_field`, holds what it acts with.

    `strength` is the share of the edit that is done: 0 nothing, 1 all of it, above 1 more of the same. All fields whose
    default is a float must be finite and at least 0, and a field `direction` a Direction: this class checks it.
    """

    strength: float = field(default=1.0, kw_only=True)

    kind: ClassVar[str]
    subject_field: ClassVar[str]
    subject_type: ClassVar[type[Any]]
    unsaid: ClassVar[frozenset[str]] = frozenset({"strength"})
    """Parameters that are left out of hash, file and words where they are the default."""

    def __post_init__(self) -> None:
        if not isinstance(self.subject, self.subject_type):
            raise EditError(
                f"{self.kind} acts with a {self.subject_type.__name__} (field {self.subject_field}), "
                f"it was given {self.subject!r}"
            )
        self._check_parameters()

    @classmethod
    def check(cls, parameters: Mapping[str, Any]) -> None:
        """EditError for a parameter out of its range, before there is anything to act with."""
        draft = object.__new__(cls)
        for name, value in {"strength": 1.0, **cls.parameter_defaults(), **parameters}.items():
            object.__setattr__(draft, name, value)
        draft._check_parameters()

    def _check_parameters(self) -> None:
        for name, default in {"strength": 1.0, **self.parameter_defaults()}.items():
            if name == "direction":
                self._check_direction(getattr(self, name))
            elif isinstance(default, float):
                self._check_number(name)

    @property
    def subject(self) -> Subject:
        """What the edit acts with."""
        subject: Subject = getattr(self, self.subject_field)
        return subject

    @property
    def value(self) -> str:
        """The value that the edit is for."""
        return self.subject.value

    @abstractmethod
    def tables(self, width: int) -> EditTables:
        """What the edit does to each layer of a model with `width` neurons in a layer."""

    @abstractmethod
    def control(self, model: NeuronModel, *, seed: int = 0, draw: int = 0, force: bool = False) -> Self:
        """The same edit with something random of equal size in place of what was found; `draw` numbers repetitions.

        Raises as `require` does.
        """

    def require(self, model: NeuronModel, *, force: bool = False) -> None:
        """Raise NeuronSetError or SteeringError unless what the edit acts with was found in this very model.

        `force` allows other weights of the same shape.
        """
        self.subject.require(model, force=force)

    def scaled(self, strength: float) -> Self:
        """The same edit at another strength (`edit.scaled(0.5).scaled(0.5)` is at 0.5: it is set, not multiplied)."""
        return replace(self, strength=strength)

    @property
    def reads_prompt(self) -> bool:
        """Whether what the edit does to any token depends on the last one of the prompt, which must then be known."""
        return False

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything that defines the edit beside its subject, but for what is `unsaid`."""
        defaults = {**self.parameter_defaults(), "strength": 1.0}
        return {
            name: getattr(self, name)
            for name, default in defaults.items()
            if name not in self.unsaid or getattr(self, name) != default
        }

    @classmethod
    def parameter_defaults(cls) -> dict[str, Any]:
        """The parameters of this kind of edit with their defaults; `strength`, which all have, is not listed."""
        return {
            parameter.name: parameter.default
            for parameter in fields(cls)
            if parameter.name not in (cls.subject_field, "strength")
        }

    @property
    def hash(self) -> str:
        """sha256 of kind, parameters and subject: equal for edits that do the same with the same."""
        return sha256_of(
            {"edit": self.kind, "parameters": self.parameters, self.subject_field: self.subject.hash}
        )

    def describe(self) -> str:
        """One line for people."""
        settings = ", ".join(f"{name} {value}" for name, value in self.parameters.items())
        who = f"{self._size()} of {self.value!r} ({self.subject.method})"
        return f"{self.kind} {who}" + (f", {settings}" if settings else "")

    def to_dict(self) -> dict[str, Any]:
        """The edit as JSON; it names its subject by hash and holds none of its numbers."""
        return {
            "edit": self.kind,
            "parameters": self.parameters,
            self.subject_field: {
                "value": self.value,
                "method": self.subject.method,
                **self._facts(),
                "count": len(self.subject),
                "hash": self.subject.hash,
                "model": self.subject.model.to_dict(),
            },
            "hash": self.hash,
        }

    def save(self, path: Path | str) -> Path:
        """Write the edit to `path` (a .json) and its subject beside it (`<stem>.<field>.*`); returns `path`."""
        path = Path(path)
        if path.suffix != ".json":
            raise EditError(
                f"{path}: an edit is saved as JSON: give a path that ends in .json (a Bundle is saved as .vsedit)"
            )
        beside = f"{path.stem}.{self.subject_field}"
        self.subject.save(path.parent / beside)
        return write_json_atomic(path, {"version": FILE_VERSION, "file": beside, **self.to_dict()})

    @abstractmethod
    def _size(self) -> str:
        """How much the subject holds, in words."""

    @abstractmethod
    def _facts(self) -> Mapping[str, Any]:
        """What the file says of the subject beside what all have."""

    @property
    def _sign(self) -> float:
        """+1 for an edit towards its value, -1 for one whose `direction` is against it."""
        return -1.0 if getattr(self, "direction", "positive") == "negative" else 1.0

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
