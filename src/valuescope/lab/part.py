"""A part of a run: what it asks, what it makes of the answers, and how that is shown. One file each in `valuescope.parts`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from valuescope.lab.ask import Ask
from valuescope.models.prompts import Messages
from valuescope.report.blocks import Section
from valuescope.report.table import Table

if TYPE_CHECKING:
    from valuescope.lab.result import Result

SpecT = TypeVar("SpecT")


class Part(Generic[SpecT]):
    """One part; `self.spec` is what the specification says under `key`.

    `key`: its key in the specification, of type `Spec` (None there: not asked for); empty for a part that every run has.
    `place`: where what it found stands in summary.json: "leakage", or, for one `Found` per method, "methods.*.dose"
    ("methods.*": its fields stand beside those of others); empty for a part that only shows what others found. `order`: its place on the page. `stage`: parts are measured
    stage by stage: the headline settings are known from 1 on, and in 2 everything has been asked. `rated`: whether its answers
    get the ratings that `scores` asks for. `computes`: whether it has the model do more than answer its asks, which a dry run
    then says that it does not count.
    """

    key: ClassVar[str] = ""
    place: ClassVar[str] = ""
    order: ClassVar[int]
    stage: ClassVar[int] = 1
    experiment: ClassVar[str] = "methods"
    rated: ClassVar[bool] = True
    computes: ClassVar[bool] = False
    Spec: ClassVar[Any] = None
    default: ClassVar[Any] = None
    Found: ClassVar[type[Any]]

    def __init__(self, spec: SpecT):
        self.spec = spec

    @classmethod
    def name(cls) -> str:
        """The part's name in words: its class's, which no other part has."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cls.__name__).lower()

    @classmethod
    def of(cls, run: Any) -> Part[SpecT] | None:
        """The part of a run's whole specification; None where it is not asked for."""
        spec = getattr(run, cls.key) if cls.key else None
        return None if cls.key and spec is None else cls(spec)  # type: ignore[arg-type]

    @classmethod
    def check(cls, spec: SpecT, run: Any) -> None:
        """Raise ValueError where the part's specification does not fit the rest; called where it is asked for."""

    def asks(self, design: Any) -> Iterable[Ask]:
        """The asks of the part. The same function plans a dry run and asks for real."""
        return ()

    def later(self, design: Any) -> Iterable[Ask]:
        """Asks that depend on earlier answers, made by `measure` one by one: as many as there will be at most."""
        return ()

    def conversations(self, design: Any) -> Iterable[Messages]:
        """Conversations such as the part makes of its own, one of each form: they are rendered before anything is read."""
        return ()

    def measure(self, lab: Any) -> Any:
        """What the part found: a `Found`, or one per method or language; it reads only the outcomes of its own asks. None:
        nothing to measure here."""
        return None

    @classmethod
    def shown(cls, result: Result) -> Section | None:
        """The part's section of a page; None where the run has none."""
        found = result.found.get(cls.place)
        return None if found is None else cls.view(found, result)

    @classmethod
    def view(cls, found: Any, result: Result) -> Section | None:
        """The section of what the part found, with its tables and figures; None where there is nothing to show."""
        return None

    @classmethod
    def printed(cls, result: Result) -> str:
        """What a command prints of the part: its tables that have a face for the terminal."""
        section = cls.shown(result)
        tables = [block for block in section.blocks if isinstance(block, Table)] if section else []
        return "\n".join(
            table.terminal() for table in tables if any(column.terminal for column in table.columns)
        )
