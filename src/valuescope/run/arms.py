"""An arm: items (questions or contrast pairs), each with its own edit, asked in fixed batches and kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from valuescope.data import ContrastPair, Question
from valuescope.edit import Edit
from valuescope.generate import Answer, Sampling, generate, log_likelihood, log_likelihood_encoded
from valuescope.models import Encoded, NeuronModel, encode, render_question
from valuescope.progress import Progress
from valuescope.run.folder import RunFolder
from valuescope.run.judging import Judging
from valuescope.run.spec import Spec
from valuescope.tune import Adapter, by_adapter

Item = Question | ContrastPair


@dataclass(frozen=True)
class Arm:
    """One side of a comparison. Arms over the same items in the same order share batch shapes and noise, so that
    their outcomes are paired item by item."""

    name: str
    items: tuple[Item, ...]
    edits: tuple[Edit | None, ...]
    systems: tuple[str, ...] = ()  # a system message for each item ("" for none); empty where no item has one
    adapters: tuple[Adapter | None, ...] = ()  # likewise: the adapter that the model answers an item with


@dataclass(frozen=True)
class Outcome:
    """What one item gave. `success` is 0 or 1 for a judged answer and the margin in nats per token for a pair."""

    key: str
    value: str
    success: float | None
    fluent: bool | None
    text: str = ""
    missing: str = ""
    score: float | None = (
        None  # mean log-probability per token under the unedited model, where the judge needs it
    )
    relevance: float | None = None  # G-Eval's rating from 1 to 5, where the run asks for scores
    quality: float | None = None  # text quality from 1 to 5, likewise


class ArmRunner:
    """Runs arms batch by batch; a batch that is on disk is not run again. An arm is judged when all of it is there."""

    def __init__(
        self,
        model: NeuronModel,
        spec: Spec,
        folder: RunFolder,
        progress: Progress,
        judging: Judging | None = None,
    ):
        self.model, self.spec, self.folder, self.progress = model, spec, folder, progress
        self.judging = judging or Judging(spec, folder)

    def run(self, arm: Arm) -> list[Outcome]:
        """The outcomes of an arm, in the order of its items."""
        size, answered = self.spec.generate.batch_size, list[dict[str, Any]]()
        for start in range(0, len(arm.items), size):
            rows = slice(start, start + size)
            name = f"answers/{arm.name}/{start:06d}.json"
            raw = self.folder.read_json(name)
            if raw is None:
                raw = self._ask(arm.items[rows], arm.edits[rows], arm.systems[rows], arm.adapters[rows])
                self.folder.write_json(name, raw)
            answered += raw
            self.progress(arm.name, len(answered), len(arm.items))
        return self._read(arm, answered)

    def _ask(
        self,
        items: Sequence[Item],
        edits: Sequence[Edit | None],
        systems: Sequence[str] = (),
        adapters: Sequence[Adapter | None] = (),
    ) -> list[dict[str, Any]]:
        systems, adapters = list(systems) or [""] * len(items), list(adapters) or [None] * len(items)

        def told(rows: Sequence[int]) -> list[dict[str, Any]]:
            return self._told(
                [items[row] for row in rows], [edits[row] for row in rows], [systems[row] for row in rows]
            )

        found = by_adapter(self.model, adapters, told)
        questions = [item for item in items if isinstance(item, Question)]
        if not questions:
            return found
        answers = [Answer(row["text"], tuple(row["tokens"]), row["finished"]) for row in found]
        scores = self._scores(questions, answers)
        return [{**row, "score": score} for row, score in zip(found, scores, strict=True)]

    def _told(
        self, items: Sequence[Item], edits: Sequence[Edit | None], systems: Sequence[str]
    ) -> list[dict[str, Any]]:
        how = self.spec.generate
        pairs = [item for item in items if isinstance(item, ContrastPair)]
        if pairs:
            sides = [text for pair in pairs for text in (pair.positive, pair.negative)]
            both = [edit for edit in edits for _ in range(2)]
            before = [f"{system}\n" for system in systems for _ in range(2)]
            found = (
                log_likelihood(self.model, before, sides, edits=both, batch_size=how.batch_size)
                if any(systems)
                else log_likelihood(self.model, sides, edits=both, batch_size=how.batch_size)
            )
            return [
                {"key": pair.key, "positive": positive, "negative": negative}
                for pair, positive, negative in zip(pairs, found[::2], found[1::2], strict=True)
            ]
        questions = [item for item in items if isinstance(item, Question)]
        sampling = Sampling(how.max_new_tokens, how.temperature, how.top_p, self.spec.seed)
        answers = generate(
            self.model,
            [self._prompt(question, system) for question, system in zip(questions, systems, strict=True)],
            edits=list(edits),
            sampling=sampling,
            keys=[question.key for question in questions],
            batch_size=how.batch_size,
            on=how.on,
        )
        return [
            {
                "key": question.key,
                "text": answer.text,
                "tokens": list(answer.tokens),
                "finished": answer.finished,
            }
            for question, answer in zip(questions, answers, strict=True)
        ]

    def _prompt(self, question: Question, system: str = "") -> str:
        """What the model reads; a system message of a treatment stands before the question's own."""
        if system:
            both = " ".join(one for one in (system, question.system) if one)
            return render_question(self.model, question.question, both)
        return question.prompt or render_question(self.model, question.question, question.system)

    def _scores(self, questions: list[Question], answers: list[Answer]) -> list[float | None]:
        """How likely the unedited model finds the answers; None for an empty one, and where no judge needs it."""
        if self.spec.judge != "likelihood":
            return [None] * len(answers)
        spoken = [row for row, answer in enumerate(answers) if answer.text.strip()]
        if not spoken:
            return [None] * len(answers)
        # The drawn tokens themselves: tokenised again as text, an answer may melt into the end of its prompt.
        prompts = encode(self.model, [self._prompt(questions[row]) for row in spoken])
        rows = [
            Encoded(prompt.input_ids + answers[row].tokens, len(prompt.input_ids))
            for row, prompt in zip(spoken, prompts, strict=True)
        ]
        found = log_likelihood_encoded(self.model, rows, batch_size=self.spec.generate.batch_size)
        by_row = dict(zip(spoken, found, strict=True))
        return [by_row.get(row) for row in range(len(answers))]

    def _read(self, arm: Arm, raw: list[dict[str, Any]]) -> list[Outcome]:
        if any(isinstance(item, ContrastPair) for item in arm.items):
            return [
                Outcome(item.key, item.value, row["positive"] - row["negative"], None)
                for item, row in zip(arm.items, raw, strict=True)
            ]
        questions = [item for item in arm.items if isinstance(item, Question)]
        answers = [Answer(row["text"], tuple(row["tokens"]), row["finished"]) for row in raw]
        judgements = self.judging.judge(
            arm.name, questions, answers, lambda done, total: self.progress(f"judge {arm.name}", done, total)
        )
        outcomes = [
            Outcome(
                question.key,
                question.value,
                None if judged.success is None else float(judged.success),
                judged.fluent,
                answer.text,
                judged.missing,
                row["score"],
            )
            for question, answer, judged, row in zip(questions, answers, judgements, raw, strict=True)
        ]
        scores = self.judging.score(arm.name, questions, answers)
        return [
            replace(outcome, relevance=rated.get("relevance"), quality=rated.get("quality"))
            for outcome, rated in zip(outcomes, scores, strict=True)
        ]
