"""Training all probes together against a loop of scikit-learn's logistic regressions on the same features."""

from __future__ import annotations

import numpy as np
import torch
from measure import Row, alternate, compare
from numpy.typing import NDArray
from settings import Settings
from sklearn.linear_model import LogisticRegression

from valuescope.activations import Activations, Counters, Residuals, collect
from valuescope.data import label, organism_material
from valuescope.locate import Evidence, Probes, train_probes
from valuescope.models import ModelIdentity, load_model
from valuescope.organism import lexicon

Floats = NDArray[np.float32] | NDArray[np.float64]
TIGHT = 1e-9
"""A tolerance at which scikit-learn's directions are exact enough to compare with; its default is 1e-4."""


def rows(settings: Settings) -> list[Row]:
    """Three kinds of features: how many steps scikit-learn's solver needs depends on them, ours hardly cares."""
    size = f"{settings.probe_hidden} wide"
    return [
        *_rows(f"{settings.probe_model}'s residuals", model_evidence(settings), settings),
        *_rows(f"Gaussian features, spectrum 1/k, {size}", random_evidence(settings, 1.0), settings),
        *_rows(f"Gaussian features, flat spectrum, {size}", random_evidence(settings, 0.0), settings),
    ]


def _rows(what: str, evidence: Evidence, settings: Settings) -> list[Row]:
    """`train_probes`, which also trains as many probes on shuffled labels, against loops, which do not: as
    scikit-learn comes (float32 features), and as exact as ours (float64 features)."""
    ours = train_probes(evidence, device=settings.device)
    hidden = evidence.residuals().hidden.numpy()
    wide = hidden.astype(np.float64)
    usual, tight = "scikit-learn loop, default tolerance", f"scikit-learn loop, tolerance {TIGHT:.0e}"
    seconds = alternate(
        {
            what: lambda: train_probes(evidence, device=settings.device),
            usual: lambda: one_by_one(ours, hidden, tolerance=1e-4),
            tight: lambda: one_by_one(ours, wide, tolerance=TIGHT),
        },
        settings.rounds,
    )
    exact = one_by_one(ours, wide, tolerance=TIGHT)
    rough = _difference(one_by_one(ours, hidden, tolerance=1e-4), exact)
    size = f"{ours.bias.numel()} probes, {ours.train_size[0]} training texts each"
    return [
        compare(
            seconds,
            what,
            usual,
            f"{size}; the loop's largest 1 - cosine with the exact directions: {rough:.1e}",
        ),
        compare(
            seconds,
            what,
            tight,
            f"{size}; largest 1 - cosine with ours: {_difference(ours.weights.numpy(), exact):.1e}",
        ),
    ]


def one_by_one(probes: Probes, hidden: Floats, *, tolerance: float) -> Floats:
    """Directions [values, layers, hidden] by scikit-learn, on the training texts that our probes had."""
    found = np.empty(probes.weights.shape)
    for value, split in enumerate(probes.splits):
        chosen, classes = split.rows[~split.validation].numpy(), split.positive[~split.validation].numpy()
        for layer in range(found.shape[1]):
            probe = LogisticRegression(C=1.0, tol=tolerance, max_iter=100_000)
            found[value, layer] = probe.fit(hidden[chosen, layer], classes).coef_[0]
    return found


def model_evidence(settings: Settings) -> Evidence:
    """The last-token residuals of the bundled model on its grammar's contrast pairs."""
    values = tuple(lexicon().values)[: settings.values]
    sizes = {"texts": 1, "descriptions": 1, "questions": 1, "tuning": 1}
    material = organism_material(values, pairs=settings.pairs, **sizes)
    texts = [text for text in material.texts if text.label.endswith(("positive", "negative"))]
    model = load_model(settings.probe_model, dtype=settings.dtype, device=settings.device)
    return _evidence(collect(model, texts), values)


def random_evidence(settings: Settings, decay: float) -> Evidence:
    """Gaussian residuals in pairs; classes lie apart by more in every layer; direction k has scale k^-decay."""
    random = torch.Generator().manual_seed(0)
    values = tuple(f"value-{number}" for number in range(settings.values))
    names = [
        (label(value, role), f"{value}/{pair}")
        for value in values
        for pair in range(settings.pairs)
        for role in ("positive", "negative")
    ]
    layers, hidden = settings.probe_layers, settings.probe_hidden
    scale = torch.arange(1, hidden + 1) ** -decay
    side = torch.tensor([1.0, -1.0]).repeat(len(names) // 2)[:, None, None]
    apart = (
        torch.randn(1, layers, hidden, generator=random) * torch.linspace(0.02, 0.2, layers)[None, :, None]
    )
    features = torch.randn(len(names), layers, hidden, generator=random) + side * apart
    identity = ModelIdentity("random", None, "0" * 32, layers, 1)
    residuals = Residuals(
        model=identity,
        labels=tuple(name for name, _ in names),
        groups=tuple(group for _, group in names),
        keys=tuple(map(str, range(len(names)))),
        hidden=features * scale / scale.square().mean().sqrt(),
    )
    return _evidence(Activations(_no_counts(identity, sorted(set(residuals.labels))), residuals), values)


def _evidence(activations: Activations, values: tuple[str, ...]) -> Evidence:
    return Evidence(
        activations=activations,
        values=values,
        positive={value: label(value, "positive") for value in values},
        negative={value: label(value, "negative") for value in values},
    )


def _no_counts(identity: ModelIdentity, labels: list[str]) -> Counters:
    """Counters that hold nothing but their labels: probes read residuals only."""
    per_label = torch.zeros(len(labels), dtype=torch.int64)
    counts = torch.zeros(len(labels), identity.layers, identity.width, dtype=torch.int64)
    return Counters(
        labels=tuple(labels),
        scope="all",
        special_tokens=False,
        model=identity,
        tokens=per_label,
        prompts=per_label,
        gate_active=counts,
        product_active=counts,
        gate_positive=counts,
        product_positive=counts,
        product_sum=counts.double(),
        product_square=counts.double(),
        data_hash="",
    )


def _difference(some: Floats, exact: Floats) -> float:
    """The largest 1 - cosine between directions of the two."""
    cosines = (some * exact).sum(-1) / np.linalg.norm(some, axis=-1) / np.linalg.norm(exact, axis=-1)
    return float(1 - cosines.min())
