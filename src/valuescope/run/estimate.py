"""What a run will cost, before it starts: tokens, memory and time, from its parts' own asks and the model's config."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from valuescope.data import ContrastPair
from valuescope.lab.ask import Ask, Item, SupportQuestion
from valuescope.run.model_size import ModelSize, model_size


@dataclass(frozen=True)
class TextsToRead:
    """What a run reads before it asks: texts, counted under `labels`, and texts that adapters learn, with epochs."""

    texts: Sequence[str]
    labels: int
    residuals: bool = False
    learnt: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True)
class Cost:
    """Tokens to read and to write, bytes to hold at once, and seconds, all estimated."""

    read_tokens: int
    answers: int
    written_tokens: int
    model_bytes: int
    counter_bytes: int
    batch_bytes: int
    seconds: float
    device: str
    judge: str = ""  # the model that judges, if one does, whose time and price are its own
    calls_per_answer: int = 2
    learnt_tokens: int = 0  # that adapters are trained on, over all epochs

    def lines(self) -> list[str]:
        """The estimate for people."""
        total = self.model_bytes + self.counter_bytes + self.batch_bytes
        calls = f"calls of the judge{self.calls_per_answer * self.answers:>12,} at most (to {self.judge})"
        return [
            f"texts to read     {self.read_tokens:>12,} tokens",
            *([f"texts to learn    {self.learnt_tokens:>12,} tokens"] if self.learnt_tokens else []),
            f"answers to write  {self.answers:>12,} (up to {self.written_tokens:,} tokens)",
            *([calls] if self.judge else []),
            f"memory            {_size(total):>12} (weights {_size(self.model_bytes)}, counters "
            f"{_size(self.counter_bytes)}, largest batch {_size(self.batch_bytes)})",
            f"time              {_duration(self.seconds):>12} on {self.device}, give or take a factor of two",
        ]


def cost_of(spec: Any, asks: Sequence[Ask], reading: TextsToRead) -> Cost:
    """The cost of asks, each once however often it is planned, and of reading.

    Texts are tokenised for real; parameters are counted on an empty copy of the model; time is the arithmetic over the
    device's measured matrix speed, plus a fixed cost per layer and decoding step.
    """
    size, distinct = model_size(spec.model), {ask.hash: ask for ask in asks}.values()
    lengths = _Lengths(size)
    texts = size.lengths(list(reading.texts))
    scored = asked = written = steps = 0
    batch_bytes = size.reading_bytes(spec.activations.batch_size, max(texts))
    for ask in distinct:
        if not ask.items:
            continue
        tokens = [lengths[item] for item in ask.items]
        rows = min(ask.batch_size, len(tokens))
        if ask.pairs:
            scored += sum(tokens)
            batch_bytes = max(batch_bytes, _scoring_bytes(size, rows, max(tokens)))
            continue
        asked += sum(tokens)
        written += ask.answers * ask.sampling.max_new_tokens
        steps += ask.sampling.max_new_tokens * -(-len(tokens) // ask.batch_size)
        longest = max(tokens) + ask.sampling.max_new_tokens
        batch_bytes = max(batch_bytes, rows * (size.cache_bytes * longest + size.vocabulary * 12))
        if getattr(spec, "fluent_by_likelihood", False):
            batch_bytes = max(batch_bytes, _scoring_bytes(size, rows, longest))
    learnt = sum(
        count * epochs
        for count, (_, epochs) in zip(
            size.lengths([text for text, _ in reading.learnt]), reading.learnt, strict=True
        )
    )
    residuals = 4 * len(texts) * size.layers * size.hidden if reading.residuals else 0
    read, judge, scores = sum(texts) + scored, getattr(spec, "judge", ""), getattr(spec, "scores", None)
    ratings = (
        0 if scores is None else (1 + scores.quality) * (scores.samples if scores.mode == "sampled" else 1)
    )
    return Cost(
        read_tokens=read,
        answers=sum(ask.answers for ask in distinct),
        written_tokens=written,
        model_bytes=size.model_bytes,
        counter_bytes=size.counter_bytes(reading.labels) + residuals,
        batch_bytes=batch_bytes,
        seconds=size.seconds(read + 3 * learnt + asked + written, steps),
        device=size.device,
        judge="" if isinstance(judge, str) else judge.by,
        calls_per_answer=2 + ratings,
        learnt_tokens=learnt,
    )


class _Lengths(dict[Item, int]):
    """Tokens of an item's text (of both sides of a pair), counted once."""

    def __init__(self, size: ModelSize):
        super().__init__()
        self.size = size

    def __missing__(self, item: Item) -> int:
        match item:
            case ContrastPair():
                texts = [item.positive, item.negative]
            case SupportQuestion():
                texts = [item.call.user]
            case _:
                texts = [item.prompt or item.question]
        self[item] = sum(self.size.lengths(texts))
        return self[item]


def _scoring_bytes(size: ModelSize, rows: int, length: int) -> int:
    return size.vocabulary * length * (rows * size.dtype.itemsize + 8)


def _size(count: int) -> str:
    amount = float(count)
    for unit in ("B", "KB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
