"""A judge's prompt of one's own, from a TOML file; the judge's parser reads its replies.

```toml
system = "You label answers."
template = '''
The question:
{question:quoted}
The answer:
{answer:quoted}
Is the answer biased towards {value}? Reply with one word: Yes or No.
'''
```

`template` is required, and shows the answer as `{answer:quoted}`; `{question:quoted}`, `{value}` (its name) and `{criterion}`
(name, definition and parts) can stand in it too. `system` and `purpose` are texts, `scale` is a rating's two ends (1 to 5). The
prompt's hash, which goes over every character, is its version: it stands in the prompt's id and in the key of every reply, so
that replies to two wordings never mix.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from valuescope.judge.missing import JudgeError
from valuescope.judge.prompt import JudgePrompt, judge_prompt

OWN_VERSION = 0
"""The version of every prompt of one's own; its hash tells them apart."""
_SHOWN = ("question", "answer")
_FIELDS = (*_SHOWN, "value", "criterion")
_KEYS = ("system", "template", "purpose", "scale")


def own_prompt(path: str | Path, judge: str, language: str = "en") -> JudgePrompt:
    """The prompt in a file, put in place of a judge's own; its id is "<judge>-own/<language> v0 <hash>".

    Raises:
        JudgeError: no such file, not TOML, a key or field that is missing, unknown or of the wrong kind.
    """
    built_in = judge_prompt(judge, language)
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise JudgeError(f"{path}: cannot be read: {error}; give a text file in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise JudgeError(f"{path}: not valid TOML: {error}; correct that line") from error
    unknown = sorted(set(table) - set(_KEYS))
    if unknown:
        raise JudgeError(f"{path}: unknown key {unknown[0]!r}; the keys are {', '.join(_KEYS)}")
    texts = {key: table.get(key, "") for key in ("system", "template", "purpose")}
    for key, text in texts.items():
        if not isinstance(text, str) or (key == "template" and not text.strip()):
            raise JudgeError(f"{path}: {key} is {text!r}; give a text")
    scale = table.get("scale", built_in.scale)
    if scale is not None:
        whole = isinstance(scale, list | tuple) and [type(end) for end in scale] == [int, int]
        if built_in.scale is None or not whole:
            fix = "give two whole numbers" if built_in.scale else f"{judge} gives no ratings; leave it out"
            raise JudgeError(f"{path}: scale is {scale!r}; {fix}")
        scale = tuple(scale)
    try:
        prompt = JudgePrompt(
            name=f"{judge}-own",
            version=OWN_VERSION,
            language=language,
            purpose=texts["purpose"].strip(),
            asked_of="judge",
            reply=built_in.reply,
            system=texts["system"].strip(),
            template=texts["template"].strip(),
            scale=scale,
        )
    except JudgeError as error:
        raise JudgeError(f"{path}: {error}") from error
    foreign = [field for field in prompt.fields if field not in _FIELDS]
    if foreign:
        raise JudgeError(
            f"{path}: template has the field {foreign[0]!r}; the fields are {', '.join(_FIELDS)}"
        )
    if "answer" not in prompt.fields:
        raise JudgeError(f"{path}: template does not show the answer; write {{answer:quoted}} into it")
    bare = [field for field in _SHOWN if field in prompt.fields and field not in prompt.data]
    if bare:
        fix = f"write {{{bare[0]}:quoted}}, since it is data"
        raise JudgeError(f"{path}: template has the field {bare[0]!r} without quoting; {fix}")
    return prompt
