"""Which model a result belongs to: its name and a fingerprint of its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import gcd
from typing import Any

import torch
from transformers import PreTrainedModel

from valuescope.models.sites import LayerSites

_WHOLE = 1 << 24
_SAMPLE = 1 << 22


@dataclass(frozen=True)
class ModelIdentity:
    """The name and the weights of a model.

    `fingerprint`: see `fingerprint_of`. Two models with equal fingerprints have the same neurons.
    """

    id: str
    revision: str | None
    fingerprint: str
    layers: int
    width: int

    @property
    def named(self) -> str:
        """Name and fingerprint, for messages."""
        return f"{self.id} (fingerprint {self.fingerprint})"

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able mapping."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ModelIdentity:
        """The inverse of `to_dict`; ValueError names a field that is missing or unknown."""
        fields = set(cls.__dataclass_fields__)
        wrong = sorted(fields ^ set(content))
        if wrong:
            raise ValueError(
                f"model identity: missing or unknown field {', '.join(wrong)}; expected {sorted(fields)}"
            )
        return cls(**content)


def fingerprint_of(model: PreTrainedModel, sites: Sequence[LayerSites]) -> str:
    """First 32 hex digits of a sha256 over the feed-forward weights and the input embedding.

    Hashed are, for every parameter of the module that owns a layer's down projection and for the embedding: a
    name relative to its layer, shape, dtype and content. So the fingerprint is the same after save and
    reload, and differs after any change of these weights or a load in another dtype. Tensors of more than
    2^24 numbers are sampled: every s-th number, about 2^22 of them, with s prime to the row length so that
    every row and column is met; there a change of a whole row or column always shows, that of one single
    number may not.
    """
    digest = hashlib.sha256()
    for name, tensor in _identifying_tensors(model, sites):
        digest.update(f"{name}|{tuple(tensor.shape)}|{tensor.dtype}|".encode())
        digest.update(_content(tensor))
    return digest.hexdigest()[:32]


def _identifying_tensors(
    model: PreTrainedModel, sites: Sequence[LayerSites]
) -> Iterator[tuple[str, torch.Tensor]]:
    yield "embedding", model.get_input_embeddings().weight.detach()
    for site in sites:
        owner = model.get_submodule(site.down.rpartition(".")[0])
        for name, parameter in sorted(owner.named_parameters()):
            yield f"{site.layer}.{name}", parameter.detach()


def _content(tensor: torch.Tensor) -> memoryview:
    flat = tensor.reshape(-1)
    if flat.numel() > _WHOLE:
        stride = flat.numel() // _SAMPLE
        while gcd(stride, tensor.shape[-1]) != 1:
            stride += 1
        flat = flat[::stride]
    return flat.contiguous().view(torch.uint8).cpu().numpy().data
