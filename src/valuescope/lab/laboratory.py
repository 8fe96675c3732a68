"""The laboratory: answers the asks of a design, has them judged, and estimates what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

from valuescope.data import Material
from valuescope.files import sha256_of
from valuescope.judge import typical
from valuescope.judge.support import letter_support
from valuescope.lab.answers import Answers, Row, answer_of
from valuescope.lab.ask import Ask, Item, Outcome, Outcomes, WordChoice, question_of
from valuescope.lab.design import Design, TrialAsks
from valuescope.lab.folder import RunFolder
from valuescope.lab.judging import Judging
from valuescope.lab.locations import Locations
from valuescope.lab.material import timed
from valuescope.lab.method import MethodSpec
from valuescope.lab.setting import Setting
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.treatments import Control, Treatments
from valuescope.lab.truth import known_truth
from valuescope.metrics import Bootstrap, Estimate
from valuescope.organism import Truth
from valuescope.progress import Progress
from valuescope.values import ValueSystem

Measure = Literal["success", "relevance", "quality", "fluent"]


INDEX = "arms.json"
"""The arms of a run by name, each with the hash that its answers lie under."""


class Bench:
    """Where parts have their asks answered: a part reads only what it has asked, and asks no more rows than it has planned.

    `then` is called with each ask as soon as it is answered: a judge that fails should be noticed before the next.
    """

    def __init__(
        self,
        folder: RunFolder,
        answers: Answers,
        progress: Progress,
        then: Callable[[Ask], object] = lambda ask: None,
    ):
        self.folder, self.answers, self.progress, self.then = folder, answers, progress, then
        self.asked: dict[str, list[Ask]] = {}  # by part
        self._part, self._budget, self._done, self._total = "", 0, 0, 0
        self._rows: dict[str, list[Row]] = {}
        self._index: dict[str, str] = {}
        self.rated = True  # whether the part at work wants ratings

    @contextmanager
    def part(
        self, name: str, asks: Iterable[Ask], later: Iterable[Ask], *, rated: bool = True
    ) -> Iterator[None]:
        """Have a part's asks answered, and let it measure in the block. `later`: the most that it may ask in there."""
        with timed(self.folder, name):
            planned, self.rated = list(asks), rated
            self._part, self._budget, self.asked[name] = name, sum(len(ask.items) for ask in later), []
            new = {ask.hash: ask for ask in planned if ask.hash not in self._rows}
            self._done, self._total = 0, sum(len(ask.items) for ask in new.values()) + self._budget
            for ask in planned:
                self._answer(ask)
            yield
            if 0 < self._done < self._total:  # less was asked later than might have been
                self.progress(name, self._done, self._done)
        self.folder.write_json(INDEX, self._index)
        self._part = ""

    def ask(self, ask: Ask) -> None:
        """Ask what depends on earlier answers, within what the part has planned at most."""
        self._budget -= len(ask.items)
        if self._budget < 0:
            raise AssertionError(f"part {self._part} asks {-self._budget} rows more than it planned")
        self._answer(ask)

    def rows(self, ask: Ask) -> list[Row]:
        """The answers to an ask of the part at work."""
        if all(ask.hash != known.hash for known in self.asked[self._part]):
            raise AssertionError(
                f"part {self._part} reads an ask of {len(ask.items)} items that it did not plan"
            )
        return self._rows[ask.hash]

    def _answer(self, ask: Ask) -> None:
        self.asked[self._part].append(ask)
        if ask.hash not in self._rows:
            self._rows[ask.hash] = self.answers.of(ask, self._told)
            taken = not ask.arm or ask.arm in self._index
            arm = f"{self._part}/{ask.arm or 'ask'}-{len(self._index)}" if taken else ask.arm
            self._index[arm] = ask.hash
            self.then(ask)

    def _told(self, rows: int) -> None:
        self._done += rows
        self.progress(self._part, self._done, self._total)


@dataclass(frozen=True)
class Trial:
    """The outcomes of one setting on its items (see `TrialAsks`). `control_warnings`: where a control is not what it
    should be."""

    base: Outcomes
    edited: Outcomes
    random: tuple[Outcomes, ...]
    matched: tuple[Outcomes, ...]
    base_answers: Outcomes
    answers: Outcomes
    control_warnings: tuple[str, ...]


class Laboratory(Design):
    """The design of a comparison with a model: its treatments are located, its asks answered and judged."""

    def __init__(
        self,
        spec: ComparisonSpec,
        system: ValueSystem,
        material: Material,
        locations: Locations,
        judging: Judging,
        progress: Progress,
    ):
        super().__init__(spec, system, material)
        self.settings = {name: method.default for name, method in spec.methods.items()}
        self.model, self.locations, self.judging = locations.model, locations, judging
        self.folder, self.progress = locations.folder, progress
        answers = Answers(locations.model, locations.folder, scored=spec.fluent_by_likelihood)
        self.bench = Bench(locations.folder, answers, progress, then=self.outcomes)
        self.truth: Truth | None = known_truth(locations.model.identity.id)
        self._made: dict[str, Treatments] = {}
        self._outcomes: dict[str, Outcomes] = {}

    @property
    def how(self) -> Bootstrap:
        """How intervals are drawn."""
        return self.spec.how

    def made(
        self, what: Any, make: Callable[[Locations], Treatments], names: Sequence[str] = ()
    ) -> Treatments:
        """Treatments by value (or by other `names`); made once."""
        key = sha256_of(what)
        if key not in self._made:
            self._made[key] = make(self.locations)
        return self._made[key]

    def close(self) -> None:
        """Write the judge's replies through to the disk."""
        self.judging.close()

    # Outcomes ---------------------------------------------------------------------------------------------

    def outcomes(self, ask: Ask) -> Outcomes:
        """The judged outcomes of an ask, in the order of its items; equal asks are judged once."""
        rows = self.bench.rows(ask)
        if ask.hash not in self._outcomes:
            self._outcomes[ask.hash] = self._judged(ask, rows)
            rows.clear()  # they are on disk, and nothing reads them again
        return self._outcomes[ask.hash]

    def _judged(self, ask: Ask, rows: Sequence[Row]) -> Outcomes:
        if ask.items and ask.identifies:
            return [
                Outcome(item.key, item.value, None, None, row["text"])
                for item, row in zip(ask.items, rows, strict=True)
            ]
        if ask.pairs:
            return [
                Outcome(item.key, item.value, row["positive"] - row["negative"], None)
                for item, row in zip(ask.items, rows, strict=True)
            ]
        if ask.items and isinstance(ask.items[0], WordChoice):
            return [_chosen(item, row) for item, row in zip(ask.items, rows, strict=True)]
        questions: Any = ask.items
        answers = [answer_of(row) for row in rows]
        judgements, ratings = self.judging.judge(
            ask.hash, questions, answers, self.progress, rated=self.bench.rated
        )
        return [
            Outcome(
                question.key,
                question.value,
                None if judgement.success is None else float(judgement.success),
                judgement.fluent,
                answer.text,
                judgement.missing,
                row.get("score"),
                rating.get("relevance"),
                rating.get("quality"),
            )
            for question, answer, judgement, row, rating in zip(
                questions, answers, judgements, rows, ratings, strict=True
            )
        ]

    def trial_of(self, method: MethodSpec, setting: Setting, asks: TrialAsks) -> Trial:
        """The outcomes of `trial`'s asks."""
        base_answers, answers = self.fluent(asks.base_answers, asks.answers)
        return Trial(
            base=self.outcomes(asks.base),
            edited=self.outcomes(asks.edited),
            random=tuple(self.outcomes(ask) for ask in asks.random if ask.does_something),
            matched=tuple(self.outcomes(ask) for ask in asks.matched if ask.does_something),
            base_answers=base_answers,
            answers=answers,
            control_warnings=self._control_warnings(method, setting),
        )

    def _control_warnings(self, method: MethodSpec, setting: Setting) -> tuple[str, ...]:
        kinds = ("random", "random-matched") if self.spec.controls.matched else ("random",)
        drawn = [
            (kind, self.control(method, setting, kind, draw))
            for kind in kinds
            for draw in range(self.spec.controls.draws)
        ]
        return tuple(
            dict.fromkeys(
                f"{kind}: {warning}"
                for kind, control in drawn
                if isinstance(control, Control)
                for warning in control.warnings
            )
        )

    def fluent(self, base_answers: Ask, answers: Ask) -> tuple[Outcomes, Outcomes]:
        """The answers that fluency is read off (see `spoken`); by their likelihood where the judge reads none."""
        base, edited = self.outcomes(base_answers), self.outcomes(answers)
        if self.spec.fluent_by_likelihood:
            return with_typical(base, base), with_typical(edited, base)
        return base, edited

    # Estimates --------------------------------------------------------------------------------------------

    def effect(
        self, base: Outcomes, *edited: Outcomes, value: str | None = None, measure: Measure = "success"
    ) -> Estimate:
        """Mean paired change over items; several arms (draws of a control) and runs share their items' clusters."""
        pairs = [
            (before, after)
            for arm in edited
            for before, after in zip(base, arm, strict=True)
            if value in (None, before.value)
        ]
        return self.how.difference(
            [getattr(before, measure) for before, _ in pairs],
            [getattr(after, measure) for _, after in pairs],
            clusters=[question_of(before.key) for before, _ in pairs],
        )

    def fluency(self, outcomes: Outcomes) -> Estimate:
        """Share of fluent answers."""
        return self.how.rate([outcome.fluent for outcome in outcomes], clusters=self._clusters(outcomes))

    def success(self, outcomes: Outcomes, value: str | None = None) -> Estimate:
        """Mean success: a share of answers, or a mean margin of pairs."""
        about = [outcome for outcome in outcomes if value in (None, outcome.value)]
        if self.spec.asks_pairs:
            return self.how.mean([outcome.success for outcome in about], clusters=self._clusters(about))
        flags = [None if outcome.success is None else bool(outcome.success) for outcome in about]
        return self.how.rate(flags, clusters=self._clusters(about))

    def mean(self, *arms: Outcomes, measure: Measure, value: str | None = None) -> Estimate:
        """The mean of one measure, over one arm or several draws of a control."""
        about = [outcome for arm in arms for outcome in arm if value in (None, outcome.value)]
        clusters = [question_of(outcome.key) for outcome in about]
        return self.how.mean([getattr(outcome, measure) for outcome in about], clusters=clusters)

    def _clusters(self, outcomes: Outcomes) -> list[str] | None:
        """Questions, not answers, are resampled where there is more than one run."""
        return [question_of(outcome.key) for outcome in outcomes] if self.spec.runs > 1 else None


def _chosen(item: Item, row: Row) -> Outcome:
    assert isinstance(item, WordChoice)
    support, missing, _ = letter_support(row["top"], item.aligned, words=item.words)
    return Outcome(item.key, item.value, None if support is None else support / 100, None, missing=missing)


def with_typical(outcomes: Outcomes, base: Outcomes) -> Outcomes:
    """The outcomes with fluency read off their likelihood, on the base's scale."""
    fluent = typical([outcome.score for outcome in outcomes], [outcome.score for outcome in base])
    return [replace(outcome, fluent=typically) for outcome, typically in zip(outcomes, fluent, strict=True)]
