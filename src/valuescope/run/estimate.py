"""What a run will cost, before it starts: tokens, memory and time, from its parts' own asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from valuescope.lab.answers import prompt_of
from valuescope.lab.ask import Ask
from valuescope.models import NeuronModel, encode
from valuescope.progress import duration
from valuescope.run.model_size import ModelSize
from valuescope.run.pace import NOTHING, Pace, Range
from valuescope.run.plan import Plan
from valuescope.run.price import (
    ItemTokens,
    bare_prompt,
    batches_of,
    learning_seconds,
    locating_seconds,
    part_seconds,
    reading_seconds,
    text_lengths,
)
from valuescope.run.timing import PATIENCE

READING, LOCATING, LEARNING = "activations", "locate", "adapters"
"""What a run does before its parts ask, in this order; as its progress names them."""


@dataclass(frozen=True)
class Cost:
    """Tokens to read and to write, bytes to hold at once, and seconds, all estimated.

    `parts`: seconds of reading, locating and training, and of each part's own asks; empty where nothing was timed. `timed`:
    how long the timing took. `uncounted`: parts that compute more than they ask, which is not in the seconds.
    """

    read_tokens: int
    answers: int
    written_tokens: int
    model_bytes: int
    counter_bytes: int
    batch_bytes: int
    device: str
    parts: Mapping[str, Range] = field(default_factory=dict)
    timed: float = 0.0
    judge: str = ""  # the model that judges, if one does, whose time and price are its own
    calls_per_answer: int = 2
    learnt_tokens: int = 0  # that adapters are trained on, over all epochs
    uncounted: tuple[str, ...] = ()

    @property
    def seconds(self) -> Range | None:
        """All of them; None where nothing was timed."""
        return sum(self.parts.values(), NOTHING) if self.parts else None

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
            *self._time_lines(),
        ]

    def _time_lines(self) -> list[str]:
        if self.seconds is None:
            return [
                "time                 not told: it is timed on the loaded model, whose weights are not here"
            ]
        costly = sorted(self.parts.items(), key=lambda part: -part[1].middle)
        return [
            f"time              {duration(self.seconds.middle):>12} ({between(self.seconds)}) on {self.device}, timed in "
            f"{duration(self.timed)}",
            *(
                f"  {name:<26}{duration(part.middle):>8} ({between(part)})"
                for name, part in costly
                if part.high
            ),
            *([f"  not in the time: {' and '.join(self._beside())}"] if self._beside() else []),
        ]

    def _beside(self) -> list[str]:
        parts = [f"what {', '.join(self.uncounted)} do beside asking"] if self.uncounted else []
        return [*parts, *(["the judge's calls"] if self.judge else [])]


def cost_of(plan: Plan, size: ModelSize, tokens: ItemTokens, pace: Pace | None = None) -> Cost:
    """The cost of a plan: of asks, each once however often it is planned, and of reading.

    Texts are tokenised for real; seconds are the work at the measured `pace`.
    """
    reading, how = plan.reading, plan.spec.activations
    texts = text_lengths(reading.texts, tokens.lengths)
    asks = [ask for _, ask, _ in plan.distinct()]
    answered = [ask for ask in asks if not ask.pairs]
    learnt = [
        (sum(tokens.lengths([text.prompt + text.answer for text in some])), epochs)
        for some, epochs in reading.learnt
    ]
    residuals = 4 * len(texts) * size.layers * size.hidden if reading.residuals else 0
    judge, scores = getattr(plan.spec, "judge", ""), getattr(plan.spec, "scores", None)
    ratings = (
        0 if scores is None else (1 + scores.quality) * (scores.samples if scores.mode == "sampled" else 1)
    )
    parts = {}
    if pace is not None:
        parts = {
            READING: reading_seconds(texts, how.rows, pace),
            LOCATING: locating_seconds(reading, pace),
            LEARNING: learning_seconds(reading, pace),
            **part_seconds(plan, tokens, pace),
        }
    return Cost(
        read_tokens=sum(texts) + sum(sum(tokens[item]) for ask in asks if ask.pairs for item in ask.items),
        answers=sum(len(ask.items) for ask in answered),
        written_tokens=sum(len(ask.items) * ask.sampling.max_new_tokens for ask in answered),
        model_bytes=size.model_bytes,
        counter_bytes=size.counter_bytes(reading.labels) + residuals,
        batch_bytes=max(
            size.reading_bytes(how.rows, max(texts, default=0)),
            *(
                ask_bytes(ask, tokens, size, scored=getattr(plan.spec, "fluent_by_likelihood", False))
                for ask in asks
            ),
        ),
        device=size.device,
        parts=parts,
        timed=0.0 if pace is None else pace.seconds,
        judge="" if isinstance(judge, str) else judge.by,
        calls_per_answer=2 + ratings,
        learnt_tokens=sum(count * epochs for count, epochs in learnt),
        uncounted=(*plan.uncounted, *_slow_locators(plan, pace)),
    )


def _slow_locators(plan: Plan, pace: Pace | None) -> list[str]:
    """The locators that were not waited for."""
    names = [each.locator for each in plan.reading.locating if pace and pace.locate[each.name] is None]
    return [f"locator {name} (over {PATIENCE:.0f} s for a few texts)" for name in dict.fromkeys(names)]


def tokens_of(size: ModelSize, model: NeuronModel | None) -> ItemTokens:
    """Counts the tokens of items: as the model reads them, or of their bare texts where there is none."""
    if model is None:
        return ItemTokens(size.lengths, bare_prompt)
    lengths = lambda texts: [len(row.input_ids) for row in encode(model, texts)]  # noqa: E731
    return ItemTokens(lengths, partial(prompt_of, model.prompts))


def ask_bytes(ask: Ask, tokens: ItemTokens, size: ModelSize, *, scored: bool, rows: int | None = None) -> int:
    """What the largest batch of an ask holds at once, about."""
    largest = 0
    for batch in batches_of(ask, tokens, rows):
        longest = batch.longest + (0 if ask.pairs else ask.sampling.max_new_tokens)
        held = batch.rows * (size.cache_bytes * longest + size.vocabulary * 12)
        if ask.pairs or scored:
            scoring = size.vocabulary * longest * (batch.rows * size.dtype.itemsize + 8)
            held = scoring if ask.pairs else max(held, scoring)
        largest = max(largest, held)
    return largest


def between(seconds: Range) -> str:
    """`8 min to 14 min`."""
    return f"{duration(seconds.low)} to {duration(seconds.high)}"


def _size(count: int) -> str:
    amount = float(count)
    for unit in ("B", "KB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
