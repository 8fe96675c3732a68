"""What is to be written: one slot per item, and the batches in which slots are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Slot:
    """One item to write.

    `fixed` are fields of its line that the plan decides (topic, scene, kind, stance, atomic). `brief` is what the prompt
    says about this item. Slots of one `group` are asked for together; `shared` is what the prompt says about the group.
    """

    key: str
    value: str
    part: str
    languages: tuple[str, ...]
    group: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    brief: Mapping[str, str] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)

    @property
    def topic(self) -> str:
        """The topic, in the first language that it has; empty where the plan names none."""
        topic = self.fixed.get("topic", "")
        return str(next(iter(topic.values()))) if isinstance(topic, Mapping) else str(topic)


Batch = tuple[Slot, ...]
"""Slots that one call asks for."""


def batches(slots: Iterable[Slot], size: int) -> list[Batch]:
    """Slots in calls of at most `size`, never two groups in one call, in the order of the slots."""
    groups = dict[str, list[Slot]]()
    for slot in slots:
        groups.setdefault(slot.group, []).append(slot)
    return [
        tuple(group[start : start + size])
        for group in groups.values()
        for start in range(0, len(group), size)
    ]
