"""What the studio shows: one engine, its edits, a run and pages of neurons, and a conversation for every open tab."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from valuescope.chat import Room, Steering
from valuescope.data import ContrastPair
from valuescope.edit.named_edits import NamedEdit
from valuescope.generate import Engine, Sampling
from valuescope.studio.run_view import RunView

MOST_TABS = 64
"""Conversations that are kept; of more the one that was silent longest is forgotten."""


@dataclass
class Studio:
    """Everything that the page can ask for. `pairs`: what the profile is measured on. `neurons`: a folder of neuron pages."""

    engine: Engine
    edits: Sequence[NamedEdit]
    sampling: Sampling
    pairs: Sequence[ContrastPair] = ()
    run: RunView | None = None
    neurons: Path | None = None
    force: bool = False
    _rooms: OrderedDict[str, Room] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self._steering()  # refuses edits of another model before anything is served

    def room(self, tab: str) -> Room:
        """A tab's own conversation."""
        if tab not in self._rooms:
            self._rooms[tab] = Room(self.engine, self._steering(), self.sampling)
        self._rooms.move_to_end(tab)
        while len(self._rooms) > MOST_TABS:
            self._rooms.popitem(last=False)
        return self._rooms[tab]

    def _steering(self) -> Steering:
        return Steering(self.engine.model, self.edits, force=self.force)

    def state(self) -> dict[str, Any]:
        """What the page has to know when it opens."""
        identity, sampling = self.engine.model.identity, self.sampling
        return {
            "model": identity.id,
            "fingerprint": identity.fingerprint,
            "layers": identity.layers,
            "width": identity.width,
            "sampling": f"temperature {sampling.temperature:g}, top_p {sampling.top_p:g}, seed {sampling.seed}",
            "edits": [
                {"name": edit.name, "strength": edit.strength, "description": edit.edit.describe()}
                for edit in self.edits
            ],
            "pairs": len(self.pairs),
            "values": list(dict.fromkeys(pair.value for pair in self.pairs)),
            "run": None if self.run is None else self.run.name,
            "leakage": self.run is not None and bool(self.run.matrices()),
            "neurons": self.neurons is not None,
        }
