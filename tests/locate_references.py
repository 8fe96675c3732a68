"""Slow and obvious versions of what the package does: one text at a time, everything kept, plain loops."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from conftest import shared
from sklearn.linear_model import LogisticRegression
from tiny_models import tiny_model

from valuescope.activations import Activations, collect
from valuescope.data.records import LabelledText
from valuescope.locate import Evidence
from valuescope.locate.probes import grouped_split
from valuescope.models import LoadError, NeuronModel, encode, load_model

REAL_MODELS = ("stories260K", "gpt2-tinystories-280k", "organism")
VALUES = ("power", "care", "safety")
_HINTS = {
    "power": ("win lead power money strong", "lose follow child joy calm"),
    "care": ("help share kind friend family", "keep money power city risk"),
    "safety": ("safe home calm rule obey", "risk travel free new night"),
}
_COMMON = [
    "I",
    "you",
    "we",
    "they",
    "it",
    "the",
    "a",
    "this",
    "is",
    "was",
    "do",
    "would",
    "could",
    "and",
    "but",
    "if",
    "so",
    "to",
    "for",
    "my",
    "your",
    "day",
    "story",
    "choice",
]


def value_texts(pairs: int = 12, *, noise: float = 0.1, seed: int = 0) -> list[LabelledText]:
    """Contrast pairs for each value, of different lengths, with label `<value>+` or `<value>-`."""
    draw = random.Random(seed)
    texts = []
    for value in VALUES:
        for pair in range(pairs):
            for side, hints in zip("+-", _HINTS[value], strict=True):
                words = [draw.choice(_COMMON) for _ in range(draw.randint(2, 9))]
                flipped = _HINTS[value][side == "+"] if draw.random() < noise else hints
                words += [draw.choice(flipped.split()) for _ in range(3)]
                answer = " " + " ".join(draw.choice(_COMMON) for _ in range(draw.randint(1, 4)))
                texts.append(LabelledText(f"{value}{side}", " ".join(words), answer, group=f"{value}{pair}"))
    return texts


def evidence_of(activations: Activations, texts: Sequence[LabelledText] = ()) -> Evidence:
    return Evidence(
        activations, VALUES, {v: f"{v}+" for v in VALUES}, {v: f"{v}-" for v in VALUES}, texts=texts
    )


def reference_model(name: str) -> NeuronModel:
    """A tiny family, one of the two real models, or the bundled one; skips where it is not there."""
    if name == "organism":
        try:
            return load_model("organism", dtype="float32")
        except (LoadError, OSError, AttributeError):
            pytest.skip("the bundled model has no weights yet")
    return load_model(str(shared(f"models/{name}"))) if name in REAL_MODELS else tiny_model(name)


@dataclass
class TextRecord:
    """All of one text, fed alone: gate and product [layers, T, width], residual [layers, T, hidden]."""

    text: LabelledText
    ids: tuple[int, ...]
    prompt_length: int
    gate: torch.Tensor
    product: torch.Tensor
    residual: torch.Tensor

    def counted(self, model: NeuronModel, scope: str, special_tokens: bool) -> list[int]:
        places = []
        for place, token in enumerate(self.ids):
            in_scope = scope == "all" or (place >= self.prompt_length) == (scope == "answer")
            if in_scope and (special_tokens or token not in model.tokenizer.all_special_ids):
                places.append(place)
        return places


def record(model: NeuronModel, texts: Sequence[LabelledText]) -> list[TextRecord]:
    """Run every text alone through the whole model, with plain hooks."""
    records = []
    seen: dict[str, list[torch.Tensor]] = {"gate": [], "product": [], "residual": []}

    def keep(name: str, tensor: torch.Tensor) -> None:
        seen[name].append(tensor.reshape(-1, tensor.shape[-1]).clone())

    handles = []
    for layer in range(model.layers):
        gate, down, decoder = model.activation(layer), model.down(layer), model.decoder(layer)
        handles += [
            gate.register_forward_hook(lambda _, __, out: keep("gate", out)),
            down.register_forward_pre_hook(lambda _, args: keep("product", args[0])),
            decoder.register_forward_hook(
                lambda _, __, out: keep("residual", out[0] if isinstance(out, tuple) else out)
            ),
        ]
    for text in texts:
        (encoded,) = encode(model, [text.prompt], [text.answer])
        with torch.no_grad():
            model.model(torch.tensor([encoded.input_ids], device=model.device))
        stacked = {name: torch.stack(tensors).float().cpu() for name, tensors in seen.items()}
        records.append(TextRecord(text, encoded.input_ids, encoded.prompt_length, **stacked))
        for tensors in seen.values():
            tensors.clear()
    for handle in handles:
        handle.remove()
    return records


def slow_counts(
    model: NeuronModel, records: Sequence[TextRecord], label: str, *, scope: str = "all", special_tokens=False
) -> dict[str, np.ndarray]:
    """The counters of one label, by loops over texts, layers, tokens and neurons."""
    shape = (model.layers, model.width)
    names = (
        "gate_active",
        "product_active",
        "gate_positive",
        "product_positive",
        "product_sum",
        "product_square",
    )
    found = {name: np.zeros(shape) for name in names}
    found["tokens"], found["prompts"] = np.zeros(()), np.zeros(())
    for one in records:
        if one.text.label != label:
            continue
        places = one.counted(model, scope, special_tokens)
        found["prompts"] += 1
        found["tokens"] += len(places)
        for layer in range(model.layers):
            gate, product = one.gate[layer, places].tolist(), one.product[layer, places].tolist()
            for k in range(model.width):
                a, m = [row[k] for row in gate], [row[k] for row in product]
                found["gate_active"][layer, k] += sum(number > 0 for number in a)
                found["product_active"][layer, k] += sum(number > 0 for number in m)
                found["gate_positive"][layer, k] += math.fsum(a) > 0
                found["product_positive"][layer, k] += math.fsum(m) > 0
                found["product_sum"][layer, k] += math.fsum(m)
                found["product_square"][layer, k] += math.fsum(number * number for number in m)
    return found


def slow_vape(counts: list[dict[str, np.ndarray]], rate: float, bar: float) -> list[set[tuple[int, int]]]:
    """Selected (layer, index) per value by the text of the rule."""
    layers, width = counts[0]["gate_active"].shape
    p = [one["gate_active"] / one["tokens"] for one in counts]
    every = sorted(float(x) for one in p for x in one.flatten())
    tau = every[round(bar * len(every)) - 1]
    entropies = []
    for layer in range(layers):
        for k in range(width):
            rates = [one[layer, k] for one in p]
            if not any(x > tau for x in rates):
                continue
            shares = [x / sum(rates) for x in rates]
            entropies.append((round(-sum(q * math.log(q) for q in shares if q > 0), 12), layer, k))
    kept = sorted(entropies)[: round(rate * layers * width)]
    return [{(layer, k) for _, layer, k in kept if one[layer, k] > tau} for one in p]


def slow_valuelocate(
    plus: dict[str, np.ndarray], minus: dict[str, np.ndarray], threshold: float, site: str
) -> dict[tuple[int, int], float]:
    """Selected neurons with their delta."""
    name = f"{site}_positive"
    found = {}
    for layer, k in np.ndindex(plus[name].shape):
        delta = plus[name][layer, k] / plus["prompts"] - minus[name][layer, k] / minus["prompts"]
        if delta >= threshold or delta <= -threshold:
            found[layer, k] = float(delta)
    return found


@dataclass
class SlowProbe:
    weights: np.ndarray
    accuracy: float
    train_accuracy: float


def slow_probe(
    activations: Activations, records: Sequence[TextRecord], value: str, layer: int, *, tol: float = 1e-10
) -> SlowProbe:
    """scikit-learn's regression on the cached last-token residuals, with the package's split."""
    assert activations.residuals is not None
    split = grouped_split(activations.residuals, f"{value}+", f"{value}-", value=value, share=0.3, seed=0)
    x = np.stack([records[row].residual[layer, -1].double().numpy() for row in split.rows.tolist()])
    y, held = split.positive.numpy(), split.validation.numpy()
    fit = LogisticRegression(C=1.0, tol=tol, max_iter=20_000).fit(x[~held], y[~held])
    return SlowProbe(fit.coef_[0], fit.score(x[held], y[held]), fit.score(x[~held], y[~held]))


def slow_neva(
    model: NeuronModel, activations: Activations, records: Sequence[TextRecord], value: str, **settings: float
) -> dict[tuple[int, int], float]:
    """Selected neurons with their cosine, one layer and neuron at a time."""
    found = {}
    for layer in range(model.layers):
        probe = slow_probe(activations, records, value, layer)
        if probe.accuracy < settings["accuracy"]:
            continue
        vectors = model.value_vectors(layer).double().cpu().numpy()
        cosines = []
        for k in range(model.width):
            length = np.linalg.norm(vectors[k]) * np.linalg.norm(probe.weights)
            cosines.append(float(vectors[k] @ probe.weights / length))
        count = max(1, round(settings["alpha"] * model.width))
        for k in sorted(range(model.width), key=lambda k: -abs(cosines[k]))[:count]:
            found[layer, k] = cosines[k]
    return found


def collected(model: NeuronModel, texts: Sequence[LabelledText]) -> Evidence:
    return evidence_of(collect(model, texts, batch_size=7), texts)


def selected(mask: torch.Tensor) -> set[tuple[int, int]]:
    return {(layer, k) for layer, k in mask.nonzero().tolist()}
