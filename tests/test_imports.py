"""Imports run one way: no circle between modules, and between packages only forward in one order."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import valuescope

ORDER = (
    "values",
    "organism",
    "data",
    "models",
    "activations",
    "locate",
    "tune",
    "edit",
    "generate",
    "metrics",
    "judge",
    "ability",
    "report",
    "neurons",
    "lab",
    "parts",
    "run",
    "compare",
    "provider",
    "write",
    "chat",
    "studio",
    "serve",
    "doctor",
    "cli",
)
"""The packages in the order of the flow: a package imports those before it, and single modules (`files`, ...)."""
AGAINST_THE_ORDER: frozenset[tuple[str, str]] = frozenset()
"""(importing package, imported package) that may stand against the order."""
CIRCLES_BY_FUNCTIONS: Mapping[frozenset[str], str] = {}
"""Modules that import each other where imports inside functions count too, and the reason."""


@dataclass(frozen=True)
class Import:
    """One import of one module by another; `inside`: it stands inside a function."""

    importer: str
    imported: str
    inside: bool


def in_statements(body: list[ast.stmt], inside: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """All import statements that run, and whether a function must be called for it; not those of type checkers."""
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield statement, inside
        if isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING"):
            yield from in_statements(statement.orelse, inside)
            continue
        within = inside or isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            for part in getattr(statement, name, ()):
                yield from in_statements([part] if isinstance(part, ast.stmt) else part.body, within)


def imports_of(files: Mapping[str, str]) -> list[Import]:
    """Every import among modules (name -> source), each of the module itself where a package is named before it."""
    imports = []
    for importer, source in files.items():
        for statement, inside in in_statements(ast.parse(source).body):
            if isinstance(statement, ast.Import):
                names = [alias.name for alias in statement.names]
            else:
                assert statement.level == 0, f"{importer} imports by dots: name the module in full"
                within = [f"{statement.module}.{alias.name}" for alias in statement.names]
                names = [name if name in files else str(statement.module) for name in within]
            imports += [Import(importer, name, inside) for name in names if name in files]
    return imports


def circles(imports: list[Import]) -> list[frozenset[str]]:
    """The sets of modules that import each other, also by way of others."""
    targets: dict[str, set[str]] = {}
    for entry in imports:
        targets.setdefault(entry.importer, set()).add(entry.imported)
    reached: dict[str, set[str]] = {}
    for module in targets:
        reach, waiting = set[str](), list(targets[module])
        while waiting:
            target = waiting.pop()
            if target not in reach:
                reach.add(target)
                waiting += targets.get(target, ())
        reached[module] = reach
    return list(
        {
            frozenset(other for other in reached if other in reached[module] and module in reached[other])
            for module in reached
            if module in reached[module]
        }
    )


@cache
def package_imports() -> list[Import]:
    """Every import inside of valuescope."""
    root = Path(str(valuescope.__file__)).parent
    files = {}
    for path in sorted(root.rglob("*.py")):
        parts = ("valuescope", *path.relative_to(root).with_suffix("").parts)
        files[".".join(parts).removesuffix(".__init__")] = path.read_text(encoding="utf-8")
    return imports_of(files)


def package_of(module: str) -> str:
    """ "valuescope.judge.asking" -> "judge"; "" for the top itself."""
    return [*module.split("."), ""][1]


def test_no_modules_import_each_other() -> None:
    assert circles([entry for entry in package_imports() if not entry.inside]) == []


def test_no_modules_import_each_other_inside_functions_either() -> None:
    assert {circle for circle in circles(package_imports()) if circle not in CIRCLES_BY_FUNCTIONS} == set()


def test_every_package_has_its_place_in_the_order() -> None:
    root = Path(str(valuescope.__file__)).parent
    folders = {path.name for path in root.iterdir() if (path / "__init__.py").exists()}
    assert folders - set(ORDER) == set()


def test_packages_import_only_those_before_them() -> None:
    against = [
        f"{entry.importer} imports {entry.imported}"
        for entry in package_imports()
        if (importer := package_of(entry.importer)) in ORDER
        and (imported := package_of(entry.imported)) in ORDER
        and ORDER.index(imported) > ORDER.index(importer)
        and (importer, imported) not in AGAINST_THE_ORDER
    ]
    assert against == []


def test_single_modules_and_packages_below_do_not_import_the_top() -> None:
    """`valuescope` itself and its single modules: nothing imports the first, and the others import no package."""
    wrong = [
        f"{entry.importer} imports {entry.imported}"
        for entry in package_imports()
        if entry.imported == "valuescope"
        or (
            package_of(entry.importer) not in (*ORDER, "", "__main__") and package_of(entry.imported) in ORDER
        )
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"a": "import b", "b": "import c", "c": ""}, []),
        ({"a": "import b", "b": "import c", "c": "import a"}, [{"a", "b", "c"}]),
        ({"a": "from p import b", "p": "", "p.b": "from a import name"}, [{"a", "p.b"}]),
        ({"a": "def f():\n    import b", "b": "import a"}, [{"a", "b"}]),
        ({"a": "if TYPE_CHECKING:\n    import b", "b": "import a"}, []),
        ({"a": "class C:\n    import b", "b": "try:\n    pass\nexcept E:\n    import a"}, [{"a", "b"}]),
    ],
)
def test_circles_are_told(sources: dict[str, str], expected: list[set[str]]) -> None:
    imports = imports_of(sources)
    assert circles(imports) == [frozenset(circle) for circle in expected]
    top = [entry for entry in imports if not entry.inside]
    assert (circles(top) == []) == (not expected or "def" in sources["a"])
