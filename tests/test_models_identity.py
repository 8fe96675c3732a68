"""What a fingerprint covers, what it leaves out on purpose, and what is said of two that differ."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tiny_models import FAMILIES, tiny_hf_model, tiny_model, tiny_tokenizer

from valuescope.models import NeuronModel, fingerprint_difference, fingerprint_of, load_model, wrap_model
from valuescope.models import identity as identity_module
from valuescope.models.identity import rounded

OLD = "0123456789abcdef" * 2


@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_and_buffer_counts(family: str) -> None:
    model = tiny_model(family)
    fingerprint = fingerprint_of(model.model, model.tokenizer)
    tensors = [*model.model.named_parameters(), *model.model.named_buffers()]
    for name, tensor in tensors:
        flat = tensor.detach().reshape(-1)
        kept = flat[-1].clone()
        flat[-1] = ~kept if tensor.dtype == torch.bool else kept * 2 + 1
        if tensor.detach().reshape(-1)[-1] != kept:  # a causal mask is an expanded view of one number
            assert fingerprint_of(model.model, model.tokenizer) != fingerprint, name
        flat[-1] = kept
    assert fingerprint_of(model.model, model.tokenizer) == fingerprint


@pytest.mark.parametrize("target", ["q_proj", "v_proj", "lm_head"])
def test_a_merged_adapter_outside_the_feed_forward_blocks_is_another_model(target: str) -> None:
    base = tiny_model("llama")
    tuned = get_peft_model(
        tiny_hf_model("llama"), LoraConfig(r=1, target_modules=[target], init_lora_weights=False)
    )
    merged = wrap_model(tuned.merge_and_unload(), tiny_tokenizer())
    assert merged.identity.fingerprint != base.identity.fingerprint


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("saved_in", [torch.float32, torch.bfloat16])
def test_the_type_that_a_checkpoint_is_loaded_in_does_not_count(
    family: str, saved_in: torch.dtype, tmp_path: Path
) -> None:
    _save(tiny_model(family, saved_in), tmp_path)
    types = [torch.bfloat16, torch.float32, torch.float64]
    if saved_in == torch.bfloat16:
        types.append(torch.float16)
    prints = {_loaded(tmp_path, dtype) for dtype in types}
    assert len(prints) == 1


def test_a_float16_checkpoint_is_itself_in_every_type(tmp_path: Path) -> None:
    model = tiny_model("llama", torch.float16)
    with torch.no_grad():  # numbers that float16 holds with fewer bits, and some at its end
        model.model.lm_head.weight[0, :4] = torch.tensor([2.0**-24, 3 * 2.0**-24, 2.0**-17, 65504.0])
    _save(model, tmp_path)
    types = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    assert len({_loaded(tmp_path, dtype) for dtype in types}) == 1


def test_rounding_agrees_for_every_bfloat16_number() -> None:
    numbers = torch.arange(-(2**15), 2**15).to(torch.int16).view(torch.bfloat16)
    numbers = numbers[numbers.isfinite()]
    expected = rounded(numbers)
    for dtype in (torch.float16, torch.float32, torch.float64):
        assert torch.equal(rounded(numbers.to(dtype)), expected)
    normal = numbers[(numbers.abs() >= 2.0**-17) & (numbers.abs().float() <= 65504)]
    assert torch.equal(rounded(normal), normal)  # nothing of these is lost


def test_a_configuration_counts_where_no_tensor_shows_it() -> None:
    heads = [wrap_model(tiny_hf_model("gpt2", n_head=count), tiny_tokenizer()) for count in (2, 4)]
    shapes = [{name: tensor.shape for name, tensor in model.model.named_parameters()} for model in heads]
    assert shapes[0] == shapes[1]
    heads[1].model.load_state_dict(heads[0].model.state_dict())
    assert fingerprint_of(heads[0].model, heads[0].tokenizer) != fingerprint_of(
        heads[1].model, heads[1].tokenizer
    )


def test_tied_and_equal_untied_heads_are_one_model() -> None:
    tied, untied = (tiny_hf_model("llama", tie_word_embeddings=tied) for tied in (True, False))
    untied.load_state_dict(tied.state_dict())
    assert untied.lm_head.weight is not untied.get_input_embeddings().weight
    tokenizer = tiny_tokenizer()
    assert fingerprint_of(tied, tokenizer) == fingerprint_of(untied, tokenizer)


def test_tokenizer_and_chat_template_count_and_are_named() -> None:
    model = tiny_model("llama")
    first = fingerprint_of(model.model, model.tokenizer)
    model.tokenizer(["care", "help share"], padding=True, truncation=True, max_length=1)
    assert fingerprint_of(model.model, model.tokenizer) == first  # what a call leaves behind
    for template in ("{{ messages[0]['content'] }}", "{{ messages[0]['content'] }} "):
        model.tokenizer.chat_template = template
        other = fingerprint_of(model.model, model.tokenizer)
        assert other != first
        assert "weights are equal" in fingerprint_difference(first, other)
        first = other
    model.tokenizer.add_special_tokens({"pad_token": "[PAD]"})  # it has no embedding: nothing reads it
    assert fingerprint_of(model.model, model.tokenizer) == first
    model.model.resize_token_embeddings(len(model.tokenizer))
    assert fingerprint_of(model.model, model.tokenizer) != first


def test_large_tensors_are_sampled_from_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity_module, "_WHOLE", 100)
    monkeypatch.setattr(identity_module, "_SAMPLE", 10)
    model = tiny_model("llama")
    first = fingerprint_of(model.model, model.tokenizer)
    for name, tensor in model.model.named_parameters():
        for place in (0, -1):
            flat = tensor.detach().reshape(-1)
            kept = flat[place].clone()
            flat[place] = kept + 1
            assert fingerprint_of(model.model, model.tokenizer) != first, (name, place)
            flat[place] = kept


def test_a_model_of_100_million_numbers_is_read_in_a_moment() -> None:
    model = torch.nn.ParameterDict(
        {f"part{number}": torch.nn.Parameter(torch.zeros(2048, 2048)) for number in range(24)}
    )
    began = time.process_time()
    digests = [identity_module._content(tensor.detach()) for tensor in model.values()]
    assert time.process_time() - began < 0.5
    assert {len(digest) for digest in digests} == {len(digests[0])}
    assert len(digests[0]) < 2 * 2**17


def test_a_fingerprint_of_before_says_what_to_do() -> None:
    now = tiny_model("llama").identity.fingerprint
    assert "has to be made again" in fingerprint_difference(OLD, now)
    assert fingerprint_difference("v2-" + "0" * 24 + "-" + "0" * 8, now) == ""


def _save(model: NeuronModel, folder: Path) -> None:
    model.model.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)


def _loaded(folder: Path, dtype: torch.dtype) -> str:
    return load_model(str(folder), dtype=dtype, check=False).identity.fingerprint
