"""What the probes' directions mean in words (NeVA, table 7)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from valuescope.lab.counted_texts import PROBING
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.method import MethodSpec
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.setting import Setting
from valuescope.lab.strict import Found
from valuescope.locate import decode_direction
from valuescope.report.blocks import Section
from valuescope.report.numbers import MISSING, SHARES
from valuescope.report.table import Column, Table


class DirectionFound(Found):
    """The tokens nearest to one value's direction, at the layer (from 1) of its most accurate probe."""

    layer: int
    accuracy: float
    tokens: tuple[str, ...] = ()


class DecodedFound(Found):
    """By value; `model` is where the tokens come from."""

    values: dict[str, DirectionFound] = {}
    model: str = ""


class Decoded(Part[int]):
    """So many tokens for every value, from the probes of the first method that has any, trained again: they are quick to
    train."""

    key, Spec = "decoded", Annotated[int, Field(ge=1)]
    place, order, Found = "decoded", 190, DecodedFound

    def measure(self, lab: Laboratory) -> DecodedFound | None:
        """The directions; None where no method has probes."""
        methods = (
            method
            for method in lab.spec.methods.values()
            if method.intervention == "conva" or method.locator in PROBING
        )
        method = next(methods, None)
        if method is None:
            return None
        path = "locate/decoded.json"
        content = lab.folder.read_json(path)
        if content is None:
            content = {"values": self._values(lab, method)}
            lab.folder.write_json(path, content)
        with lab.folder.decoding(path):
            return DecodedFound(**content, model=lab.model.identity.id)

    def _values(self, lab: Laboratory, method: MethodSpec) -> dict[str, Any]:
        default = method.default.locator
        shared: dict[str, Any] = {name: default[name] for name in ("validation", "c") if name in default}
        directions: Any = lab.locations.directions(
            "probes", method, Setting(locator={**shared, "accuracy": 0.0})
        )
        values = {}
        for value, probes in directions.items():
            best = int(probes.accuracy.argmax())
            values[value] = {
                "layer": int(probes.layers[best]) + 1,
                "accuracy": float(probes.accuracy[best]),
                "tokens": decode_direction(lab.model, probes.weights[best], self.spec),
            }
        return values

    @classmethod
    def view(cls, found: DecodedFound, result: Result) -> Section:
        """The tokens of every value."""
        columns: tuple[Column[tuple[str, DirectionFound]], ...] = (
            Column("", "Value", lambda row: result.head.value_name(row[0])),
            Column("", "Layer", lambda row: row[1].layer),
            Column("", "Probe accuracy", lambda row: row[1].accuracy, SHARES, signed=False),
            Column("", "Tokens", lambda row: "  ".join(row[1].tokens) or MISSING),
        )
        caption = "The tokens nearest to each value's direction, at the layer of its most accurate probe"
        table = Table("", caption, columns, list(found.values.items()))
        return Section("decoded", "Directions in words", (table,), link="Directions")
