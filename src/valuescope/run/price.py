"""What the asks and texts of a plan take: each batch by its own rows and tokens, at the pace of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from valuescope.data import ContrastPair
from valuescope.data.records import LabelledText
from valuescope.lab.ask import Ask, Item, SupportQuestion
from valuescope.run.pace import NOTHING, Pace, Range
from valuescope.run.plan import Plan
from valuescope.run.reading import TextsToRead
from valuescope.run.timing import has_letters

NOISE = 0.1  # a timing is never taken to be nearer than this
Lengths = Callable[[Sequence[str]], Sequence[int]]
"""How many tokens each text has."""


class ItemTokens(dict[Item, tuple[int, ...]]):
    """Tokens of what is read for an item: of its prompt, or of the two sides of a pair; each counted once.

    `prompt` gives the text that the model reads.
    """

    def __init__(self, lengths: Lengths, prompt: Callable[[Any], str]):
        super().__init__()
        self.lengths, self.prompt = lengths, prompt

    def __missing__(self, item: Item) -> tuple[int, ...]:
        texts = [item.positive, item.negative] if isinstance(item, ContrastPair) else [self.prompt(item)]
        self[item] = tuple(self.lengths(texts))
        return self[item]


def bare_prompt(item: Any) -> str:
    """An item's text without a chat template, where there is no model to render it."""
    return str(item.call.user if isinstance(item, SupportQuestion) else item.prompt or item.asked)


@dataclass(frozen=True)
class Batch:
    """Rows that go through the model at once, padded to the `longest`."""

    rows: int
    longest: int

    @property
    def tokens(self) -> int:
        """With the padding."""
        return self.rows * self.longest


def batches_of(ask: Ask, tokens: ItemTokens, rows: int | None = None) -> Iterator[Batch]:
    """The batches of an ask, of its own size or of `rows`; a batch of pairs is scored side by side, in two."""
    size = rows or ask.batch_size
    lengths = [length for item in ask.items for length in tokens[item]]
    if ask.pairs:
        blocks = [lengths[start : start + 2 * size] for start in range(0, len(lengths), 2 * size)]
    else:
        blocks = [lengths]
    for block in blocks:
        for start in range(0, len(block), size):
            some = block[start : start + size]
            yield Batch(len(some), max(some))


def reading_batches(lengths: Sequence[int], rows: int) -> Iterator[Batch]:
    """The batches of texts that are read: of like length."""
    ordered = sorted(lengths, reverse=True)
    for start in range(0, len(ordered), rows):
        some = ordered[start : start + rows]
        yield Batch(len(some), some[0])


def ask_seconds(ask: Ask, tokens: ItemTokens, pace: Pace, *, scored: bool, rows: int | None = None) -> Range:
    """What an ask takes. `scored`: its answers are read once more, for how likely they are."""
    total = NOTHING
    for batch in batches_of(ask, tokens, rows):
        if ask.pairs:
            assert pace.score is not None
            total += Range.of(pace.score.at(batch.tokens))
            continue
        assert pace.prefill is not None
        assert pace.step is not None
        steps = (
            Range.of(ask.sampling.max_new_tokens)
            if has_letters(ask)
            else pace.lengths_of(ask).until_all_end(batch.rows)
        )
        total += steps.times(pace.step.at(batch.rows)) + Range.of(
            pace.prefill.at(batch.tokens) - pace.step.at(batch.rows)
        )
        if scored and pace.score is not None and ask.in_sentences:
            total += Range.of(pace.score.at(batch.rows * (batch.longest + steps.middle)))
    return total


def part_seconds(plan: Plan, tokens: ItemTokens, pace: Pace, rows: int | None = None) -> dict[str, Range]:
    """What each part's own asks take; an ask that depends on earlier answers may turn out to be asked already."""
    seconds, scored = dict[str, Range](), getattr(plan.spec, "fluent_by_likelihood", False)
    for part, ask, later in plan.distinct():
        taken = ask_seconds(ask, tokens, pace, scored=scored, rows=rows)
        seconds[part] = seconds.get(part, NOTHING) + (Range(0, taken.middle, taken.high) if later else taken)
    noise = max(NOISE, pace.spread)
    return {part: taken.widened(noise) for part, taken in seconds.items()}


def reading_seconds(lengths: Sequence[int], rows: int, pace: Pace) -> Range:
    """What counting texts takes."""
    curve = pace.read
    seconds = (
        0.0 if curve is None else sum(curve.at(batch.tokens) for batch in reading_batches(lengths, rows))
    )
    return Range.of(seconds).widened(max(NOISE, pace.spread))


def locating_seconds(reading: TextsToRead, pace: Pace) -> Range:
    """What the locators take that read texts themselves or train probes; from a few texts, so within a third."""
    seconds = sum(
        each.seconds(locating.texts_used(reading.texts))
        for locating in reading.locating
        if (each := pace.locate[locating.name]) is not None
    )
    return Range.of(seconds).widened(1 / 3)


def learning_seconds(reading: TextsToRead, pace: Pace) -> Range:
    """What training adapters takes; from a few texts, so within a third."""
    return Range.of(pace.learn * sum(len(texts) * epochs for texts, epochs in reading.learnt)).widened(1 / 3)


def text_lengths(texts: Sequence[LabelledText], lengths: Lengths) -> list[int]:
    """Tokens of each text that is read."""
    return list(lengths([text.prompt + text.answer for text in texts]))
