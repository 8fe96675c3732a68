"""Specifications that extend others: what is put together, which file an error names, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from valuescope.run import SpecError, read_spec

NEVA = {"locator": "neva", "edit": "modulate", "default": {"locator": {"alpha": 0.03}, "edit": {"beta": 0.9}}}


def written(folder: Path, files: dict[str, Any]) -> Path:
    """The files under a folder; the path of the last one."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_mappings_are_put_together_and_everything_else_is_replaced(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {
            "far.yaml": {"name": "far", "seed": 3, "methods": {"neva": NEVA, "other": NEVA}, "leakage": {}},
            "near.yaml": {"base": "far.yaml", "name": "near", "values": {"only": ["power", "security"]}},
            "models/it.yaml": {
                "base": "../near.yaml",
                "values": {"only": ["power"]},
                "methods": {"neva": {"default": {"edit": {"beta": 0.5}}}, "other": None},
                "leakage": None,
            },
        },
    )
    spec: Any = read_spec(path, **{"generate.max_new_tokens": 7})
    assert (spec.name, spec.seed, spec.values.only, spec.leakage) == ("near", 3, ("power",), None)
    assert list(spec.methods) == ["neva"]
    assert spec.methods["neva"].default.locator == {"alpha": 0.03}
    assert spec.methods["neva"].default.edit == {"beta": 0.5}
    assert spec.generate.max_new_tokens == 7
    whole = tmp_path / "whole.yaml"
    whole.write_text(spec.to_yaml(), encoding="utf-8")
    assert "base" not in yaml.safe_load(spec.to_yaml())
    assert read_spec(whole) == spec
    assert read_spec(whole).hash == spec.hash


def test_an_error_names_the_file_that_says_it(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {
            "base.yaml": {"name": "base", "seed": "x", "methods": {"neva": {**NEVA, "asked": "never"}}},
            "it.yaml": {"base": "base.yaml", "methods": {"neva": {"default": {"top": 0}}}, "nosuch": 1},
        },
    )
    base, it = (tmp_path / name for name in ("base.yaml", "it.yaml"))
    said = (
        rf"^{base}: seed: give .*'x'\); methods\.neva\.asked: .*'never'\); "
        rf"{it}: methods\.neva\.default\.top: give .*0\); nosuch: unknown key"
    )
    with pytest.raises(SpecError, match=said):
        read_spec(path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a/it.yaml": {"base": "it.yaml"}}, r"it\.yaml: base: 'it\.yaml' extends this file in turn"),
        (
            {"a/b.yaml": {"base": "it.yaml"}, "a/it.yaml": {"base": "b.yaml"}},
            r"b\.yaml: base: 'it\.yaml' extends this file in turn",
        ),
        (
            {"x.yaml": {}, "a/b/it.yaml": {"base": "../../x.yaml"}},
            r"it\.yaml: base: .*lies outside of .*/a; put it",
        ),
        (
            {"x.yaml": {}, "a/c.yaml": {"base": "../x.yaml"}, "a/b/it.yaml": {"base": "../c.yaml"}},
            r"c\.yaml: base: '\.\./x\.yaml' lies outside",
        ),
        ({"a/it.yaml": {"base": "/etc/passwd"}}, r"it\.yaml: base: give the path .* relative"),
        ({"a/it.yaml": {"base": ["b.yaml"]}}, r"it\.yaml: base: give the path .*given: \['b\.yaml'\]"),
        ({"a/it.yaml": {"base": "none.yaml"}}, r"it\.yaml: base: 'none\.yaml' is no file"),
        (
            {"a/b.yaml": [1], "a/it.yaml": {"base": "b.yaml"}},
            r"b\.yaml: a specification is a mapping.*found list",
        ),
    ],
)
def test_what_cannot_be_extended_is_refused(tmp_path: Path, files: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        read_spec(written(tmp_path, files))


def test_a_link_does_not_lead_outside(tmp_path: Path) -> None:
    path = written(tmp_path, {"secret.yaml": {"name": "secret"}, "a/b/it.yaml": {"base": "linked.yaml"}})
    (path.parent / "linked.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(SpecError, match="lies outside"):
        read_spec(path)
