"""Wording that tells two sides apart: counts, and the cross-validated bag of words against scikit-learn's."""

from __future__ import annotations

import random

import pytest
from conftest import shared

from valuescope.data import read_data
from valuescope.data.checks import word_differences, wording, wording_accuracy, words
from valuescope.data.records import sides

WORDS = [
    "tea",
    "bread",
    "boat",
    "lamp",
    "road",
    "song",
    "coat",
    "wheel",
    "river",
    "stone",
    "chair",
    "market",
    "uncle",
    "ladder",
]


def noise(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.sample(WORDS, 8)) for _ in range(count)]


def test_word_differences_count_texts_not_occurrences() -> None:
    found = word_differences(["rather, rather tea", "tea"], ["rather tea", "boat boat"])
    assert [(one.word, one.positive, one.negative, one.excess, one.texts) for one in found] == [
        ("boat", 0, 1, -1, 2),
        ("tea", 2, 1, 1, 2),
    ]


def test_a_marker_is_found_and_noise_is_not() -> None:
    first, second = noise(40, 1), noise(40, 2)
    marked = wording_accuracy(first, [f"{text} instead" for text in second])
    plain = wording_accuracy(first, second)
    assert marked is not None
    assert plain is not None
    assert marked.accuracy == 1
    assert 0.3 < plain.accuracy < 0.65


def test_crossed_words_are_chance_exactly() -> None:
    texts = noise(20, 3)
    found = wording_accuracy(texts, [" ".join(reversed(text.split())) for text in texts])
    assert found is not None
    assert found.accuracy == 0.5


def test_pairs_stay_in_one_fold() -> None:
    # Every pair has a word of its own on both sides: with a pair split over folds it would point the wrong way.
    texts = [f"word{number}" for number in range(40)]
    found = wording_accuracy(texts, texts)
    assert found is not None
    assert found.accuracy == 0.5


def test_too_few_pairs_give_no_number_and_uneven_sides_are_refused() -> None:
    assert wording_accuracy(["a"] * 4, ["b"] * 4) is None
    with pytest.raises(ValueError, match="2 positive and 1 negative texts are not pairs"):
        wording_accuracy(["a", "b"], ["c"])


def test_accuracy_is_scikit_learns() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    import numpy as np

    first, second = (
        noise(30, 4),
        [f"{text} {'rather' if number % 3 else ''}" for number, text in enumerate(noise(30, 5))],
    )
    texts = first + second
    vocabulary = sorted({word for text in texts for word in words(text)})
    features = np.array([[word in words(text) for word in vocabulary] for text in texts], float)
    side = np.arange(60) < 30
    folds = wording._fold_of(30, 5, 0).repeat(2).numpy()
    right = 0
    for fold in range(5):
        model = linear_model.LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000)
        model.fit(features[folds != fold], side[folds != fold])
        right += int((model.predict(features[folds == fold]) == side[folds == fold]).sum())
    found = wording_accuracy(first, second, repeats=1)
    assert found is not None
    assert found.accuracy == pytest.approx(right / 60)


def test_published_pairs_give_their_sides_away() -> None:
    found = sides(read_data(shared("data/conva/probe/stimulation.csv")).records)
    assert found is not None
    names, first, second = found
    assert names == ("positive", "negative")
    measured = wording_accuracy(first, second)
    assert measured is not None
    assert measured.accuracy > 0.9
    assert {"preferring", "and"} <= {one.word for one in word_differences(first, second)[:8]}
