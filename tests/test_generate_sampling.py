"""The choice of a token: inverse CDF, nucleus, and noise that belongs to a row."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import TopPLogitsWarper

from valuescope.generate import Sampling, SamplingError, choose, row_noise
from valuescope.generate.sampling import nucleus


def some_logits(rows: int = 6, vocabulary: int = 50, seed: int = 0) -> Tensor:
    return 3 * torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(seed))


def test_noise_depends_on_seed_key_and_step_alone() -> None:
    noise = row_noise(0, "care:3", 100)
    assert noise.dtype == torch.float64
    assert torch.equal(noise[:7], row_noise(0, "care:3", 7))
    assert not torch.equal(noise, row_noise(1, "care:3", 100))
    assert not torch.equal(noise, row_noise(0, "care:4", 100))
    assert not torch.equal(row_noise(1, "2:3", 5), row_noise(12, ":3", 5))
    assert len(set(noise.tolist())) == 100


def test_noise_is_the_same_for_ever() -> None:
    """Answers recorded today must come again tomorrow: these numbers must never change."""
    assert row_noise(0, "0", 3).tolist() == [0.8487894423365443, 0.11685331593727866, 0.08438023878571232]


def test_noise_is_uniform() -> None:
    noise = torch.cat([row_noise(7, str(key), 200) for key in range(100)])
    assert float(noise.min()) >= 0
    assert float(noise.max()) < 1
    counts = torch.histc(noise.float(), bins=20, min=0, max=1)
    # Chi-square with 19 degrees of freedom: 43.8 is passed once in 1,000.
    assert float(((counts - 1000) ** 2 / 1000).sum()) < 43.8


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
def test_a_fine_grid_of_noise_gives_each_token_its_probability(temperature: float) -> None:
    grid = 20_000
    logits = some_logits(rows=1).expand(grid, -1)
    tokens = choose(
        logits, (torch.arange(grid, dtype=torch.float64) + 0.5) / grid, Sampling(temperature=temperature)
    )
    assert torch.equal(tokens, tokens.sort().values), "tokens must follow the noise in id order"
    shares = torch.bincount(tokens, minlength=50) / grid
    expected = (logits[0] / temperature).softmax(dim=-1)
    assert float((shares - expected).abs().max()) <= 1.5 / grid + 1e-6


def test_greedy_is_the_largest_logit_whatever_the_noise() -> None:
    logits = some_logits()
    for number in (0.0, 0.5, 1 - 2**-53):
        noise = torch.full((6,), number, dtype=torch.float64)
        assert torch.equal(choose(logits, noise, Sampling(temperature=0)), logits.argmax(dim=-1))
        assert torch.equal(choose(logits, noise, Sampling(temperature=1e-5)), logits.argmax(dim=-1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_ends_of_the_noise_stay_on_possible_tokens(dtype: torch.dtype) -> None:
    logits = some_logits().to(dtype)
    logits[:, :3] = float("-inf")
    logits[:, -3:] = float("-inf")
    for number, token in ((0.0, 3), (1 - 2**-53, 46), (1.0, 46)):
        noise = torch.full((6,), number, dtype=torch.float64)
        assert choose(logits, noise, Sampling(temperature=50.0)).tolist() == [token] * 6


@pytest.mark.parametrize("top_p", [1e-6, 0.2, 0.65, 0.9, 0.999])
def test_nucleus_keeps_what_transformers_keeps(top_p: float) -> None:
    logits = some_logits(rows=40, seed=3).double()
    kept = nucleus(logits.softmax(dim=-1), top_p) > 0
    theirs = TopPLogitsWarper(top_p)(None, logits) > float("-inf")  # type: ignore[arg-type]
    assert torch.equal(kept, theirs)
    assert bool(kept.any(dim=-1).all())
    grid = torch.linspace(0, 1 - 2**-53, 41, dtype=torch.float64)[:40]
    tokens = choose(logits, grid, Sampling(top_p=top_p))
    assert bool(kept[torch.arange(40), tokens].all())


def test_a_row_is_chosen_alone() -> None:
    logits, noise = some_logits(rows=8), row_noise(0, "x", 8)
    sampling = Sampling(temperature=0.8, top_p=0.9)
    together = choose(logits, noise, sampling)
    alone = torch.cat([choose(logits[row : row + 1], noise[row : row + 1], sampling) for row in range(8)])
    assert torch.equal(together, alone)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_new_tokens", 0),
        ("temperature", -0.1),
        ("temperature", float("inf")),
        ("temperature", float("nan")),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_p", float("nan")),
    ],
)
def test_settings_out_of_range_are_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(SamplingError, match=f"sampling: {setting} is {value}"):
        Sampling(**{setting: value})  # type: ignore[arg-type]
