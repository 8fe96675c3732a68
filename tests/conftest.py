"""Shared fixtures: the optional folder of reference data beside the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared(relative: str) -> Path:
    """A path under the optional reference folder; the calling test skips where it is absent."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"reference data {relative} is not present")
    return path
