"""Which rows a batch failed by."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

from valuescope.edit import EditBank
from valuescope.generate.batch import RunningBatch
from valuescope.generate.memory import is_out_of_memory, release_memory
from valuescope.generate.row import RunningRow
from valuescope.models import NeuronModel


def rows_at_fault(
    model: NeuronModel, rows: Sequence[RunningRow], bank: EditBank, error: Exception
) -> list[tuple[RunningRow, Exception]]:
    """The rows that fail a step by themselves, with their errors, after a batch of them failed with `error`.

    Each half makes the next step on its own, in batches of its own, until a row at fault is alone. The others have then
    drawn a token and can go on in any batch; a row that runs out of memory is not at fault here. Where every row fails,
    these are twice as many steps as rows.
    """
    traceback.clear_frames(error.__traceback__)  # they hold tensors
    if len(rows) < 2:
        return [(row, error) for row in rows]
    half, faults = len(rows) // 2, list[tuple[RunningRow, Exception]]()
    for part in (rows[:half], rows[half:]):
        try:
            RunningBatch(model, part, bank).step()
        except Exception as fault:
            if is_out_of_memory(fault):
                release_memory(fault)
            else:
                faults += rows_at_fault(model, part, bank, fault)
    return faults
