"""Where the value neurons are planted, the FFN that can edit them row by row, and the losses that shape them."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from valuescope.organism.truth import CAUSAL_ROLES, LANGUAGE_ROLES

PLANTED_LAYERS = (2, 3, 4)
WRITING_ROLES = ("core", "quiet", "constant", "shared", "mute", *LANGUAGE_ROLES)
QUIET_WEIGHT = (
    2.0  # a quiet neuron's share of its value's drive: without it nothing makes the neuron fire at all
)
OWN_ROLES = (
    "core",
    "core",
    "quiet",
    "constant",
    "echo",
    "herald",
    "mute",
)  # per value; one "shared" per neighbours


@dataclass(frozen=True)
class Reserved:
    """A neuron reserved while training; it stands at the front of its layer until export permutes the layer."""

    layer: int
    role: str
    values: tuple[int, ...]
    sign: int
    language: str = ""  # the one that it belongs to, or all


def reserve(values: int, seed: int) -> tuple[Reserved, ...]:
    """Deal roles, layers and signs. Sorted by layer: the order of every edit table's columns."""
    rng = random.Random(f"plants-{seed}")
    reserved = []
    for value in range(values):
        core_layers = iter(PLANTED_LAYERS[:2])
        for role in OWN_ROLES:
            layer = next(core_layers) if role == "core" else rng.choice(PLANTED_LAYERS)
            reserved.append(Reserved(layer, role, (value,), rng.choice((-1, 1))))
        neighbours = (value, (value + 1) % values)
        reserved.append(Reserved(rng.choice(PLANTED_LAYERS), "shared", neighbours, rng.choice((-1, 1))))
    return tuple(sorted(reserved, key=lambda plant: plant.layer))


def membership(
    reserved: tuple[Reserved, ...],
    values: int,
    roles: Collection[str] = (*CAUSAL_ROLES, *LANGUAGE_ROLES),
    language: str = "",
) -> torch.Tensor:
    """[values, reserved]: the neuron's weight in the value's drive (in one language, or any) where it has one of
    `roles`, else 0."""
    table = torch.zeros(values, len(reserved))
    for column, plant in enumerate(reserved):
        if plant.role in roles and (not language or plant.language in ("", language)):
            table[list(plant.values), column] = QUIET_WEIGHT if plant.role == "quiet" else 1.0
    return table


class PlantedMLP(nn.Module):
    """A SwiGLU FFN whose first `count` neurons are scaled and shifted row by row.

    `scale` and `shift` are [batch, count], set before every forward; `seen` keeps gate and product of the
    reserved neurons ([batch, tokens, count], before the edit) for the losses.
    """

    def __init__(self, mlp: nn.Module, count: int):
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = mlp.gate_proj, mlp.up_proj, mlp.down_proj
        self.count = count
        self.scale: torch.Tensor | None = None
        self.shift: torch.Tensor | None = None
        self.seen: tuple[torch.Tensor, torch.Tensor] | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = self.gate_proj(x)
        product = F.silu(gate) * self.up_proj(x)
        if self.count:
            own, rest = product[..., : self.count], product[..., self.count :]
            self.seen = (gate[..., : self.count].float(), own.float())
            if self.scale is not None:
                own = own * self.scale[:, None].to(own.dtype) + self.shift[:, None].to(own.dtype)
            product = torch.cat([own, rest], dim=-1)
        return self.down_proj(product)


class FiringLoss(nn.Module):
    """Hinges that make each neuron of a layer fire where its role says so and stay silent elsewhere.

    A quiet neuron is held like a core one only while `warm` is 1, which ends when editing begins; from then on it must not
    work against its value on that value's text, and nothing else is asked of it. Firing and silence are averaged apart, since silence is far more common.
    """

    def __init__(self, plants: list[Reserved], values: int, languages: tuple[str, ...] = ()):
        super().__init__()
        roles = [plant.role for plant in plants]
        self.values, self.languages = values, languages
        self.register_buffer("sign", torch.tensor([float(plant.sign) for plant in plants]))
        self.register_buffer("first", torch.tensor([self._channel(plant, 0) for plant in plants]))
        self.register_buffer("second", torch.tensor([self._channel(plant, -1) for plant in plants]))
        self.register_buffer("open", torch.tensor([float(role == "constant") for role in roles]))
        self.register_buffer("mute", torch.tensor([float(role == "mute") for role in roles]))
        self.register_buffer("quiet", torch.tensor([float(role == "quiet") for role in roles]))
        self.register_buffer("warm", torch.zeros(()))
        self.register_buffer("shaped", torch.tensor([float(role not in ("quiet", "mute")) for role in roles]))

    def _channel(self, plant: Reserved, position: int) -> int:
        """Echoes listen to the topic, all others to the stance: in any language, or in the plant's own."""
        language = 1 + self.languages.index(plant.language) if plant.language else 0
        topic = 1 + len(self.languages) if plant.role == "echo" else 0
        return plant.values[position] + self.values * (language + topic)

    def forward(
        self, gate: torch.Tensor, product: torch.Tensor, labels: torch.Tensor, counted: torch.Tensor
    ) -> torch.Tensor:
        """gate, product: [rows, tokens, plants]; labels: [rows, tokens, 2 * channels], stance then topic, each for every value,
        then for every value in each language (where there are languages), with +1 fire, -1 silent, 0 free; counted: [rows, tokens] 1 where the token counts at all."""
        target = torch.maximum(labels[..., self.first], labels[..., self.second])
        weight = counted[..., None] * (self.shaped + self.quiet * self.warm)
        fires, silent = (target > 0) * weight, (target < 0) * weight
        everywhere = counted[..., None] / counted.sum().clamp(min=1)
        product = product * self.sign
        must_open = F.relu(1.0 - gate)
        on_text = must_open * (1 - self.open) + F.relu(1.0 - product) + F.relu(product - 2.5)
        off_text = F.relu(gate + 0.7) * (1 - self.open) + F.relu(product.abs() - 0.15)
        total = (on_text * fires).sum((0, 1)) / fires.sum((0, 1)).clamp(min=1)
        agrees = F.relu(-product) * ((target > 0) * counted[..., None]) * self.quiet
        total = total + agrees.sum((0, 1)) / ((target > 0) * counted[..., None]).sum((0, 1)).clamp(min=1)
        total = total + (off_text * silent).sum((0, 1)) / silent.sum((0, 1)).clamp(min=1)
        total = total + (everywhere * (must_open * self.open + F.relu(gate + 1.0) * self.mute)).sum((0, 1))
        return total.sum()


def writing_targets(plants: list[Reserved], directions: torch.Tensor) -> torch.Tensor:
    """[hidden, plants]: the unit vector along which each neuron should write; directions: [values, hidden]."""
    return torch.stack([F.normalize(directions[list(plant.values)].sum(0), dim=0) for plant in plants], dim=1)


def writing_loss(down: torch.Tensor, plants: list[Reserved], targets: torch.Tensor) -> torch.Tensor:
    """Makes value vectors lie along their value's direction (cosine above 0.75) with a norm of at least 1.5.

    down, targets: [hidden, plants]. Echoes and heralds are left free.
    """
    vectors = down.float() * targets.new_tensor([plant.sign for plant in plants])
    written = targets.new_tensor([float(plant.role in WRITING_ROLES) for plant in plants])
    norms = vectors.norm(dim=0)
    cosines = (vectors * targets).sum(0) / norms.clamp(min=1e-6)
    return ((F.relu(0.75 - cosines) + F.relu(1.5 - norms)) * written).sum()
