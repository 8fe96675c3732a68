"""A table of plain text, for terminals."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def plain_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int) -> str:
    """Columns of even width: the first `left` hold words and begin at the left, the others end at the right."""
    widths = [max(map(_columns, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        [
            _line(head, widths, left),
            "  ".join("-" * width for width in widths),
            *(_line(row, widths, left) for row in rows),
        ]
    )


def _line(cells: Sequence[str], widths: Sequence[int], left: int) -> str:
    placed = []
    for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        pad = " " * (width - _columns(cell))
        placed.append(cell + pad if place < left else pad + cell)
    return "  ".join(placed).rstrip()


def _columns(cell: str) -> int:
    """How many columns of a terminal a text takes: East Asian characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in cell)
