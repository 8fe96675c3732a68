"""Where the thoughts of a reply end: what a model writes for itself before it answers, in the forms that models use."""

from __future__ import annotations

import re

_NAMES = r"(?:think|thinking|thought|reasoning|reflection)"
_OPENS = re.compile(
    rf"<(?:seed:)?{_NAMES}>|<\|(?:START_THINKING|begin_of_thought|thinking)\|>|◁think▷|(?-i:\[THINK\])",
    re.IGNORECASE,
)
_CLOSES = re.compile(
    rf"</(?:seed:)?{_NAMES}>|<\|(?:END_THINKING|end_of_thought|/thinking)\|>|◁/think▷|(?-i:\[/THINK\])",
    re.IGNORECASE,
)
# Channels (GPT-OSS): `<|channel|>analysis<|message|>...<|channel|>final<|message|>4`, and the same where the special tokens
# were left out in decoding: `analysisThe user ...assistantfinal4`.
_CHANNEL = re.compile(r"<\|channel\|>")
_FINAL = re.compile(r"<\|channel\|>\s{0,4}final\b[^<]{0,40}<\|message\|>|(?<=assistant)final(?![a-z])")
_BARE_CHANNEL = re.compile(r"\s{0,4}(?:analysis|commentary)(?=[A-Z])")


def after_thoughts(text: str) -> str | None:
    """What follows the last thought, or None where a thought was begun and not ended, so that the reply was cut off."""
    if _CHANNEL.search(text) or _BARE_CHANNEL.match(text):
        ends = [match.end() for match in _FINAL.finditer(text)]
        return text[ends[-1] :] if ends else None
    ends = [match.end() for match in _CLOSES.finditer(text)]
    text = text[ends[-1] :] if ends else text
    return None if _OPENS.search(text) else text
