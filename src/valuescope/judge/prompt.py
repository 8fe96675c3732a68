"""The prompts of all judges, and of what is asked of a model itself, with a version and a hash each; and the criterion that
a judge is told of a value.

A template's fields are `{field}`, put in as it is (names, definitions, the words of a scale: the project's own), and
`{field:quoted}`, put in by `quote` (questions and answers: data). A hash changes with any character of a prompt.
"""

from __future__ import annotations

import dataclasses
import hashlib
import reprlib
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal, get_args

from valuescope.input_files import parse_toml, told_as
from valuescope.judge.missing import JudgeError
from valuescope.judge.quoting import quote
from valuescope.values import ValueSystem

ReplyKind = Literal["yes-no", "true-false", "rating", "percentages", "choice"]
REPLY_KINDS: tuple[ReplyKind, ...] = get_args(ReplyKind)
"""What a prompt asks for; each kind has its parser in `valuescope.judge.reply`."""
_WORDS = {
    "en": ("{name}: {definition}", " Its parts: {parts}.", ", "),
    "zh": ("{name}：{definition}", "它包括：{parts}。", "、"),
}
"""language -> the criterion, what is added where the value has parts, and what stands between two parts."""


@dataclass(frozen=True)
class Rendered:
    """A prompt with its fields filled in. An empty `system` means that no system message is sent."""

    system: str
    user: str


@dataclass(frozen=True)
class Criterion:
    """A value as a judge is told of it: `value` is its id, `name` and `text` are for the prompt's fields."""

    value: str
    language: str
    name: str
    definition: str
    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        """One paragraph: "Power: Having a say over others. Its parts: wealth, authority."."""
        whole, added, between = _WORDS[self.language]
        text = whole.format(name=self.name, definition=self.definition)
        return text + (added.format(parts=between.join(self.parts)) if self.parts else "")

    @property
    def fields(self) -> dict[str, str]:
        """The fields `value` and `criterion` of the judges' prompts."""
        return {"value": self.name, "criterion": self.text}


def criterion(system: ValueSystem, value: str, language: str = "en") -> Criterion:
    """The criterion of a value at any level of a system; its parts are the values directly below it.

    Raises:
        JudgeError: a language that prompts are not written in, or that the value is not defined in.
        ValueSystemError: the system has no such value.
    """
    if language not in _WORDS:
        raise JudgeError(f"no criteria in language {language!r}; they are written in {', '.join(_WORDS)}")
    entry = system[value]
    for field, texts in (("names", entry.names), ("definition", entry.definition)):
        if language not in texts:
            raise JudgeError(
                f"{system.id}: value {value!r} has no {field}.{language}; judge it in another language "
                f"({', '.join(texts) or 'none'}), or write that text into the system's file"
            )
    parts = tuple(system[part].names[language] for part in system.children(value))
    return Criterion(entry.id, language, entry.names[language], entry.definition[language], parts)


@dataclass(frozen=True)
class JudgePrompt:
    """One prompt in one language.

    `asked_of` is "judge", or "model" for what the model under test is asked about itself. `scale` holds the ends of
    a rating's scale where the prompt fixes them. `version` goes up whenever the wording changes.

    Raises:
        JudgeError: an unknown kind of reply, or a template whose fields cannot be read.
    """

    name: str
    version: int
    language: str
    purpose: str
    asked_of: Literal["judge", "model"]
    reply: ReplyKind
    system: str
    template: str
    scale: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.reply not in REPLY_KINDS:
            raise self._problem("reply", f"is {self.reply!r}; the kinds are {', '.join(REPLY_KINDS)}")
        if self.asked_of not in ("judge", "model"):
            raise self._problem("asked_of", f"is {self.asked_of!r}; write judge or model")
        if self.scale is not None and self.scale[0] >= self.scale[1]:
            raise self._problem("scale", f"is {list(self.scale)}; write its low end and its high end")
        try:
            parts = list(string.Formatter().parse(self.template))
        except ValueError as error:
            raise self._problem("template", f"{error}; write braces that are no field twice") from None
        for _, field, form, conversion in parts:
            if field is not None and (not field.isidentifier() or form not in ("", "quoted") or conversion):
                raise self._problem("template", f"has the field {field!r}; write {{name}} or {{name:quoted}}")

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields to give to `render`, each once, in the order of the template."""
        return tuple(dict.fromkeys(field for _, field, _ in self._parts() if field))

    @property
    def data(self) -> tuple[str, ...]:
        """The fields that are quoted: text under judgement."""
        return tuple(dict.fromkeys(field for _, field, is_data in self._parts() if is_data))

    @property
    def hash(self) -> str:
        """sha256 over all that the prompt holds."""
        parts = [f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self)]
        return hashlib.sha256("\n".join(parts).encode("utf-8")).hexdigest()

    @property
    def id(self) -> str:
        """Name, language, version and the start of the hash: "fluency/en v1 3f9a2c81"."""
        return f"{self.name}/{self.language} v{self.version} {self.hash[:8]}"

    def render(self, **values: str) -> Rendered:
        """The prompt with its fields filled in. What a field holds is never read as a template.

        Raises:
            JudgeError: a field that is absent, unknown or no text.
        """
        for field in (*self.fields, *values):
            if field not in values:
                raise self._problem(field, "is absent; the prompt needs " + ", ".join(self.fields))
            if field not in self.fields:
                known = ", ".join(self.fields) or "no fields"
                raise self._problem(field, f"is unknown; the prompt has {known}")
            if not isinstance(values[field], str):
                raise self._problem(field, f"is {values[field]!r}; give a text")
        pieces = []
        for text, field, is_data in self._parts():
            pieces += [text, quote(values[field], field) if is_data else values.get(field, "")]
        return Rendered(self.system, "".join(pieces))

    def _parts(self) -> Iterator[tuple[str, str, bool]]:
        """Each stretch of plain text, the field after it ("" for none), and whether that field is data."""
        for text, field, form, _ in string.Formatter().parse(self.template):
            yield text, field or "", bool(form)

    def _problem(self, field: str, text: str) -> JudgeError:
        return JudgeError(f"prompt {self.name!r} ({self.language}): {field} {text}")


def read_prompts(content: str, file: str) -> dict[tuple[str, str], JudgePrompt]:
    """All prompts of a TOML file by name and language: `[name]` holds what the languages share, `[name.en]` the words.

    Raises:
        JudgeError: not TOML, or a prompt without one of its fields or with an unknown one.
    """
    with told_as(JudgeError):
        tables = parse_toml(content.encode("utf-8", "surrogatepass"), file)
    prompts = {}
    for name, table in tables.items():
        shared = {key: value for key, value in table.items() if not isinstance(value, dict)}
        for language, words in table.items():
            if isinstance(words, dict):
                prompts[name, language] = _prompt(file, name, language, {**shared, **words})
    return prompts


def judge_prompt(name: str, language: str = "en") -> JudgePrompt:
    """A built-in prompt.

    Raises:
        JudgeError: an unknown name, or a language that the prompt is not written in.
    """
    if (name, language) not in PROMPTS:
        names = ", ".join(dict.fromkeys(known for known, _ in PROMPTS))
        languages = ", ".join(written for known, written in PROMPTS if known == name)
        known = f"it is written in {languages}" if languages else f"the prompts are {names}"
        raise JudgeError(f"no prompt {name!r} in language {language!r}; {known}")
    return PROMPTS[name, language]


def _prompt(file: str, name: str, language: str, table: Mapping[str, Any]) -> JudgePrompt:
    known = {field.name for field in dataclasses.fields(JudgePrompt)} - {"name", "language"}
    for field in sorted(known ^ set(table)):
        if field in known and field != "scale":
            raise JudgeError(f"{file}: prompt {name!r} ({language}): field {field!r} is missing; add it")
        if field not in known:
            fix = f"the fields are {', '.join(sorted(known))}"
            raise JudgeError(f"{file}: prompt {name!r} ({language}): unknown field {field!r}; {fix}")
    values: dict[str, Any] = {
        field: value.strip() if isinstance(value, str) else value for field, value in table.items()
    }
    for field, value in values.items():
        if field == "scale":
            fits = isinstance(value, list) and len(value) == 2 and all(type(end) is int for end in value)
        else:
            fits = type(value) is (int if field == "version" else str)
        if not fits:
            kind = {"scale": "[low, high]", "version": "a whole number"}.get(field, "a text in quotes")
            place = f"{file}: prompt {name!r} ({language}): field {field!r}"
            raise JudgeError(f"{place} is {reprlib.repr(value)}; write {kind}")
    if "scale" in values:  # an array in TOML
        values["scale"] = tuple(values["scale"])
    return JudgePrompt(name=name, language=language, **values)


def _built_in() -> Mapping[tuple[str, str], JudgePrompt]:
    content = files("valuescope.judge").joinpath("prompts.toml").read_text(encoding="utf-8")
    return MappingProxyType(read_prompts(content, "prompts.toml"))


PROMPTS: Mapping[tuple[str, str], JudgePrompt] = _built_in()
"""(name, language) -> the built-in prompt."""
