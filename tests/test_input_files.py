"""Documents that are good are read as they are, at their limits too, in every encoding that a mark or its bytes tell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from valuescope.input_files import ALIASES, NODES, InputError, parse_toml, read_bytes, read_json, read_text
from valuescope.json_values import DEPTH, parse_json
from valuescope.run import read_yaml


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_documents_in_every_encoding(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes('{"name": "größer", "list": [1, 2.5, null]}'.encode(encoding))
    assert read_json(path) == {"name": "größer", "list": [1, 2.5, None]}


def test_a_file_of_just_the_limit_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 2048)
    assert len(read_bytes(path, 2048)) == 2048
    with pytest.raises(InputError, match=r"a\.txt: larger than 1 KB.* \(found 2 KB\); split it"):
        read_text(path, 2047)


def test_brackets_up_to_the_limit_are_read() -> None:
    nested = "[" * DEPTH + "1" + "]" * DEPTH
    assert json.dumps(parse_json(nested)) == nested
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(f"[{nested}]")
    levels = parse_toml(f"{'.'.join('a' * DEPTH)} = 1".encode(), "a.toml")
    for _ in range(DEPTH):
        levels = levels["a"]
    assert levels == 1


def test_whole_characters_of_two_halves_are_read() -> None:
    assert parse_json('"\\ud83d\\ude00"') == "😀"
    with pytest.raises(ValueError, match="half a character"):
        parse_json('["\\ud83d"]')


def test_aliases_and_merges_are_read_up_to_the_limits() -> None:
    assert read_yaml("a: &a {x: 1, y: [2]}\nb: *a\nc: {<<: *a, x: 3}\n") == {
        "a": {"x": 1, "y": [2]},
        "b": {"x": 1, "y": [2]},
        "c": {"x": 3, "y": [2]},
    }
    assert len(read_yaml("- &a 1\n" + "- *a\n" * ALIASES)) == ALIASES + 1
    for text in (
        "- &a 1\n" + "- *a\n" * (ALIASES + 1),
        "- 1\n" * NODES,
        "- &a [" + "1, " * (NODES // 20) + "1]\n" + "- *a\n" * 20,
    ):
        with pytest.raises(yaml.YAMLError, match="more than"):
            read_yaml(text)
