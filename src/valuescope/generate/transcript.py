"""Text that grows token by token, watched for stop texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_UNFINISHED = "\N{REPLACEMENT CHARACTER}"


class Transcript:
    """What the tokens of an answer say so far.

    A piece is given out once nothing that follows can change it: bytes of an unfinished character wait, and so does
    what may be the beginning of a stop text. Only a window of tokens is decoded at a time, so the work per token does
    not grow with the answer.
    """

    def __init__(self, tokenizer: Any, stops: Sequence[str] = ()) -> None:
        self.text = ""
        self.stop: str | None = None
        self._tokenizer = tokenizer
        self._stops = tuple(stops)
        self._ids: list[int] = []
        self._lengths: list[int] = []  # characters of `text` (before any cut) once each token was added
        self._window = self._read = 0
        self._given = 0

    def add(self, token: int) -> str:
        """Add a token; returns the text that is certain now."""
        self._ids.append(token)
        known = self._decode(self._ids[self._window : self._read])
        grown = self._decode(self._ids[self._window :])
        if not grown.endswith(_UNFINISHED) and len(grown) > len(known):
            self._grow(grown[len(known) :])
            self._window, self._read = self._read, len(self._ids)
        self._lengths.append(len(self.text))
        return "" if self.stop is not None else self._give(len(self.text) - self._held_back())

    def rest(self) -> str:
        """What has not been given out when the answer ends: all that is left of the text."""
        if self.stop is None:
            known = self._decode(self._ids[self._window : self._read])
            self._grow(self._decode(self._ids[self._window :])[len(known) :])
        return self._give(len(self.text))

    def tokens_of_text(self) -> int:
        """How many tokens it takes to say `text`; the last may say more where a stop text cut it."""
        return next(
            (number for number, length in enumerate([0, *self._lengths]) if length >= len(self.text)),
            len(self._ids),
        )

    def _grow(self, piece: str) -> None:
        before = len(self.text)
        self.text += piece
        found = [(place, stop) for stop in self._stops if (place := self._find(stop, before)) >= 0]
        if found:
            place, self.stop = min(found)
            self.text = self.text[:place]

    def _find(self, stop: str, before: int) -> int:
        return self.text.find(stop, max(0, before - len(stop) + 1))

    def _held_back(self) -> int:
        """Characters at the end that may become a stop text."""
        longest = 0
        for stop in self._stops:
            for size in range(min(len(stop) - 1, len(self.text)), longest, -1):
                if self.text.endswith(stop[:size]):
                    longest = size
                    break
        return longest

    def _give(self, upto: int) -> str:
        piece = self.text[self._given : upto]
        self._given = max(self._given, upto)
        return piece

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True)) if ids else ""
