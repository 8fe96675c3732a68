"""The edits of a run as files: every method's at its headline setting, to be used by other commands."""

from __future__ import annotations

from collections.abc import Iterator

from valuescope.edit import Edit
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import Found, FoundRoot, Strict
from valuescope.report.blocks import Section
from valuescope.report.names import method_name
from valuescope.report.table import Code, Column, Table


class EditsSpec(Strict):
    """Nothing to set: `edits: {}` asks for the files."""


class EditFile(Found):
    """One edit; `file` is its place in the run's folder."""

    method: str
    value: str
    file: str
    edit: str


class EditsFound(FoundRoot[tuple[EditFile, ...]]):
    """The files, by method and value; a system message, an adapter and a value without neurons have none."""


class Edits(Part[EditsSpec]):
    """Writes `edits/<method>/<value>.json` into the run's folder."""

    key, Spec = "edits", EditsSpec
    place, order, stage, Found = "edits", 215, 2, EditsFound

    def measure(self, lab: Laboratory) -> EditsFound:
        """One file for each edit."""
        return EditsFound(tuple(_saved(lab)))

    @classmethod
    def view(cls, found: EditsFound, result: Result) -> Section:
        """The files, and what to do with them."""
        columns = (
            Column[EditFile]("method", "Method", lambda row: method_name(row.method)),
            Column[EditFile]("value", "Value", lambda row: result.head.value_name(row.value)),
            Column[EditFile]("edit", "Edit", lambda row: row.edit),
            Column[EditFile]("file", "File in the run's folder", lambda row: Code(row.file)),
        )
        note = "Each goes with --edit into valuescope generate, evaluate and serve, or into load_edit of the Python package."
        table = Table("edits", "Edits at the headline settings", columns, found.root)
        return Section("edits", "The edits as files", (note, table), link="Edits")


def _saved(lab: Laboratory) -> Iterator[EditFile]:
    for name, method in lab.spec.methods.items():
        for value, treatment in lab.treatments(method, lab.settings[name]).items():
            if isinstance(treatment, Edit):
                file = f"edits/{name}/{value}.json"
                treatment.save(lab.folder.path / file)
                yield EditFile(method=name, value=value, file=file, edit=treatment.describe())
