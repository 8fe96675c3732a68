"""The table that `valuescope judge` prints: what each judge says, how much is missing, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.cli.answer_files import AnswerRow
from valuescope.judge import MissingCount
from valuescope.judge.answer_judge import AnswerJudge, Judged
from valuescope.metrics import Bootstrap, Estimate, accuracy, cohen_kappa, length_bias

HEAD = ("judge", "by", "score", "n", "missing", "accuracy", "kappa", "length bias")
FOOT = (
    "score: share of yes or true, or mean rating, [95% interval] over questions. missing: enters no score. "
    "accuracy: against the oracle, ratings rounded. kappa: with the other model, quadratic weights for ratings. "
    "length bias: change of the score when an answer is twice as long, at equal truth where it is known."
)


@dataclass(frozen=True)
class JudgedFile:
    """All rows, judged by one judge and one model. `judges` are the same one in each language that occurs."""

    judges: dict[str, AnswerJudge]
    by: str
    rows: Sequence[AnswerRow]
    judged: Sequence[Judged]
    truth: Sequence[float | None] | None

    @property
    def judge(self) -> AnswerJudge:
        """The judge, in the first row's language."""
        return self.judges[self.rows[0].language]


def judge_table(found: Sequence[JudgedFile], limit: float) -> str:
    """One line for each judge and model; under it the warnings, and what a `-` stands for."""
    rows, notes, warnings = list[tuple[str, ...]](), list[str](), list[str]()
    for one in found:
        other = next((two for two in found if two.judge.name == one.judge.name and two is not one), None)
        missing = MissingCount.of([judged.missing for judged in one.judged])
        kappa, why = _kappa(one, other)
        bias, why_not = _length_bias(one)
        rows.append(
            (
                one.judge.name + ("" if one.judge.mode == "verdict" else f", {one.judge.mode}"),
                one.by,
                told(_score(one)),
                str(missing.total - missing.missing),
                _kinds(missing),
                _accuracy(one),
                kappa,
                bias,
            )
        )
        name = f"{one.judge.name} by {one.by}"
        notes += [f"{name}: no kappa: {why}"] if why else []
        notes += [f"{name}: no length bias: {why_not}"] if why_not else []
        notes += [
            f"{name}: {note}"
            for note in dict.fromkeys(one.note for one in one.judged if one.missing and one.note)
        ]
        warning = missing.warning(limit)
        warnings += [f"WARNING: {name}: {warning}"] if warning else []
    return "\n".join([*_aligned(rows), FOOT, *notes, *warnings])


def told(estimate: Estimate, sign: str = "") -> str:
    """`0.14 [0.04, 0.27]`, or `-`."""
    if estimate.mean is None:
        return "-"
    ends = estimate.ci
    return f"{estimate.mean:{sign}.2f}" + (
        "" if ends is None else f" [{ends[0]:{sign}.2f}, {ends[1]:{sign}.2f}]"
    )


def _score(one: JudgedFile) -> Estimate:
    clusters = [row.question for row in one.rows]
    if one.judge.mode == "verdict":
        verdicts = [None if judged.score is None else bool(judged.score) for judged in one.judged]
        return Bootstrap().rate(verdicts, clusters=clusters)
    return Bootstrap().mean([judged.score for judged in one.judged], clusters=clusters)


def _kinds(missing: MissingCount) -> str:
    if not missing.missing:
        return "0"
    kinds = ", ".join(f"{kind} {count}" for kind, count in missing.by_kind.items())
    return f"{missing.missing} ({missing.share:.1%}): {kinds}"


def _labels(one: JudgedFile) -> list[float | None]:
    """Scores as labels: verdicts as they are, mean ratings as the nearest step of the scale."""
    return [None if judged.score is None else float(int(judged.score + 0.5)) for judged in one.judged]


def _accuracy(one: JudgedFile) -> str:
    if one.truth is None:
        return "-"
    clusters = [row.question for row in one.rows]
    return told(accuracy(_labels(one), one.truth, clusters=clusters).overall)


def _kappa(one: JudgedFile, other: JudgedFile | None) -> tuple[str, str]:
    if other is None:
        return "-", ""
    verdict = one.judge.mode == "verdict"
    low, high = (0, 1) if verdict else one.judge.prompt.scale or (1, 5)
    found = cohen_kappa(
        _labels(one),
        _labels(other),
        weights=None if verdict else "quadratic",
        labels=[float(step) for step in range(low, high + 1)],
        clusters=[row.question for row in one.rows],
    )
    return told(found.kappa), found.reason


def _length_bias(one: JudgedFile) -> tuple[str, str]:
    found = length_bias(
        [judged.score for judged in one.judged],
        [len(row.answer) for row in one.rows],
        truth=one.truth,
        clusters=[row.question for row in one.rows],
    )
    return told(found.bias, "+"), found.reason


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(HEAD, *rows, strict=True)]
    lines = [HEAD, tuple("-" * width for width in widths), *rows]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
