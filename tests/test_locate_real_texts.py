"""All locators that read counters, on published texts and on stories, with real models, against plain loops."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from conftest import shared
from count_references import (
    Counts,
    counts_by_text,
    slow_deltas,
    slow_lowest_entropy,
    slow_mean_correlation,
    slow_specificity,
    slow_two_proportion,
    slow_valuelocate_selection,
)
from locate_references import record, selected

from valuescope.activations import collect
from valuescope.data import LabelledText, RatedText, label, read_data, starter_material
from valuescope.locate import Evidence, Location, locate
from valuescope.models import NeuronModel, encode, load_model
from valuescope.values import load_value_system

MODELS = ("stories260K", "gpt2-tinystories-280k")
TEXTS = 3
CONTEXT = 512
COUNTS = ("gate_active", "product_active", "gate_positive", "product_positive")


def short(model: NeuronModel, texts: Sequence[LabelledText]) -> list[LabelledText]:
    """The first TEXTS texts of every label that fit the context."""
    rows = encode(model, [text.prompt for text in texts], [text.answer for text in texts])
    kept: dict[str, list[LabelledText]] = {}
    for text, row in zip(texts, rows, strict=True):
        mine = kept.setdefault(text.label, [])
        if len(row.input_ids) <= CONTEXT and len(mine) < TEXTS:
            mine.append(text)
    assert all(len(mine) == TEXTS for mine in kept.values())
    return [text for mine in kept.values() for text in mine]


@cache
def rated_texts() -> list[RatedText]:
    data = read_data(shared("data/valuecsv/ValueCSV5000.xlsx"), "valuecsv")
    return [one for one in data.records if isinstance(one, RatedText)]


def valuecsv(model: NeuronModel, values: Sequence[str]) -> list[LabelledText]:
    """Beginnings of published texts about a value ("for") and not about it ("against").

    They are Chinese, and three tokens to a character: whole ones do not fit these models' context.
    """
    texts, rated = [], rated_texts()
    for value in values:
        for role, number in (("for", 1), ("against", 0)):
            about = [one.text for one in rated if (value, number) in one.ratings]
            texts += [LabelledText(label(value, role), text[:120]) for text in about[: 10 * TEXTS : 10]]
    return short(model, texts)


def stories(model: NeuronModel, values: Sequence[str]) -> list[LabelledText]:
    """The starter set's stories with choices and rationale."""
    return short(model, starter_material(tuple(values)).texts)


@pytest.fixture(
    scope="module", params=[(name, source) for name in MODELS for source in ("valuecsv", "stories")]
)
def case(request: pytest.FixtureRequest):
    name, source = request.param
    model = load_model(str(shared(f"models/{name}")))
    values = tuple(load_value_system("chinese-social").at_level("value"))
    assert len(values) == 12
    if source == "valuecsv":
        texts, positive, negative = valuecsv(model, values), "for", "against"
    else:
        texts, positive, negative = stories(model, values), "text", ""
    evidence = Evidence(
        collect(model, texts, batch_size=8, residuals=False),
        values,
        {value: label(value, positive) for value in values},
        {value: label(value, negative) for value in values} if negative else {},
    )
    return model, evidence, texts


def counts_of(evidence: Evidence, labels: Sequence[str]) -> list[Counts]:
    """What was collected, as the references read it."""
    counters = evidence.activations.counters
    return [
        {name: getattr(counters, name)[row].numpy() for name in ("tokens", "prompts", *COUNTS)}
        for row in counters.rows(labels).tolist()
    ]


def assert_selected(found: Location, expected: list) -> None:
    assert list(found.sizes()) == list(found.values)
    for row, value in enumerate(found.values):
        assert selected(found.selected[row]) == expected[row], value


def test_the_counts_are_those_of_one_text_at_a_time(case) -> None:
    model, evidence, texts = case
    records, labels = record(model, texts), evidence.activations.counters.labels
    for name, mine in zip(labels, counts_of(evidence, labels), strict=True):
        slow = counts_by_text(model, records, name)
        assert mine["tokens"] == slow["tokens"]
        assert mine["prompts"] == slow["prompts"] == TEXTS
        for counter in COUNTS:
            # A batch rounds unlike a text alone: an activation of nearly 0 may fall on the other side.
            off = np.abs(mine[counter] - slow[counter])
            assert off.max() <= 1, (name, counter)
            assert (off > 0).mean() < 0.002, (name, counter)


@pytest.mark.parametrize("rate", [0.015, 0.1])
def test_vape_and_its_bar_per_layer(case, rate: float) -> None:
    model, evidence, _ = case
    plus = counts_of(evidence, evidence.positive_labels())
    for method in ("vape", "vape-layer-bar"):
        found = locate(method, model, evidence, rate=rate)
        assert_selected(found, slow_lowest_entropy(plus, rate, 0.95, method == "vape-layer-bar"))
        profile = found.diagnostics["firing_profile"]
        assert profile["kept"] == min(round(rate * model.neurons), profile["eligible"])


@pytest.mark.parametrize("per", ["model", "value"])
def test_specificity(case, per: str) -> None:
    model, evidence, _ = case
    plus = counts_of(evidence, evidence.positive_labels())
    found = locate("specificity", model, evidence, per=per, rate=0.1)
    assert_selected(found, slow_specificity(plus, 0.1, per))
    assert all(found.sizes().values()) or per == "model"


@pytest.mark.parametrize("unit", ["token", "text"])
def test_two_proportion(case, unit: str) -> None:
    model, evidence, _ = case
    plus = counts_of(evidence, evidence.positive_labels())
    found = locate("two-proportion", model, evidence, unit=unit, rate=0.1)
    expected, discovered = slow_two_proportion(plus, 0.1, 0.05, unit, "value")
    assert_selected(found, expected)
    assert found.diagnostics["discoveries"] == discovered


@pytest.mark.parametrize("statistic", ["prompt", "token"])
def test_valuelocate(case, statistic: str) -> None:
    model, evidence, _ = case
    plus = counts_of(evidence, evidence.positive_labels())
    minus = counts_of(evidence, evidence.negative_labels("test")) if evidence.negative else []
    for contrast in ("opposite", "others") if minus else ("others",):
        deltas = slow_deltas(plus, minus, site="gate", statistic=statistic, contrast=contrast)
        for control in ("threshold", "false-discovery"):
            chosen = {"statistic": statistic, "contrast": contrast, "control": control}
            found = locate("valuelocate", model, evidence, **chosen)
            expected = slow_valuelocate_selection(deltas, threshold=0.03, control=control, q=0.05)
            assert_selected(found, expected)
            assert found.diagnostics["mean_correlation"] == pytest.approx(slow_mean_correlation(deltas))
