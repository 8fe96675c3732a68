"""The parts of the server that need no server: bodies, tokens, shapes of errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from valuescope.serve.bodies import ChatBody, CompletionBody, read_body
from valuescope.serve.errors import ApiError
from valuescope.serve.replies import TokenBytes, offsets

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_FIELDS = st.sampled_from(
    sorted({*ChatBody.model_fields, *CompletionBody.model_fields, "tools", "logit_bias", "best_of", "x"})
)


def accepted(kind: type[Any], raw: bytes) -> Any:
    """The body, or None where it was refused in the right shape."""
    try:
        return read_body(kind, raw)
    except ApiError as error:
        refusal = error
    assert refusal.status == 400
    assert set(refusal.shape()["error"]) == {"message", "type", "param", "code"}
    assert json.dumps(refusal.shape(), allow_nan=False)
    return None


@settings(max_examples=700, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([ChatBody, CompletionBody]))
def test_any_bytes_are_a_body_or_a_400(raw: bytes, kind: type[Any]) -> None:
    accepted(kind, raw)


@settings(max_examples=700, deadline=None)
@given(st.dictionaries(_FIELDS, _JSON, max_size=5), st.sampled_from([ChatBody, CompletionBody]))
def test_any_values_are_a_body_or_a_400(change: dict[str, Any], kind: type[Any]) -> None:
    whole = {"model": "m", "prompt": "a"} if kind is CompletionBody else {"model": "m", "messages": []}
    body = accepted(kind, json.dumps(whole | change).encode("utf-8", "surrogatepass"))
    if body is not None:
        assert body.temperature is None or 0 <= body.temperature <= 2
        assert body.top_p is None or 0 < body.top_p <= 1
        assert body.strength is None or 0 <= body.strength < float("inf")


@pytest.mark.parametrize(
    ("given_prompt", "read"),
    [("a", ["a"]), (["a", "b"], ["a", "b"]), ([1, 2], [[1, 2]]), ([[1], [2, 3]], [[1], [2, 3]])],
)
def test_prompts_are_read_as_a_list(given_prompt: Any, read: Any) -> None:
    body = accepted(CompletionBody, json.dumps({"model": "m", "prompt": given_prompt}).encode())
    assert body.prompt == read


def byte_level() -> PreTrainedTokenizerFast:
    core = Tokenizer(
        models.BPE({piece: n for n, piece in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, [])
    )
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=core)


def byte_fallback() -> PreTrainedTokenizerFast:
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "a"]
    core = Tokenizer(
        models.BPE({piece: n for n, piece in enumerate(pieces)}, [], unk_token="<unk>", byte_fallback=True)
    )
    core.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>")


@pytest.mark.parametrize("make", [byte_level, byte_fallback])
def test_the_bytes_of_parts_of_characters(make: Any) -> None:
    tokenizer = make()
    own = TokenBytes(tokenizer)
    ids = tokenizer("aé€😀")["input_ids"]
    texts = [tokenizer.decode([token]) for token in ids]
    assert "\ufffd" in "".join(texts)  # alone they are no text
    parts = [own(token, text) for token, text in zip(ids, texts, strict=True)]
    assert b"".join(part or b"?" for part in parts).decode() == "aé€😀"
    names = [own.name(token, text) for token, text in zip(ids, texts, strict=True)]
    assert names[:3] == ["a", "bytes:\\xc3", "bytes:\\xa9"]


def test_bytes_that_nobody_knows() -> None:
    core = Tokenizer(models.WordLevel({"\ufffd": 0}, unk_token="\ufffd"))
    own = TokenBytes(PreTrainedTokenizerFast(tokenizer_object=core))
    assert own(0, "\ufffd") is None
    assert own.name(0, "\ufffd") == "\ufffd"


@pytest.mark.parametrize(
    ("names", "text", "expected"),
    [
        (["a", " b", " b"], "a b b", [0, 1, 3]),
        (["<s>", "a", "b"], "a b", [0, 0, 2]),
        (["bytes:\\xc3", "bytes:\\xa9", "a"], "éa", [0, 0, 1]),
        (["a", "far"], "a" + " " * 40 + "far", [0, 1]),
        ([], "text", []),
    ],
)
def test_offsets(names: list[str], text: str, expected: list[int]) -> None:
    assert offsets(names, text) == expected
    assert offsets(names, text, 100) == [100 + one for one in expected]
