"""NeVA: neurons whose value vectors lie along the direction that a probe reads (section 3, algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from valuescope.locate.bag_of_words import bag_of_words_accuracy
from valuescope.locate.band import layer_band
from valuescope.locate.decode import decode_direction
from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.location import Location, empty_warnings
from valuescope.locate.probes import Probes, train_probes
from valuescope.models import NeuronModel

# From a layer's value vectors [width, hidden] and all values' probe directions [V, hidden] to signed numbers and
# scores that rank, both [V, width], and the directions that were used [V, hidden]; all on the CPU.
Ranking = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


def neva(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    alpha: float = 0.03,
    accuracy: float = 0.95,
    layers: tuple[int, int] | None = None,
    margin: int = 0,
    validation: float = 0.3,
    c: float = 1.0,
) -> Location:
    """The `alpha` share of each kept layer's neurons with the largest |cos(v_k, w)| (eqs. 10-12).

    w is the direction of a probe on the residual stream after the layer (`train_probes`). A layer is kept
    for a value when its probe's validation accuracy is at least `accuracy`; where none is, the value gets
    no neurons and a warning. Score: |cos| in kept layers, else 0; signed: cos; sign +1 aligned, -1 opposed.

    `alpha`: round(alpha * width) neurons per kept layer, at least one (ties: lower index). `layers`: first
    and last layer of the band, counted from 0, both included (None: all). `margin`: without `layers`, so many of the
    last layers are left out, so that the band is found by rule: accuracy begins it, the margin ends it (the paper's
    bands end 6 of 32, 4 of 28 and 10 of 40 layers before the last). `validation`, `c`: see `train_probes`. The statistic needs no activation site; the set says "product", where value vectors are
    scaled and edits act.
    """
    return neurons_along(
        "neva",
        by_cosine,
        model,
        evidence,
        seed=seed,
        alpha=alpha,
        accuracy=accuracy,
        layers=layers,
        margin=margin,
        validation=validation,
        c=c,
    )


def by_cosine(vectors: Tensor, directions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """NeVA's ranking (eq. 10): the cosine, and its size."""
    signed = cosines(vectors, directions)
    return signed, signed.abs(), directions


def neurons_along(
    method: str,
    ranking: Ranking,
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int,
    alpha: float,
    accuracy: float,
    layers: tuple[int, int] | None,
    margin: int,
    validation: float,
    c: float,
    more: Mapping[str, Any] | None = None,
) -> Location:
    """NeVA with any ranking of a kept layer's neurons; those of score 0 are never taken. `more`: its parameters."""
    if not 0 < alpha <= 1:
        raise LocateError(
            f"{method}: alpha is {alpha}; it is a share of a layer's neurons, above 0 and at most 1"
        )
    if not 0 <= accuracy <= 1:
        raise LocateError(
            f"{method}: accuracy is {accuracy}; it is a share between 0 and 1 (0 keeps every layer)"
        )
    first, last = layer_band(method, model, layers, margin)
    probes = train_probes(evidence, validation=validation, c=c, seed=seed, device=model.device)
    kept = probes.validation_accuracy >= accuracy
    kept[:, :first] = False
    kept[:, last + 1 :] = False
    signed = torch.zeros(len(evidence.values), model.layers, model.width)
    scores, directions = torch.zeros_like(signed), probes.weights.clone()
    for layer in kept.any(dim=0).nonzero().squeeze(1).tolist():
        rows = kept[:, layer]
        numbers, ranks, used = ranking(model.value_vectors(layer), probes.weights[:, layer])
        signed[rows, layer], scores[rows, layer], directions[:, layer] = numbers[rows], ranks[rows], used
    count = max(1, round(alpha * model.width))
    strongest = scores.argsort(dim=2, descending=True, stable=True)[:, :, :count]
    selected = torch.zeros_like(scores, dtype=torch.bool).scatter_(2, strongest, True) & (scores > 0)
    wording = [
        bag_of_words_accuracy(evidence.texts, split, c=c) if evidence.texts else None
        for split in probes.splits
    ]
    best = probes.validation_accuracy[:, first : last + 1].argmax(dim=1) + first
    return Location(
        method=method,
        site="product",
        values=evidence.values,
        scores=scores,
        signed=signed,
        signs=torch.where(signed < 0, -1, 1),
        selected=selected,
        parameters={
            "alpha": alpha,
            "accuracy": accuracy,
            "layers": [first, last],
            "margin": margin,
            "validation": validation,
            "c": c,
            **(more or {}),
        },
        model=model.identity,
        data_hash=evidence.data_hash,
        seed=seed,
        diagnostics={
            "validation_accuracy": _by_value(evidence, probes.validation_accuracy),
            "train_accuracy": _by_value(evidence, probes.train_accuracy),
            "shuffled_accuracy": _by_value(evidence, probes.shuffled_accuracy),
            "bag_of_words_accuracy": dict(zip(evidence.values, wording, strict=True)),
            "kept_layers": {
                value: row.nonzero().squeeze(1).tolist()
                for value, row in zip(evidence.values, kept, strict=True)
            },
            "train_texts": dict(zip(evidence.values, probes.train_size, strict=True)),
            "validation_texts": dict(zip(evidence.values, probes.validation_size, strict=True)),
            "neurons_per_layer": count,
            "best_layer": dict(zip(evidence.values, best.tolist(), strict=True)),
            "decoded": {
                value: decode_direction(model, directions[row, best[row]])
                for row, value in enumerate(evidence.values)
            },
        },
        warnings=(
            *empty_warnings(
                evidence.values, selected, f"no probe in layers {first}-{last} reaches accuracy {accuracy}"
            ),
            *_doubts(probes, best, wording),
        ),
    )


def cosines(vectors: Tensor, directions: Tensor) -> Tensor:
    """cos of every value vector [width, hidden] with every direction [n, hidden]: [n, width] on the CPU."""
    return (normalize(directions.to(vectors.device), dim=1) @ normalize(vectors.float(), dim=1).T).cpu()


def _by_value(evidence: Evidence, accuracy: Tensor) -> dict[str, list[float]]:
    return {value: row.tolist() for value, row in zip(evidence.values, accuracy, strict=True)}


def _doubts(probes: Probes, best: Tensor, wording: list[float | None]) -> list[str]:
    """Warnings about probes that prove little: wording alone does as well, or the solver did not finish."""
    found = []
    for row, (value, words) in enumerate(zip(probes.values, wording, strict=True)):
        reached = float(probes.validation_accuracy[row, best[row]])
        if words is not None and words >= reached:
            found.append(
                f"{value}: a bag of words tells the labels as well as the best probe ({words:.2f} against "
                f"{reached:.2f}); the probe may read wording, not the value"
            )
        if not bool(probes.converged[row].all()):
            found.append(f"{value}: a probe did not converge; its direction is approximate")
    return found
