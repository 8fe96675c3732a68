"""Replies in the shape of the API, whole and in pieces; tokens as it shows them: text, bytes, place in a text."""

from __future__ import annotations

import json
import re
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from valuescope.generate import Answer, Scores, TokenLogprob
from valuescope.serve.errors import not_finite
from valuescope.serve.plan import Plan

_LEAST_LOGPROB = -9999.0  # what the API says of a token that cannot be

_UNFINISHED = "\N{REPLACEMENT CHARACTER}"
_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SEARCHED = (
    16  # characters between two tokens that neither of them says: white space, a character in several tokens
)

Json = dict[str, Any]


def render(content: Json) -> bytes:
    """JSON in UTF-8; ValueError for numbers that JSON does not know."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def event(content: Json) -> bytes:
    """One server-sent event."""
    return b"data: " + render(content) + b"\n\n"


class Replies(ABC):
    """The replies to one request: `whole` for all at once; `opening`, `piece`, `closing` and `usage` for a stream."""

    prefix: str
    object: str
    chunk_object: str

    def __init__(self, plan: Plan, token_bytes: TokenBytes) -> None:
        self.plan = plan
        self._bytes = token_bytes
        self._id = f"{self.prefix}-{secrets.token_hex(16)}"
        self._created = int(time.time())

    def whole(self, answers: Sequence[Answer], scores: Mapping[int, Scores]) -> Json:
        """The reply to a request that does not stream."""
        choices = [
            self._choice(index, answers[index] if answers else None, scores.get(index // self.plan.n))
            for index in range(self.plan.choices)
        ]
        return {**self._head(self.object), "choices": choices, "usage": self._used(answers)}

    @abstractmethod
    def opening(self, index: int, scores: Scores | None) -> Json | None:
        """The chunk before a choice's first piece, if there is one."""

    @abstractmethod
    def piece(self, index: int, text: str, logprobs: Sequence[TokenLogprob]) -> Json:
        """A chunk with a piece of a choice."""

    @abstractmethod
    def closing(self, index: int, answer: Answer | None) -> Json:
        """A choice's last chunk, with its finish_reason."""

    def usage(self, answers: Sequence[Answer]) -> Json:
        """The chunk with the usage of the whole stream."""
        return self._chunk([]) | {"usage": self._used(answers)}

    @abstractmethod
    def _choice(self, index: int, answer: Answer | None, scores: Scores | None) -> Json: ...

    def _head(self, kind: str) -> Json:
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": self.plan.model,
            "system_fingerprint": self.plan.fingerprint,
            "seed": self.plan.seed,
        }

    def _chunk(self, choices: list[Json]) -> Json:
        nothing = {"usage": None} if self.plan.stream_usage else {}
        return {**self._head(self.chunk_object), "choices": choices, **nothing}

    def _used(self, answers: Sequence[Answer]) -> Json:
        prompt, answer = self.plan.prompt_tokens, sum(len(written.tokens) for written in answers)
        return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}

    def _number(self, logprob: float) -> float:
        if logprob != logprob:
            raise not_finite(edited=self.plan.edited)
        return max(logprob, _LEAST_LOGPROB)


class ChatReplies(Replies):
    """Of `/v1/chat/completions`."""

    prefix, object, chunk_object = "chatcmpl", "chat.completion", "chat.completion.chunk"

    def opening(self, index: int, scores: Scores | None) -> Json:
        """Whose turn it is."""
        return self._delta(index, {"role": "assistant", "content": "", "refusal": None})

    def piece(self, index: int, text: str, logprobs: Sequence[TokenLogprob]) -> Json:
        """More of the message."""
        return self._delta(index, {"content": text}, logprobs=self._logprobs(logprobs))

    def closing(self, index: int, answer: Answer | None) -> Json:
        """No more of it."""
        return self._delta(index, {}, finish=_finish_reason(answer))

    def _delta(
        self, index: int, delta: Json, *, logprobs: Json | None = None, finish: str | None = None
    ) -> Json:
        return self._chunk([{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}])

    def _choice(self, index: int, answer: Answer | None, scores: Scores | None) -> Json:
        assert answer is not None
        return {
            "index": index,
            "message": {"role": "assistant", "content": answer.text, "refusal": None},
            "logprobs": self._logprobs(answer.logprobs or ()),
            "finish_reason": _finish_reason(answer),
        }

    def _logprobs(self, tokens: Sequence[TokenLogprob]) -> Json | None:
        if self.plan.top_logprobs is None:
            return None
        content = [
            {
                **self._token(chosen.token, chosen.text, chosen.logprob),
                "top_logprobs": [self._token(*likely) for likely in chosen.top],
            }
            for chosen in tokens
        ]
        return {"content": content, "refusal": None}

    def _token(self, token: int, text: str, logprob: float) -> Json:
        content = self._bytes(token, text)
        return {
            "token": self._bytes.name(token, text),
            "logprob": self._number(logprob),
            "bytes": None if content is None else list(content),
        }


class CompletionReplies(Replies):
    """Of `/v1/completions`."""

    prefix, object, chunk_object = "cmpl", "text_completion", "text_completion"

    def __init__(self, plan: Plan, token_bytes: TokenBytes, first_tokens: Sequence[str]) -> None:
        super().__init__(plan, token_bytes)
        self._first_tokens = first_tokens
        self._length = [0] * plan.choices  # characters of each choice that a stream has given so far

    def opening(self, index: int, scores: Scores | None) -> Json | None:
        """The prompt, where it is to be echoed."""
        if not self.plan.echo:
            return None
        text = self.plan.prompts[index // self.plan.n].text
        return self._text(index, text, self._logprobs(index, text, scores, ()))

    def piece(self, index: int, text: str, logprobs: Sequence[TokenLogprob]) -> Json:
        """More of the text."""
        return self._text(
            index, text, self._logprobs(index, text, None, logprobs, self._length[index], echo=False)
        )

    def closing(self, index: int, answer: Answer | None) -> Json:
        """No more of it."""
        return self._text(index, "", None, _finish_reason(answer))

    def _text(self, index: int, text: str, logprobs: Json | None, finish: str | None = None) -> Json:
        self._length[index] += len(text)
        return self._chunk([{"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}])

    def _choice(self, index: int, answer: Answer | None, scores: Scores | None) -> Json:
        echoed = self.plan.prompts[index // self.plan.n].text if self.plan.echo else ""
        text = echoed + ("" if answer is None else answer.text)
        logprobs = self._logprobs(index, text, scores, () if answer is None else answer.logprobs or ())
        return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": _finish_reason(answer)}

    def _logprobs(
        self,
        index: int,
        text: str,
        scores: Scores | None,
        answer: Sequence[TokenLogprob],
        start: int = 0,
        *,
        echo: bool = True,
    ) -> Json | None:
        """Of the echoed prompt (its first token has none) and the answer, token by token."""
        if self.plan.top_logprobs is None:
            return None
        scored = () if scores is None else scores.continuations[0]
        tokens = (*scored, *answer)
        names = [self._bytes.name(token.token, token.text) for token in tokens]
        numbers: list[float | None] = [self._number(token.logprob) for token in tokens]
        best: list[dict[str, float] | None] = [self._best(token) for token in tokens]
        if self.plan.echo and echo:
            names.insert(0, self._first_tokens[index // self.plan.n])
            numbers.insert(0, None)
            best.insert(0, None)
        return {
            "tokens": names,
            "token_logprobs": numbers,
            "top_logprobs": best,
            "text_offset": offsets(names, text, start),
        }

    def _best(self, chosen: TokenLogprob) -> dict[str, float]:
        """The most likely tokens by their text (the likelier of two that read alike), and the one that stands there."""
        best: dict[str, float] = {}
        for token, text, logprob in (*chosen.top, (chosen.token, chosen.text, chosen.logprob)):
            best.setdefault(self._bytes.name(token, text), self._number(logprob))
        return best


def _finish_reason(answer: Answer | None) -> str:
    return "stop" if answer is not None and answer.finished else "length"


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
        if byte := _BYTE_PIECE.fullmatch(piece):
            return bytes.fromhex(byte[1])
        if self._byte_level and all(character in _byte_level_alphabet() for character in piece):
            return bytes(_byte_level_alphabet()[character] for character in piece)
        return None

    def name(self, token: int, text: str) -> str:
        """The token's text, or its bytes written out where they are no text (`bytes:\\xe4\\xbd`)."""
        content = self(token, text)
        if _UNFINISHED not in text or content is None:
            return text
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in content)


def offsets(names: Sequence[str], text: str, start: int = 0) -> list[int]:
    """Where each token begins in `text`, in characters plus `start`.

    A token that is not found close by (a special token, a part of a character) stands where the last one ended.
    """
    places, position = [], 0
    for name in names:
        place = text.find(name, position, position + len(name) + _SEARCHED)
        places.append(start + (position if place < 0 else place))
        if place >= 0:
            position = place + len(name)
    return places


@cache
def _byte_level_alphabet() -> dict[str, int]:
    """Which byte each character of a byte-level vocabulary stands for: printable ones themselves, others from 256 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(256 + number): byte for number, byte in enumerate(others)
    }
