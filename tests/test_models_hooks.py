"""Hooks show the right tensors in the right shape, edit what they say, and go away."""

from __future__ import annotations

import pytest
import torch
from tiny_models import FAMILIES, tiny_hf_model, tiny_model, tiny_tokenizer
from torch import Tensor

from valuescope.models import SiteError, encode, forward_inputs, left_pad, site_hooks, wrap_model
from valuescope.models.hooks import first_tensor

PROMPTS = ["we help", "they never share the money with people because it is fair", "I rest at home"]


def hook_count(model: torch.nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


@pytest.mark.parametrize("family", FAMILIES)
def test_sites_are_seen_unflattened_in_order_and_consistent(family: str) -> None:
    model = tiny_model(family)
    batch = left_pad(model, encode(model, PROMPTS))
    seen: list[tuple[str, int]] = []
    gates: dict[int, Tensor] = {}
    products: dict[int, Tensor] = {}
    stream: dict[int, Tensor] = {}

    def keep(name: str, store: dict[int, Tensor]) -> object:
        def callback(layer: int, tensor: Tensor) -> None:
            seen.append((name, layer))
            store[layer] = tensor.clone()

        return callback

    with (
        torch.no_grad(),
        site_hooks(
            model,
            gate=keep("gate", gates),
            product=keep("product", products),
            residual=keep("residual", stream),
        ),
    ):
        output = model.backbone()(**forward_inputs(model, batch), output_hidden_states=True, use_cache=False)
    rows, tokens = batch.input_ids.shape
    names = ("gate", "product", "residual")
    assert seen == [(name, layer) for layer in range(model.layers) for name in names]
    for layer, site in enumerate(model.sites):
        assert gates[layer].shape == products[layer].shape == (rows, tokens, model.width)
        assert stream[layer].shape == (rows, tokens, model.hidden)
        assert torch.equal(gates[layer], products[layer]) is not site.gated
        for tensor in (gates[layer], products[layer], stream[layer]):
            assert tensor.isfinite().all()  # also at pads
        if layer < model.layers - 1:
            assert torch.equal(stream[layer], output.hidden_states[layer + 1])


@pytest.mark.parametrize("family", ["llama", "gpt2", "opt"])
def test_rows_keep_their_places(family: str) -> None:
    """What a row's site shows in a batch is what it shows alone."""
    model = tiny_model(family)
    texts = ["we help the old man now", "you lead the new city and win"]
    encoded = encode(model, texts)
    assert len({len(row.input_ids) for row in encoded}) > 1
    batch = left_pad(model, encoded)
    together: dict[int, Tensor] = {}
    with torch.no_grad(), site_hooks(model, product=lambda layer, m: together.update({layer: m.clone()})):
        model.backbone()(**forward_inputs(model, batch))
    for index, row in enumerate(encoded):
        alone: dict[int, Tensor] = {}
        with (
            torch.no_grad(),
            site_hooks(model, product=lambda layer, m, to=alone: to.update({layer: m.clone()})),
        ):
            model.backbone()(**forward_inputs(model, left_pad(model, [row])))
        for layer in range(model.layers):
            torch.testing.assert_close(
                together[layer][index, -len(row.input_ids) :], alone[layer][0], rtol=1e-5, atol=1e-5
            )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_returned_product_replaces_it(family: str) -> None:
    model = tiny_model(family)
    inputs = forward_inputs(model, left_pad(model, encode(model, PROMPTS)))
    base = model.model(**inputs).logits
    halves = torch.arange(model.width) % 2
    down_inputs: list[Tensor] = []
    handle = model.down(1).register_forward_hook(lambda _, args, __: down_inputs.append(args[0].clone()))
    with (
        torch.no_grad(),
        site_hooks(model, product=lambda _, m: halves * m, layers=[1]),
        site_hooks(model, product=lambda _, m: None),
    ):
        edited = model.model(**inputs).logits
    with torch.no_grad(), site_hooks(model, product=lambda _, m: m):
        same = model.model(**inputs).logits
    handle.remove()
    assert torch.equal(base, same)
    assert torch.equal(down_inputs[0], halves * down_inputs[1])
    assert (edited - base).abs().max() > 0.05


def test_hooks_only_touch_the_named_layers() -> None:
    model = tiny_model("llama")
    seen: list[int] = []
    inputs = forward_inputs(model, left_pad(model, encode(model, PROMPTS)))
    with torch.no_grad(), site_hooks(model, gate=lambda layer, _: seen.append(layer), layers=[2, 0]):
        model.backbone()(**inputs)
    assert seen == [0, 2]


@pytest.mark.parametrize("family", ["llama", "opt"])
def test_hooks_work_with_a_cache_one_token_at_a_time(family: str) -> None:
    model = tiny_model(family)
    inputs = forward_inputs(model, left_pad(model, encode(model, PROMPTS[:1])))
    shapes: list[tuple[int, ...]] = []
    with (
        torch.no_grad(),
        site_hooks(model, product=lambda layer, m: shapes.append(tuple(m.shape)), layers=[0]),
    ):
        out = model.backbone()(**inputs, use_cache=True)
        mask = torch.ones(1, inputs["input_ids"].shape[1] + 1, dtype=torch.int64)
        model.backbone()(
            input_ids=torch.tensor([[7]]),
            attention_mask=mask,
            past_key_values=out.past_key_values,
            use_cache=True,
        )
    assert shapes == [(1, inputs["input_ids"].shape[1], model.width), (1, 1, model.width)]


def test_hooks_go_away_also_after_exceptions() -> None:
    model = tiny_model("opt")
    inputs = forward_inputs(model, left_pad(model, encode(model, PROMPTS)))
    base = model.model(**inputs).logits

    def fail(layer: int, _: Tensor) -> None:
        raise KeyError(layer)

    with pytest.raises(KeyError), site_hooks(model, gate=fail, product=lambda _, m: 0 * m, residual=fail):
        model.model(**inputs)
    assert hook_count(model.model) == 0
    with pytest.raises(IndexError), site_hooks(model, product=lambda _, m: 0 * m, layers=[0, 99]):
        pass
    assert hook_count(model.model) == 0
    assert torch.equal(base, model.model(**inputs).logits)


def test_a_replacement_of_another_shape_is_an_error() -> None:
    model = tiny_model("llama")
    inputs = forward_inputs(model, left_pad(model, encode(model, PROMPTS)))
    wrong = site_hooks(model, product=lambda _, m: m[:1])
    with pytest.raises(SiteError, match=r"layer 0: the product callback returned shape"), wrong:
        model.model(**inputs)


def test_gradients_flow_through_the_sites() -> None:
    model = wrap_model(tiny_hf_model("llama").requires_grad_(False), tiny_tokenizer())
    inputs = forward_inputs(model, left_pad(model, encode(model, PROMPTS)))
    kept: dict[int, Tensor] = {}

    def track(layer: int, m: Tensor) -> Tensor:
        kept[layer] = m if m.requires_grad else m.detach().requires_grad_()
        return kept[layer]

    with site_hooks(model, product=track):
        model.model(**inputs).logits.logsumexp(-1).sum().backward(inputs=None)
    assert kept[0].grad is not None
    assert kept[0].grad.abs().max() > 0


def test_first_tensor_takes_tensors_and_tuples() -> None:
    h = torch.zeros(2, 3, 4)
    assert first_tensor(h) is h
    assert first_tensor((h, None)) is h
    with pytest.raises(SiteError, match="returned a dict"):
        first_tensor({"h": h})
