"""Near-duplicates: exact on small sets, found by min-hashes on large ones, never quadratic."""

from __future__ import annotations

import random
import time
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from valuescope.data.checks import duplicates, near_duplicates, shared_wording

WORDS = [
    "the",
    "a",
    "river",
    "market",
    "bread",
    "chair",
    "letter",
    "walks",
    "sings",
    "carries",
    "under",
    "beside",
    "mother",
    "doctor",
    "early",
    "late",
    "green",
]


def sentence(rng: random.Random, length: int = 20) -> str:
    return " ".join(rng.choice(WORDS) + str(rng.randrange(100)) for _ in range(length))


def test_names_and_numbers_changed_make_a_near_duplicate() -> None:
    asked = "Should Emma share what she knows with the whole team on the 3rd of May?"
    texts = [asked, asked.replace("Emma", "Anna").replace("3", "4"), "Is it right to lie to a friend?", asked]
    found = near_duplicates(texts)
    assert found.pairs == ((0, 1), (0, 3), (1, 3))
    assert found.clusters == ((0, 1, 3),)
    assert (found.exact, found.effective, found.texts) == (1, 2, 4)


def test_spaces_and_width_make_no_difference_and_case_does() -> None:
    assert near_duplicates(["Ａ good day", "A  good day"]).exact == 1
    assert near_duplicates(["A good day", "a good day"]).exact == 0


def test_no_texts_and_one_text() -> None:
    assert near_duplicates([]).effective == 0
    assert near_duplicates(["", ""]).effective == 1
    assert near_duplicates(["x"]).pairs == ()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(alphabet="abcd e", max_size=24), max_size=8))
def test_small_sets_agree_with_comparing_every_pair(texts: list[str]) -> None:
    found = near_duplicates(texts)
    evened = [" ".join(text.split()) for text in texts]
    wanted = {
        (i, j)
        for i, j in combinations(range(len(texts)), 2)
        if evened[i] == evened[j] or ratio(evened[i], evened[j]) > 0.9
    }
    assert set(found.pairs) == wanted


def ratio(first: str, second: str) -> float:
    """Twice the longest common subsequence by both lengths, from its table."""
    row = [0] * (len(second) + 1)
    for character in first:
        above, row = row, [0]
        for place, other in enumerate(second, 1):
            row.append(above[place - 1] + 1 if character == other else max(above[place], row[-1]))
    return 2 * row[-1] / (len(first) + len(second))


def test_large_sets_find_the_same_clusters() -> None:
    rng = random.Random(1)
    originals = [sentence(rng) for _ in range(300)]
    copies = [text.replace(text.split()[4], "Anna", 1) for text in originals[:150]]
    texts = originals + copies + originals[:20]
    rng.shuffle(texts)
    found = near_duplicates(texts)
    assert not found.complete
    assert found.effective == 300
    assert found.exact == 20
    small = near_duplicates(texts[:400])
    assert small.complete
    assert small.effective == near_duplicates([*texts[:400], sentence(rng)]).effective - 1


def test_time_grows_with_the_number_of_texts_and_one_template_is_no_trap() -> None:
    rng = random.Random(2)
    spent = []
    for count in (1000, 4000):
        texts = [
            f"A person from place {number} asked the clerk for a form and got none."
            for number in range(count)
        ]
        texts += [sentence(rng) for _ in range(count)]
        start = time.process_time()
        assert near_duplicates(texts).effective == count + 1
        spent.append(time.process_time() - start)
    assert spent[1] < 10 * spent[0]


def test_shared_wording_finds_a_template_that_similarity_misses() -> None:
    texts = [
        "Should I take the offer of the village choir, or stay with the people who taught me to sing?",
        "Should I take the offer of the chess club in the next town, or stay with the people who taught me?",
        "A neighbour asks whether our hedge may go.",
    ]
    assert not near_duplicates(texts).pairs
    ((first, second, share),) = shared_wording(texts)
    assert (first, second) == (0, 1)
    assert 0.5 < share < 0.8


def test_shared_wording_in_chinese_is_by_characters() -> None:
    assert shared_wording(["我在医院上夜班做保洁", "我在医院上夜班当护士"])
    assert not shared_wording(["我在医院上夜班做保洁", "楼下的邻居想换一扇门"])
    assert duplicates.SHARED < 0.5


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=12).map(" ".join), max_size=60))
@settings(deadline=None)
def test_shared_wording_agrees_with_comparing_every_pair(texts: list[str]) -> None:
    texts = [f"{text} what would you do".strip() for text in texts] + ["", "two words"]
    trigrams = [set(zip(held, held[1:], held[2:], strict=False)) for held in map(str.split, texts)]
    wanted = []
    for first, second in combinations(range(len(texts)), 2):
        held = len(trigrams[first]) + len(trigrams[second])
        if held and (share := 2 * len(trigrams[first] & trigrams[second]) / held) > duplicates.SHARED:
            wanted.append((first, second, share))
    assert shared_wording(texts) == wanted


def test_a_sentence_in_every_text_proposes_no_pairs() -> None:
    rng = random.Random(3)
    spent = []
    for count in (500, 2000):
        texts = [
            f"You {' '.join(f'word{rng.randrange(10**6)}' for _ in range(40))}. What would you do in their place?"
            for _ in range(count)
        ]
        start = time.process_time()
        assert not shared_wording(texts)
        spent.append(time.process_time() - start)
    assert spent[1] < 8 * spent[0]  # the square would be 16
