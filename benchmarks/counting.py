"""What the counting pass costs beside a plain forward pass without the language-model head."""

from __future__ import annotations

import torch
from measure import Row, alternate, compare
from settings import Settings, random_llama, random_texts

from valuescope.activations import collect
from valuescope.data import LabelledText
from valuescope.models import encode, forward_inputs, left_pad


def rows(settings: Settings) -> list[Row]:
    """Counting with and without residuals, against the forward passes alone on the same batches.

    The base gets its batches ready-made; tokenising, padding and adding up are all on the account of `collect`.
    """
    model = random_llama(settings)
    prompts = random_texts(settings.texts, settings.length, settings.vocabulary)
    texts = [LabelledText(f"label-{place % settings.labels}", prompt) for place, prompt in enumerate(prompts)]
    # The prompts come longest first, as `collect` sorts them: so the batches are the same.
    encoded, size = encode(model, prompts), settings.batch_size
    batches = [left_pad(model, encoded[start : start + size]) for start in range(0, len(encoded), size)]
    backbone = model.backbone()

    def forward() -> None:
        with torch.no_grad():
            for batch in batches:
                backbone(**forward_inputs(model, batch), use_cache=False)

    seconds = alternate(
        {
            "forward without head": forward,
            "collect, counters": lambda: collect(model, texts, batch_size=size, residuals=False),
            "collect, counters and residuals": lambda: collect(model, texts, batch_size=size),
        },
        settings.rounds,
    )
    note = f"{sum(len(row.input_ids) for row in encoded)} tokens, {model.neurons} neurons, {settings.labels} labels"
    return [
        compare(seconds, what, "forward without head", note)
        for what in ("collect, counters", "collect, counters and residuals")
    ]
