"""Text that grows token by token, watched for stop texts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

_UNFINISHED = "\N{REPLACEMENT CHARACTER}"
_PATIENCE = (
    16  # tokens; no character has more than 4 bytes, so what is unfinished for longer is no text at all
)
_WINDOW = 16


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
        self._lengths: list[int] = []  # characters (before any cut) that the tokens up to each one say
        self._window = 0  # decoding begins with this token; it begins a character
        self._read = 0  # the tokens before this one are in `text`
        self._known = ""  # what the tokens from `_window` to `_read` say
        self._behind = True  # whether the last piece was decoded behind what was known
        self._given = 0

    def add(self, token: int) -> str:
        """Add a token; returns the text that is certain now."""
        self._ids.append(token)
        piece = self._unread()
        waits = piece.endswith(_UNFINISHED) and len(self._ids) - self._read <= _PATIENCE
        length = self._lengths[-1] if self._lengths else 0
        if piece and not waits:
            length += len(piece)
            self._grow(piece)
            self._read_on(piece)
        self._lengths.append(length)
        return "" if self.stop is not None else self._give(len(self.text) - self._held_back())

    def rest(self) -> str:
        """What has not been given out when the answer ends: all that is left of the text."""
        if self.stop is None:
            self._grow(self._unread())
        return self._give(len(self.text))

    def tokens_of_text(self) -> int:
        """How many tokens it takes to say `text`; the last may say more where a stop text cut it."""
        return len(self._ids) if self.stop is None else self._tokens_of(len(self.text))

    def tokens_given(self) -> int:
        """How many tokens have been given out in full."""
        number = self._tokens_of(self._given)
        return number if number == 0 or self._lengths[number - 1] == self._given else number - 1

    def _tokens_of(self, characters: int) -> int:
        """The fewest tokens that say so many characters."""
        return min(bisect_left(self._lengths, characters) + 1, len(self._ids)) if characters else 0

    def _unread(self) -> str:
        """What the tokens say that are not in `text` yet.

        They are decoded behind the ones before, which may decide about a space. Where those no longer say what they
        said (a tokenizer that turns a whole run of bytes into marks when it ends in half a character), alone: what was
        given out stands.
        """
        grown = self._decode(self._window)
        self._behind = grown.startswith(self._known)
        return grown[len(self._known) :] if self._behind else self._decode(self._read)

    def _read_on(self, piece: str) -> None:
        before, self._read = self._read, len(self._ids)
        self._known += piece
        if not self._behind or self._read - self._window > _WINDOW:
            self._window, self._known = before, self._decode(before)

    def _grow(self, piece: str) -> None:
        before = len(self.text)
        self.text += piece
        places = [(self.text.find(stop, max(0, before - len(stop) + 1)), stop) for stop in self._stops]
        if stops := [(place, stop) for place, stop in places if place >= 0]:
            place, self.stop = min(stops)
            self.text = self.text[:place]

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

    def _decode(self, start: int) -> str:
        return str(self._tokenizer.decode(self._ids[start:], skip_special_tokens=True))


def text_of(tokenizer: Any, ids: Sequence[int]) -> str:
    """What whole answers say: the text that a `Transcript` of their tokens ends with, so that streaming changes nothing.

    Where nothing is unfinished and the tokenizer tidies no spaces up, that is what it decodes at once.
    """
    text = str(tokenizer.decode(ids, skip_special_tokens=True))
    if _UNFINISHED not in text and not getattr(tokenizer, "clean_up_tokenization_spaces", False):
        return text
    transcript = Transcript(tokenizer)
    for token in ids:
        transcript.add(token)
    transcript.rest()
    return transcript.text
