"""What edits cost while generating, and what our decoding loop costs beside the one of transformers."""

from __future__ import annotations

import torch
from measure import Row, alternate, compare
from settings import Settings, random_llama, random_texts

from valuescope.edit import Deactivate, Edit, Modulate
from valuescope.generate import Answer, Sampling, generate
from valuescope.locate import NeuronSet
from valuescope.models import NeuronModel, encode, left_pad


def rows(settings: Settings) -> list[Row]:
    """Greedy answers of fixed length in one batch: edited against plain, and plain against `model.generate`."""
    model = random_llama(settings)
    prompts = random_texts(settings.rows, settings.prompt, settings.vocabulary)
    sampling = Sampling(settings.new_tokens, temperature=0)
    batch = left_pad(model, encode(model, prompts))
    edits: list[Edit | None] = [
        Modulate(_random_set(model, settings.share, seed)) for seed in range(settings.rows)
    ]
    off = Deactivate(_random_set(model, settings.share, 0))

    def ours(edits: Edit | list[Edit | None] | None) -> list[Answer]:
        return generate(model, prompts, edits=edits, sampling=sampling, batch_size=settings.rows, stop_ids=())

    def theirs() -> torch.Tensor:
        return model.model.generate(  # type: ignore[no-any-return]
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            max_new_tokens=settings.new_tokens,
            do_sample=False,
        )

    mixed = f"{settings.rows} different edits"
    seconds = alternate(
        {
            "plain": lambda: ours(None),
            "one edit, deactivate": lambda: ours(off),
            "one edit, modulate": lambda: ours(edits[0]),
            mixed: lambda: ours(edits),
            "transformers' generate": theirs,
        },
        settings.rounds,
    )
    same = [list(answer.tokens) for answer in ours(None)] == theirs()[:, batch.input_ids.shape[1] :].tolist()
    note = f"{settings.rows} rows x {settings.new_tokens} tokens, {settings.share:.0%} of the neurons"
    return [
        *(
            compare(seconds, what, "plain", note)
            for what in ("one edit, deactivate", "one edit, modulate", mixed)
        ),
        compare(
            seconds, "plain", "transformers' generate", "equal tokens" if same else "tokens differ (rounding)"
        ),
    ]


def _random_set(model: NeuronModel, share: float, seed: int) -> NeuronSet:
    """That share of all neurons, drawn at random, with random signs."""
    generator = torch.Generator().manual_seed(seed)
    count = max(1, round(share * model.neurons))
    flat = torch.randperm(model.neurons, generator=generator)[:count]
    return NeuronSet(
        value="none",
        model=model.identity,
        site="product",
        method="random",
        parameters={"share": share},
        data_hash="",
        seed=seed,
        layers=flat // model.width,
        indices=flat % model.width,
        scores=torch.ones(count),
        signs=torch.randint(0, 2, (count,), generator=generator) * 2 - 1,
    )
