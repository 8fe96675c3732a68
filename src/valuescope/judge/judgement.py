"""What a judge says of one answer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Judgement:
    """One judged answer.

    `success`: whether the answer is biased towards the value asked about (an answer that weighs both sides, or
    takes no side, is not; NeVA, section 4.1). `fluent`: whether it reads as an answer to this question. None is
    a missing judgement, never a failed one; `missing` then names its kind.
    """

    success: bool | None
    fluent: bool | None
    missing: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return asdict(self)
