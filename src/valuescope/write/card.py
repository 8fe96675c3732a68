"""The data card of a written set: what wrote it, how, what it holds and what was turned away.

A card holds nothing that differs between a run that was cut off and one that was not: no dates, no durations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from valuescope.data import ContrastPair
from valuescope.data.checks import wording_accuracy
from valuescope.version import __version__
from valuescope.write.acceptance import Written
from valuescope.write.job import Job
from valuescope.write.kinds import KINDS
from valuescope.write.outcome import PartOutcome, SetOutcome
from valuescope.write.writer_prompt import writer_prompts

FORMAT = 1


def settings_of(job: Job, model: str) -> dict[str, Any]:
    """All that decides what is asked of whom; equal settings lead to equal calls."""
    used = {name for part in job.chosen for name in (part.prompt, part.refine) if name} | {"repair"}
    prompts = {name: writer_prompts()[name] for name in sorted(used)}
    return {
        "kind": job.kind,
        "value_system": KINDS[job.kind].system,
        "model": model,
        "values": list(job.values),
        "languages": list(job.languages),
        "parts": [part.name for part in job.chosen],
        "per_value": _per_value(job),
        "seed": job.seed,
        "per_call": {
            part.name: part.per_call if job.per_call is None else job.per_call for part in job.chosen
        },
        "rounds": job.rounds,
        "temperature": job.temperature,
        "top_p": job.top_p,
        "max_tokens": job.max_tokens,
        **({"topics": list(job.topics)} if job.topics else {}),
        **({"rationale_apart": True} if job.rationale_apart else {}),
        **({} if job.exemplars or "descriptions" not in job.parts else {"exemplars": False}),
        "prompts": {
            name: {"version": prompt.version, "sha256": prompt.hash} for name, prompt in prompts.items()
        },
    }


def _per_value(job: Job) -> int | dict[str, int | None] | None:
    """One number for all parts, or one for each at the paper's size."""
    if not job.paper_size:
        return job.per_value
    return {part.name: job.count(part) for part in job.chosen if part.paper}


def card_of(outcome: SetOutcome, model: str) -> dict[str, Any]:
    """The card as JSON."""
    tally = outcome.tally
    return {
        "format": FORMAT,
        "valuescope": __version__,
        "complete": outcome.complete,
        "settings": settings_of(outcome.job, model),
        "calls": {"made": tally.calls, "minimum": tally.minimum, "repairs": tally.repairs},
        "tokens": {"input": tally.input_tokens, "output": tally.output_tokens},
        "parts": {one.part.name: _part(one) for one in outcome.parts},
        "set_findings": [str(finding) for finding in outcome.findings()],
    }


def _part(one: PartOutcome) -> dict[str, Any]:
    rejected = Counter(kind for each in one.rejections for kind in each.kinds)
    card: dict[str, Any] = {
        "planned": len(one.slots),
        "items": len(one.items),
        "missing": [slot.key for slot in one.missing],
        "by_value": _counts(each.slot.value for each in one.items),
        "by_language": _counts(language for each in one.items for language in each.slot.languages),
        "by_topic": _counts(each.slot.topic for each in one.items if each.slot.topic),
        "judged": one.read,
        "rejected": len(one.rejections),
        "rejection_rate": _share(len(one.rejections), one.read),
        "rejected_by_stage": _counts(each.stage for each in one.rejections),
        "rejected_by_reason": {
            reason: {"items": count, "rate": _share(count, one.read)}
            for reason, count in sorted(rejected.items())
        },
    }
    if one.part.name == "topics":
        card["topics"] = {each.slot.key: each.row["topic"] for each in one.items}
    if accuracies := _wording(one.items):
        card["wording_accuracy"] = accuracies
    return card


def _wording(items: Iterable[Written]) -> dict[str, float | None]:
    """Per value, how well a bag of words tells the sides of pairs apart; None where there are too few."""
    pairs = dict[str, list[ContrastPair]]()
    for one in items:
        for record in one.records:
            if isinstance(record, ContrastPair):
                name = record.value if record.language == "en" else f"{record.value} ({record.language})"
                pairs.setdefault(name, []).append(record)
    measured = {
        name: wording_accuracy([one.positive for one in held], [one.negative for one in held])
        for name, held in pairs.items()
    }
    return {name: None if one is None else round(one.accuracy, 4) for name, one in measured.items()}


def _counts(entries: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(entries).items()))


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def card_text(card: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    settings, calls, tokens = card["settings"], card["calls"], card["tokens"]
    per_call = ", ".join(f"{name} {count}" for name, count in settings["per_call"].items())
    lines = [
        f"# Data card: {settings['kind']}",
        "",
        f"Written by `{settings['model']}` with valuescope {card['valuescope']}. "
        + ("Complete." if card["complete"] else "**Incomplete**: see what is missing below."),
        "",
        f"- values ({settings['value_system']}): {', '.join(settings['values'])}",
        f"- languages: {', '.join(settings['languages'])}; per value and part: {settings['per_value']}",
        f"- temperature {settings['temperature']}, top-p {settings['top_p']}, seed {settings['seed']}, items a call: {per_call}",
        f"- calls: {calls['made']} (minimum {calls['minimum']}, repairs among them {calls['repairs']}); "
        f"tokens: {tokens['input']} in, {tokens['output']} out",
        "",
        "| prompt | version | sha256 |",
        "| --- | --- | --- |",
        *(
            f"| {name} | {one['version']} | `{one['sha256'][:16]}` |"
            for name, one in settings["prompts"].items()
        ),
    ]
    for name, part in card["parts"].items():
        rate = "none judged" if part["rejection_rate"] is None else f"{part['rejection_rate']:.1%}"
        lines += [
            "",
            f"## {name}",
            "",
            f"{part['items']} of {part['planned']} items; {part['rejected']} of {part['judged']} rejected ({rate}).",
            "",
        ]
        for title, field in (("value", "by_value"), ("language", "by_language"), ("topic", "by_topic")):
            if part[field]:
                lines.append(
                    f"- by {title}: " + "; ".join(f"{key} {count}" for key, count in part[field].items())
                )
        if part["missing"]:
            lines.append(f"- missing: {', '.join(part['missing'])}")
        for value, accuracy in part.get("wording_accuracy", {}).items():
            shown = "too few pairs" if accuracy is None else f"{accuracy:.3f} (0.5 is chance)"
            lines.append(f"- a bag of words tells the sides apart, {value}: {shown}")
        if part["rejected_by_reason"]:
            lines += ["", "| rejected for | items | share of all judged |", "| --- | --- | --- |"]
            lines += [
                f"| {reason} | {one['items']} | {one['rate']:.1%} |"
                for reason, one in part["rejected_by_reason"].items()
            ]
    if card["set_findings"]:
        lines += ["", "## Found in the set as a whole", "", *(f"- {text}" for text in card["set_findings"])]
    return "\n".join(lines) + "\n"
