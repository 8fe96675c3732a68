"""What fits into memory, before and after: the estimate, and batches that are halved."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from edit_samples import PROMPTS
from engine_samples import (
    WAIT,
    alone,
    failing,
    more_rows_than,
    out_of_cpu_memory,
    out_of_gpu_memory,
    plugged,
    some_edits,
)
from tiny_models import tiny_model

from valuescope.generate import (
    Engine,
    Request,
    Sampling,
    generate,
    log_likelihood,
    worker,
)
from valuescope.generate import memory as memory_module
from valuescope.generate.memory import bytes_per_token, is_out_of_memory, tokens_that_fit
from valuescope.models import NeuronModel

Inputs = dict[str, Any]
ERRORS = [out_of_gpu_memory, out_of_cpu_memory]


@cache
def loaded() -> NeuronModel:
    """In float64: rows come together in other batches than expected, and no draw may lie on a border."""
    return tiny_model("llama", torch.float64)


@pytest.fixture
def model() -> NeuronModel:
    return loaded()


def reads(inputs: Inputs) -> bool:
    """Whether a pass reads prompts (or what a row that goes on has drawn)."""
    return bool(inputs["input_ids"].shape[1] > 1)


def long_ago(inputs: Inputs) -> bool:
    """Whether a pass has a long text behind it."""
    return bool(inputs["attention_mask"].shape[1] > 18)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("which", ["all passes", "late ones"])
def test_generate_halves_its_batches(model: NeuronModel, which: str, error: Callable[[], Exception]) -> None:
    def when(inputs: Inputs) -> bool:
        return more_rows_than(2)(inputs) and (which == "all passes" or long_ago(inputs))

    prompts, edits = [*PROMPTS, *PROMPTS[:3]], [*some_edits(model), None]
    sampling = Sampling(12, temperature=0.9, top_p=0.95, seed=4)
    expected = generate(model, prompts, edits=edits, sampling=sampling)
    with failing(model, when, error) as rows:
        assert generate(model, prompts, edits=edits, sampling=sampling) == expected
    assert set(rows) <= {1, 2} if which == "all passes" else {1, 7} < set(rows)
    with failing(model, more_rows_than(0), error), pytest.raises((torch.OutOfMemoryError, RuntimeError)):
        generate(model, prompts, sampling=sampling)


def test_log_likelihood_halves_its_batches(model: NeuronModel) -> None:
    texts = [f"{prompt} and the day" for prompt in PROMPTS]
    edits = some_edits(model)[:4]
    expected = log_likelihood(model, texts, edits=edits)
    with failing(model, more_rows_than(1), out_of_cpu_memory) as rows:
        assert log_likelihood(model, texts, edits=edits) == pytest.approx(expected, abs=1e-9)
    assert rows == [1] * 4


def test_what_fits_is_estimated_with_padding(model: NeuronModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows are padded to the longest, and the estimate counts that; a row that is too long goes alone."""
    monkeypatch.setattr(worker, "tokens_that_fit", lambda _: 64)
    widest: list[tuple[int, int]] = []
    handle = model.model.register_forward_pre_hook(
        lambda _, __, inputs: widest.append(tuple(inputs["attention_mask"].shape)), with_kwargs=True
    )
    sampling = Sampling(6, temperature=0)
    prompts = ["we", "we share " * 12, "we", "peace", "we share " * 40, "we help", *["we"] * 9]
    requests = [Request(prompt, sampling=sampling, key=str(n)) for n, prompt in enumerate(prompts)]
    try:
        with Engine(model) as engine:
            with plugged(engine):
                futures = [engine.submit(request) for request in requests]
            answers = [future.result(WAIT) for future in futures]
    finally:
        handle.remove()
    assert answers == [alone(model, request) for request in requests]
    assert all(rows * length <= 64 or rows == 1 for rows, length in widest)
    assert max(rows for rows, _ in widest) > 4


def test_only_memory_errors_are_memory_errors() -> None:
    for error in (
        out_of_gpu_memory(),
        out_of_cpu_memory(),
        MemoryError(),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ):
        assert is_out_of_memory(error)
    for other in (RuntimeError("shape mismatch"), ValueError("out of memory"), KeyError("x")):
        assert not is_out_of_memory(other)


def test_the_estimate_knows_the_cache_and_the_container(
    model: NeuronModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert bytes_per_token(model) == 2 * 2 * 3 * 2 * 8 * 8  # layers, shared heads, width, bytes
    assert bytes_per_token(tiny_model("gpt2", torch.bfloat16)) == 2 * 2 * 3 * 4 * 8 * 2
    machine = tokens_that_fit(model)
    assert machine is not None
    for name, content in (
        ("memory.max", "1000000"),
        ("memory.current", "700000"),
        ("memory.stat", "anon 5\ninactive_file 200000\n"),
    ):
        (tmp_path / name).write_text(content)
    names = (str(tmp_path), "memory.max", "memory.current", "inactive_file")
    monkeypatch.setattr(memory_module, "_CONTAINERS", (names,))
    assert tokens_that_fit(model) == int(500000 * 0.8 / bytes_per_token(model))
    (tmp_path / "memory.max").write_text("max")
    assert tokens_that_fit(model) == pytest.approx(machine, rel=0.2)
