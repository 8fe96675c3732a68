"""Reading what a model wrote: JSON, validated by pydantic, each fault in words that a repair turn can quote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, create_model

from valuescope.judge.reply_store import ModelReply
from valuescope.write.job import Batch
from valuescope.write.kinds import Part

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


def read_reply(part: Part, batch: Batch, reply: ModelReply) -> Parsed:
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


def read_repair(part: Part, batch: Batch, first: Parsed, reply: ModelReply) -> Parsed:
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
