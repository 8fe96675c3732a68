"""How conversations are put to a model: the system turn, the variables and the date of its chat template."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from transformers import PreTrainedTokenizerBase

Scalar = str | int | float | bool | None
"""What a variable of a template may be."""
NO_SYSTEM, TEMPLATES_SYSTEM, EMPTY_SYSTEM = "none", "template", "empty"
_SET_HERE = frozenset(
    {*inspect.signature(PreTrainedTokenizerBase.apply_chat_template).parameters, "messages", "strftime_now"}
)


class ChatError(ValueError):
    """A conversation that the model's chat template refuses, or a setting of it that cannot be."""


@dataclass(frozen=True)
class Chat:
    """How conversations are put to a model.

    `system`: the system turn of a conversation that brings none: "template", what the template writes by itself (some
    write a default, most nothing); "none", no text (see `Prompts.conversation`); "empty", a message without text, whatever
    the template would write (ConVA's code); or the text given. `variables`: of the
    template, such as `enable_thinking`. `date` (YYYY-MM-DD): what a template reads that asks for today; None: today.

    Raises ChatError for an empty text, a variable that the renderer sets itself or that is no JSON scalar, and no date.
    """

    system: str = TEMPLATES_SYSTEM
    variables: Mapping[str, Scalar] = field(default_factory=dict)
    date: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.system, str) or not self.system.strip():
            raise ChatError(
                f"system is {self.system!r}; give {NO_SYSTEM} for no system message, {EMPTY_SYSTEM} for an empty "
                f"one, {TEMPLATES_SYSTEM} for the template's own, or a text"
            )
        if not isinstance(self.variables, Mapping):
            raise ChatError(f"variables are {self.variables!r}; give names and values")
        for name, value in self.variables.items():
            if not str(name).isidentifier() or name in _SET_HERE or name.endswith("_token"):
                raise ChatError(f"variables: {name!r} is no variable that can be set; leave it out")
            if not isinstance(value, Scalar):
                raise ChatError(f"variables.{name} is {value!r}; give a text, a number, true, false or null")
        if self.date is not None:
            try:
                known = date.fromisoformat(self.date).isoformat() == self.date
            except (ValueError, TypeError):
                known = False
            if not known:
                raise ChatError(f"date is {self.date!r}; give YYYY-MM-DD")

    def with_variables(self, variables: Mapping[str, Scalar]) -> Chat:
        """The same with some variables set otherwise."""
        return replace(self, variables={**self.variables, **variables})
