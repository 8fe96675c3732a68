"""prompts: every kind of text that a run would send, with one filled example each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from valuescope.cli.command import NamedSetting, argument, command, option, settings

if TYPE_CHECKING:
    from valuescope.lab.spec import RunSpec
    from valuescope.run.sent_prompts import SentPrompt

ROLES = ("write", "feed", "identify", "answer", "judge")
WRITTEN_FOR = {
    ("schwartz", "dimension"): ("valueinsight",),
    ("schwartz", "value"): ("contrast", "questions"),
    ("chinese-social", "value"): ("c-voice",),
}
"""Value system and level -> the kinds of data that a writer makes for them."""


@command(
    "print every kind of text that a run would send, one filled example each; loads no weights",
    "valuescope prompts specs/valuelocate.yaml --model smollm2 --role identify --role answer",
)
def prompts(
    spec: Path = argument("the specification; unknown keys are errors", "SPEC.yaml"),
    model: str | None = option(None, "instead of the specification's model.id"),
    overrides: list[NamedSetting] = settings("overrides a setting, as identify.form=bare", "--set", "-s"),
    role: list[str] = option([], "these roles only (default: all)", names=ROLES),
) -> None:
    """`valuescope prompts`."""
    from valuescope.run import read_spec
    from valuescope.run.sent_prompts import sent_prompts

    content = read_spec(spec, **dict(overrides) | ({"model.id": model} if model else {}))
    sent = sent_prompts(content)
    if sent.template_missing:
        print(f"NOTE: shown without a chat template, which could not be had: {sent.template_missing}\n")
    for name in role or ROLES:
        shown = (
            [*_written(content)]
            if name == "write"
            else [prompt for prompt in sent.prompts if prompt.role == name]
        )
        print("\n\n".join(map(_text, shown)) if shown else f"=== {name}: nothing is sent")
        print()


def _text(prompt: SentPrompt) -> str:
    system = ["--- system", prompt.system] if prompt.system else []
    head = [f"=== {prompt.role}: {prompt.what}", f"to: {prompt.model}", f"sampling: {prompt.sampling}"]
    return "\n".join([*head, *system, "--- text", prompt.text, "--- end"])


def _written(spec: RunSpec) -> Iterator[SentPrompt]:
    """What a writer of such data is asked. A run asks no writer: `valuescope write` does, beforehand."""
    from valuescope.run.sent_prompts import SentPrompt
    from valuescope.write import Job
    from valuescope.write.item_exchange import render

    for kind in WRITTEN_FOR.get((spec.values.system, spec.values.level), ()):
        job = Job(kind)
        for part in job.chosen:
            topics: dict[str, list[Mapping[str, str]]] = (
                {value: [{}] * job.count(part) for value in job.values} if part.name == "topics" else {}
            )
            slots = tuple(part.slots(part.name, job.plan(part), topics))
            if not slots:
                continue
            name, system, text = render(part, job.batches(part, slots)[0], job.value_system, {})
            sampling = f"temperature {job.temperature:g}, top-p {job.top_p:g}"
            yield SentPrompt(
                "write",
                f"{name} (not sent by a run, but by valuescope write {kind})",
                "the writer that --by names",
                sampling,
                text,
                system,
            )
