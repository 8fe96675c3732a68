"""Summaries of the previous format, as this one has them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def upgraded(content: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """The content of a summary.json of any known format in the present one."""
    return content
