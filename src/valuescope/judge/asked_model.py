"""Which model is asked: found by its name, told apart from others, and its secrets kept out of what is written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from valuescope.judge.missing import JudgeError

if TYPE_CHECKING:
    from inspect_ai.model import Model

SECRET_NAMES = ("KEY", "TOKEN", "SECRET", "PASSWORD")
"""Endings of the names of secrets, in the environment and among arguments."""
_SECRET_WORDS = re.compile(
    r"AUTHORI[SZ]ATION|AUTHENTICATION|PASSWORD|PASSWD|PASSPHRASE|SECRET|COOKIE|CREDENTIAL|BEARER|API_?KEY|ACCESS_?KEY"
    r"|(?:^|_)(?:AUTH|PWD|JWT)(?:_|$)"
)
_SECRET_TEXT = re.compile(
    r"""^\s*(?:basic|token)\s+\S|\bbearer\s+\S|(?:authorization|cookie|api[-_]?key|secret|password)["']?\s*[:=]|^\w+://[^/\s]*@"""
    r"|^(?:sk-|hf_|gh[pousr]_|xox[abp]-|eyJ)[\w.-]{16,}$",
    re.IGNORECASE,
)


class AskError(RuntimeError):
    """A model that cannot be asked."""


def require_no_secrets(base_url: str | None, model_args: Mapping[str, Any]) -> None:
    """Raise JudgeError where an address or an argument that is going to be written down holds a secret."""
    if base_url is not None:
        url = urlsplit(base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise JudgeError(f"base_url {base_url!r} is no address such as http://127.0.0.1:8000/v1")
        if url.username or url.password or url.query:
            raise JudgeError("base_url holds a secret or a query; put the key into the environment instead")
    for place in secrets_in(model_args):
        raise JudgeError(
            f"the model's argument {place!r} looks like a secret and would be written down; put the key into the "
            "environment instead, where the provider reads it"
        )


def secrets_in(content: Any, place: str = "") -> Iterator[str]:
    """The places in a tree of arguments that look like secrets: by a name, of a pair too, or by a header's or an address's text."""
    if isinstance(content, Mapping):
        for name, value in content.items():
            inner = f"{place}.{name}".removeprefix(".")
            if is_secret(str(name)) and value is not None:
                yield inner
            else:
                yield from secrets_in(value, inner)
    elif isinstance(content, list | tuple):
        if len(content) == 2 and isinstance(content[0], str) and is_secret(content[0]):
            yield f"{place}.{content[0]}".removeprefix(".")
        else:
            for number, value in enumerate(content):
                yield from secrets_in(value, f"{place}.{number}".removeprefix("."))
    elif isinstance(content, str) and _SECRET_TEXT.search(content):
        yield place


def is_secret(name: str) -> bool:
    """Whether a key looks like that of a secret: `api_key`, `X-Api-Key`, `accessToken`, `Authorization`, `cookie`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).strip("_").upper()
    return words.endswith(SECRET_NAMES) or _SECRET_WORDS.search(words) is not None


def resolve_model(
    model: str | Model, base_url: str | None = None, model_args: Mapping[str, Any] | None = None
) -> Model:
    """The Inspect model of a name; a Model is given back as it is.

    Raises:
        AskError: where there is no such model, its key or package is missing, or Inspect is not installed.
    """
    try:
        from inspect_ai._util.error import PrerequisiteError
        from inspect_ai.model import Model, get_model
    except ModuleNotFoundError as error:
        raise AskError('asking a model needs Inspect; run: pip install "valuescope[inspect]"') from error
    import valuescope.judge.oracle_model  # noqa: F401 - makes the oracle known where entry points are not

    if isinstance(model, Model):
        return model
    try:
        return get_model(model, base_url=base_url, **dict(model_args or {}))
    except PrerequisiteError as error:
        raise AskError(f"{model}: {redacted(_plain(error.message))}") from error
    except (ValueError, TypeError, ImportError) as error:
        raise AskError(f"{model}: {redacted(str(error))}") from error


def identity(model: Model) -> dict[str, Any]:
    """What makes two models the same to ask; hashed, never written, since a URL or an argument may hold a secret."""
    operational = {"max_connections", "max_retries", "timeout", "attempt_timeout", "extra_headers", "cache"}
    return {
        "name": str(model),
        "base_url": model.api.base_url or "",
        "args": {name: _stable(value) for name, value in sorted(model.model_args.items())},
        "config": model.config.model_dump(mode="json", exclude_none=True, exclude=operational),
    }


def _stable(value: Any) -> Any:
    """A JSON-able stand-in for a provider's argument; functions and objects by their names."""
    if isinstance(value, str | int | bool) or value is None:
        return value
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return {str(name): _stable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_stable(item) for item in value]
    return getattr(value, "__qualname__", type(value).__qualname__)


def _plain(message: Any) -> str:
    """A message that Inspect has set for the terminal, as one line without its markup."""
    from rich.errors import MarkupError
    from rich.text import Text

    try:
        plain = Text.from_markup(str(message)).plain
    except MarkupError:  # no markup, but a text with brackets
        plain = str(message)
    return " ".join(plain.split())


def redacted(text: str) -> str:
    """The text without the values of secrets in the environment, which some services repeat in their errors."""
    for name, value in os.environ.items():
        if len(value) >= 8 and name.upper().endswith(SECRET_NAMES):
            text = text.replace(value, f"${name}")
    return text
