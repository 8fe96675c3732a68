"""What models replied, and a file that keeps it, one line each, so that no call of a model is paid twice."""

from __future__ import annotations

import errno
import json
import logging
import math
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from valuescope.files import naming
from valuescope.input_files import require_regular
from valuescope.lock import sole_use

if TYPE_CHECKING:
    from inspect_ai.model import Logprob, ModelOutput, TopLogprob

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelReply:
    """What a model replied to one call.

    `stop` is Inspect's reason ("stop", "max_tokens", "content_filter", ...). `top` holds the most likely tokens at the
    place of the first token that is not blank, with their log-probabilities in nats, best first; None where the model
    gave none. `error` is the text of the error that stood in place of a reply after all retries, else "".
    """

    text: str
    stop: str = "stop"
    top: tuple[tuple[str, float], ...] | None = None
    error: str = ""
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def finished(self) -> bool:
        """Whether the model ended the reply itself, and no limit on tokens did."""
        return self.stop not in ("max_tokens", "model_length")

    @property
    def withheld(self) -> bool:
        """Whether the service's own filter stands in place of a reply."""
        return self.stop == "content_filter"


@dataclass(frozen=True)
class Usage:
    """What a number of calls cost, in tokens, whenever they were made."""

    calls: int
    input_tokens: int
    output_tokens: int


def usage(replies: Sequence[ModelReply]) -> Usage:
    """The sum over replies."""
    return Usage(
        sum(1 for reply in replies if not reply.error),
        sum(reply.input_tokens for reply in replies),
        sum(reply.output_tokens for reply in replies),
    )


def reply_of(output: ModelOutput) -> ModelReply:
    """What one call of a model gave, as Inspect tells it."""
    tokens = (0, 0)
    if output.usage is not None:
        cached = (output.usage.input_tokens_cache_read or 0) + (output.usage.input_tokens_cache_write or 0)
        tokens = (output.usage.input_tokens + cached, output.usage.output_tokens)
    if output.empty:
        return ModelReply("", "error", None, output.error or "the reply holds no choice", *tokens)
    choice = output.choices[0]
    if output.error and not output.completion and choice.stop_reason != "content_filter":
        return ModelReply("", "error", None, output.error, *tokens)
    top = None
    for place in choice.logprobs.content if choice.logprobs else ():
        if not place.token.strip():
            continue
        near: Sequence[Logprob | TopLogprob] = place.top_logprobs or [place]
        top = tuple(
            (whole_text(token.token), token.logprob) for token in near if math.isfinite(token.logprob)
        )
        break
    return ModelReply(whole_text(output.completion), choice.stop_reason, top, "", *tokens)


def _read_line(line: bytes) -> tuple[str, ModelReply]:
    """The key and the reply of a line; one of several kinds of errors where it is not whole, or not what `put` writes."""
    record = json.loads(line.decode("utf-8"))
    key, fields = record["key"], record["reply"]
    top = fields["top"] and tuple((token, logprob) for token, logprob in fields["top"])
    reply = ModelReply(**{**fields, "top": top})
    texts = [key, reply.text, reply.stop, reply.error, *(token for token, _ in top or ())]
    counts, logprobs = (reply.input_tokens, reply.output_tokens), [logprob for _, logprob in top or ()]
    if not all(type(text) is str and text == whole_text(text) for text in texts):
        raise ValueError("a text is none, or half a character")
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError("a number of tokens is none")
    if not all(type(logprob) in (int, float) and math.isfinite(logprob) for logprob in logprobs):
        raise ValueError("a log-probability is no number")
    return key, reply


def whole_text(text: str) -> str:
    """The text with U+FFFD for halves of characters (lone surrogates), which no file can hold."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class ReplyStore:
    """An append-only file of replies by the hash of their calls.

    Each reply is one line, written by one system call, so that `kill -9` loses at most the calls in flight. A line that
    is torn or damaged is passed over, and its call made again. A later line for the same call replaces an earlier one.
    Replies that are errors are kept for their text, but `get` does not give them: they are asked again. The file is this
    process's alone until `close`, so that no two pay for the same call.

    Raises:
        InUseError: another process asks with this file.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self._lock = threading.Lock()
        self._replies: dict[str, ModelReply] = {}
        self._held = ExitStack()
        self._held.enter_context(sole_use(self.path.parent, self.path.name))
        torn = self._read()
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if torn:
            os.write(self._file, b"\n")

    def _read(self) -> bool:
        """Read what is there; whether the last line lacks its end."""
        if not self.path.exists():
            return False
        require_regular(self.path)
        content = self.path.read_bytes()
        damaged = 0
        for line in content.split(b"\n"):
            if not line.strip():
                continue
            try:
                key, reply = _read_line(line)
            except (ValueError, KeyError, TypeError, RecursionError):
                damaged += 1
            else:
                self._replies[key] = reply
        if damaged:
            logger.warning(
                "%s: %d %s torn or damaged and passed over; what they held is asked again",
                self.path,
                damaged,
                "line was" if damaged == 1 else "lines were",
            )
        return bool(content) and not content.endswith(b"\n")

    def __len__(self) -> int:
        return len(self._replies)

    def get(self, key: str) -> ModelReply | None:
        """The reply to a call, or None where it is still to be asked (or asked again, after an error)."""
        reply = self._replies.get(key)
        return None if reply is None or reply.error else reply

    def put(self, key: str, reply: ModelReply, about: Mapping[str, Any]) -> None:
        """Keep a reply; `about` says in plain words what was asked of whom, for people who read the file."""
        content = {"key": key, "about": dict(about), "reply": asdict(reply)}
        line = whole_text(json.dumps(content, ensure_ascii=False, allow_nan=False)).encode("utf-8") + b"\n"
        with self._lock, naming(self.path, len(line)):
            before = os.fstat(self._file).st_size
            try:
                if os.write(self._file, line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                os.ftruncate(self._file, before)  # no half a line, to which the next one would be put
                raise
            self._replies[key] = reply

    def close(self) -> None:
        """Write through to the disk and close the file."""
        with self._lock:
            if self._file >= 0:
                os.fsync(self._file)
                os.close(self._file)
                self._file = -1
                self._held.close()
