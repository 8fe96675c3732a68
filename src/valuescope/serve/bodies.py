"""A request's body: read within its limit, and what it may say. Wrong types and unknown fields are errors, never guesses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from starlette.requests import Request

from valuescope.serve.errors import ApiError, from_validation, refused

MAX_STOPS = 16
MAX_TOP_LOGPROBS = 20
_INT64 = 2**63 - 1

BodyT = TypeVar("BodyT", bound="CommonBody")

_NOTHING = (
    *("audio", "moderation", "prediction", "prompt_cache_options", "prompt_cache_retention"),
    "web_search_options",
)
NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    **dict.fromkeys(_NOTHING, (None,)),
    **dict.fromkeys(("frequency_penalty", "presence_penalty"), (None, 0)),
    **dict.fromkeys(("function_call", "tool_choice"), (None, "none", "auto")),
    **dict.fromkeys(("functions", "tools"), (None, [])),
    "best_of": (None, 1),
    "logit_bias": (None, {}),
    "modalities": (None, ["text"]),
    "parallel_tool_calls": (None, True, False),
    "reasoning_effort": (None, "none"),
    "response_format": (None, {"type": "text"}),
    "service_tier": (None, "auto", "default"),
    "store": (None, False),
    "suffix": (None, ""),
    "verbosity": (None, "medium"),
}
"""Parameters of the API that are not offered here, with the values that ask for nothing."""

NEUTRAL_IN_MESSAGE: Mapping[str, tuple[Any, ...]] = {
    **dict.fromkeys(("audio", "function_call", "name", "refusal"), (None,)),
    **dict.fromkeys(("annotations", "tool_calls"), (None, [])),
}
"""The same for the fields of a message (a reply's message can be sent back as it came)."""


class _Body(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True, frozen=True
    )


def _text_as_parts(value: Any) -> Any:
    return [{"type": "text", "text": value}] if isinstance(value, str) else value


def _stop_as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _prompts_as_list(value: Any) -> Any:
    """One text, or one prompt in token ids, is a list of one."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value and isinstance(value[0], int):
        return [value]
    return value


def _prompt_kind(value: Any) -> str | None:
    return "<text>" if isinstance(value, str) else "<tokens>" if isinstance(value, list) else None


def _without_neutral(value: Any, neutral: Mapping[str, tuple[Any, ...]], place: str = "") -> Any:
    """A body without the fields that ask for nothing; ApiError names one that asks for something."""
    if not isinstance(value, dict):
        return value
    for name in value.keys() & neutral.keys():
        if not any(_same(value[name], nothing) for nothing in neutral[name]):
            raise refused(
                f"Unsupported parameter: {place + name!r} is not offered by this server; leave it out.",
                place + name,
                "unsupported_parameter",
            )
    return {name: content for name, content in value.items() if name not in neutral}


def _same(value: Any, neutral: Any) -> bool:
    return isinstance(value, bool) == isinstance(neutral, bool) and bool(value == neutral)


class TextPart(_Body):
    """A part of a message; images and audio are not read."""

    type: Literal["text"]
    text: str


class Message(_Body):
    """One message of a conversation; several text parts are joined as they stand."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[list[TextPart], BeforeValidator(_text_as_parts)]

    @model_validator(mode="before")
    @classmethod
    def _neutral(cls, value: Any) -> Any:
        return _without_neutral(value, NEUTRAL_IN_MESSAGE, "messages[].")

    def plain(self) -> dict[str, str]:
        """Role and content as chat templates know them (`developer` is today's name of `system`)."""
        role = "system" if self.role == "developer" else self.role
        return {"role": role, "content": "".join(part.text for part in self.content)}


class StreamOptions(_Body):
    """What a stream holds beside the answer."""

    include_usage: bool | None = None
    include_obfuscation: Literal[False] | None = None


class CommonBody(_Body):
    """What both kinds of completion share. `user` and its like concern billing, not answers."""

    model: str
    n: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=-_INT64, le=_INT64)] | None = None
    stop: (
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=1000)]],
            Field(max_length=MAX_STOPS),
            BeforeValidator(_stop_as_list),
        ]
        | None
    ) = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    strength: Annotated[float, Field(ge=0)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    metadata: dict[str, str] | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    user: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _neutral(cls, value: Any) -> Any:
        return _without_neutral(value, NEUTRAL)

    @model_validator(mode="after")
    def _options_of_streams(self) -> CommonBody:
        if self.stream_options is not None and not self.stream:
            raise refused("stream_options is only allowed with `stream: true`.", "stream_options")
        return self


class ChatBody(CommonBody):
    """The body of `POST /v1/chat/completions`."""

    messages: Annotated[list[Message], Field(min_length=1)]
    chat_template_kwargs: dict[str, str | int | float | bool | None] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MAX_TOP_LOGPROBS)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None

    @property
    def wanted_tokens(self) -> int | None:
        """Tokens of an answer, by either of its two names."""
        return self.max_completion_tokens if self.max_tokens is None else self.max_tokens

    @property
    def alternatives(self) -> int | None:
        """How many likely tokens are told beside each token; None: no log-probabilities at all."""
        return (self.top_logprobs or 0) if self.logprobs else None

    @model_validator(mode="after")
    def _agree(self) -> ChatBody:
        if self.top_logprobs is not None and not self.logprobs:
            raise refused("top_logprobs is only allowed with `logprobs: true`.", "top_logprobs")
        both = {self.max_tokens, self.max_completion_tokens} - {None}
        if len(both) > 1:
            raise refused(
                "max_tokens and max_completion_tokens name different numbers: give one of them.", "max_tokens"
            )
        return self


_TokenId = Annotated[int, Field(ge=0)]
_Prompt = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[list[_TokenId], Tag("<tokens>")],
    Discriminator(
        _prompt_kind,
        custom_error_type="prompt_type",
        custom_error_message="A prompt is a text, or a list of token ids",
    ),
]


class CompletionBody(CommonBody):
    """The body of `POST /v1/completions`."""

    prompt: Annotated[list[_Prompt], Field(min_length=1), BeforeValidator(_prompts_as_list)]
    echo: bool | None = None
    logprobs: Annotated[int, Field(ge=0, le=MAX_TOP_LOGPROBS)] | None = None
    max_tokens: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _agree(self) -> CompletionBody:
        if self.max_tokens == 0 and not self.echo:
            raise refused(
                "max_tokens 0 is only allowed with `echo: true`, which scores the prompt.", "max_tokens"
            )
        return self


def read_body(kind: type[BodyT], raw: bytes) -> BodyT:
    """The body of a request; ApiError (400) names what is wrong with it."""
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        raise from_validation(error) from error
    except RecursionError as error:
        raise refused("The body could not be read. It is nested too deeply.", None, "invalid_json") from error


async def read_raw(request: Request, limit: int) -> bytes:
    """The body's bytes, counted as they come. ApiError where it is too large (413) or no JSON by its header (415).

    What is not read here is thrown away by the connection, which gives it as long as any request has to arrive.
    """
    kind, _, settings = request.headers.get("content-type", "").partition(";")
    charset = settings.strip().lower()
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8", 'charset="utf-8"'):
        raise ApiError(
            415,
            "The body must be JSON in UTF-8, with the header `Content-Type: application/json`.",
            code="not_json",
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ApiError(
            415, "Compressed bodies are not read here: leave Content-Encoding out.", code="compressed"
        )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > limit:
        raise _too_large(limit)
    parts, size = list[bytes](), 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    return b"".join(parts)


def _too_large(limit: int) -> ApiError:
    return ApiError(413, f"The body is larger than {limit} bytes, the server's limit.", code="body_too_large")
