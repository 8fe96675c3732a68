"""Words, characters, scripts and openings: the one way in which texts are counted."""

from __future__ import annotations

import re
import unicodedata

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ebef"
_IS_HAN = re.compile(f"[{_HAN}]")
_CHARACTER = re.compile(f"[{_HAN}]|[0-9]+|[A-Za-z]+")
# For scripts written without spaces (kana, Han) single characters.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


def words(text: str) -> list[str]:
    """The lower-cased words of a text, without punctuation; a Chinese or Japanese character is a word."""
    return _WORD.findall(text.lower())


def size(text: str, language: str) -> int:
    """Length of a text: English words, or Chinese characters.

    English: what whitespace separates, as far as it holds a letter or a digit. Chinese ("zh"): every Han character,
    every run of Latin letters and every run of digits counts one.
    """
    if language == "zh":
        return len(_CHARACTER.findall(text))
    return sum(any(map(str.isalnum, word)) for word in text.split())


def han_share(text: str) -> float:
    """Share of the letters that are Han characters; 0 for a text without letters."""
    letters = [character for character in text if character.isalpha()]
    return sum(bool(_IS_HAN.match(character)) for character in letters) / len(letters) if letters else 0.0


def language_of(text: str) -> str:
    """ "zh" where Han characters are at least a fifth of the letters, else "en" for any other script.

    Chinese texts quote Latin names, and a Latin letter is far less text than a character, hence the fifth.
    """
    return "zh" if han_share(text) >= 0.2 else "en"


def opening(text: str, language: str, length: int = 3) -> str:
    """The first `length` words of a text, lower-cased and without punctuation (Chinese: one character more)."""
    if language == "zh":
        return "".join(_CHARACTER.findall(text)[: length + 1])
    kept = ["".join(filter(str.isalnum, word)) for word in text.lower().split()]
    return " ".join([word for word in kept if word][:length])


def even(text: str) -> str:
    """A text for comparison: NFKC, so that full and half width are one, and single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).split())
