"""The answers of a run: asked batch by batch, and kept under the hash of what was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from valuescope.data import ContrastPair
from valuescope.edit import Edit
from valuescope.generate import Answer, generate, log_likelihood, log_likelihood_encoded
from valuescope.judge.asking import TOP_LOGPROBS
from valuescope.lab.ask import Ask, SupportQuestion, SystemText
from valuescope.lab.folder import RunFolder
from valuescope.models import Encoded, NeuronModel, Prompts, encode
from valuescope.tune import Adapter, by_adapter

Row = dict[str, Any]
"""One item's answer as JSON: of a pair `positive` and `negative` (nats per token); of a question `text`, `tokens`,
`finished` and `score`; of letters `top`."""


class Answers:
    """Asks a model, and reads back what was asked before; a batch that is on disk is not asked again.

    `scored`: also how likely the unedited model finds each answer; not those of a word or two that an instruction asks for, which
    tell no fluency. Items for which nothing is done (a value without neurons)
    have the answers of the unedited model, where it was asked all the same items before.
    """

    def __init__(self, model: NeuronModel, folder: RunFolder, *, scored: bool = False):
        self.model, self.folder, self.scored = model, folder, scored

    def of(self, ask: Ask, progress: Callable[[int], None]) -> list[Row]:
        """The answers to an ask in the order of its items; `progress` is told how many rows each batch had."""
        rows = list[Row]()
        for start in range(0, len(ask.items), ask.batch_size):
            place = _place(ask, start)
            answered = self.folder.read(place, partial(_rows, ask.rows(start)))
            if answered is None:
                answered = self._batch(ask, start)
                self.folder.write_json(place, answered)
            rows += answered
            progress(len(answered))
        return rows

    def _batch(self, ask: Ask, start: int) -> list[Row]:
        """The answers to the batch from one place on; only what is done something for is asked where the rest is known."""
        batch = ask.rows(start)
        left = [place for place, treatment in enumerate(batch.treatments) if treatment is not None]
        untouched = _place(ask.untouched, start)
        known = self.folder.read(untouched, partial(_rows, batch)) if len(left) < len(batch.items) else None
        if known is None:
            return self._asked(batch)
        rows = list[Row](known)
        if left:
            items, treatments = zip(
                *((batch.items[place], batch.treatments[place]) for place in left), strict=True
            )
            for place, row in zip(
                left, self._asked(replace(batch, items=items, treatments=treatments)), strict=True
            ):
                rows[place] = row
        return rows

    def _asked(self, batch: Ask) -> list[Row]:
        adapters = [treatment if isinstance(treatment, Adapter) else None for treatment in batch.treatments]
        rows = by_adapter(self.model, adapters, partial(self._some, batch))
        if self.scored and batch.in_sentences:
            scores = self._scores(batch.items, rows)
            return [{**row, "score": score} for row, score in zip(rows, scores, strict=True)]
        return rows

    def _some(self, batch: Ask, places: Sequence[int]) -> list[Row]:
        items = [batch.items[place] for place in places]
        treatments = [batch.treatments[place] for place in places]
        edits = [treatment if isinstance(treatment, Edit) else None for treatment in treatments]
        systems = [treatment.text if isinstance(treatment, SystemText) else "" for treatment in treatments]
        if isinstance(items[0], ContrastPair):
            return self._likelihoods(batch, items, edits, systems)
        letters = isinstance(items[0], SupportQuestion) and items[0].letters
        answers = generate(
            self.model,
            [
                prompt_of(self.model.prompts, item, system)
                for item, system in zip(items, systems, strict=True)
            ],
            edits=edits,
            sampling=batch.sampling,
            keys=[item.key for item in items],
            batch_size=batch.batch_size,
            on=batch.on,
            top_logprobs=TOP_LOGPROBS if letters else None,
            stop_ids=() if letters else None,  # the first token counts, also where it would end the answer
        )
        if letters:
            return [
                {"key": item.key, "top": _first_top(answer)}
                for item, answer in zip(items, answers, strict=True)
            ]
        return [
            {"key": item.key, "text": answer.text, "tokens": list(answer.tokens), "finished": answer.finished}
            for item, answer in zip(items, answers, strict=True)
        ]

    def _likelihoods(
        self, batch: Ask, pairs: Sequence[Any], edits: Sequence[Edit | None], systems: Sequence[str]
    ) -> list[Row]:
        sides = [text for pair in pairs for text in (pair.positive, pair.negative)]
        before = [f"{system}\n" for system in systems for _ in range(2)]
        nats = log_likelihood(
            self.model,
            *((before, sides) if any(systems) else (sides,)),
            edits=[edit for edit in edits for _ in range(2)],
            batch_size=batch.batch_size,
        )
        return [
            {"key": pair.key, "positive": positive, "negative": negative}
            for pair, positive, negative in zip(pairs, nats[::2], nats[1::2], strict=True)
        ]

    def _scores(self, questions: Sequence[Any], rows: Sequence[Row]) -> list[float | None]:
        """How likely the unedited model finds the answers; None for an empty one."""
        spoken = [place for place, row in enumerate(rows) if row["text"].strip()]
        if not spoken:
            return [None] * len(rows)
        # The drawn tokens themselves: tokenised again as text, an answer may melt into the end of its prompt.
        prompts = encode(self.model, [prompt_of(self.model.prompts, questions[place]) for place in spoken])
        texts = [
            Encoded(prompt.input_ids + tuple(rows[place]["tokens"]), len(prompt.input_ids))
            for place, prompt in zip(spoken, prompts, strict=True)
        ]
        nats = log_likelihood_encoded(self.model, texts, batch_size=len(rows))
        by_place = dict(zip(spoken, nats, strict=True))
        return [by_place.get(place) for place in range(len(rows))]


def prompt_of(prompts: Prompts, item: Any, system: str = "") -> str:
    """What a model reads of a question, or of a question of support; a system message of a treatment stands before the question's own."""
    if isinstance(item, SupportQuestion):
        return prompts.question(item.call.user, " ".join(filter(None, (system, item.call.system))))
    told = " ".join(filter(None, (system, item.system)))
    if item.prompt and not system:
        return str(item.prompt)
    return prompts.bare(f"{item.asked}\n{item.cue}", told) if item.cue else prompts.question(item.asked, told)


def _rows(batch: Ask, content: Any) -> list[Row]:
    """The answers that a file holds to a batch, each to the item at its place."""
    if [row["key"] for row in content] != [item.key for item in batch.items]:
        raise ValueError("its answers are not to the items of its batch")
    for row in content:
        kinds = [name for name in ("text", "top", "positive") if name in row]
        if not kinds or (
            "text" in row and not (isinstance(row["text"], str) and isinstance(row["tokens"], list))
        ):
            raise ValueError(f"the answer to {row['key']} is none")
    return list(content)


def _place(ask: Ask, start: int) -> str:
    return f"asks/{ask.hash}/{start:06d}.json"


def answer_of(row: Row) -> Answer:
    """The answer that a row holds."""
    return Answer(row["text"], tuple(row["tokens"]), row["finished"])


def _first_top(answer: Answer) -> list[tuple[str, float]] | None:
    """The likeliest tokens, with their log-probabilities, at the place of the first token that is not blank.

    Of the first place where all drawn are blank: the letters have little mass there, which the reading then says.
    """
    if not answer.logprobs:
        return None
    first = next((token for token in answer.logprobs if token.text.strip()), answer.logprobs[0])
    return [(text, logprob) for _, text, logprob in first.top]
