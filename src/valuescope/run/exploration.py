"""ValueExploration: its laboratory, its head, and how its page opens."""

from __future__ import annotations

from typing import Any


def plan(spec: Any) -> Any:
    raise NotImplementedError


reading = open_laboratory = head = opening = plan
