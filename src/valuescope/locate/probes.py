"""Linear probes of the residual stream: all layers and values at once (NeVA, section 3.2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.stats import binomtest
from torch import Tensor

from valuescope.activations import Residuals
from valuescope.data.checks.words import words
from valuescope.data.records import LabelledText
from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.parameters import band_of, generator
from valuescope.logistic import Samples
from valuescope.models import NeuronModel

# At most this many float64 numbers of features are worked on at once (32 MB, if one value allows it): larger
# pieces are slower on a CPU, since every one is fresh memory.
BUDGET = 2**22


@dataclass(frozen=True, eq=False)
class Split:
    """Texts of one value, training ones first: positions among the residuals, class and side, each [n]."""

    rows: Tensor
    positive: Tensor
    validation: Tensor


def grouped_split(
    residuals: Residuals, positive: str, negative: str, *, value: str, share: float, seed: int
) -> Split:
    """Put about `share` of a value's groups aside for validation, alike for groups of each make-up.

    Groups are LabelledText.group; a text without one is a group of its own, together with its exact repeats.
    The outcome depends on the texts and the seed, not on the order of the texts.
    """
    members: dict[str, list[tuple[str, int, bool]]] = defaultdict(list)
    for label, side in ((positive, True), (negative, False)):
        for row in residuals.rows(label).tolist():
            group = residuals.groups[row]
            name = f"group:{group}" if group else f"text:{residuals.keys[row]}"
            members[name].append((residuals.keys[row], row, side))
    kinds: dict[frozenset[bool], list[str]] = defaultdict(list)
    for name in sorted(members):
        kinds[frozenset(side for _, _, side in members[name])].append(name)
    held: set[str] = set()
    for kind, names in kinds.items():
        order = torch.randperm(len(names), generator=generator("split", seed, value, sorted(kind)))
        count = min(max(1, round(share * len(names))), len(names) - 1)
        held |= {names[index] for index in order[:count].tolist()}
    entries = sorted((name in held, key, side, row) for name in members for key, row, side in members[name])
    sides = {(side, validation) for validation, _, side, _ in entries}
    if len(sides) < 4:
        raise LocateError(
            f"{value!r}: {len(members)} groups of texts are too few to train and validate with both labels, "
            f"{positive!r} and {negative!r}; give more texts, or pairs with a group each"
        )
    return Split(
        rows=torch.tensor([row for _, _, _, row in entries]),
        positive=torch.tensor([side for _, _, side, _ in entries]),
        validation=torch.tensor([validation for validation, _, _, _ in entries]),
    )


@dataclass(frozen=True, eq=False)
class TrainedProbes:
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

    def accuracy_interval(self, row: int) -> list[tuple[float, float]]:
        """Wilson's 95% interval (1927) of a value's validation accuracy in each layer, every text counted as a trial.

        The two texts of a pair are not independent, and the layers are compared with one bar: read it as the least doubt.
        """
        texts = self.validation_size[row]
        hits = (self.validation_accuracy[row] * texts).round().int().tolist()
        intervals = [binomtest(count, texts).proportion_ci(0.95, method="wilson") for count in hits]
        return [(float(interval.low), float(interval.high)) for interval in intervals]


@dataclass(frozen=True)
class ProbeSettings:
    """How probes are trained and which of their layers are kept: what methods that read probes have in common.

    `accuracy`: least validation accuracy. `layers`: first and last layer of the band (None: all but the last
    `margin`). `validation`, `c`, `seed`: see `train_probes`.
    """

    accuracy: float
    layers: tuple[int, int] | None
    margin: int
    validation: float
    c: float
    seed: int

    def train(
        self, method: str, model: NeuronModel, evidence: Evidence
    ) -> tuple[TrainedProbes, Tensor, tuple[int, int]]:
        """All probes, which of them are accurate enough within the band, bool [V, layers], and the band."""
        if not 0 <= self.accuracy <= 1:
            raise LocateError(
                f"{method}: accuracy is {self.accuracy}; it is a share between 0 and 1 (0 keeps every layer)"
            )
        first, last = band_of(method, model.layers, self.layers, self.margin)
        probes = train_probes(
            evidence, validation=self.validation, c=self.c, seed=self.seed, device=model.device
        )
        kept = probes.validation_accuracy >= self.accuracy
        kept[:, :first] = False
        kept[:, last + 1 :] = False
        return probes, kept, (first, last)


def train_probes(
    evidence: Evidence,
    *,
    validation: float = 0.3,
    c: float = 1.0,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> TrainedProbes:
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
    return TrainedProbes(
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


def words_of(text: LabelledText) -> set[str]:
    """The lower-cased words of prompt and answer."""
    return set(words(f"{text.prompt}\n{text.answer}"))


def bag_of_words_accuracy(texts: Sequence[LabelledText], split: Split, *, c: float = 1.0) -> float:
    """Validation accuracy of a logistic regression on the presence of the training texts' words.

    Where it comes near a probe's accuracy, the labels can be told by wording alone, and the probe proves
    little.
    """
    bags = [words_of(texts[row]) for row in split.rows.tolist()]
    training = [bag for bag, held in zip(bags, split.validation.tolist(), strict=True) if not held]
    column = {word: index for index, word in enumerate(sorted(set().union(*training)))}
    presence = torch.zeros(1, len(bags), max(1, len(column)), dtype=torch.float64)
    for row, bag in enumerate(bags):
        presence[0, row, [column[word] for word in sorted(bag) if word in column]] = 1
    solution = Samples(presence, ~split.validation[None]).fit(split.positive[None], c)
    right = (solution.logits[0] > 0) == split.positive
    return float(right[split.validation].double().mean())


def _padded(columns: Sequence[Tensor]) -> Tensor:
    """Rows of different length as one tensor [V, n], filled up with zeros."""
    return torch.nn.utils.rnn.pad_sequence(list(columns), batch_first=True)


def _shuffled(split: Split, random: torch.Generator) -> Tensor:
    """The split's classes with those of the training texts dealt out anew."""
    classes = split.positive.clone()
    training = (~split.validation).nonzero().squeeze(1)
    classes[training] = classes[training[torch.randperm(len(training), generator=random)]]
    return classes
