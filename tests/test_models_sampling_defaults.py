"""Sampling as a model's generation_config asks for it, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
import transformers as hf
from run_samples import save_tiny_model

from valuescope.models import Chat, SamplingDefaults, load_model
from valuescope.models.checkpoint import warn_once
from valuescope.models.load import read_manners

QWEN = hf.GenerationConfig(do_sample=True, temperature=0.7, top_p=0.8, top_k=20, repetition_penalty=1.1)


@pytest.fixture(autouse=True)
def _warnings() -> None:
    warn_once.cache_clear()


def test_what_is_asked_for_comes_first_then_the_models_own_then_one() -> None:
    own = SamplingDefaults.of(QWEN)
    assert own.settled("m") == (0.7, 0.8)
    assert own.settled("m", 0.0) == (0.0, 0.8)
    assert own.settled("m", None, 1.0) == (0.7, 1.0)
    assert SamplingDefaults.of(hf.GenerationConfig(temperature=0.2)).settled("m") == (0.2, 1.0)
    assert SamplingDefaults.of(None).settled("m") == SamplingDefaults().plain == (1.0, 1.0)


def test_what_is_not_used_is_told_once_and_only_where_the_model_is_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = SamplingDefaults.of(QWEN)
    assert own.unused == {"repetition_penalty": 1.1, "top_k": 20}
    own.settled("m", 1.0, 1.0)
    assert not caplog.messages
    own.settled("m", 1.0)
    own.settled("m")
    assert caplog.messages == [
        "m: its generation_config also sets repetition_penalty 1.1, top_k 20, which is not used here"
    ]


def test_a_model_that_names_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    SamplingDefaults().settled("m", 0.5, 0.9)
    SamplingDefaults().settled("m", 0.0)  # the likeliest token, whatever top_p
    SamplingDefaults().settled("organism")  # made to be drawn at 1.0
    assert not caplog.messages
    SamplingDefaults().settled("m", 0.5)
    SamplingDefaults().settled("M.GGUF")
    first, second = caplog.messages
    assert first.startswith("m: no generation_config names its top_p, so answers are drawn at 1.0")
    assert second.startswith(
        "M.GGUF: no generation_config (a GGUF file carries none) names its temperature and top_p"
    )


def test_values_that_ask_for_nothing_are_no_news() -> None:
    neutral = hf.GenerationConfig(top_k=0, repetition_penalty=1.0, num_beams=1, do_sample=True, typical_p=1.0)
    assert not SamplingDefaults.of(neutral).unused
    greedy = hf.GenerationConfig(do_sample=False, num_beams=4)
    assert SamplingDefaults.of(greedy).unused == {"do_sample": False, "num_beams": 4}


def test_a_saved_model_has_the_same_with_and_without_its_weights(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path)
    QWEN.save_pretrained(folder)
    _, sampling = read_manners(str(folder), Chat())
    assert (
        sampling == load_model(str(folder), device="cpu", check=False).sampling == SamplingDefaults.of(QWEN)
    )
    (folder / "generation_config.json").unlink()
    assert read_manners(str(folder), Chat())[1] == SamplingDefaults()
