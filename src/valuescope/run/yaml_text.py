"""YAML as people mean it in a specification: `on` is a name, `1e-3` is a number, and no key stands twice.

A text whose aliases stand for more than its limits is refused before anything is made of it.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from valuescope.input_files import ALIASES, NODES, YAML_BYTES
from valuescope.json_values import DEPTH, has_half_character

_BOOL, _INT, _FLOAT = (f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float"))

LONGEST_NUMBER = 1000
"""Digits of a whole number: far more than any setting takes, and few enough to be converted and shown."""


class _Loader(yaml.SafeLoader):
    """PyYAML reads YAML 1.1, where `on` and `yes` are true, `1e-3` is a text, `1:30` is 90 and `010` is 8; this one
    follows 1.2 there."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own name and type
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_BOOL, _INT, _FLOAT)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth, self.aliases, self.nodes = 0, 0, 0
        self.sizes = dict[int, int]()

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """A node with all that is in it; yaml.YAMLError where that is deeper, or with its aliases more, than the limits."""
        start = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        self.aliases += self.check_event(yaml.AliasEvent)
        self.depth, self.nodes = self.depth + 1, self.nodes + 1
        if self.depth > DEPTH:
            raise _refused(f"nested too deeply, more than {DEPTH} levels", start)
        node = super().compose_node(parent, index)
        self.depth -= 1
        if node is not None and id(node) not in self.sizes:
            self.sizes[id(node)] = 1 + sum(self.sizes.get(id(inner), NODES) for inner in _inside(node))
        if self.aliases > ALIASES:
            raise _refused(f"more than {ALIASES} aliases", start)
        if self.nodes > NODES or (node is not None and self.sizes[id(node)] > NODES):
            raise _refused(f"more than {NODES} values, its aliases written out", start)
        return node

    def construct_scalar(self, node: Any) -> Any:
        """The text of a scalar; one that no file can hold is refused."""
        text = super().construct_scalar(node)
        if isinstance(text, str) and has_half_character(text):
            raise _refused("holds half a character (a lone surrogate)", node.start_mark)
        return text

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping; a key that stands twice is an error, not a silent loss of the first."""
        seen = set[str]()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise _refused(f"the key {key.value[:80]!r} stands twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _whole_number(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    if len(text) > LONGEST_NUMBER:
        problem = f"a number of {len(text)} digits; at most {LONGEST_NUMBER} are read"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
    return int(text, 0 if text[:2] in ("0x", "0o") else 10)


_Loader.add_constructor(_INT, _whole_number)
_Loader.add_implicit_resolver(
    _INT, re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"
        r"|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)


def read_yaml(text: str) -> Any:
    """The content of a YAML text; yaml.YAMLError names line and column."""
    if len(text) > YAML_BYTES:
        raise yaml.YAMLError(f"longer than {YAML_BYTES >> 10} KB")
    try:
        return yaml.load(text, _Loader)
    except RecursionError as error:
        raise yaml.YAMLError("nested too deeply") from error
    except (ValueError, TypeError, OverflowError, LookupError) as error:  # a date that is none, 5000 digits
        raise yaml.YAMLError(f"a value that cannot be read: {str(error)[:200]}") from error


def _refused(problem: str, mark: yaml.Mark) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, mark)


def _inside(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [inner for pair in node.value for inner in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []
