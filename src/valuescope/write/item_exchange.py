"""What is said to the model and back: the prompt of a batch, and reading its reply.

A prompt is a template filled in with the value, the limits that the checks use, and the items to write. A reply is JSON,
validated by pydantic, each fault in words that a repair turn can quote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, create_model

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
from valuescope.judge.reply_store import ModelReply
from valuescope.values import ValueSystem
from valuescope.write.kinds import SetPart
from valuescope.write.slot import Batch, Slot
from valuescope.write.writer_prompt import writer_prompts

_LANGUAGES = {"en": "English", "zh": "Chinese"}


def render(
    part: SetPart, batch: Batch, system: ValueSystem, notes: Mapping[str, str]
) -> tuple[str, str, str]:
    """The id, system message and text of the prompt for a batch; `notes` say why earlier tries were turned away."""
    lines = []
    for number, slot in enumerate(batch, 1):
        about = "; ".join(f"{name}: {text}" for name, text in slot.brief.items())
        note = f" ({notes[slot.key]})" if slot.key in notes else ""
        lines.append(f"{number}. {about}{note}")
    return _rendered(part.prompt, part, batch, system, {"items": "\n".join(lines)})


def render_second_turn(
    turn: SetPart, batch: Batch, drafts: Sequence[Mapping[str, Any]], system: ValueSystem
) -> tuple[str, str, str]:
    """The same for the turn over drafts (`SetPart.second_turn`): the one field that it writes anew, or all that it adds to."""
    lines = []
    for number, draft in enumerate(drafts, 1):
        same = draft.get(turn.fields[0])
        shown = str(same) if same is not None else json.dumps(dict(draft), ensure_ascii=False)
        lines.append(f"{number}. {quote(shown, 'draft')}")
    return _rendered(turn.prompt, turn, batch, system, {"drafts": "\n".join(lines)})


def _rendered(
    name: str, part: SetPart, batch: Batch, system: ValueSystem, further: Mapping[str, str]
) -> tuple[str, str, str]:
    prompt = writer_prompts()[name]
    words = {
        **_fields(part, batch[0], system),
        "count": str(len(batch)),
        "shape": shape_text(part.fields, batch[0].languages if part.bilingual else None),
        **further,
    }
    return prompt.id, prompt.system, prompt.render(words)


def _fields(part: SetPart, slot: Slot, system: ValueSystem) -> dict[str, str]:
    """What the prompts of a batch say about its value, the limits and the language; the checks use the same limits."""
    kind = slot.shared.get("kind", "")
    return {**_value_fields(part, system, slot.value, slot.languages, kind), **slot.shared}


@lru_cache(maxsize=256)
def _value_fields(
    part: SetPart, system: ValueSystem, value: str, languages: tuple[str, ...], kind: str
) -> Mapping[str, str]:
    entry = system[value]
    forbidden = [word for one in languages for word in _forbidden(part, system, value, one)]
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
    return {
        "name": " / ".join(entry.names[one] for one in languages),
        "definition": " / ".join(entry.definition[one] for one in languages if one in entry.definition),
        "parts": ", ".join(system[one].names[languages[0]] for one in system.lowest_below(value)),
        "languages": " and ".join(_LANGUAGES[one] for one in languages),
        "forbidden": ", ".join(dict.fromkeys(forbidden)),
        "telltale": ", ".join(telltale_words()),
        "story_en": _range(dilemma.story),
        "story_zh": _range(dilemma.story_zh),
        "action_en": _range(dilemma.action),
        "action_zh": _range(dilemma.action_zh),
        "difference_en": str(dilemma.action_difference),
        "difference_zh": str(dilemma.action_difference_zh),
        "rationale_rule": rationale,
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
    }


def _forbidden(part: SetPart, system: ValueSystem, value: str, language: str) -> tuple[str, ...]:
    if part.bilingual:
        return name_words(system, value, language)
    judging = judging_words() if part.name == "situations" and language == "en" else ()
    return (*key_words(system, value, language), *judging)


def _range(limits: tuple[int, int]) -> str:
    return f"{limits[0]} to {limits[1]}"


_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_FAULTS = 8


class _Envelope(BaseModel):
    items: list[dict[str, Any]]


@dataclass(frozen=True)
class Parsed:
    """The items of a reply by their numbers, and for every other number that was asked for what is wrong."""

    items: Mapping[int, Mapping[str, Any]]
    faults: Mapping[int, str]

    def errors(self) -> str:
        """The faults as lines, equal ones together."""
        by_text = dict[str, list[int]]()
        for number, text in self.faults.items():
            by_text.setdefault(text, []).append(number)
        lines = [f"- entries {', '.join(map(str, numbers))}: {text}" for text, numbers in by_text.items()]
        return "\n".join(
            lines[:_FAULTS] + ([f"- and {len(lines) - _FAULTS} more"] if len(lines) > _FAULTS else [])
        )


@cache
def item_model(fields: tuple[str, ...], languages: tuple[str, ...] | None) -> type[BaseModel]:
    """The shape of one entry: its number, and each field as a text, or as one text per language."""
    kind: Any = _Text
    if languages is not None:
        texts: dict[str, Any] = dict.fromkeys(languages, (_Text, ...))
        kind = create_model("Texts", **texts)
    shape: dict[str, Any] = {"number": (int, ...), **dict.fromkeys(fields, (kind, ...))}
    return create_model("Item", __config__=ConfigDict(extra="ignore"), **shape)


def shape_text(fields: Sequence[str], languages: Sequence[str] | None) -> str:
    """The shape as a prompt shows it."""
    text: Any = "..." if languages is None else dict.fromkeys(languages, "...")
    return json.dumps({"items": [{"number": 1, **dict.fromkeys(fields, text)}]}, ensure_ascii=False)


def parse_reply(text: str, numbers: Sequence[int], model: type[BaseModel]) -> Parsed:
    """The entries that were asked for. Of entries with one number the first counts; other numbers are passed over."""
    try:
        entries = _Envelope.model_validate(_json(text)).items
    except ValidationError as error:
        return Parsed({}, dict.fromkeys(numbers, _told(error)))
    except ValueError as error:
        return Parsed({}, dict.fromkeys(numbers, str(error)))
    items, faults = dict[int, Mapping[str, Any]](), dict[int, str]()
    for entry in entries:
        number = entry.get("number")
        if not isinstance(number, int) or number not in numbers or number in items:
            continue
        try:
            found = model.model_validate(entry).model_dump()
        except ValidationError as error:
            faults.setdefault(number, _told(error))
        else:
            found.pop("number")
            items[number] = found
    for number in numbers:
        if number not in items:
            faults.setdefault(number, "missing from the reply")
    return Parsed(items, {number: faults[number] for number in numbers if number not in items})


def read_reply(part: SetPart, batch: Batch, reply: ModelReply) -> Parsed:
    """What a reply holds for a batch; neither items nor faults where there was an error instead of a reply."""
    numbers = range(1, len(batch) + 1)
    if reply.error:
        return Parsed({}, {})  # neither written nor turned away: to be asked again
    if reply.withheld:
        return Parsed({}, dict.fromkeys(numbers, "withheld by the service's filter"))
    parsed = parse_reply(
        reply.text, numbers, item_model(part.fields, batch[0].languages if part.bilingual else None)
    )
    if reply.finished or not parsed.faults:
        return parsed
    return Parsed(parsed.items, dict.fromkeys(parsed.faults, "cut off by the limit on tokens"))


def read_repair(part: SetPart, batch: Batch, first: Parsed, reply: ModelReply) -> Parsed:
    """The first reply's good entries, and those of the repair for the others."""
    if reply.error:
        return Parsed(first.items, {})
    second = read_reply(part, batch, reply)
    items = {**{place: second.items[place] for place in first.faults if place in second.items}, **first.items}
    faults = {place: second.faults[place] for place in first.faults if place in second.faults}
    return Parsed(items, faults)


def _json(text: str) -> Any:
    """The object between the first brace and the last: models put fences and greetings around it."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise ValueError("the reply holds no JSON object")
    try:
        return json.loads(text[start : end + 1])
    except json.JSONDecodeError as error:
        near = text[start : end + 1][max(0, error.pos - 20) : error.pos + 20]
        raise ValueError(f"not valid JSON: {error.msg} near {near!r}") from error
    except RecursionError as error:
        raise ValueError("not valid JSON: nested too deeply") from error


def _told(error: ValidationError) -> str:
    """A validation error in one line: which field, and what is wrong with it."""
    return "; ".join(
        f"{'.'.join(map(str, one['loc'])) or 'the reply'}: {one['msg']}" for one in error.errors()[:_FAULTS]
    )
