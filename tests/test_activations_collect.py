from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from locate_references import REAL_MODELS, record, reference_model, slow_counts, value_texts
from tiny_models import FAMILIES, tiny_model

from valuescope.activations import ActivationError, Activations, Counters, collect, collect_encoded
from valuescope.activations import counters as counters_module
from valuescope.activations.counters import RunningCounts
from valuescope.activations.tensor_file import TensorFileError, load_tensor_file, save_tensor_file
from valuescope.data.records import LabelledText
from valuescope.models import Encoded, encode

EXACT = ("tokens", "prompts", "gate_active", "product_active", "gate_positive", "product_positive")
FLOAT = ("product_sum", "product_square")


def assert_equal(left: Counters, right: Counters) -> None:
    assert left.labels == right.labels
    assert left.data_hash == right.data_hash
    for name in EXACT:
        assert torch.equal(getattr(left, name), getattr(right, name)), name
    # What is left is the forward pass's own rounding, which differs with the shape of the batch.
    tokens = left.tokens[:, None, None]
    for name, scale in (
        ("product_sum", (tokens * left.product_square).sqrt()),
        ("product_square", left.product_square),
    ):
        assert ((getattr(left, name) - getattr(right, name)).abs() <= 1e-5 * scale + 1e-12).all(), name


@pytest.mark.parametrize("name", [*FAMILIES, *REAL_MODELS])
def test_counters_and_residuals_are_those_of_plain_loops(name: str) -> None:
    model = reference_model(name)
    texts = value_texts(pairs=1)[:4]
    found = collect(model, texts, batch_size=3)
    records = record(model, texts)
    assert found.counters.labels == ("care+", "care-", "power+", "power-")
    for row, label in enumerate(found.counters.labels):
        slow = slow_counts(model, records, label)
        for counter in EXACT:
            assert np.array_equal(getattr(found.counters, counter)[row].numpy(), slow[counter]), (
                label,
                counter,
            )
        for counter in FLOAT:
            np.testing.assert_allclose(
                getattr(found.counters, counter)[row], slow[counter], rtol=1e-4, atol=1e-3
            )
    assert found.residuals is not None
    expected = torch.stack([one.residual[:, -1] for one in records])
    torch.testing.assert_close(found.residuals.hidden, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scope", ["all", "prompt", "answer"])
@pytest.mark.parametrize("special_tokens", [False, True])
def test_scope_and_special_tokens(scope: str, special_tokens: bool) -> None:
    model = tiny_model("llama")
    texts = value_texts(pairs=2)
    found = collect(model, texts, batch_size=5, scope=scope, special_tokens=special_tokens).counters
    records = record(model, texts)
    for row, label in enumerate(found.labels):
        slow = slow_counts(model, records, label, scope=scope, special_tokens=special_tokens)
        assert int(found.tokens[row]) == slow["tokens"]
        assert np.array_equal(found.gate_active[row].numpy(), slow["gate_active"])
        assert np.array_equal(found.product_positive[row].numpy(), slow["product_positive"])


def test_the_scopes_add_up() -> None:
    model, texts = tiny_model("gpt2"), value_texts(pairs=2)
    whole, prompt, answer = (collect(model, texts, scope=s).counters for s in ("all", "prompt", "answer"))
    assert torch.equal(whole.tokens, prompt.tokens + answer.tokens)
    assert torch.equal(whole.gate_active, prompt.gate_active + answer.gate_active)


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_neither_batches_nor_order_nor_pieces_matter(
    batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, texts = tiny_model("qwen2"), value_texts(pairs=3)
    whole = collect(model, texts, batch_size=6)
    monkeypatch.setattr(counters_module, "PIECE", 48 * 20)
    other = collect(model, texts[::-1], batch_size=batch_size)
    assert_equal(whole.counters, other.counters)
    assert whole.residuals is not None
    assert other.residuals is not None
    torch.testing.assert_close(whole.residuals.hidden, other.residuals.hidden.flip(0), rtol=1e-4, atol=1e-4)
    assert whole.residuals.keys == other.residuals.keys[::-1]


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_adding_equals_one_pass_over_both(name: str) -> None:
    model, texts = tiny_model(name), value_texts(pairs=4)
    cut = len(texts) // 3  # the first part lacks labels that the second has
    parts = [collect(model, part, batch_size=5) for part in (texts[:cut], texts[cut:])]
    whole, merged = collect(model, texts, batch_size=5), parts[0] + parts[1]
    assert_equal(whole.counters, merged.counters)
    assert_equal(whole.counters, (parts[1] + parts[0]).counters)
    assert whole.residuals is not None
    assert merged.residuals is not None
    assert merged.residuals.labels == whole.residuals.labels
    torch.testing.assert_close(merged.residuals.hidden, whole.residuals.hidden, rtol=1e-4, atol=1e-4)


def test_adding_is_exact_in_every_number_when_the_batches_are_the_same() -> None:
    model, texts = tiny_model("llama"), value_texts(pairs=4)
    whole = collect(model, texts, batch_size=1).counters
    merged = (
        collect(model, texts[:7], batch_size=1).counters + collect(model, texts[7:], batch_size=1).counters
    )
    for name in EXACT:
        assert torch.equal(getattr(whole, name), getattr(merged, name))
    for name in FLOAT:
        torch.testing.assert_close(getattr(whole, name), getattr(merged, name), rtol=1e-12, atol=1e-12)


def test_token_ids_go_in_as_they_are() -> None:
    model, texts = tiny_model("llama"), value_texts(pairs=2)
    rows = encode(model, [text.prompt for text in texts], [text.answer for text in texts])
    direct = collect_encoded(model, rows, [text.label for text in texts], batch_size=4)
    through_text = collect(model, texts, batch_size=4)
    for name in EXACT:
        assert torch.equal(getattr(direct.counters, name), getattr(through_text.counters, name))
    assert direct.residuals is not None
    assert direct.residuals.groups == ("",) * len(texts)


def test_counting_is_exact_in_bfloat16_and_blind_to_padding() -> None:
    torch.manual_seed(0)
    batch, length, width = 5, 700, 9
    a = torch.randn(batch, length, width).bfloat16()
    m = torch.randn(batch, length, width).bfloat16()
    real = torch.arange(length) >= torch.randint(1, 300, (batch, 1))
    counted = real & (torch.rand(batch, length) > 0.2)
    a[~real], m[~real] = 100, -100
    labels = torch.tensor([0, 1, 0, 2, 1])
    running = RunningCounts(3, 1, width)
    running.begin(counted, labels)
    running.gate(0, a)
    running.product(0, m)
    totals = running.totals()
    for label in range(3):
        rows = [row for row in range(batch) if labels[row] == label]
        active = sum(int((a[row][counted[row]] > 0)[:, 0].sum()) for row in rows)
        total = sum(float(m[row][counted[row]][:, 0].double().sum()) for row in rows)
        square = sum(float(m[row][counted[row]][:, 0].double().square().sum()) for row in rows)
        above = sum(int((m[row][counted[row]][:, 0] > 0).sum()) for row in rows)
        positive = sum(bool(m[row][counted[row]][:, 0].double().sum() > 0) for row in rows)
        assert int(totals["gate_active"][label, 0, 0]) == active
        assert int(totals["product_active"][label, 0, 0]) == above
        assert float(totals["product_sum"][label, 0, 0]) == pytest.approx(total, abs=1e-4)
        assert float(totals["product_square"][label, 0, 0]) == pytest.approx(square, rel=1e-6)
        assert int(totals["product_positive"][label, 0, 0]) == positive


def test_template_tokens_count_as_special() -> None:
    model = tiny_model("llama")
    text = LabelledText("a", "help the child", " day")
    before = collect(model, [text]).counters.tokens.item()
    model.tokenizer.add_special_tokens({"additional_special_tokens": ["help"]})
    assert before == 4
    assert collect(model, [text]).counters.tokens.item() == 3


def test_the_model_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    model.model.train()
    seen: list[tuple[int, int]] = []
    collect(
        model, value_texts(pairs=2), batch_size=5, progress=lambda done, total: seen.append((done, total))
    )
    assert model.model.training
    assert seen == [(5, 12), (10, 12), (12, 12)]
    with torch.no_grad():
        model.model.eval()
        before = model.model(torch.tensor([[5, 6, 7]])).logits
        collect(model, value_texts(pairs=1))
        assert torch.equal(before, model.model(torch.tensor([[5, 6, 7]])).logits)


def test_saved_and_loaded(tmp_path) -> None:
    model, texts = tiny_model("llama"), value_texts(pairs=2)
    found = collect(model, texts)
    loaded = Activations.load(found.save(tmp_path / "pass"))
    assert_equal(found.counters, loaded.counters)
    assert torch.equal(found.counters.product_sum, loaded.counters.product_sum)
    assert loaded.counters.model == model.identity
    assert found.residuals is not None
    assert loaded.residuals is not None
    assert torch.equal(found.residuals.hidden, loaded.residuals.hidden)
    assert loaded.residuals.groups == found.residuals.groups
    without = collect(model, texts, residuals=False)
    assert Activations.load(without.save(tmp_path / "bare")).residuals is None
    with pytest.raises(TensorFileError, match="expected 'residuals'"):
        type(found.residuals).load(tmp_path / "pass" / "counters")
    counters, manifest = load_tensor_file(tmp_path / "pass" / "counters", "counters")
    counters.pop("product_active")
    save_tensor_file(tmp_path / "older", "counters", counters, manifest)
    with pytest.raises(ActivationError, match=r"lack product_active .*; collect them again"):
        Counters.load(tmp_path / "older")
    (tmp_path / "pass" / "counters.safetensors").write_bytes(b"x")
    with pytest.raises(TensorFileError, match="sha256"):
        Activations.load(tmp_path / "pass")
    with pytest.raises(TensorFileError, match="no such file"):
        Counters.load(tmp_path / "nothing")


def test_errors_say_what_to_do() -> None:
    model, texts = tiny_model("llama"), value_texts(pairs=1)
    with pytest.raises(ActivationError, match="no texts"):
        collect(model, [])
    with pytest.raises(ActivationError, match="scope is 'reply'"):
        collect(model, texts, scope="reply")
    with pytest.raises(ActivationError, match="batch_size"):
        collect(model, texts, batch_size=0)
    with pytest.raises(ActivationError, match="one of each per row"):
        collect_encoded(model, [Encoded((5, 6), 2)], [])
    whole = collect(model, texts)
    with pytest.raises(ActivationError, match="scope 'all' and 'answer'"):
        whole.counters + collect(model, texts, scope="answer").counters
    with pytest.raises(ActivationError, match="residuals"):
        whole + collect(model, texts, residuals=False)
    other = dataclasses.replace(whole.counters, model=tiny_model("gpt2").identity)
    with pytest.raises(ActivationError, match="model"):
        whole.counters + other
    with pytest.raises(ActivationError, match="'nobody' was not counted"):
        whole.counters.rows(["nobody"])
    unanswered = collect(model, [LabelledText("a", "help the child")], scope="answer")
    for unit in ("token", "text"):
        with pytest.raises(ActivationError, match="give its texts an answer"):
            unanswered.counters.active(["a"], unit=unit)
    with torch.no_grad():
        model.down(1).weight.fill_(torch.inf)
    with pytest.raises(ActivationError, match=r"layer 1: .* float32"):
        collect(model, texts)
