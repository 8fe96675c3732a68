"""A judge's known answers: what it says of real answers that two readers have labelled, before it is believed.

The answers are SmolLM2's and Qwen's, to yes-or-no questions about Schwartz's values, under no instruction and told to hold or
to reject the value (`known_answers/LANGUAGE.jsonl`; both models' licence, Apache 2.0, lets their output be passed on). Every
answer was labelled twice, independently, by reading. Only what both readers agree on is asked, as many items that are true as
items that are not, so that a judge that says one thing always is right half of the time, and no more.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Literal

from valuescope.data import Question
from valuescope.files import sha256_of
from valuescope.judge.answer_judge import AnswerJudge, Item, judge_answers
from valuescope.judge.asking import Asker
from valuescope.judge.missing import JudgeError, MissingCount
from valuescope.judge.prompt import criterion
from valuescope.judge.stance import Stance, read_stance
from valuescope.metrics import Bootstrap, Estimate, accuracy, cohen_kappa
from valuescope.metrics.agreement import Agreement
from valuescope.metrics.result import MetricResult
from valuescope.progress import StepProgress
from valuescope.values import load_value_system

Label = Literal["for", "against", "no side", "refusal"]
MEASURES = ("control-success", "fluency")
"""The verdicts that are checked, by the names of their judges."""
ITEMS = 60
ALWAYS = 0.95
"""A judge whose commonest verdict has this share says one thing always."""
CHANCE = 0.5
SEED = "known-answers"  # of the draws: every judge is asked the same items


@dataclass(frozen=True)
class KnownAnswer:
    """One answer and its labels by two readers. `arm`: told nothing (base), to hold the value (for), or to reject it."""

    key: str
    question: str
    value: str
    yes_is: Literal["for", "against"]
    answer: str
    language: str
    model: str
    arm: str
    temperature: float
    label_1: Label
    label_2: Label
    fluent_1: bool
    fluent_2: bool

    @property
    def label(self) -> Label | None:
        """What both readers say; None where they differ."""
        return self.label_1 if self.label_1 == self.label_2 else None

    @property
    def fluent(self) -> bool | None:
        """What both readers say; None where they differ."""
        return self.fluent_1 if self.fluent_1 == self.fluent_2 else None

    @property
    def held_out(self) -> bool:
        """Whether the rules of the judge `stance` were not mended on the answers to this question: half of all
        questions, drawn by their hash."""
        return int(sha256_of(self.question)[:8], 16) % 2 == 1

    @property
    def asked(self) -> Question:
        """The question."""
        return Question(
            self.key, self.value, "dilemma", self.question, language=self.language, yes_is=self.yes_is
        )


@dataclass(frozen=True)
class Calibration(MetricResult):
    """What a judge says of known answers, by one measure.

    `accuracy` is over the items that it gives a verdict on, `balanced_accuracy` the mean of the accuracies over the two kinds of
    items (true and not true; for and against). `constant` is the share of its commonest verdict among its verdicts. `kappa`: with
    the readers. `missing`: items without a verdict, by kind.
    """

    judge: str
    measure: str
    language: str
    items: int
    accuracy: Estimate
    balanced_accuracy: Estimate
    kappa: Estimate
    commonest: str
    constant: float | None
    missing: Mapping[str, int]

    def problem(self, minimum: float = CHANCE) -> str:
        """Why the judge is not to be believed, or "". Silence speaks against a model's verdicts, and not against the judge
        `stance`, which is meant to be silent where no side is taken."""
        said, of = self.accuracy.n, f"{self.items} known answers"
        numbers = f"balanced accuracy {_written(self.balanced_accuracy)}, n {said}"
        if self.measure in MEASURES and said < self.items / 2:
            kinds = ", ".join(f"{kind} {count}" for kind, count in self.missing.items())
            return f"{self.measure}: gives a verdict on {said} of {of} only ({kinds}; {numbers})"
        if self.constant is not None and self.constant >= ALWAYS:
            same = round(self.constant * said)
            return f"{self.measure}: says {self.commonest} to {same} of {said} known answers, to half of which it is wrong ({numbers})"
        low = self.balanced_accuracy.low
        if low is None or low <= minimum:
            return f"{self.measure}: is not clear of {minimum:g} on {of} ({numbers})"
        return ""


@cache
def known_languages() -> tuple[str, ...]:
    """The languages that there are known answers in."""
    folder = files("valuescope.judge").joinpath("known_answers")
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    return tuple(sorted(name.removesuffix(".jsonl") for name in names if name.endswith(".jsonl")))


@cache
def known_answers(language: str) -> tuple[KnownAnswer, ...]:
    """All labelled answers of a language.

    Raises:
        JudgeError: there are none in this language.
    """
    if language not in known_languages():
        known = " and ".join(known_languages()) or "no language"
        raise JudgeError(f"there are no known answers in language {language!r}; there are some in {known}")
    path = files("valuescope.judge").joinpath("known_answers", f"{language}.jsonl")
    return tuple(KnownAnswer(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines())


def agreement(language: str, how: Bootstrap = Bootstrap()) -> dict[str, Agreement]:
    """How far the two readers agree on labels and on fluency: Cohen's kappa, with intervals over questions."""
    answers = known_answers(language)
    pairs: dict[str, list[tuple[Hashable, Hashable]]] = {
        "label": [(known.label_1, known.label_2) for known in answers],
        "fluent": [(known.fluent_1, known.fluent_2) for known in answers],
    }
    questions = [known.question for known in answers]
    return {
        name: cohen_kappa(*map(list, zip(*both, strict=True)), clusters=questions, how=how)
        for name, both in pairs.items()
    }


def known_items(measure: str, language: str, count: int = ITEMS) -> list[tuple[Item, bool]]:
    """At most `count` items with their truth, as many that are true as items that are not, in an order drawn once.

    Control success is true of answers for the value; those that are not are against it, without a side and refusals, by turns.
    Few real answers are not fluent, so fluent ones with their words shuffled stand beside them.
    """
    rng, answers = random.Random(f"{SEED}-{measure}-{language}"), list(known_answers(language))
    rng.shuffle(answers)
    if measure == "fluency":
        true = [known for known in answers if known.fluent]
        untrue = [known for known in answers if known.fluent is False]
        half = min(count // 2, len(true))
        shuffled = map(_shuffled, reversed(true))
        untrue += [broken for _, broken in zip(range(half - len(untrue)), shuffled, strict=False)]
    else:
        true = [known for known in answers if known.label == "for"]
        others = [
            [known for known in answers if known.label == label]
            for label in ("against", "no side", "refusal")
        ]
        turns = range(max(map(len, others)))
        untrue = [same[turn] for turn in turns for same in others if turn < len(same)]
    half = min(count // 2, len(true), len(untrue))
    chosen = [(_item(known, measure), True) for known in true[:half]]
    chosen += [(_item(known, measure), False) for known in untrue[:half]]
    rng.shuffle(chosen)
    return chosen


def calibrate(
    judge: AnswerJudge,
    asker: Asker,
    *,
    items: int = ITEMS,
    how: Bootstrap = Bootstrap(),
    progress: StepProgress | None = None,
) -> Calibration:
    """Ask a judge of verdicts the known answers of its language.

    Raises:
        AskError: where the model cannot be asked (see `Asker`).
        JudgeError: no known answers in the judge's language.
    """
    known = known_items(judge.name, judge.language, items)
    judged = judge_answers(judge, asker, [item for item, _ in known], progress)
    words = ("No", "Yes") if judge.prompt.reply == "yes-no" else ("False", "True")
    verdicts = [None if one.score is None else words[bool(one.score)] for one in judged]
    missing = MissingCount.of(one.missing for one in judged)
    return _calibration(
        (asker.name, judge.name, judge.language),
        [item.question for item, _ in known],
        verdicts,
        [words[truth] for _, truth in known],
        words,
        missing,
        how,
    )


def calibrate_stance(language: str, how: Bootstrap = Bootstrap(), *, held_out: bool = True) -> Calibration:
    """What the judge `stance` says of the known answers that its rules were not mended on (with `held_out` False: of the
    others): accuracy where it names a side, also of answers that have none."""
    known = [one for one in known_answers(language) if one.label is not None and one.held_out == held_out]
    read: list[Stance] = [read_stance(one.asked, one.answer) for one in known]
    sides = ("for", "against")
    return _calibration(
        ("stance", "side", language),
        [one.question for one in known],
        [stance if stance in sides else None for stance in read],
        [one.label for one in known],
        sides,
        MissingCount.of("" if stance in sides else stance for stance in read),
        how,
    )


def _calibration(
    names: tuple[str, str, str],
    questions: Sequence[str],
    verdicts: Sequence[str | None],
    truth: Sequence[str | None],
    kinds: tuple[str, ...],
    missing: MissingCount,
    how: Bootstrap,
) -> Calibration:
    said = Counter(verdict for verdict in verdicts if verdict is not None)
    commonest, most = said.most_common(1)[0] if said else ("", 0)
    return Calibration(
        *names,
        items=len(questions),
        accuracy=accuracy(verdicts, truth, clusters=questions, how=how).overall,
        balanced_accuracy=_balanced(questions, verdicts, truth, kinds, how),
        kappa=cohen_kappa(verdicts, truth, clusters=questions, how=how).kappa,
        commonest=commonest,
        constant=most / said.total() if said else None,
        missing=missing.by_kind,
    )


def _balanced(
    questions: Sequence[str],
    verdicts: Sequence[str | None],
    truth: Sequence[str | None],
    kinds: tuple[str, ...],
    how: Bootstrap,
) -> Estimate:
    """The mean of the accuracies on each kind of items: every item weighs as much as its kind is rare."""
    both = [
        (question, verdict == known, known)
        for question, verdict, known in zip(questions, verdicts, truth, strict=True)
        if verdict is not None and known in kinds
    ]
    counts = Counter(known for _, _, known in both)
    lost = sum(known in kinds for known in truth) - len(both)
    if len(counts) < len(kinds):
        return Estimate(None, None, None, len(both), lost)
    weights = [len(both) / len(kinds) / counts[known] * right for _, right, known in both]
    clusters = [question for question, _, _ in both]
    if len({right for _, right, _ in both}) == 1:
        estimate = how.rate([right for _, right, _ in both], clusters)
    else:  # a resample may hold more of the one kind than there are items of it, and then sum up to more than 1
        estimate = how.mean(weights, clusters)
    return replace(estimate, high=None if estimate.high is None else min(1.0, estimate.high), missing=lost)


def _item(known: KnownAnswer, measure: str) -> Item:
    told = criterion(load_value_system("schwartz"), known.value, known.language)
    return Item(known.key, known.question, known.answer, told if measure == "control-success" else None)


def _shuffled(known: KnownAnswer) -> KnownAnswer:
    """The answer with its words (its characters in Chinese) in another order."""
    parts = list(known.answer) if known.language == "zh" else known.answer.split()
    random.Random(f"{SEED}-{known.key}").shuffle(parts)
    text = ("" if known.language == "zh" else " ").join(parts)
    return KnownAnswer(**{**asdict(known), "key": f"{known.key}/shuffled", "answer": text})


def _written(estimate: Estimate) -> str:
    if estimate.mean is None:
        return "undefined"
    limits = "" if estimate.low is None else f" [{estimate.low:.2f}, {estimate.high:.2f}]"
    return f"{estimate.mean:.2f}{limits}"
