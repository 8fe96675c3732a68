"""Counting on answers that the model wrote itself, against counting while it writes them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_models import EOS, tiny_model

from valuescope.activations import collect, collect_encoded
from valuescope.data.records import LabelledText
from valuescope.models import Encoded, NeuronModel, encode, left_pad

PROMPTS = (
    "help the child",
    "I would risk money and power to win",
    "we share",
    "they never obey the old rule so",
)
LENGTH = 6


def while_writing(model: NeuronModel, prompt: tuple[int, ...]) -> tuple[list[int], torch.Tensor]:
    """LENGTH tokens drawn greedily without a cache, and per (layer, neuron) at how many of them a > 0.

    The activation at a drawn token is seen in the pass that draws the next one: so one token more is drawn, and the
    first pass, which sees the prompt only, does not count.
    """
    seen: list[torch.Tensor] = []
    handles = [
        model.activation(layer).register_forward_hook(
            lambda _, __, out: seen.append(out.reshape(-1, out.shape[-1])[-1] > 0)
        )
        for layer in range(model.layers)
    ]
    ids = torch.tensor([prompt])
    counts = torch.zeros(model.layers, model.width, dtype=torch.int64)
    with torch.no_grad():
        for drawn in range(LENGTH + 1):
            logits = model.model(ids, use_cache=False).logits[0, -1]
            if drawn:
                counts += torch.stack(seen)
            seen.clear()
            logits[:4] = -torch.inf  # no special token, which would not count
            ids = torch.cat([ids, logits.argmax().view(1, 1)], dim=1)
    for handle in handles:
        handle.remove()
    return ids[0, len(prompt) : -1].tolist(), counts


@pytest.fixture(scope="module", params=["llama", "gpt2", "gemma2", "opt"])
def case(request: pytest.FixtureRequest):
    model = tiny_model(request.param)
    prompts = [one.input_ids for one in encode(model, PROMPTS)]
    return model, prompts, [while_writing(model, prompt) for prompt in prompts]


@pytest.mark.parametrize("batch_size", [1, 4])
def test_counted_as_text_is_counted_while_writing(case, batch_size: int) -> None:
    model, prompts, written = case
    texts = [
        LabelledText(f"value{row % 2}", prompt, f" {model.tokenizer.decode(ids)}")
        for row, (prompt, (ids, _)) in enumerate(zip(PROMPTS, written, strict=True))
    ]
    found = collect(model, texts, scope="answer", batch_size=batch_size, residuals=False).counters
    rows = [Encoded((*prompt, *ids), len(prompt)) for prompt, (ids, _) in zip(prompts, written, strict=True)]
    labels = [text.label for text in texts]
    by_ids = collect_encoded(model, rows, labels, scope="answer", batch_size=batch_size, residuals=False)
    assert found.tokens.tolist() == [2 * LENGTH, 2 * LENGTH]
    for label in (0, 1):
        expected = written[label][1] + written[label + 2][1]
        assert torch.equal(found.gate_active[label], expected)
        assert torch.equal(by_ids.counters.gate_active[label], expected)


def test_cached_left_padded_decoding_lacks_the_last_drawn_token_only(case) -> None:
    model, prompts, written = case
    batch = left_pad(model, [Encoded(prompt, len(prompt)) for prompt in prompts])
    seen: list[torch.Tensor] = []

    def keep(_: Any, __: Any, out: torch.Tensor) -> None:
        seen.append(out.reshape(len(prompts), -1, out.shape[-1]).clone())

    handles = [model.activation(layer).register_forward_hook(keep) for layer in range(model.layers)]
    with torch.no_grad():
        drawn = model.model.generate(
            batch.input_ids,
            attention_mask=batch.attention_mask,
            max_new_tokens=LENGTH,
            do_sample=False,
            suppress_tokens=list(range(4)),
        )[:, batch.input_ids.shape[1] :]
    for handle in handles:
        handle.remove()
    assert drawn.tolist() == [ids for ids, _ in written]
    steps = [torch.stack(seen[at : at + model.layers]) for at in range(0, len(seen), model.layers)]
    decoding = sum((step[:, :, -1] > 0).long() for step in steps[1:])
    rows = [
        Encoded((*prompt, *ids[:-1]), len(prompt)) for prompt, (ids, _) in zip(prompts, written, strict=True)
    ]
    labels = [str(row) for row in range(len(rows))]
    fed = collect_encoded(model, rows, labels, scope="answer", batch_size=3, residuals=False).counters
    for row in range(len(rows)):
        assert torch.equal(fed.gate_active[row], decoding[:, row])
    assert fed.tokens.tolist() == [LENGTH - 1] * len(rows)


def test_an_end_of_text_token_does_not_count_unless_asked() -> None:
    model = tiny_model("llama")
    (prompt,) = encode(model, PROMPTS[:1])
    row = Encoded((*prompt.input_ids, 10, 11, EOS), len(prompt.input_ids))
    for special, tokens in ((False, 2), (True, 3)):
        found = collect_encoded(model, [row], ["a"], scope="answer", special_tokens=special, residuals=False)
        assert found.counters.tokens.tolist() == [tokens]
