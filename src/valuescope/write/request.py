"""The prompt of a batch: its template filled in with the value, the limits that the checks use, and the items to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from valuescope.data.checks import (
    DescriptionLimits,
    DilemmaLimits,
    PairLimits,
    QuestionLimits,
    SituationLimits,
    judging_words,
    key_words,
    name_words,
    telltale_words,
)
from valuescope.judge.quoting import quote
from valuescope.values import ValueSystem
from valuescope.write.job import Batch
from valuescope.write.kinds import Part, atomic_values
from valuescope.write.prompt import writer_prompts
from valuescope.write.reply import shape_text

_LANGUAGES = {"en": "English", "zh": "Chinese"}


def render(part: Part, batch: Batch, system: ValueSystem, notes: Mapping[str, str]) -> tuple[str, str, str]:
    """The id, system message and text of the prompt for a batch; `notes` say why earlier tries were turned away."""
    lines = []
    for number, slot in enumerate(batch, 1):
        about = "; ".join(f"{name}: {text}" for name, text in slot.brief.items())
        note = f" ({notes[slot.key]})" if slot.key in notes else ""
        lines.append(f"{number}. {about}{note}")
    return _rendered(part.prompt, part, batch, system, {"items": "\n".join(lines)})


def render_refinement(
    part: Part, batch: Batch, drafts: Sequence[Mapping[str, Any]], system: ValueSystem
) -> tuple[str, str, str]:
    """The same for the turn that makes drafts neutral."""
    lines = [
        f"{number}. {quote(str(draft[part.fields[0]]), 'draft')}" for number, draft in enumerate(drafts, 1)
    ]
    return _rendered(part.refine, part, batch, system, {"drafts": "\n".join(lines)})


def _rendered(
    name: str, part: Part, batch: Batch, system: ValueSystem, further: Mapping[str, str]
) -> tuple[str, str, str]:
    prompt = writer_prompts()[name]
    words = {
        **_fields(part, batch, system),
        "count": str(len(batch)),
        "shape": shape_text(part.fields, batch[0].languages if part.bilingual else None),
        **further,
    }
    return prompt.id, prompt.system, prompt.render(words)


def _fields(part: Part, slots: Batch, system: ValueSystem) -> dict[str, str]:
    """What the prompts of a batch say about its value, the limits and the language; the checks use the same limits."""
    slot = slots[0]
    entry, languages = system[slot.value], slot.languages
    forbidden = [word for one in languages for word in _forbidden(part, system, slot.value, one)]
    dilemma, pair = DilemmaLimits(), PairLimits()
    rationale = (
        f"- rationale: why the aligned action is right from the point of view of the value, tied to the details of this story; "
        f"{_range(dilemma.rationale)} words in English, {_range(dilemma.rationale_zh)} characters in Chinese. "
        f"Only here the value may be named."
    )
    ends = {
        "statement": "Statements are in the first person (I, 我) and end with a full stop.",
        "question": "Questions ask for something (how, what, which, where, who, or should I) and end with a question mark.",
    }
    kind = slot.shared.get("kind", "")
    return {
        "name": " / ".join(entry.names[one] for one in languages),
        "definition": " / ".join(entry.definition[one] for one in languages if one in entry.definition),
        "parts": ", ".join(system[one].names[languages[0]] for one in atomic_values(system, slot.value)),
        "languages": " and ".join(_LANGUAGES[one] for one in languages),
        "forbidden": ", ".join(dict.fromkeys(forbidden)),
        "telltale": ", ".join(telltale_words()),
        "story_en": _range(dilemma.story),
        "story_zh": _range(dilemma.story_zh),
        "action_en": _range(dilemma.action),
        "action_zh": _range(dilemma.action_zh),
        "difference_en": str(dilemma.action_difference),
        "difference_zh": str(dilemma.action_difference_zh),
        "rationale": rationale
        if "rationale" in part.fields
        else "- No rationale and no hint at which way is better.",
        "pair": _range(pair.length),
        "difference": str(pair.difference),
        "opening": str(pair.opening),
        "ending": ends.get(kind, ""),
        "description": _range(DescriptionLimits().length),
        "question": _range(QuestionLimits().length),
        "situation": _range(SituationLimits().length),
        **slot.shared,
    }


def _forbidden(part: Part, system: ValueSystem, value: str, language: str) -> tuple[str, ...]:
    if part.bilingual:
        return name_words(system, value, language)
    judging = judging_words() if part.name == "situations" and language == "en" else ()
    return (*key_words(system, value, language), *judging)


def _range(limits: tuple[int, int]) -> str:
    return f"{limits[0]} to {limits[1]}"
