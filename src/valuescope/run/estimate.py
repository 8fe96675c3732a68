"""What a run will cost, before it starts: tokens, memory and time, from the specification and the model's config."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from valuescope.data import Material
from valuescope.models import default_device, resolve_path
from valuescope.run.arms import Item
from valuescope.run.spec import JudgeSpec, Spec
from valuescope.run.stages import chosen_values, draw_material, read_texts, require_questions, require_texts
from valuescope.run.trial import first_of_each

EFFICIENCY = 0.35  # share of the measured matrix speed that a forward pass of a language model reaches
STEP_SECONDS = 2.5e-4  # fixed cost of one layer in one decoding step, on any device


@dataclass(frozen=True)
class Cost:
    """Tokens to read and to write, bytes to hold at once, and seconds, all estimated."""

    read_tokens: int
    answers: int
    written_tokens: int
    model_bytes: int
    counter_bytes: int
    batch_bytes: int
    seconds: float
    device: str
    judge: str = (
        ""  # the model that judges, if one does: two calls an answer, whose time and price are its own
    )

    def lines(self) -> list[str]:
        """The estimate for people."""
        total = self.model_bytes + self.counter_bytes + self.batch_bytes
        return [
            f"texts to read     {self.read_tokens:>12,} tokens",
            f"answers to write  {self.answers:>12,} (up to {self.written_tokens:,} tokens)",
            *([f"calls of the judge{2 * self.answers:>12,} at most (to {self.judge})"] if self.judge else []),
            f"memory            {_size(total):>12} (weights {_size(self.model_bytes)}, counters "
            f"{_size(self.counter_bytes)}, largest batch {_size(self.batch_bytes)})",
            f"time              {_duration(self.seconds):>12} on {self.device}, give or take a factor of two",
        ]


def estimate(spec: Spec) -> Cost:
    """Estimate a run without loading any weights.

    The texts are drawn and tokenised for real; parameters are counted on an empty copy of the model; time is
    the arithmetic over the device's measured matrix speed, plus a fixed cost per layer and decoding step.
    """
    _, values = chosen_values(spec)
    material = draw_material(spec.data, values, spec.seed)
    require_texts(spec, material)
    require_questions(spec, material)
    path = resolve_path(spec.model.id)
    where = {"revision": spec.model.revision, "trust_remote_code": spec.model.trust_remote_code}
    config, tokenizer = (
        AutoConfig.from_pretrained(path, **where),
        AutoTokenizer.from_pretrained(path, **where),
    )
    dtype = _dtype(spec.model.dtype, config)
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(config, trust_remote_code=spec.model.trust_remote_code)
    parameters = sum(parameter.numel() for parameter in empty.parameters())
    text_config = config.get_text_config()
    layers, hidden = text_config.num_hidden_layers, text_config.hidden_size
    width = (
        getattr(text_config, "intermediate_size", None) or getattr(text_config, "n_inner", None) or 4 * hidden
    )
    texts = [
        len(ids)
        for ids in tokenizer([one.prompt + one.answer for one in read_texts(spec, material)])["input_ids"]
    ]
    prompts = [
        len(ids) for ids in tokenizer([one.prompt or one.question for one in material.questions])["input_ids"]
    ] or [0]
    answers, scored = planned_items(spec, material)
    pair_tokens = [
        len(ids) for one in material.pairs for ids in tokenizer([one.positive, one.negative])["input_ids"]
    ]
    read = sum(texts) + (int(scored * 2 * sum(pair_tokens) / len(pair_tokens)) if pair_tokens else 0)
    written, longest = answers * spec.generate.max_new_tokens, max(prompts) + spec.generate.max_new_tokens
    device = str(spec.model.device or default_device())
    processed = read + answers * sum(prompts) / len(prompts) + written
    steps = spec.generate.max_new_tokens * -(-answers // spec.generate.batch_size)
    labels = len({one.label for one in material.texts})
    heads = getattr(text_config, "num_key_value_heads", None) or text_config.num_attention_heads
    head = getattr(text_config, "head_dim", None) or hidden // text_config.num_attention_heads
    cache = 2 * layers * heads * head * spec.generate.batch_size * longest * dtype.itemsize
    scored_length = max([*pair_tokens, longest if spec.judge == "likelihood" else 0])
    scoring = text_config.vocab_size * scored_length * (spec.generate.batch_size * dtype.itemsize + 8)
    reading = spec.activations.batch_size * max(texts) * max(3 * width, 4 * hidden) * dtype.itemsize
    return Cost(
        read_tokens=read,
        answers=answers,
        written_tokens=written,
        model_bytes=parameters * dtype.itemsize,
        counter_bytes=5 * 8 * labels * layers * width + 4 * len(texts) * layers * hidden,
        batch_bytes=max(cache + spec.generate.batch_size * text_config.vocab_size * 12, scoring, reading),
        seconds=2 * parameters * processed / (EFFICIENCY * matrix_speed(device, dtype))
        + steps * layers * STEP_SECONDS,
        device=device,
        judge=spec.judge.by if isinstance(spec.judge, JudgeSpec) else "",
    )


def planned_items(spec: Spec, material: Material) -> tuple[int, int]:
    """Answers to generate and pairs to score, over all arms of the run, if every search finds another setting."""
    counts = {"answers": 0, "pairs": 0}
    asked_before = set[tuple[str, int | None, bool]]()

    def add(asked: str, edited_arms: int, per_value: int | None = None, *, tuning: bool = False) -> None:
        if asked == "pairs":
            items: Sequence[Item] = material.pairs
        else:
            questions = material.tuning if tuning else material.questions
            items = [question for question in questions if question.setting == asked]
        base = (asked, per_value, tuning) not in asked_before
        asked_before.add((asked, per_value, tuning))
        kind = "pairs" if asked == "pairs" else "answers"
        counts[kind] += (edited_arms + base) * len(first_of_each(items, per_value))

    controls = spec.controls.draws * (2 if spec.controls.matched else 1)
    for method in spec.methods.values():
        settings = 2 if method.search else 1
        add(method.asked, settings * (1 + controls))
        if method.asked == "pairs":
            add("dilemma", settings, spec.answers_per_value)
        if method.search:
            add(method.asked, len(method.settings()), tuning=True)
        if method.dose:
            add(method.asked, 2 * len(method.dose.values), method.dose.questions)
            if method.asked == "pairs":
                add("dilemma", len(method.dose.values), spec.answers_per_value)
    if spec.leakage:
        add(spec.methods[spec.leakage.method].asked, 2 * len(material.values), spec.leakage.questions)
    return counts["answers"], counts["pairs"]


def matrix_speed(device: str, dtype: torch.dtype) -> float:
    """Measured floating-point operations per second of a matrix product on the device."""
    size = 1024
    left = torch.randn(size, size, device=device).to(dtype)
    left @ left
    start, rounds = time.perf_counter(), 0
    while time.perf_counter() - start < 0.2:
        (left @ left).sum().item()
        rounds += 1
    return 2 * size**3 * rounds / (time.perf_counter() - start)


def _dtype(name: str, config: Any) -> torch.dtype:
    found = getattr(config, "dtype", None) if name == "auto" else getattr(torch, name)
    if isinstance(found, str):
        found = getattr(torch, found)
    return found if isinstance(found, torch.dtype) else torch.float32


def _size(count: int) -> str:
    amount = float(count)
    for unit in ("B", "KB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
