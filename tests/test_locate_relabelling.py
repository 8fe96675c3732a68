"""Labels dealt anew, and their counters: equal to a plain pass over texts that carry the dealt labels."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from locate_references import VALUES, value_texts
from tiny_models import tiny_model

from valuescope.activations import ActivationError, collect, text_key
from valuescope.activations.counters import Counters
from valuescope.data.records import LabelledText
from valuescope.lab.counting import count_texts
from valuescope.locate.relabelling import OUT, Exchange, first_half

SIDES = Exchange("sides", tuple((f"{value}+", f"{value}-") for value in VALUES))
BETWEEN = Exchange("values", (tuple(f"{value}+" for value in VALUES),))
EXACT = ("tokens", "prompts", "gate_active", "product_active", "gate_positive", "product_positive")
FLOAT = ("product_sum", "product_square")


def dealings(texts: list[LabelledText]) -> dict[str, tuple[str, ...]]:
    first = first_half(texts, seed=0, draw=0)
    sides = SIDES.dealt(texts, seed=0, draw=0)
    return {
        "half": tuple(text.label if inside else OUT for text, inside in zip(texts, first, strict=True)),
        "sides": sides,
        "values": BETWEEN.dealt(texts, seed=0, draw=1),
        "half-of-sides": tuple(label if inside else OUT for label, inside in zip(sides, first, strict=True)),
    }


def relabelled(texts: list[LabelledText], labels: tuple[str, ...]) -> list[LabelledText]:
    return [replace(text, label=label) for text, label in zip(texts, labels, strict=True) if label]


def assert_counts(found: Counters, expected: Counters) -> None:
    assert found.labels == expected.labels
    assert found.data_hash == expected.data_hash
    for name in EXACT:
        assert torch.equal(getattr(found, name), getattr(expected, name)), name
    for name in FLOAT:
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-4, atol=1e-4)


def test_sides_are_exchanged_within_each_pair_alone() -> None:
    texts = value_texts(pairs=40)
    labels = SIDES.dealt(texts, seed=0, draw=0)
    flipped = Counter()
    for first in range(0, len(texts), 2):
        pair = {texts[first].label, texts[first + 1].label}
        assert {labels[first], labels[first + 1]} == pair
        flipped[labels[first] != texts[first].label] += 1
    assert 35 <= flipped[True] <= 85  # of 120, by a coin: 60 with a standard deviation of 5.5
    assert SIDES.dealt(texts, seed=0, draw=0) == labels
    assert SIDES.dealt(texts, seed=0, draw=1) != labels
    assert SIDES.dealt(texts, seed=1, draw=0) != labels


def test_the_order_of_the_texts_does_not_matter() -> None:
    texts = value_texts(pairs=9)
    order = list(range(len(texts)))
    random.Random(3).shuffle(order)
    turned = [texts[place] for place in order]
    for deal in (
        lambda some: SIDES.dealt(some, seed=2, draw=0),
        lambda some: BETWEEN.dealt(some, seed=2, draw=0),
        lambda some: first_half(some, seed=2, draw=0),
    ):
        straight, other = deal(texts), deal(turned)
        assert [straight[place] for place in order] == list(other)


def test_texts_without_a_partner_exchange_labels_with_each_other() -> None:
    paired = [text for text in value_texts(pairs=3) if text.label[:-1] == "care"]
    alone = [LabelledText("care+", f"help {number} times") for number in range(30)]
    alone += [LabelledText("care-", f"keep {number} things") for number in range(10)]
    other = [LabelledText("else", "a day")]
    texts = [*paired, *alone, *other]
    labels = Exchange("sides", (("care+", "care-"),)).dealt(texts, seed=0, draw=0)
    assert Counter(labels) == {"care+": 33, "care-": 13, OUT: 1}
    assert labels[-1] == OUT
    assert all({labels[row], labels[row + 1]} == {"care+", "care-"} for row in range(0, 6, 2))
    moved = sum(label != text.label for label, text in zip(labels[6:-1], alone, strict=True))
    assert 4 <= moved <= 20


def test_values_are_exchanged_among_their_texts_and_keep_their_numbers() -> None:
    texts = value_texts(pairs=20)
    labels = BETWEEN.dealt(texts, seed=0, draw=0)
    assert Counter(labels) == {**{f"{value}+": 20 for value in VALUES}, OUT: 60}
    assert all((label == OUT) == text.label.endswith("-") for label, text in zip(labels, texts, strict=True))
    for value in VALUES:  # a third stays where it was, by chance
        same = sum(label == text.label == f"{value}+" for label, text in zip(labels, texts, strict=True))
        assert 1 <= same <= 14


def test_halves_keep_groups_together_and_have_as_many_texts_of_each_label() -> None:
    texts = [*value_texts(pairs=7), *[LabelledText("care+", "help the child again")] * 2]
    first = first_half(texts, seed=0, draw=0)
    groups: dict[str, set[bool]] = {}
    for text, inside in zip(texts, first, strict=True):
        groups.setdefault(text.group or text_key(text), set()).add(inside)
    assert all(len(sides) == 1 for sides in groups.values())
    counts = Counter(text.label for text, inside in zip(texts, first, strict=True) if inside)
    assert all(3 <= counts[f"{value}{side}"] <= 6 for value in VALUES for side in "+-")
    assert first_half(texts, seed=0, draw=1) != first


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@pytest.mark.parametrize("scope", ["all", "answer"])
def test_one_pass_counts_what_passes_over_relabelled_texts_count(name: str, scope: str) -> None:
    model, texts = tiny_model(name), value_texts(pairs=5)
    dealt = dealings(texts)
    plain = collect(model, texts, batch_size=4, scope=scope)
    found = collect(model, texts, batch_size=4, scope=scope, relabellings=dealt)
    for counter in (*EXACT, *FLOAT):  # bit for bit: the labels' own sums do not change
        assert torch.equal(getattr(found.counters, counter), getattr(plain.counters, counter)), counter
    assert found.counters.hash == plain.counters.hash
    assert plain.residuals is not None
    assert found.residuals is not None
    assert torch.equal(plain.residuals.hidden, found.residuals.hidden)
    for which, labels in dealt.items():
        some = relabelled(texts, labels)
        assert_counts(found.relabelled[which], collect(model, some, batch_size=4, scope=scope).counters)
        kept = found.residuals.relabelled(labels)
        assert kept.labels == tuple(text.label for text in some)
        assert kept.keys == tuple(map(text_key, some))


def test_the_other_half_is_the_whole_less_the_first() -> None:
    model, texts = tiny_model("llama"), value_texts(pairs=6)
    dealt = dealings(texts)
    found = collect(model, texts, relabellings=dealt)
    for whole, half, labels in (
        (found.counters, "half", [text.label for text in texts]),
        (found.relabelled["sides"], "half-of-sides", dealt["sides"]),
    ):
        rest = tuple(OUT if mine else label for mine, label in zip(dealt[half], labels, strict=True))
        assert_counts(whole - found.relabelled[half], collect(model, relabelled(texts, rest)).counters)
        assert_counts((whole - found.relabelled[half]) + found.relabelled[half], whole)


def test_parts_add_up_and_a_pass_that_was_killed_goes_on(tmp_path: Path) -> None:
    model, texts = tiny_model("llama"), value_texts(pairs=6)
    dealt = dealings(texts)
    how = {"batch_size": 3, "part": 7, "scope": "all", "residuals": True, "relabellings": dealt}
    whole = count_texts(tmp_path / "whole", model, texts, **how)
    once = collect(model, texts, batch_size=3, relabellings=dealt)
    for name, counters in once.relabelled.items():
        assert_counts(whole.relabelled[name], counters)

    def stop(done: int, _: int) -> None:
        if done > 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count_texts(tmp_path / "again", model, texts, **how, progress=stop)
    read: list[int] = []
    again = count_texts(tmp_path / "again", model, texts, **how, progress=lambda done, _: read.append(done))
    assert min(read) > 14  # two parts of seven were kept
    for name, counters in whole.relabelled.items():
        assert again.relabelled[name].hash == counters.hash
    assert again.counters.hash == whole.counters.hash
    left = {path.name for path in (tmp_path / "again").glob("*.json") if "residuals" not in path.name}
    assert left == {f"{name}-0005.json" for name in ("counters", *dealt)}


def test_relabellings_that_do_not_fit_are_refused() -> None:
    model, texts = tiny_model("llama"), value_texts(pairs=1)
    with pytest.raises(ActivationError, match=r"relabelling 'half' has 2 labels for 6 texts"):
        collect(model, texts, relabellings={"half": ("a", "b")})
    one, other = collect(model, texts, relabellings={"half": ("a",) * 6}), collect(model, texts)
    with pytest.raises(ActivationError, match="the relabellings are half and none"):
        one + other
    assert one.residuals is not None
    with pytest.raises(ActivationError, match="2 labels for 6 texts"):
        one.residuals.relabelled(("a", "b"))
