"""What a judge says of known answers, before it is believed.

Only what both readers of `known_answers` agree on is asked, as many items that are true as items that are not, so that a judge
that says one thing always is right half of the time, and no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from valuescope.judge.answer_judge import AnswerJudge, judge_answers
from valuescope.judge.asking import Asker
from valuescope.judge.known_answers import ITEMS, known_answers, known_items
from valuescope.judge.missing import MissingCount
from valuescope.judge.stance import Stance, read_stance
from valuescope.metrics import Bootstrap, Estimate, accuracy, cohen_kappa
from valuescope.metrics.result import MetricResult
from valuescope.progress import StepProgress

MEASURES = ("control-success", "fluency")
"""The verdicts that are checked, by the names of their judges."""
ALWAYS = 0.95
"""A judge whose commonest verdict has this share says one thing always."""
CHANCE = 0.5


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


def _written(estimate: Estimate) -> str:
    if estimate.mean is None:
        return "undefined"
    limits = "" if estimate.low is None else f" [{estimate.low:.2f}, {estimate.high:.2f}]"
    return f"{estimate.mean:.2f}{limits}"
