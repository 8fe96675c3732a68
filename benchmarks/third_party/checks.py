"""What must hold, printed as it is found."""

from __future__ import annotations

from typing import Any

from agreement import Agreement
from judging import Judging

TOLERANCE = 1e-4  # nats; both sides compute in float32


class Checks:
    """What must hold, printed as it is found."""

    def __init__(self) -> None:
        self.found: list[tuple[str, bool]] = []

    def add(self, what: str, holds: bool) -> None:
        self.found.append((what, holds))
        print(f"{'ok    ' if holds else 'FAILED'} {what}", flush=True)

    @property
    def failed(self) -> int:
        return sum(not holds for _, holds in self.found)


def check_agreement(found: Agreement, checks: Checks) -> None:
    checks.add(
        f"token ids equal on {found.token_ids_equal} of {found.texts} texts",
        found.token_ids_equal == found.texts,
    )
    checks.add(
        f"greedy answers equal on {found.answers_equal} of {found.answers} questions",
        found.answers_equal == found.answers,
    )
    for what, difference in (
        (f"log-probabilities of {found.answer_tokens} answer tokens", found.answer_logprob_difference),
        ("log-probabilities of their 20 best alternatives", found.top_logprob_difference),
        (
            f"{found.distributions} whole next-token distributions ({found.distribution_tokens} tokens)",
            found.distribution_difference,
        ),
    ):
        checks.add(f"{what} differ by at most {difference:.1e}", difference < TOLERANCE)


def check_judging(one: Judging, number: int, checks: Checks) -> None:
    """Every sample is scored or missing by a kind, and a share above the limit is said aloud."""
    pair = f"{one.answers} judged by {one.judge}"
    checks.add(f"{pair}: {one.samples} samples completed", one.samples == number)
    for name, metrics in one.metrics.items():
        kinds = {key: int(count) for key, count in metrics.items() if key.startswith("missing: ")}
        mean = "no mean" if "mean" not in metrics else f"mean {metrics['mean']:.3f}"
        counted = metrics["n"] + sum(kinds.values()) == number and sum(kinds.values()) == metrics["missing"]
        scored = sum(score is not None for score in one.verdicts[name].values())
        told = ", ".join(f"{kind.removeprefix('missing: ')} {count}" for kind, count in kinds.items())
        checks.add(
            f"    {name}: {mean}, n {metrics['n']:.0f}; missing: {told or 'none'}",
            counted and scored == metrics["n"],
        )
        if metrics["over_limit"]:
            start = f"{metrics['missing']:.0f} OF {number} "
            loud = [line for line in one.warnings if line.startswith(start) and line.endswith(f": {told}")]
            checks.add(f"    {name}: said aloud: {loud[0] if loud else 'nothing'}", bool(loud))


def check_same(one: Judging, other: Judging, checks: Checks) -> None:
    for name, verdicts in one.verdicts.items():
        theirs = other.verdicts[name]
        same = sum(theirs.get(key, "none") == score for key, score in verdicts.items())
        checks.add(
            f"{name}: {same} of {len(verdicts)} scores of {other.answers} are those of {one.answers}",
            same == len(verdicts) == len(theirs),
        )


def check_same_replies(one: Judging, other: Judging, checks: Checks) -> None:
    for name, replies in one.replies.items():
        same = sum(other.replies[name][key] == said for key, said in replies.items())
        checks.add(
            f"{name}: {same} of {len(replies)} replies of {other.judge} are those of {one.judge}",
            same == len(replies),
        )


def check_file(printed: str, judged: list[dict[str, Any]], expected: int, checks: Checks) -> None:
    """Every judgement of `valuescope judge` has a score or a kind of missing, and the table says so aloud."""
    missing = sum(one["score"] is None for one in judged)
    checks.add(
        f"valuescope judge: {len(judged)} judgements, {missing} missing",
        len(judged) == expected and all((one["score"] is None) == bool(one["missing"]) for one in judged),
    )
    loud = [line for line in printed.splitlines() if line.startswith("WARNING: ")]
    for line in loud:
        checks.add(f"    said aloud: {line.removeprefix('WARNING: ')}", True)
    if missing > 0.1 * len(judged) and not loud:
        checks.add("    said aloud: nothing", False)
