"""Counting words and characters, telling languages apart, and finding the words that give a value away."""

from __future__ import annotations

import pytest
from data_samples import CHINESE, SCHWARTZ

from valuescope.data.checks import (
    held_words,
    judging_words,
    key_words,
    language_of,
    name_words,
    size,
    telltale_words,
    words,
)
from valuescope.data.checks.words import even, han_share, opening


@pytest.mark.parametrize(
    ("text", "language", "count"),
    [
        ("It's a well-known fact - 3 of 4 agree.", "en", 8),
        ("", "en", 0),
        ("one\n two\tthree", "en", 3),
        ("我在医院上夜班。", "zh", 7),
        ("我买了3张K12课程的票，共120元！", "zh", 14),
        ("hello", "zh", 1),
    ],
)
def test_size(text: str, language: str, count: int) -> None:
    assert size(text, language) == count


def test_words_are_lower_case_and_han_characters_are_words() -> None:
    assert words("Don't STOP-me 公平") == ["don", "t", "stop", "me", "公", "平"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Should I go?", "en"),
        ("我该去吗？", "zh"),
        ("用 Python 写 API 好吗", "zh"),
        ("42", "en"),
        ("größer", "en"),
        ("The word 公 alone", "en"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert language_of(text) == language


def test_share_of_han_letters_ignores_digits_and_punctuation() -> None:
    assert han_share("我和B，12！") == pytest.approx(2 / 3)
    assert han_share("123") == 0


def test_openings_ignore_case_and_punctuation() -> None:
    assert opening('"At the" market, I', "en") == opening("at the market we", "en") == "at the market"
    assert opening("在，市场里我", "zh") == "在市场里"


def test_even_brings_width_and_spaces_together_and_keeps_case() -> None:
    assert even("Ａ  b\u3000c\n") == "A b c"


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("The powerful rule.", ["powerful"]),
        ("Empowered by all", []),
        ("PREDOMINANCE", []),
        ("He dominates; the Authorities agree", ["dominates", "Authorities"]),
        ("her public\nimage", ["public\nimage"]),
        ("statuses and status, status's", ["statuses", "status"]),
        ("statue", []),
    ],
)
def test_key_words_are_found_with_their_endings_and_not_inside_words(text: str, held: list[str]) -> None:
    assert held_words(text, key_words(SCHWARTZ, "power", "en"), "en") == held


def test_a_dimension_has_the_words_of_the_values_below_it() -> None:
    conservation = key_words(SCHWARTZ, "conservation", "en")
    for value in ("security", "conformity", "tradition"):
        assert set(key_words(SCHWARTZ, value, "en")) <= set(conservation)
    for dimension in ("openness-to-change", "self-enhancement"):
        assert "hedonis*" in key_words(SCHWARTZ, dimension, "en")
    assert "传统" in key_words(SCHWARTZ, "conservation", "zh")


def test_names_are_fewer_than_key_words() -> None:
    assert name_words(SCHWARTZ, "power", "en") == ("power*",)
    assert held_words("他爱国也爱家", name_words(CHINESE, "patriotism", "zh"), "zh") == ["爱国"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_value_of_the_two_systems_has_its_words(language: str) -> None:
    for system, levels in ((SCHWARTZ, ("value", "dimension")), (CHINESE, ("value",))):
        for level in levels:
            for value in system.at_level(level):
                names = name_words(system, value, language)
                assert names
                assert held_words(system[value].names[language], names, language)


def test_a_value_that_is_not_listed_is_known_by_its_name() -> None:
    assert name_words(SCHWARTZ, "social-order", "en") == ("social order",)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("I didn't go", ["didn't"]),
        ("I can’t and cannot", ["can’t", "cannot"]),
        ("Nothing, rather; no, not quite", ["Nothing", "rather", "no", "not"]),
        ("knot noted another notes onto quitely stopwatch", []),
        ("Even  if it rains", ["Even  if"]),
    ],
)
def test_telltale_words(text: str, held: list[str]) -> None:
    assert held_words(text, telltale_words(), "en") == held


def test_judging_words() -> None:
    assert held_words("A selfish and kind neighbour", judging_words(), "en") == ["selfish"]
