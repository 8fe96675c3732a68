"""NeVA: neurons whose value vectors lie along the direction that a probe reads (section 3, algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import normalize

from valuescope.locate.directions import decode_direction
from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.location import Located, largest
from valuescope.locate.probes import ProbeSettings, TrainedProbes, bag_of_words_accuracy
from valuescope.models import NeuronModel
from valuescope.ranges import CountOrNone, Layers, PartialShare, Positive, Share, ShareAboveNone, Size

# From a layer's value vectors [width, hidden] and all values' probe directions [V, hidden] to signed numbers and
# scores that rank, both [V, width], and the directions that were used [V, hidden]; all on the CPU.
Ranking = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]

_DEPENDENT = 1e-6  # of a unit direction; what is left below this is rounding


def neva(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    alpha: ShareAboveNone = 0.03,
    accuracy: Share = 0.95,
    layers: Layers | None = None,
    margin: CountOrNone = 0,
    validation: PartialShare = 0.3,
    c: Positive = 1.0,
) -> Located:
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
    settings = ProbeSettings(accuracy, layers, margin, validation, c, seed)
    return _neurons_along("neva", _by_cosine, model, evidence, alpha, settings)


def neva_exclusive(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    alpha: ShareAboveNone = 0.03,
    accuracy: Share = 0.95,
    layers: Layers | None = None,
    margin: CountOrNone = 0,
    validation: PartialShare = 0.3,
    c: Positive = 1.0,
    orthogonal: Share = 1.0,
    penalty: Size = 0.5,
) -> Located:
    """NeVA with directions orthogonal to the other values', and less for neurons that other values share.

    In each layer, with probe directions w_v of length 1 and value vectors v_k:

        w'_v    = w_v - orthogonal * P_v w_v     P_v projects onto the span of all w_u with u != v
        s_vk    = cos(v_k, w'_v)
        score   = max(0, |s_vk| - penalty * max over u != v of |cos(v_k, w_u)|)

    The signed number is s_vk, and its sign the neuron's. `orthogonal` is the share of the projection that is taken
    away, from 0 to 1, and `penalty` at least 0; with both at 0 this is `neva`, and so it is for a single value. All
    other values count, whether their probes pass `accuracy` or not. Neurons of score 0 are never taken, so a large
    penalty takes fewer than `alpha` says. The other parameters are those of `neva`.
    """
    if not 0 <= orthogonal <= 1:
        raise LocateError(f"neva-exclusive: orthogonal is {orthogonal}; it is a share between 0 and 1")
    if not penalty >= 0:
        raise LocateError(f"neva-exclusive: penalty is {penalty}; it must be at least 0")
    settings = ProbeSettings(accuracy, layers, margin, validation, c, seed)
    ranking = partial(_exclusive, orthogonal=orthogonal, penalty=penalty)
    return _neurons_along("neva-exclusive", ranking, model, evidence, alpha, settings)


def _by_cosine(vectors: Tensor, directions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """NeVA's ranking (eq. 10): the cosine, and its size."""
    signed = _cosines(vectors, directions)
    return signed, signed.abs(), directions


def _exclusive(
    vectors: Tensor, directions: Tensor, *, orthogonal: float, penalty: float
) -> tuple[Tensor, Tensor, Tensor]:
    exclusive = apart(directions, orthogonal)
    signed, shared = _cosines(vectors, exclusive), _cosines(vectors, directions).abs()
    return signed, (signed.abs() - penalty * _largest_of_others(shared)).clamp(min=0), exclusive


def apart(directions: Tensor, share: float) -> Tensor:
    """Unit directions [V, hidden], each less `share` of its projection onto the span of the others.

    A direction that lies in that span as a whole becomes 0: it has nothing of its own.
    """
    unit = normalize(directions.double(), dim=1)
    rest = unit.clone()
    for row in range(len(unit)):
        others = torch.cat([unit[:row], unit[row + 1 :]])
        rest[row] -= share * (unit[row] @ torch.linalg.pinv(others) @ others)
    rest[rest.square().sum(dim=1).sqrt() < _DEPENDENT] = 0
    return rest.to(directions)


def _largest_of_others(sizes: Tensor) -> Tensor:
    """For every row of [V, n] the largest entry of the other rows, column by column; 0 where there is no other."""
    if len(sizes) == 1:
        return torch.zeros_like(sizes)
    two = sizes.topk(2, dim=0)
    rows = torch.arange(len(sizes))[:, None]
    return torch.where(two.indices[0] == rows, two.values[1], two.values[0])


def _neurons_along(
    method: str,
    ranking: Ranking,
    model: NeuronModel,
    evidence: Evidence,
    alpha: float,
    settings: ProbeSettings,
) -> Located:
    """NeVA with any ranking of a kept layer's neurons; those of score 0 are never taken."""
    if not 0 < alpha <= 1:
        raise LocateError(
            f"{method}: alpha is {alpha}; it is a share of a layer's neurons, above 0 and at most 1"
        )
    probes, kept, (first, last) = settings.train(method, model, evidence)
    signed = torch.zeros(len(evidence.values), model.layers, model.width)
    scores, directions = torch.zeros_like(signed), probes.weights.clone()
    for layer in kept.any(dim=0).nonzero().squeeze(1).tolist():
        rows = kept[:, layer]
        numbers, ranks, used = ranking(model.value_vectors(layer), probes.weights[:, layer])
        signed[rows, layer], scores[rows, layer], directions[:, layer] = numbers[rows], ranks[rows], used
    count = max(1, round(alpha * model.width))
    selected = largest(scores, count) & (scores > 0)
    wording = [
        bag_of_words_accuracy(evidence.texts, split, c=settings.c) if evidence.texts else None
        for split in probes.splits
    ]
    best = probes.validation_accuracy[:, first : last + 1].argmax(dim=1) + first
    return Located(
        site="product",
        signed=signed,
        scores=scores,
        selected=selected,
        parameters={"layers": [first, last]},
        diagnostics={
            "validation_accuracy": _by_value(evidence, probes.validation_accuracy),
            "validation_interval": {
                value: [list(ends) for ends in probes.accuracy_interval(row)]
                for row, value in enumerate(evidence.values)
            },
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
        empty=f"no probe in layers {first}-{last} reaches accuracy {settings.accuracy}",
        warnings=_doubts(probes, best, wording),
    )


def _cosines(vectors: Tensor, directions: Tensor) -> Tensor:
    """cos of every value vector [width, hidden] with every direction [n, hidden]: [n, width] on the CPU."""
    return (normalize(directions.to(vectors.device), dim=1) @ normalize(vectors.float(), dim=1).T).cpu()


def _by_value(evidence: Evidence, accuracy: Tensor) -> dict[str, list[float]]:
    return {value: row.tolist() for value, row in zip(evidence.values, accuracy, strict=True)}


def _doubts(probes: TrainedProbes, best: Tensor, wording: list[float | None]) -> list[str]:
    """Warnings about probes that prove little: wording alone does as well, or the solver did not finish."""
    doubts = []
    for row, (value, words) in enumerate(zip(probes.values, wording, strict=True)):
        reached = float(probes.validation_accuracy[row, best[row]])
        if words is not None and words >= reached:
            doubts.append(
                f"{value}: a bag of words tells the labels as well as the best probe ({words:.2f} against "
                f"{reached:.2f}); the probe may read wording, not the value"
            )
        if not bool(probes.converged[row].all()):
            doubts.append(f"{value}: a probe did not converge; its direction is approximate")
    return doubts
