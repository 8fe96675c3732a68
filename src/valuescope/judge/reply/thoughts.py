"""What a model thinks before it replies, in the forms that models write it in, and the final part that is its reply.

- Tags: `<think>`, `<thinking>`, `<thought>`, `<reasoning>`, `<seed:think>`, `◁think▷`, `[THINK]` and their closing forms.
- Special tokens: `<|START_THINKING|>` to `<|END_THINKING|>`, `<|begin_of_thought|>` to `<|end_of_thought|>`,
  `<|inner_prefix|>` to `<|inner_suffix|>`, `<|channel>thought` to `<channel|>`.
- Harmony's channels: `<|channel|>analysis<|message|>...<|end|>`, then `<|channel|>final<|message|>...`; without their special
  tokens "analysis... assistantfinal...".
- Words: "Here is my thought process:", then "Here is my response:".
"""

from __future__ import annotations

import re

from valuescope.judge.missing import MissingKind

_TAGS = (
    r"(?:[a-z]{1,12}:)?(?:think(?:ing)?|thoughts?|reasoning|analysis|reflection|scratchpad|inner_monologue)"
)
_THINK = r"think(?:ing)?"
_NAMES = r"thinking|thought|think|reasoning"
_OPENS = re.compile(
    rf"<{_TAGS}(?: [^<>\n]{{0,80}})?>|◁{_THINK}▷|\[{_THINK}\]|<\|(?:start|begin)_?(?:of_)?(?:{_NAMES})\|>|<\|inner_prefix\|>"
    r"|<\|channel> ?thought\b|\A[ \t\n]*here is my thought process:",
    re.IGNORECASE,
)
_CLOSES = re.compile(
    rf"</{_TAGS} ?>|◁/{_THINK}▷|\[/{_THINK}\]|<\|end_?(?:of_)?(?:{_NAMES})\|>|<\|inner_suffix\|>"
    r"|<channel\|>|(?:\A|\n)[ \t]*here is my response:",
    re.IGNORECASE,
)
_CHANNEL = re.compile(
    r"<\|channel\|> ?([a-z]+)[^<\n]{0,80}(?:<\|constrain\|>[^<\n]{0,80})?<\|message\|>", re.IGNORECASE
)
_CHANNEL_OPENS = "<|channel|>"
_MESSAGE_ENDS = re.compile(r"<\|(?:return|end|call|start)\|>")
_BARE_ANALYSIS = re.compile(r"\s*analysis(?=[A-Z])")
_BARE_FINAL = re.compile(r"assistant ?final(?=\W|[A-Z0-9]|yes|no|true|false)")


def final_part(text: str) -> tuple[str, MissingKind | None]:
    """What follows a reply's last thought, or "" and "cut off" where a thought never ends.

    Where only the end of a thought is there, all before it is one. A reply without thoughts is its own final part.
    """
    if _CHANNEL_OPENS in text:
        return _final_channel(text)
    if _BARE_ANALYSIS.match(text):
        finals = list(_BARE_FINAL.finditer(text))
        return (text[finals[-1].end() :], None) if finals else ("", "cut off")
    end = max((closing.end() for closing in _CLOSES.finditer(text)), default=0)
    return ("", "cut off") if _OPENS.search(text, end) else (text[end:], None)


def _final_channel(text: str) -> tuple[str, MissingKind | None]:
    """The message of the last channel, where that is the final one."""
    channels = list(_CHANNEL.finditer(text))
    begun = text.rfind(_CHANNEL_OPENS)
    if not channels or channels[-1].start() != begun or channels[-1][1].lower() != "final":
        return "", "cut off"
    message = text[channels[-1].end() :]
    ends = _MESSAGE_ENDS.search(message)
    return message[: ends.start()] if ends else message, None
