"""Summaries of the previous format, as the present one has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from valuescope.lab.result import FORMAT
from valuescope.organism.truth import ROLES

Orders = tuple[Iterable[str], ...]
ARMS = (
    ("up", "down"),
    ("success", "relevance", "quality", "fluent"),
    ("percentages", "log-probabilities"),
    ("profile", "sum", "random"),
    ROLES,
)
"""Names of one kind, in the order in which they are shown."""
HEAD = ("value_names", "groups", "group_order", "method_order", "language_order", "selection_order")
"""Keys of the previous format's head that the present one has not, or not like that."""


def upgraded(content: Any) -> Mapping[str, Any]:
    """The content of a summary.json of any known format in the present one.

    The previous format had its keys sorted by name, and said their order in keys of their own.

    Raises:
        ValueError: another format, or a head that is not as its format has it.
    """
    given = content.get("format") if isinstance(content, Mapping) else None
    if given == FORMAT:
        return dict(content)
    if given != 1:
        raise ValueError(
            f"format is {given!r}; this version reads formats 1 and {FORMAT}; update valuescope, or run the "
            "specification again"
        )
    try:
        return _upgraded(content)
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"value_names, groups or methods are not as format 1 has them: {error}") from error


def _upgraded(content: Mapping[str, Any]) -> Mapping[str, Any]:
    methods = {name: _present(method) for name, method in (content.get("methods") or {}).items()}
    orders: Orders = (
        content.get("values") or (),
        ("base", *(content.get("method_order") or methods)),
        *(content.get(f"{kind}_order") or () for kind in ("group", "language", "selection")),
        *ARMS,
    )
    head = {"format": FORMAT, "experiment": content.get("experiment") or "methods", **_names(content)}
    rest = {key: block for key, block in _present(content).items() if key not in (*head, *HEAD)}
    down = [name for name, method in methods.items() if method.get("direction") == -1]
    own = dict.fromkeys(down, (ARMS[0][::-1], *orders))
    upgrade: Mapping[str, Any] = _ordered({**head, **rest, "methods": methods}, orders, own)
    return upgrade


def _present(block: Mapping[str, Any]) -> dict[str, Any]:
    """A block without its empty places, where the previous format had nothing to say."""
    return {name: part for name, part in block.items() if part is not None}


def _names(content: Mapping[str, Any]) -> dict[str, Any]:
    """Names of values and groups: by id for every experiment; and whether the model's neurons are known."""
    names, groups = content.get("value_names") or {}, content.get("groups") or {}
    if content.get("experiment") == "valueexploration":
        blocks = (content.get("languages") or {}).values()
        selections = [selection for block in blocks for selection in block["selections"].values()]
        return {
            "bundled_organism": any(selection.get("truth") for selection in selections),
            "value_names": names.get("en") or {},
            "value_names_zh": names.get("zh") or {},
            "groups": {group["id"]: group["values"] for group in groups},
            "group_names": {group["id"]: group["name"] for group in groups},
        }
    return {"value_names": names, "groups": groups}


def _ordered(block: Any, orders: Orders, own: Mapping[str, Orders]) -> Any:
    """A block whose keys stand in the first order that has all of them; `order` of a block orders what lies in it, and
    `own` are the orders within the blocks of some names."""
    if isinstance(block, list):
        return [_ordered(entry, orders, own) for entry in block]
    if not isinstance(block, Mapping):
        return block
    if isinstance(block.get("order"), list):
        orders = (block["order"], *orders)
    names: Iterable[str] = next((order for order in orders if set(block) <= set(order)), block)
    return {
        name: _ordered(block[name], own.get(name, orders), own)
        for name in names
        if name in block and name != "order"
    }
