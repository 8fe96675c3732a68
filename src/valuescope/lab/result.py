"""What a run found: its head and its parts, one typed tree that page, CSV, terminal and summary.json are views of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from valuescope.files import write_text_atomic
from valuescope.lab.folder import RunFolder, versions
from valuescope.lab.part import Part
from valuescope.lab.spec import RunSpec
from valuescope.lab.strict import Found
from valuescope.models import NeuronModel
from valuescope.values import ValueSystem
from valuescope.version import __version__

FORMAT = 2


class MeasureFound(Found):
    """What effects are measured in."""

    name: str = ""
    unit: str = ""
    judge: str = ""
    explanation: str = ""


class Head(Found):
    """What was run on what. `value_names` are English, `value_names_zh` Chinese where the values have such names."""

    format: int = FORMAT
    experiment: str = "methods"
    name: str = ""
    spec_hash: str = ""
    seed: int | None = None
    valuescope: str = ""
    versions: dict[str, str] = {}
    model: dict[str, Any] = {}
    bundled_organism: bool = False
    values: tuple[str, ...] = ()
    value_names: dict[str, str] = {}
    value_names_zh: dict[str, str] = {}
    groups: dict[str, tuple[str, ...]] = {}
    group_names: dict[str, str] = {}
    data: dict[str, Any] = {}
    measure: MeasureFound = MeasureFound()
    runs: int = 1
    scores: dict[str, Any] | None = None

    def value_name(self, value: str) -> str:
        """The name to show for a value's id."""
        return self.value_names.get(value) or value

    def group_name(self, group: str) -> str:
        """The name to show for a group's id."""
        return self.group_names.get(group) or group


def head_of(
    spec: RunSpec,
    model: NeuronModel,
    system: ValueSystem,
    values: tuple[str, ...],
    kind: type[Head] = Head,
    **more: Any,
) -> Head:
    """The head of a run; `more` are the fields that only its experiment knows, of its `kind` of head."""
    groups: dict[str, tuple[str, ...]] = {}
    for value in values:
        for group in system.groups(value):
            groups[group] = (*groups.get(group, ()), value)
    return kind(
        name=spec.name,
        spec_hash=spec.hash,
        seed=spec.seed,
        valuescope=__version__,
        versions=dict(versions()),
        model={
            **model.identity.to_dict(),
            "neurons": model.neurons,
            "parameters": sum(parameter.numel() for parameter in model.model.parameters()),
        },
        values=values,
        value_names={value: system[value].names["en"] for value in values},
        value_names_zh={value: name for value in values if (name := system[value].names.get("zh"))},
        groups=groups,
        group_names={group: system[group].names["en"] for group in groups},
        **more,
    )


@dataclass(frozen=True)
class Asked:
    """Rows that the parts planned, that they asked, and that had to be answered since equal asks are one."""

    planned: int
    asked: int
    answered: int


@dataclass(frozen=True)
class Result:
    """`found`: by the place of a part (see `Part.place`) a `Found`, or one per method (or language)."""

    head: Head
    found: Mapping[str, Found | Mapping[str, Found]]
    asked: Asked | None = None
    seconds: float | None = None
    seconds_by_stage: Mapping[str, float] = field(default_factory=dict)

    def of(self, part: type[Part[Any]]) -> Any:
        """What a part found; None where it was not part of the run."""
        return self.found.get(part.place)

    def timed(self, folder: RunFolder) -> Result:
        """The result with the seconds over all sittings of the run."""
        spent = folder.seconds()
        return Result(self.head, self.found, self.asked, round(sum(spent.values()), 2), spent)

    def to_dict(self, places: Iterable[str]) -> dict[str, Any]:
        """The content of summary.json. `places`: those of all parts that the run could have; null where it has not."""
        content = self.head.model_dump(mode="json")
        for place in places:
            outer, star, inner = place.partition(".*")
            found = self.found.get(place)
            if not star:
                content[outer] = _dumped(found)
                continue
            group = content.setdefault(outer, {})
            names = {**dict.fromkeys(group), **(found if isinstance(found, Mapping) else {})}
            for name, block in names.items():
                if inner:
                    group.setdefault(name, {})[inner[1:]] = _dumped(block)
                elif block is not None:
                    group[name] = {**group.get(name, {}), **_dumped(block)}
        asked = self.asked and {name: getattr(self.asked, name) for name in ("planned", "asked", "answered")}
        seconds = {"seconds": self.seconds, "seconds_by_stage": dict(self.seconds_by_stage)}
        return {**content, "asks": asked, **seconds}

    @classmethod
    def from_dict(
        cls, content: Mapping[str, Any], parts: Iterable[type[Part[Any]]], head: type[Head] = Head
    ) -> Result:
        """Read the content of a summary.json of this format.

        Raises:
            ValueError: a field of a wrong type, named with its place.
        """
        found = dict[str, Any]()
        for part in parts:
            outer, star, inner = part.place.partition(".*")
            block = content.get(outer)
            if block is None:
                continue
            if not star:
                found[part.place] = _read(part.Found, block, outer)
                continue
            blocks = TypeAdapter(dict[str, dict[str, Any]])
            inside = _read(blocks, block, outer)
            read = {
                name: _read(part.Found, rest[inner[1:]] if inner else rest, part.place.replace("*", name))
                for name, rest in inside.items()
                if not inner or rest.get(inner[1:]) is not None
            }
            if read:
                found[part.place] = read
        return cls(
            _read(head, content, ""),
            found,
            _read(TypeAdapter(Asked | None), content.get("asks"), "asks"),
            _read(TypeAdapter(float | None), content.get("seconds"), "seconds"),
            _read(TypeAdapter(dict[str, float]), content.get("seconds_by_stage") or {}, "seconds_by_stage"),
        )

    def write(self, folder: RunFolder, places: Iterable[str]) -> None:
        """Write summary.json, its keys in the order of the result."""
        text = json.dumps(self.to_dict(places), indent=2, ensure_ascii=False, allow_nan=False)
        write_text_atomic(folder.path / "summary.json", text + "\n")


def _dumped(found: Any) -> Any:
    return None if found is None else found.model_dump(mode="json")


def _read(kind: Any, block: Any, place: str) -> Any:
    """`block` as a pydantic model or adapter reads it."""
    try:
        return kind.validate_python(block) if isinstance(kind, TypeAdapter) else kind.model_validate(block)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in (place, *first["loc"]) if part != "")
        message, given = first["msg"].removeprefix("Value error, "), str(first["input"])[:60]
        raise ValueError(f"{field}: {message} (given: {given})") from error
