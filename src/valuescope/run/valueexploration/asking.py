"""Asks a model, base and edited, how far it supports the two actions of dilemmas; kept on disk batch by batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from valuescope.data import Dilemma
from valuescope.edit import Edit
from valuescope.generate import Answer, Sampling, generate
from valuescope.judge.asking import TOP_LOGPROBS, Call
from valuescope.judge.reply_store import ModelReply
from valuescope.judge.support import Support, SupportRate
from valuescope.models import NeuronModel, render_question
from valuescope.progress import Progress
from valuescope.run.folder import RunFolder
from valuescope.run.valueexploration.spec import Measure, ValueExplorationSpec

ORDERS = 2  # every dilemma is asked with its aligned action first, and second
FIRST = 2  # tokens drawn for a letter: the first may be blank


@dataclass(frozen=True)
class Asked:
    """What one arm answered: a support per dilemma, and the two replies it was read from."""

    support: tuple[Support, ...]
    replies: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Row:
    arm: str
    call: Call
    edit: Edit | None
    key: str


class SupportAsker:
    """Puts the support questions of many arms, each row of a batch under its own edit.

    A batch that is on disk is not asked again; batches are formed alike each time.
    """

    def __init__(self, model: NeuronModel, spec: ValueExplorationSpec, folder: RunFolder, progress: Progress):
        self.model, self.spec, self.folder, self.progress = model, spec, folder, progress

    def rate(self, measure: Measure) -> SupportRate:
        """How one measure is asked and read."""
        how = self.spec.support
        return SupportRate(
            method=measure,
            temperature=how.temperature,
            minimum_mass=how.minimum_mass,
            max_tokens=how.max_new_tokens,
            brief=how.brief,
        )

    def ask(
        self, name: str, measure: Measure, dilemmas: Sequence[Dilemma], edits: Mapping[str, Edit | None]
    ) -> dict[str, Asked]:
        """The support of all dilemmas under each arm's edit; `name` is the place of the answers in the run folder."""
        rate = self.rate(measure)
        rows = [
            _Row(arm, call, edit, f"{dilemma.key}/{order}")
            for arm, edit in edits.items()
            for dilemma in dilemmas
            for order, call in enumerate(rate.calls(dilemma))
        ]
        replies, size = list[ModelReply](), self.spec.support.batch_size
        for start in range(0, len(rows), size):
            place = f"support/{measure}/{name}/{start:06d}.json"
            raw = self.folder.read_json(place)
            if raw is None:
                raw = self._batch(measure, rows[start : start + size])
                self.folder.write_json(place, raw)
            replies += [_reply(one) for one in raw]
            self.progress(f"{name} by {measure}", len(replies), len(rows))
        per_arm = ORDERS * len(dilemmas)
        return {
            arm: _asked(rate, replies[number * per_arm : (number + 1) * per_arm])
            for number, arm in enumerate(edits)
        }

    def _batch(self, measure: Measure, rows: Sequence[_Row]) -> list[dict[str, Any]]:
        how, letters = self.spec.support, measure == "log-probabilities"
        answers = generate(
            self.model,
            [render_question(self.model, row.call.user, row.call.system) for row in rows],
            edits=[row.edit for row in rows],
            sampling=Sampling(FIRST, 0.0)
            if letters
            else Sampling(how.max_new_tokens, how.temperature, seed=self.spec.seed),
            keys=[row.key for row in rows],
            batch_size=len(rows),
            on=self.spec.edit.on,
            top_logprobs=TOP_LOGPROBS if letters else None,
            stop_ids=() if letters else None,  # the first token counts, also where it would end the answer
        )
        if letters:
            return [{"top": _first_top(answer)} for answer in answers]
        return [{"text": answer.text, "finished": answer.finished} for answer in answers]


def _first_top(answer: Answer) -> list[tuple[str, float]] | None:
    """The likeliest tokens, with their log-probabilities, at the place of the first token that is not blank.

    Of the first place where all drawn are blank: the letters have little mass there, which the reading then says.
    """
    if not answer.logprobs:
        return None
    found = next((token for token in answer.logprobs if token.text.strip()), answer.logprobs[0])
    return [(text, logprob) for _, text, logprob in found.top]


def _reply(raw: Mapping[str, Any]) -> ModelReply:
    if "top" in raw:
        top = raw["top"]
        return ModelReply("", top=None if top is None else tuple((text, number) for text, number in top))
    return ModelReply(raw["text"], "stop" if raw["finished"] else "max_tokens")


def _asked(rate: SupportRate, replies: Sequence[ModelReply]) -> Asked:
    pairs = list(zip(replies[::ORDERS], replies[1::ORDERS], strict=True))
    return Asked(
        tuple(rate.read(pair) for pair in pairs), tuple((first.text, second.text) for first, second in pairs)
    )
