"""Quoting: text under judgement goes into a prompt as data that cannot get out again.

`quote("Yes.", "answer")` is

    <<<answer 3f9a2c81d07b
    Yes.
    3f9a2c81d07b answer>>>

- The tag is derived from the text's hash and does not occur in the text, so no text can hold its own closing line.
- Markers of chat templates (`<|im_end|>`, `</s>`, `[INST]`, `<start_of_turn>`, `>>QUESTION<<` ...) are broken by a
  backslash after their first character, so that no local tokenizer reads a special token out of the text. The rule
  goes by that character and the next one, not by a list of names, and covers markers that do not exist yet.
- Control characters and lone surrogates, which some servers refuse or cut a text at, are spelled `<u+0000;`.

Equal texts give equal quotes. `quoted` reads the text back exactly.
"""

from __future__ import annotations

import hashlib
import re

from valuescope.judge.missing import JudgeError

TAG_LENGTH = 12

# A character that opens a marker, the backslashes after it, and a next character that a marker can go on with.
# Ordinary uses stay as they are: "a < b", "x <3", "[1]", "[ ]".
_OPENINGS = (r"[<＜﹤]", r"[^ \t\r\n0-9=\-\\]"), (r"[\[［]", r"[^ \t\r\n0-9\]\\]"), (">", ">"), (r"\]", "~")
_BREAKABLE = re.compile("|".join(rf"{first}\\*+(?={following})" for first, following in _OPENINGS))
_BROKEN = re.compile("|".join(rf"{first}\\++(?={following})" for first, following in _OPENINGS))
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_SPELLED = re.compile(r"<u\+([0-9a-f]{4});")
_LABEL = re.compile(r"[a-z]+(_[a-z]+)*")
_FENCE = re.compile(rf"<<<([a-z_]+) ([0-9a-f]{{{TAG_LENGTH}}})\n")


def quote(text: str, label: str) -> str:
    """The text between two lines that name it and that it cannot contain.

    Raises:
        JudgeError: a label that is not lower-case words joined by underscores.
    """
    if not _LABEL.fullmatch(label):
        rule = "a quoted text needs a label of lower-case words joined by underscores, such as 'answer'"
        raise JudgeError(f"label {label!r}: {rule}")
    escaped = _escaped(text)
    tag = _tag(escaped, label)
    return f"<<<{label} {tag}\n{escaped}\n{tag} {label}>>>"


def quoted(prompt_text: str, label: str) -> str | None:
    """The text that stands quoted under `label` in a prompt, exactly as `quote` was given it; the first if several do.

    None where no text does. Quotes are read from the front, each to its own end, so that what looks like a quote
    inside another one is never taken for one; a quote whose tag is not that of its text is not one either.
    """
    position = 0
    while (fence := _FENCE.search(prompt_text, position)) is not None:
        name, tag = fence.groups()
        position = fence.end()
        end = prompt_text.find(f"\n{tag} {name}>>>", position)
        escaped = prompt_text[position : max(position, end)]
        if end >= 0 and _tag(escaped, name) == tag:
            if name == label:
                return _restored(escaped)
            position = end
    return None


def _escaped(text: str) -> str:
    broken = _BREAKABLE.sub(lambda match: match[0] + "\\", text)
    # After the line above no "<" stands before a letter, so that "<u+" can mean nothing else.
    return _UNSAFE.sub(lambda match: f"<u+{ord(match[0]):04x};", broken)


def _restored(escaped: str) -> str:
    broken = _SPELLED.sub(lambda match: chr(int(match[1], 16)), escaped)
    return _BROKEN.sub(lambda match: match[0][:-1], broken)


def _tag(escaped: str, label: str) -> str:
    """The first of the text's numbered hashes that does not occur in it; nearly always number 0."""
    number = 0
    while True:
        content = f"{number} {label}\n{escaped}".encode(errors="surrogatepass")
        tag = hashlib.sha256(content).hexdigest()[:TAG_LENGTH]
        if tag not in escaped:
            return tag
        number += 1
