"""Left padding, masks and positions are right for every family; prompt and answer meet at the right token."""

from __future__ import annotations

import pytest
import torch
from conftest import shared
from tiny_models import BOS, EOS, FAMILIES, PAD, tiny_hf_model, tiny_model, tiny_tokenizer
from tokenizers.processors import TemplateProcessing

from valuescope.models import (
    BatchError,
    Encoded,
    NeuronModel,
    encode,
    forward_inputs,
    left_pad,
    load_model,
    wrap_model,
)

PROMPTS = [
    "we help",
    "they never share the money with people because it is fair and the city is rich",
    "I rest at home when the day is calm",
]


def last_hidden(model: NeuronModel, encoded: list[Encoded]) -> torch.Tensor:
    with torch.no_grad():
        return model.backbone()(**forward_inputs(model, left_pad(model, encoded))).last_hidden_state[:, -1]


@pytest.mark.parametrize(
    ("family", "attention"),
    [
        (family, attention)
        for family in (*FAMILIES, "falcon-alibi")
        for attention in ("eager", "sdpa")
        if attention == "eager" or family not in ("gemma2", "bloom")  # these have no sdpa
    ],
)
def test_a_padded_row_is_the_row_alone(family: str, attention: str) -> None:
    changes: dict[str, object] = {"_attn_implementation": attention}
    if family == "falcon-alibi":
        changes |= {"alibi": True, "new_decoder_architecture": False, "multi_query": True}
    bare = tiny_hf_model(family.split("-")[0], **changes)
    assert bare.config._attn_implementation == attention
    model = wrap_model(bare, tiny_tokenizer())
    encoded = encode(model, PROMPTS)
    together = last_hidden(model, encoded)
    for row, alone in enumerate(encoded):
        torch.testing.assert_close(together[row], last_hidden(model, [alone])[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["stories260K", "gpt2-tinystories-280k"])
def test_a_padded_row_is_the_row_alone_on_real_models(name: str) -> None:
    # float64, so that a difference can only be padding's: in float32 rounding alone reaches 3e-5 on two threads
    model = load_model(str(shared(f"models/{name}")), dtype="float64")
    encoded = encode(
        model, ["Once upon a time, there was a little dog.", "Tom", "One day, Lily saw a big tree"]
    )
    together = last_hidden(model, encoded)
    for row, alone in enumerate(encoded):
        torch.testing.assert_close(together[row], last_hidden(model, [alone])[0], rtol=1e-9, atol=1e-10)


def test_only_families_that_take_position_ids_get_them() -> None:
    assert {family for family in FAMILIES if not tiny_model(family).takes_position_ids} == {"bloom"}
    bloom = tiny_model("bloom")
    assert set(forward_inputs(bloom, left_pad(bloom, encode(bloom, PROMPTS)))) == {
        "input_ids",
        "attention_mask",
    }


def test_left_pad_by_hand() -> None:
    model = tiny_model("llama")
    batch = left_pad(model, [Encoded((BOS, 5, 6, 7), 2), Encoded((BOS, 9), 2)])
    assert batch.input_ids.tolist() == [[BOS, 5, 6, 7], [PAD, PAD, BOS, 9]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1], [0, 0, 1, 1]]
    assert batch.position_ids.tolist() == [[0, 1, 2, 3], [0, 0, 0, 1]]
    assert batch.response_mask.tolist() == [[False, False, True, True], [False] * 4]


def test_encode_splits_prompt_and_answer() -> None:
    model = tiny_model("llama")
    rows = encode(model, ["we help", "I rest ", ""], [" the people", "at home", "you win"])
    assert [len(row.input_ids) for row in rows] == [5, 5, 3]
    assert [row.prompt_length for row in rows] == [3, 3, 1]
    plain = encode(model, ["we help"], [" now"], add_special_tokens=False)[0]
    assert (len(plain.input_ids), plain.prompt_length) == (3, 2)
    alone = encode(model, ["we help"])[0]
    assert alone.prompt_length == len(alone.input_ids) == 3
    assert encode(model, ["we help"], [""]) == [alone]


def test_an_appended_end_of_text_is_dropped() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", BOS), ("</s>", EOS)]
    )
    model = wrap_model(tiny_hf_model("llama"), tokenizer)
    assert encode(model, ["we help"]) == encode(tiny_model("llama"), ["we help"])
    literal = encode(model, ["we help </s>"])[0]
    assert literal.input_ids[-1] == EOS
    assert len(literal.input_ids) == 4


class WithoutOffsets:
    """A tokenizer that knows no offsets, as the slow ones do."""

    is_fast = False

    def __init__(self) -> None:
        self.inner = tiny_tokenizer()

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        ids = list(self.inner(text, add_special_tokens=add_special_tokens)["input_ids"])
        return {"input_ids": [*ids, EOS] if add_special_tokens else ids}

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def __len__(self) -> int:
        return len(self.inner)


def test_slow_tokenizers_give_the_same() -> None:
    fast = tiny_model("llama")
    slow = wrap_model(fast.model, WithoutOffsets())  # type: ignore[arg-type]
    prompts, answers = ["we help", "I rest ", "", "you win </s>"], [" the people", "at home", "you win", ""]
    assert encode(slow, prompts, answers) == encode(fast, prompts, answers)
    assert encode(slow, prompts[:2]) == encode(fast, prompts[:2])


def test_text_round_trips_on_a_real_tokenizer() -> None:
    model = load_model(str(shared("models/stories260K")))
    prompt, answer = "Once upon a time", ", there was a dog."
    row = encode(model, [prompt], [answer])[0]
    decode = model.tokenizer.decode
    assert decode(row.input_ids[: row.prompt_length], skip_special_tokens=True) == prompt
    assert decode(row.input_ids[row.prompt_length :]) == answer


@pytest.mark.parametrize(
    ("prompt", "answer", "response"),
    [
        ("Once upon a", " time", "time"),
        ("Once upon a ", "time", "time"),
        ("Once upon a ti", "me, there", ", there"),
        ("", "Once upon", "Once upon"),
        ("Once", "", ""),
    ],
)
def test_the_border_falls_between_words(prompt: str, answer: str, response: str) -> None:
    model = load_model(str(shared("models/stories260K")))
    row = encode(model, [prompt], [answer])[0]
    assert model.tokenizer.decode(row.input_ids[row.prompt_length :]).strip() == response


def test_errors_name_the_row_and_the_fix() -> None:
    model = tiny_model("llama")
    with pytest.raises(BatchError, match="2 prompts but 1 answers"):
        encode(model, ["we", "you"], ["help"])
    with pytest.raises(BatchError, match="row 1: the text '' gives no tokens"):
        encode(model, ["we", ""], add_special_tokens=False)
    with pytest.raises(BatchError, match="at least one row"):
        left_pad(model, [])
    with pytest.raises(BatchError, match="row 1 has 129 tokens, the model's context is 128"):
        left_pad(model, encode(model, ["we", "we " * 128]))
    assert encode(model, []) == []
