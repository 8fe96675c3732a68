"""Write keys and defaults into the tables of docs/specs.md and docs/judges.md; their meanings are written by hand.

python tools/spec_docs.py [--check]

A table stands below a comment: `<!-- fields: ModelSpec -->` has a row for each field of that class; `<!-- fields: A without
B -->` leaves out those that B has with the same default; `<!-- parameters: locators -->` has a row for each entry of `PARAMETERS`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from valuescope.data import SOURCES
from valuescope.edit import EDITS, edit_parameters
from valuescope.files import write_text_atomic
from valuescope.lab.method import INTERVENTIONS
from valuescope.lab.parameters import REQUIRED, keywords
from valuescope.lab.spec import RunSpec
from valuescope.locate import LOCATORS, locator_parameters
from valuescope.run.registry import specifications

DOCS = Path(__file__).parents[1] / "docs"
FILES = (DOCS / "specs.md", DOCS / "judges.md")
TABLE = re.compile(r"<!-- (fields|parameters): (.+?) -->\n(\|.*\|\n)(\|[-|]+\|\n)((?:\|.*\|\n)*)")
LONGEST = 80
"""Characters of a text that stands in a table; `valuescope prompts` prints longer ones."""
Cells = Mapping[str, tuple[str, ...]]
"""The cells of each row's key: all columns but the first and the last."""


class DocsError(ValueError):
    """A table that cannot be written; the message names file, table and key."""


def default_words(default: Any) -> str:
    """A default as a specification would give it."""
    if default is REQUIRED:
        return "required"
    if default is None:
        return "none"
    if isinstance(default, str) and len(default) > LONGEST:
        return "see below"
    if isinstance(default, BaseModel) and not (
        default := default.model_dump(mode="json", exclude_defaults=True)
    ):
        return "see below"
    return f"`{_yaml(default)}`"


def _yaml(default: Any) -> str:
    plain = json.loads(
        json.dumps(default, default=lambda part: part.model_dump(mode="json", exclude_defaults=True))
    )
    return yaml.safe_dump(plain, default_flow_style=True, width=1000).removesuffix("...\n").strip()


def parameter_words(parameters: Mapping[str, Any]) -> str:
    """Parameters with their defaults in one cell."""
    words = [
        f"`{name}`: required" if default is REQUIRED else f"`{name}: {_yaml(default)}`"
        for name, default in parameters.items()
    ]
    return ", ".join(words) or "none"


def source_cells(name: str) -> Cells:
    """The parameters of a source of data; the seed is the run's."""
    parameters = {key: default for key, default in keywords(SOURCES[name]).items() if key != "seed"}
    return {key: (default_words(default),) for key, default in parameters.items()}


PARAMETERS: Mapping[str, Cells] = {
    **{f"source {name}": source_cells(name) for name in SOURCES},
    "locators": {name: (parameter_words(locator_parameters(name)),) for name in LOCATORS},
    "edits": {
        name: (parameter_words(edit_parameters(name)),) for name in EDITS
    },
    "interventions": {
        name: tuple(map(parameter_words, intervention.parameters())) for name, intervention in INTERVENTIONS.items()
    },
}  # fmt: skip


def classes() -> dict[str, type[BaseModel]]:
    """Every class that a specification consists of, by name."""
    found: dict[str, type[BaseModel]] = {}
    waiting: list[Any] = list(specifications().values())
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            if kind.__name__ not in found and kind.model_fields:
                found[kind.__name__] = kind
                waiting += [field.annotation for field in kind.model_fields.values()]
        else:
            waiting += get_args(kind)
    return found


def field_cells(kind: type[BaseModel], without: type[BaseModel] | None = None) -> Cells:
    """The default of each field."""
    defaults = {
        name: REQUIRED if field.is_required() else field.get_default(call_default_factory=True)
        for name, field in kind.model_fields.items()
        if without is None
        or name not in without.model_fields
        or without.model_fields[name].get_default() != field.get_default()
    }
    return {name: (default_words(default),) for name, default in defaults.items()}


def cells_of(kind: str, name: str) -> Cells:
    """What the table below a comment holds.

    Raises:
        DocsError: nothing of that name.
    """
    if kind == "parameters":
        if name not in PARAMETERS:
            raise DocsError(f"nothing has parameters by the name {name!r}; known: {', '.join(PARAMETERS)}")
        return PARAMETERS[name]
    known = {**classes(), RunSpec.__name__: RunSpec}
    first, _, second = name.partition(" without ")
    for part in filter(None, (first, second)):
        if part not in known:
            raise DocsError(f"no specification has a class {part!r}; known: {', '.join(sorted(known))}")
    return field_cells(known[first], known.get(second))


def rewritten(text: str, file: str) -> str:
    """The text of a file with its tables made anew from the code and from the meanings that stand there.

    Raises:
        DocsError: a key without a meaning, or a meaning without a key.
    """
    return TABLE.sub(lambda match: _table(file, *match.groups()), text)


def _table(file: str, kind: str, name: str, head: str, rule: str, body: str) -> str:
    place, cells = f"{file}, {kind}: {name}", cells_of(kind, name)
    meanings = {}
    for line in body.splitlines():
        first, *_, last = (cell.strip() for cell in re.split(r"(?<!\\)\|", line[1:-1]))
        meanings[first.strip("`")] = last
    for key, meaning in meanings.items():
        if key not in cells:
            raise DocsError(f"{place}: {key!r} has a meaning and is no key; known: {', '.join(cells)}")
        if not meaning:
            raise DocsError(f"{place}: {key!r} has no meaning; write one into the last column of its row")
    for key in cells:
        if key not in meanings:
            raise DocsError(f"{place}: {key!r} has no row; add `| `{key}` | | meaning |` to the table")
    rows = [f"| `{key}` | {' | '.join(middle)} | {meanings[key]} |\n" for key, middle in cells.items()]
    return f"<!-- {kind}: {name} -->\n{head}{rule}{''.join(rows)}"


def missing_tables(texts: Iterator[str]) -> list[str]:
    """The classes and parameters of specifications that no file has a table of."""
    shown = {
        name.partition(" without ")[0]
        for text in texts
        for _, name in re.findall(r"<!-- (fields|parameters): (.+?) -->", text)
    }
    return sorted({*classes(), *PARAMETERS} - shown)


def main(arguments: list[str] | None = None) -> int:
    """The command; 1 where `--check` finds a file that is not current, 2 where a table cannot be written."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where a file is not current"
    )
    check, stale = parser.parse_args(arguments).check, []
    try:
        texts = {path: path.read_text(encoding="utf-8") for path in FILES}
        if lacking := missing_tables(iter(texts.values())):
            raise DocsError(
                f"{FILES[0].name}: no table of {', '.join(lacking)}; add one below `<!-- fields: NAME -->`"
            )
        current = {path: rewritten(text, path.name) for path, text in texts.items()}
    except DocsError as error:
        print(error, file=sys.stderr)
        return 2
    for path, text in current.items():
        if text != texts[path]:
            stale.append(path.name)
            if not check:
                write_text_atomic(path, text)
    if check and stale:
        print(f"not current: {', '.join(stale)}; run python tools/spec_docs.py", file=sys.stderr)
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
