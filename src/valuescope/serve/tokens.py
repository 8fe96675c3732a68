"""Tokens as the API shows them: their text, their bytes, and where they stand in a text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

_UNFINISHED = "\N{REPLACEMENT CHARACTER}"
_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SEARCHED = (
    16  # characters between two tokens that neither of them says: white space, a character in several tokens
)


class TokenBytes:
    """The UTF-8 bytes of tokens. Only a token that is part of a character needs more than its text."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        backend = getattr(tokenizer, "backend_tokenizer", None)
        self._byte_level = "ByteLevel(" in str(getattr(backend, "decoder", ""))

    def __call__(self, token: int, text: str) -> bytes | None:
        """None where the tokenizer does not tell."""
        if _UNFINISHED not in text:
            return text.encode()
        piece = str(self._tokenizer.convert_ids_to_tokens(token))
        if found := _BYTE_PIECE.fullmatch(piece):
            return bytes.fromhex(found[1])
        if self._byte_level and all(character in _byte_level_alphabet() for character in piece):
            return bytes(_byte_level_alphabet()[character] for character in piece)
        return None

    def name(self, token: int, text: str) -> str:
        """The token's text, or its bytes written out where they are no text (`bytes:\\xe4\\xbd`)."""
        own = self(token, text)
        if _UNFINISHED not in text or own is None:
            return text
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in own)


def offsets(names: Sequence[str], text: str, start: int = 0) -> list[int]:
    """Where each token begins in `text`, in characters plus `start`.

    A token that is not found close by (a special token, a part of a character) stands where the last one ended.
    """
    found, position = [], 0
    for name in names:
        place = text.find(name, position, position + len(name) + _SEARCHED)
        found.append(start + (position if place < 0 else place))
        if place >= 0:
            position = place + len(name)
    return found


@cache
def _byte_level_alphabet() -> dict[str, int]:
    """Which byte each character of a byte-level vocabulary stands for: printable ones themselves, others from 256 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(256 + number): byte for number, byte in enumerate(others)
    }
