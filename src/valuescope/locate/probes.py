"""Linear probes of the residual stream: all layers and values at once (NeVA, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.seeds import generator
from valuescope.locate.split import Split, grouped_split
from valuescope.logistic import Samples

# At most this many float64 numbers of features are worked on at once (32 MB, if one value allows it): larger
# pieces are slower on a CPU, since every one is fresh memory.
BUDGET = 2**22


@dataclass(frozen=True, eq=False)
class Probes:
    """One probe per value and layer: the chance of the positive class is sigmoid(weights . h + bias).

    V values, on the CPU. `weights` float32 [V, layers, hidden], `bias` float32 [V, layers]. Accuracies
    float64 [V, layers]; `shuffled_accuracy` is the validation accuracy of probes trained on shuffled labels
    (0.5 is right; more means that the split leaks). `train_size`, `validation_size`: texts per value.
    `converged` bool [V, layers]. `splits`: which texts were used how.
    """

    values: tuple[str, ...]
    weights: Tensor
    bias: Tensor
    train_accuracy: Tensor
    validation_accuracy: Tensor
    shuffled_accuracy: Tensor
    train_size: tuple[int, ...]
    validation_size: tuple[int, ...]
    converged: Tensor
    splits: tuple[Split, ...]


def train_probes(
    evidence: Evidence,
    *,
    validation: float = 0.3,
    c: float = 1.0,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Probes:
    """Train a logistic regression for every value and layer on the last-token residuals.

    `validation`: share of the groups held out (7:3 in the paper; grouped by contrast pair, our choice).
    `c`: inverse strength of the L2 penalty as in scikit-learn; features are not standardised. Solved in
    float64 on `device`.
    """
    if not 0 < validation < 1:
        raise LocateError(f"probes: validation is {validation}; it is a share between 0 and 1")
    if c <= 0:
        raise LocateError(f"probes: c is {c}; the inverse strength of the penalty must be above 0")
    residuals = evidence.residuals()
    splits = tuple(
        grouped_split(residuals, positive, negative, value=value, share=validation, seed=seed)
        for value, positive, negative in zip(
            evidence.values, evidence.positive_labels(), evidence.negative_labels("a probe"), strict=True
        )
    )
    shuffled = _padded(
        [
            _shuffled(split, generator("shuffled", seed, value))
            for value, split in zip(evidence.values, splits, strict=True)
        ]
    )
    rows = _padded([split.rows for split in splits])
    real = _padded([torch.ones_like(split.positive) for split in splits])
    training = _padded([~split.validation for split in splits])
    truth = _padded([split.positive for split in splits])
    values, (_, layers, hidden) = len(splits), residuals.hidden.shape
    weights, bias = torch.empty(values, layers, hidden), torch.empty(values, layers)
    converged = torch.empty(values, layers, dtype=torch.bool)
    accuracy = torch.empty(3, values, layers, dtype=torch.float64)
    step = max(1, BUDGET // (rows.shape[1] * max(rows.shape[1], hidden)))
    for start in range(0, values, step):
        part = slice(start, start + step)
        train, held = training[part].to(device), (real & ~training)[part].to(device)
        labels, dealt = truth[part].to(device), shuffled[part].to(device)
        for layer in range(layers):
            samples = Samples(residuals.hidden[rows[part], layer].to(device), train)
            fitted, control = samples.fit(labels, c), samples.fit(dealt, c)
            weights[part, layer], bias[part, layer] = fitted.weights.float().cpu(), fitted.bias.float().cpu()
            converged[part, layer] = (fitted.converged & control.converged).cpu()
            for place, (solution, side) in enumerate(((fitted, train), (fitted, held), (control, held))):
                right = ((solution.logits > 0) == labels) & side
                accuracy[place, part, layer] = (right.sum(dim=1).double() / side.sum(dim=1)).cpu()
    return Probes(
        values=evidence.values,
        weights=weights,
        bias=bias,
        train_accuracy=accuracy[0],
        validation_accuracy=accuracy[1],
        shuffled_accuracy=accuracy[2],
        train_size=tuple(int((~split.validation).sum()) for split in splits),
        validation_size=tuple(int(split.validation.sum()) for split in splits),
        converged=converged,
        splits=splits,
    )


def _padded(columns: Sequence[Tensor]) -> Tensor:
    """Rows of different length as one tensor [V, n], filled up with zeros."""
    return torch.nn.utils.rnn.pad_sequence(list(columns), batch_first=True)


def _shuffled(split: Split, random: torch.Generator) -> Tensor:
    """The split's classes with those of the training texts dealt out anew."""
    classes = split.positive.clone()
    training = (~split.validation).nonzero().squeeze(1)
    classes[training] = classes[training[torch.randperm(len(training), generator=random)]]
    return classes
