"""The table that `valuescope judge` prints: what each judge says, how much is missing, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.cli.answer_files import AnswerRow
from valuescope.cli.terminal import aligned, mean_text
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


def judge_table(files: Sequence[JudgedFile], limit: float) -> str:
    """One line for each judge and model; under it the warnings, and what a `-` stands for."""
    rows, notes, warnings = list[tuple[str, ...]](), list[str](), list[str]()
    for file in files:
        same_judge = (other for other in files if other.judge.name == file.judge.name and other is not file)
        missing = MissingCount.of([judged.missing for judged in file.judged])
        kappa, no_kappa = _kappa(file, next(same_judge, None))
        bias, no_bias = _length_bias(file)
        rows.append(
            (
                file.judge.name + ("" if file.judge.mode == "verdict" else f", {file.judge.mode}"),
                file.by,
                mean_text(_score(file), ".2f"),
                str(missing.total - missing.missing),
                _kinds(missing),
                _accuracy(file),
                kappa,
                bias,
            )
        )
        name = f"{file.judge.name} by {file.by}"
        notes += [f"{name}: no kappa: {no_kappa}"] if no_kappa else []
        notes += [f"{name}: no length bias: {no_bias}"] if no_bias else []
        reasons = dict.fromkeys(judged.note for judged in file.judged if judged.missing and judged.note)
        notes += [f"{name}: {reason}" for reason in reasons]
        warning = missing.warning(limit)
        warnings += [f"WARNING: {name}: {warning}"] if warning else []
    lines = aligned([HEAD, *rows])
    rule = "  ".join("-" * max(map(len, column)) for column in zip(HEAD, *rows, strict=True))
    return "\n".join([lines[0], rule, *lines[1:], FOOT, *notes, *warnings])


def _score(file: JudgedFile) -> Estimate:
    clusters = [row.question for row in file.rows]
    if file.judge.mode == "verdict":
        verdicts = [None if judged.score is None else bool(judged.score) for judged in file.judged]
        return Bootstrap().rate(verdicts, clusters=clusters)
    return Bootstrap().mean([judged.score for judged in file.judged], clusters=clusters)


def _kinds(missing: MissingCount) -> str:
    if not missing.missing:
        return "0"
    kinds = ", ".join(f"{kind} {count}" for kind, count in missing.by_kind.items())
    return f"{missing.missing} ({missing.share:.1%}): {kinds}"


def _labels(file: JudgedFile) -> list[float | None]:
    """Scores as labels: verdicts as they are, mean ratings as the nearest step of the scale."""
    return [None if judged.score is None else float(int(judged.score + 0.5)) for judged in file.judged]


def _accuracy(file: JudgedFile) -> str:
    if file.truth is None:
        return "-"
    clusters = [row.question for row in file.rows]
    return mean_text(accuracy(_labels(file), file.truth, clusters=clusters).overall, ".2f")


def _kappa(file: JudgedFile, other: JudgedFile | None) -> tuple[str, str]:
    if other is None:
        return "-", ""
    verdict = file.judge.mode == "verdict"
    low, high = (0, 1) if verdict else file.judge.prompt.scale or (1, 5)
    agreement = cohen_kappa(
        _labels(file),
        _labels(other),
        weights=None if verdict else "quadratic",
        labels=[float(step) for step in range(low, high + 1)],
        clusters=[row.question for row in file.rows],
    )
    return mean_text(agreement.kappa, ".2f"), agreement.reason


def _length_bias(file: JudgedFile) -> tuple[str, str]:
    judge_bias = length_bias(
        [judged.score for judged in file.judged],
        [len(row.answer) for row in file.rows],
        truth=file.truth,
        clusters=[row.question for row in file.rows],
    )
    return mean_text(judge_bias.bias, "+.2f"), judge_bias.reason
