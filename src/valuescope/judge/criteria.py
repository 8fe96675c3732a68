"""What a judge is told of a value: its name, its definition and what stands below it, out of a value system."""

from __future__ import annotations

from dataclasses import dataclass

from valuescope.judge.error import JudgeError
from valuescope.values import ValueSystem

_WORDS = {
    "en": ("{name}: {definition}", " Its parts: {parts}.", ", "),
    "zh": ("{name}：{definition}", "它包括：{parts}。", "、"),
}
"""language -> the criterion, what is added where the value has parts, and what stands between two parts."""


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
