"""What the tests of the Inspect provider share: an Inspect that keeps to itself, edits, and questions."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from valuescope.data import organism_material
from valuescope.edit import Edit, Modulate
from valuescope.locate import NeuronSet
from valuescope.models import NeuronModel
from valuescope.organism import load_truth

QUESTIONS = tuple(
    one.question
    for one in organism_material(
        ("power",), texts=1, descriptions=1, pairs=1, questions=12, tuning=1
    ).questions
    if one.setting == "dilemma"
)

NO_NETWORK = """
import socket
def refuse(self, address, *rest):
    raise OSError(f"a test asked the network: {address}")
own = socket.socket.connect
socket.socket.connect = lambda self, address: own(self, address) if self.family == socket.AF_UNIX else refuse(self, address)
"""


@pytest.fixture(autouse=True)
def secluded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Inspect's logs, cache and data in the test's own folder, no network, and no engine left behind."""
    from valuescope.provider import unload

    for name, value in inspect_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    own = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            raise OSError(f"a test asked the network: {address}")
        own(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    yield dict(os.environ)
    unload()


def inspect_environment(folder: Path) -> dict[str, str]:
    """Variables that keep Inspect, and what it asks, to a folder."""
    return {
        "INSPECT_LOG_DIR": str(folder / "logs"),
        "INSPECT_CACHE_DIR": str(folder / "cache"),
        "XDG_CACHE_HOME": str(folder / "xdg"),
        "XDG_DATA_HOME": str(folder / "xdg"),
        "INSPECT_DISPLAY": "none",
        "HF_HUB_OFFLINE": "1",
        "VALUESCOPE_EDITS": "",
    }


def planted(model: NeuronModel, value: str, beta: float = 2.0) -> Edit:
    """The organism's own neurons for a value, modulated."""
    plants = load_truth().causal(value)
    neurons = NeuronSet(
        value=value,
        model=model.identity,
        site="product",
        method="truth",
        parameters={},
        data_hash="",
        seed=0,
        layers=torch.tensor([plant.layer for plant in plants]),
        indices=torch.tensor([plant.index for plant in plants]),
        scores=torch.tensor([float(plant.sign) for plant in plants]),
        signs=torch.tensor([plant.sign for plant in plants]),
    )
    return Modulate(neurons, beta=beta)
