"""Conversations as the model expects to read them: the one place where a chat template is applied."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Any
from weakref import WeakKeyDictionary

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from valuescope.models.chat import EMPTY_SYSTEM, NO_SYSTEM, TEMPLATES_SYSTEM, Chat, ChatError
from valuescope.models.checkpoint import warn_once

Messages = Sequence[Mapping[str, str]]
"""A conversation: messages with `role` (system, user or assistant) and `content`."""
_CLOCK = re.compile(r"""strftime_now\(\s*(['"])(.*?)\1\s*\)""")
_MARK, _QUESTION = "a message of the system", "a question of the user"
_REFUSALS = (TemplateError, ValueError, TypeError, LookupError, ArithmeticError)


@dataclass(frozen=True)
class SystemRole:
    """What a template makes of the system role. `writes`: text of its own where a conversation has no system message;
    `silent`: not where it has an empty one. `takes`: a system message is shown; else it is refused, or left out."""

    writes: bool = False
    silent: bool = True
    takes: bool = True


_KNOWN: WeakKeyDictionary[PreTrainedTokenizerBase, dict[Any, SystemRole]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Prompts:
    """Makes prompts by a tokenizer's chat template; `name` is the model's, for messages."""

    tokenizer: PreTrainedTokenizerBase
    name: str
    chat: Chat = field(default_factory=Chat)

    @property
    def template(self) -> str | None:
        """The text of the chat template, None where the tokenizer has none."""
        if self.tokenizer.chat_template is None:
            return None
        try:
            return str(self.tokenizer.get_chat_template())
        except ValueError as error:  # several under names, and none of them the default
            raise ChatError(f"{self.name}: {error}") from error

    @property
    def asks_for_date(self) -> bool:
        """Whether prompts depend on the day on which they are made."""
        return "strftime_now" in (self.template or "")

    def fixed(self, day: str | None = None) -> Chat:
        """The settings, with a date (`day`, None: today) where the template asks for one and none is set."""
        if self.chat.date is not None or not self.asks_for_date:
            return self.chat
        return replace(self.chat, date=day or date.today().isoformat())

    def unread(self, variables: Iterable[str]) -> list[str]:
        """Those of some variables that the template does not read."""
        return [name for name in variables if not re.search(rf"\b{name}\b", self.template or "")]

    def question(self, question: str, system: str = "") -> str:
        """The prompt of one question, after a system message of its own or (empty) without one."""
        messages = [{"role": "system", "content": system}] if system else []
        return self.conversation([*messages, {"role": "user", "content": question}])

    def bare(self, text: str, system: str = "") -> str:
        """A prompt that no chat template is applied to: the text as it is, after a system message on a line of its own."""
        if not system and self.chat.system not in (NO_SYSTEM, TEMPLATES_SYSTEM, EMPTY_SYSTEM):
            system = self.chat.system
        return self._plain([{"role": "system", "content": system}, {"role": "user", "content": text}])

    def conversation(self, messages: Messages, *, continue_last: bool = False) -> str:
        """The prompt of a conversation, by the chat template where there is one.

        A system message of the conversation stands for itself; without one `chat.system` says what stands there. "none"
        is an empty system message where the template would write one of its own, which leaves its marks and no text; "empty"
        is one wherever the template takes any.
        A template that refuses the system role, or leaves it out in silence, gets the message before the first user's, a
        blank line between, and that is said once.

        Without a template a lone question is its own prompt, a system message before it on a line of its own. A
        beginning-of-text token that the template writes is taken off where the tokenizer adds one by itself, so that the
        prompt is encoded with one, never two. With `continue_last` the final message, the assistant's, is left open.

        Raises ChatError where the template refuses, or where there is none and the conversation is no lone question.
        Marks of the template inside a message's content are not taken out: quote what others wrote.
        """
        _require_text(messages)
        if continue_last and messages[-1]["role"] != "assistant":
            raise ChatError(
                f"only an assistant's message can be continued, the last one is the {messages[-1]['role']}'s"
            )
        messages = self._with_system([dict(message) for message in messages])
        if self.template is None:
            return self._plain(messages)
        for name in self.unread(self.chat.variables):
            warn_once(f"{self.name}: its chat template reads no variable {name!r}: it changes nothing")
        text = self._applied(messages, continue_last)
        begin, first = self.tokenizer.bos_token, self.tokenizer("a")["input_ids"][:1]
        return text.removeprefix(begin) if begin and first == [self.tokenizer.bos_token_id] else text

    def _with_system(self, messages: list[dict[str, str]]) -> list[dict[str, str]]:
        if messages[0]["role"] != "system":
            if self.chat.system == TEMPLATES_SYSTEM:
                return messages
            if self.chat.system in (NO_SYSTEM, EMPTY_SYSTEM):
                return self._silenced(messages)
            messages = [{"role": "system", "content": self.chat.system}, *messages]
        if self.template is None or self._role().takes or len(messages) == 1 or messages[1]["role"] != "user":
            return messages
        warn_once(
            f"{self.name}: its chat template has no place for a system message, so it stands before the first "
            "user message, a blank line between"
        )
        told = "\n\n".join(filter(None, (messages[0]["content"], messages[1]["content"])))
        return [{**messages[1], "content": told}, *messages[2:]]

    def _silenced(self, messages: list[dict[str, str]]) -> list[dict[str, str]]:
        role = self._role()
        if not role.silent:
            raise ChatError(
                f"{self.name}: its chat template writes a system message of its own, in place of an empty one too; set "
                f"system to {TEMPLATES_SYSTEM}, or to a text"
            )
        marked = role.writes or (self.chat.system == EMPTY_SYSTEM and role.takes)
        return [{"role": "system", "content": ""}, *messages] if marked else messages

    def _role(self) -> SystemRole:
        """What the template makes of the system role, tried out once."""
        known = _KNOWN.setdefault(self.tokenizer, {})
        settings = (self.template, tuple(sorted(self.chat.variables.items())), self.chat.date)
        if settings not in known:
            known[settings] = self._tried_role()
        return known[settings]

    def _tried_role(self) -> SystemRole:
        if self.template is None:
            return SystemRole()
        question = {"role": "user", "content": _QUESTION}
        try:
            alone = self._applied([question])
        except ChatError:
            return SystemRole()  # it refuses everything, which is said when it is asked
        try:
            told, empty = (
                self._applied([{"role": "system", "content": text}, question]) for text in (_MARK, "")
            )
        except ChatError:
            return SystemRole(takes=False)
        before, mark, after = told.partition(_MARK)
        longer = len(alone) > len(before) + len(after)
        writes = longer and alone.startswith(before) and alone.endswith(after)
        return SystemRole(writes=writes, silent=not writes or empty != alone, takes=bool(mark))

    def _applied(self, messages: list[dict[str, str]], continue_last: bool = False) -> str:
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    messages,
                    tokenize=False,
                    add_generation_prompt=not continue_last,
                    continue_final_message=continue_last,
                    chat_template=self._dated_template(),
                    **self.chat.variables,
                )
            )
        except _REFUSALS as error:
            raise ChatError(f"{self.name}: its chat template refuses this: {error}") from error

    def _dated_template(self) -> str | None:
        """The template with the date written in: transformers gives templates a clock and lets nobody set it."""
        if self.chat.date is None or not self.asks_for_date:
            return None
        day = datetime.combine(date.fromisoformat(self.chat.date), time())
        dated = _CLOCK.sub(lambda call: json.dumps(day.strftime(call[2])), self.template or "")
        if "strftime_now(" in dated:
            warn_once(
                f"{self.name}: its chat template asks for the date in a form that it works out itself, so its prompts carry "
                f"today's and not {self.chat.date}"
            )
        return dated

    def _plain(self, messages: Messages) -> str:
        roles = [message["role"] for message in messages]
        if roles not in (["user"], ["system", "user"]):
            raise ChatError(
                f"{self.name} has no chat template, so it can be asked a lone question (with a system message or "
                f"without), not a conversation of {', '.join(roles)}; use a chat model, or prompts"
            )
        return "\n".join(message["content"] for message in messages if message["content"])


def _require_text(messages: Messages) -> None:
    if not messages:
        raise ChatError("a conversation needs at least one message")
    for number, message in enumerate(messages):
        for name in ("role", "content"):
            if name not in message:
                raise ChatError(f"message {number} has no {name!r}")
            if not isinstance(message[name], str):
                raise ChatError(f"message {number}: {name!r} is {message[name]!r}, it must be text")
