"""QRNCA: integrated gradients of an answer letter's probability, weighed by rarity (ValueLocate, appendix D.2)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

import torch
from torch import Tensor

from valuescope.locate.contrast import contrast_labels, contrast_located, require_finite, require_limits
from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.integrated_gradients import PATHS, Attribution, integrated_gradients, quadrature
from valuescope.locate.location import Located
from valuescope.locate.multiple_choice import Choice, given_choices, value_choices
from valuescope.locate.next_token import frozen
from valuescope.locate.parameters import require_choice
from valuescope.models import NeuronModel, left_pad
from valuescope.ranges import Count, ShareAboveNone, ShareBelowAll

PROMPTS = ("choice", "given")


def qrnca(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    prompts: str = "choice",
    orders: Count = 3,
    path: str = "layer",
    rule: str = "gauss",
    steps: Count = 20,
    threshold: ShareBelowAll = 0.2,
    common: ShareAboveNone = 0.3,
    top: Count = 50,
    texts: Count | None = None,
    batch_size: Count = 8,
) -> Located:
    """Query-relevant neurons of multiple-choice questions about the value (Chen et al. 2024).

    Every text is a query of several prompts (`value_choices`). A neuron's attribution to a prompt is the
    integrated gradient of the right letter's probability (over the whole vocabulary) along its product m at the
    last token, from 0 (`integrated_gradients`). Kept is what exceeds `threshold` times the prompt's largest; summed
    over the query's prompts and divided by the query's sum over neurons it is NA. A neuron kept in o of Q
    queries (of all values and sides) has ICA = ln(Q / (o + 1)); one with o > int(common * Q) is out. Signed: mean
    of NA * ICA over the queries for the value minus that over those against; score: the absolute number.

    Integrating along the up projection u alone with the gate held, as the released code does for gated families,
    gives the same numbers: m = a u passes the same points. `prompts`: "choice" makes the questions, "given" takes texts
    that are multiple-choice prompts with their letter as answer. `orders`: prompts per query. `path`: "layer" scales
    one layer at a time, as published; "joint" all at once, which is cheaper by the number of layers. `rule`,
    `steps`: how the integral is taken; the released code's is "riemann". `top`: neurons taken per value.
    `texts`: only so many texts per label, the first ones. `batch_size`: prompts at a time, each with
    steps + 2 rows.
    """
    require_limits("qrnca", model, top, texts)
    _require_parameters(prompts, path, threshold, common, batch_size)
    start = time.monotonic()
    contrast_labels(evidence, "qrnca")  # refuses values without two sides
    nodes, weights = quadrature(rule, steps)
    if prompts == "choice":
        choices = value_choices(model, evidence, orders=orders, texts=texts, seed=seed, method="qrnca")
    else:
        choices = given_choices(model, evidence, texts=texts, method="qrnca")
    clusters = _Clusters(2 * len(evidence.values), model.layers, model.width, threshold)
    completeness = _Completeness()
    longest = 0
    with frozen(model):
        for part in _query_batches(choices, batch_size):
            batch = left_pad(model, [choice.encoded for choice in part])
            longest = max(longest, batch.input_ids.shape[1])
            targets = torch.tensor([choice.target for choice in part], device=model.device)
            attribution = integrated_gradients(model, batch, targets, nodes, weights, path=path)
            require_finite(attribution.neurons, "gradients")
            clusters.add(part, attribution.neurons)
            completeness.add(attribution)
    scores, dropped = clusters.scores(common)
    rows = batch_size * (steps + 2)
    return contrast_located(
        scores[0::2] - scores[1::2],
        top,
        diagnostics={
            "queries": int(clusters.queries.sum()),
            "prompts": len(choices),
            "common_neurons": dropped,
            "kept_neurons": int((clusters.occurrences > 0).sum()),
            "kept_per_query": float(clusters.occurrences.sum() / clusters.queries.sum()),
            "completeness_error": completeness.error(),
            "worst_completeness_error": completeness.worst,
            "seconds": time.monotonic() - start,
            "peak_bytes": 4 * rows * model.layers * (8 * model.width + 2 * longest * model.hidden),
        },
        warnings=_warnings(evidence, clusters, completeness, common),
    )


class _Clusters:
    """Running sums of NA per cell, how often a neuron was kept, and how many queries there were."""

    def __init__(self, cells: int, layers: int, width: int, threshold: float):
        self.threshold = threshold
        self.queries = torch.zeros(cells, dtype=torch.float64)
        self.attribution = torch.zeros(cells, layers, width, dtype=torch.float64)
        self.occurrences = torch.zeros(layers, width, dtype=torch.float64)

    def add(self, choices: Sequence[Choice], attributions: Tensor) -> None:
        """Add whole queries: the attributions [B, layers, width] of their prompts."""
        largest = attributions.amax(dim=(1, 2), keepdim=True).clamp(min=0)
        kept = torch.where(attributions > self.threshold * largest, attributions, 0.0).double()
        cell_of = {choice.query: choice.cell for choice in choices}
        queries = sorted(cell_of)
        member = torch.tensor([queries.index(choice.query) for choice in choices])
        summed = torch.zeros(len(queries), *kept.shape[1:], dtype=torch.float64).index_add_(0, member, kept)
        share = (summed / summed.sum(dim=(1, 2), keepdim=True)).nan_to_num(nan=0.0)
        cells = torch.tensor([cell_of[query] for query in queries])
        self.attribution.index_add_(0, cells, share)
        self.queries.index_add_(0, cells, torch.ones(len(queries), dtype=torch.float64))
        self.occurrences += (summed > 0).sum(dim=0)

    def scores(self, common: float) -> tuple[Tensor, int]:
        """Mean NA * ICA per cell [cells, layers, width], common neurons at 0, and how many those are."""
        total = float(self.queries.sum())
        rarity = (total / (self.occurrences + 1)).log().clamp(min=0)
        out = self.occurrences > int(common * total)
        return self.attribution / self.queries[:, None, None] * torch.where(out, 0.0, rarity), int(out.sum())


class _Completeness:
    """How far the attributions are from adding up to the difference of the function."""

    def __init__(self) -> None:
        self.missed, self.size, self.worst = 0.0, 0.0, 0.0

    def add(self, paths: Attribution) -> None:
        """Add the paths of a batch."""
        missed, size = (paths.total - paths.difference).abs(), paths.difference.abs()
        self.missed += float(missed.sum())
        self.size += float(size.sum())
        counted = size > 0.01 * size.max()  # a difference near 0 has no relative error to speak of
        if bool(counted.any()):
            self.worst = max(self.worst, float((missed / size)[counted].max()))

    def error(self) -> float | None:
        """Sum of |sum of attributions - difference| over sum of |difference|; None where nothing differs."""
        return self.missed / self.size if self.size else None


def _query_batches(choices: Sequence[Choice], batch_size: int) -> Iterator[list[Choice]]:
    """Whole queries of similar length, together about `batch_size` prompts, the longest first."""
    of_query = attrgetter("query")
    queries = [list(group) for _, group in groupby(sorted(choices, key=of_query), key=of_query)]
    part: list[Choice] = []
    for query in sorted(queries, key=lambda query: -max(len(choice.encoded.input_ids) for choice in query)):
        if part and len(part) + len(query) > batch_size:
            yield part
            part = []
        part = part + query
    if part:
        yield part


def _require_parameters(prompts: str, path: str, threshold: float, common: float, batch_size: int) -> None:
    require_choice("qrnca: prompts", prompts, PROMPTS)
    require_choice("qrnca: path", path, PATHS)
    if not 0 <= threshold < 1:
        raise LocateError(f"qrnca: threshold is {threshold}; it is a share of the largest, from 0 to below 1")
    if not 0 < common <= 1:
        raise LocateError(f"qrnca: common is {common}; it is a share of the queries, above 0 and at most 1")
    if batch_size < 1:
        raise LocateError(f"qrnca: batch_size is {batch_size}; it must be at least 1")


def _warnings(
    evidence: Evidence, clusters: _Clusters, completeness: _Completeness, common: float
) -> list[str]:
    warnings = []
    limit, per_cell = int(common * float(clusters.queries.sum())), clusters.queries.tolist()
    crowded = [
        value for row, value in enumerate(evidence.values) if max(per_cell[2 * row : 2 * row + 2]) > limit
    ]
    if crowded:
        warnings.append(
            f"{', '.join(crowded)}: one side alone has more queries than the {limit} above which a neuron counts as "
            "common, so a neuron that answers all of them is dropped; locate more values at once, or raise `common`"
        )
    error = completeness.error()
    if error is not None and error > 0.01:
        warnings.append(
            f"the attributions miss the change of the probability by {error:.1%} of its size; take more steps, or "
            "rule='gauss'"
        )
    return warnings
