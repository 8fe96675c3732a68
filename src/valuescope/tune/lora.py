"""Training an adapter of low rank on prompts and answers (LoRA; the SFT baseline of NeVA, section 5)."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from valuescope.files import sha256_of, sha256_of_file, write_json_atomic
from valuescope.models import Encoded, NeuronModel, encode, forward_inputs, left_pad
from valuescope.progress import StepProgress
from valuescope.ranges import Count, Positive, ShareBelowAll
from valuescope.tune.adapter import FACTS, FILE_VERSION, WEIGHTS, Adapter, TuneError, as_it_was, require_peft


@dataclass(frozen=True)
class TrainingText:
    """What the model reads, and the answer that it learns to give."""

    prompt: str
    answer: str


@dataclass(frozen=True)
class LoraTraining:
    """How an adapter is trained; the defaults are NeVA's.

    Every linear layer but the head gets a change of rank `rank`, scaled by `alpha` / `rank`. A step is taken every
    `batch_size` x `accumulate` texts, by AdamW without weight decay at a constant `rate`.
    """

    rank: Count = 8
    alpha: Positive = 32.0
    dropout: ShareBelowAll = 0.1
    rate: Positive = 1e-4
    batch_size: Count = 4
    accumulate: Count = 4
    epochs: Count = 10

    def __post_init__(self) -> None:
        for name in ("rank", "batch_size", "accumulate", "epochs"):
            if getattr(self, name) < 1:
                raise TuneError(f"{name} is {getattr(self, name)}; it must be 1 or more")
        if not 0 <= self.dropout < 1 or self.rate <= 0 or self.alpha <= 0:
            raise TuneError(
                f"dropout {self.dropout}, rate {self.rate} and alpha {self.alpha}: dropout must be from 0 to under 1, "
                "and the others above 0"
            )


def train_adapter(
    model: NeuronModel,
    value: str,
    texts: Sequence[TrainingText],
    folder: Path | str,
    how: LoraTraining | None = None,
    *,
    seed: int = 0,
    progress: StepProgress = lambda done, total: None,
) -> Adapter:
    """Train an adapter for a value and save it in `folder`, whole or not at all; the model stays as it was.

    The loss is the cross-entropy of the answers' tokens and of the end of the answer. The same texts, settings and seed
    give the same adapter on a CPU. `progress` is told the epochs done.

    Raises:
        TuneError: without texts, for a text without an answer, or without `peft`.
    """
    how = how or LoraTraining()
    if not texts or any(not text.answer.strip() for text in texts):
        raise TuneError(f"{value}: {len(texts)} texts to learn; give at least one, each with an answer")
    peft, folder = require_peft(), Path(folder)
    aside = folder.with_name(f".{folder.name}.part")
    rows = _rows(model, texts)
    ranks = {"r": how.rank, "lora_alpha": how.alpha, "lora_dropout": how.dropout}
    config = peft.LoraConfig(**ranks, target_modules="all-linear", task_type="CAUSAL_LM")
    with model.lock, as_it_was(model), torch.random.fork_rng(), torch.enable_grad():
        torch.manual_seed(seed)
        tuned = peft.get_peft_model(model.model, config)
        try:
            losses = _train(model, rows, how, seed, progress)
            shutil.rmtree(aside, ignore_errors=True)
            tuned.save_pretrained(str(aside), save_embedding_layers=False)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        finally:
            tuned.unload()
    texts_hash = sha256_of([[text.prompt, text.answer] for text in texts])
    content = {
        "version": FILE_VERSION,
        "value": value,
        "model": model.identity.to_dict(),
        "training": {**asdict(how), "seed": seed, "texts": len(texts), "texts_hash": texts_hash},
        "losses": losses,
        "hash": sha256_of_file(aside / WEIGHTS),
    }
    write_json_atomic(aside / FACTS, content)
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
    return Adapter.load(folder)


def _rows(model: NeuronModel, texts: Sequence[TrainingText]) -> list[Encoded]:
    """The texts as tokens, each with the token that ends an answer."""
    end = model.tokenizer.eos_token_id
    last = () if end is None else (int(end),)
    rows = encode(model, [text.prompt for text in texts], [text.answer for text in texts])
    return [Encoded(row.input_ids + last, row.prompt_length) for row in rows]


def _train(
    model: NeuronModel,
    rows: Sequence[Encoded],
    how: LoraTraining,
    seed: int,
    progress: StepProgress,
) -> list[float]:
    """The mean loss per token of every epoch, with dropout on, as it was while training."""
    learnt = [parameter for parameter in model.model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learnt, lr=how.rate, weight_decay=0.0)
    order, rng, losses = list(range(len(rows))), random.Random(f"lora-{seed}"), list[float]()
    step = how.batch_size * how.accumulate
    model.model.train()
    for epoch in range(how.epochs):
        rng.shuffle(order)
        total, tokens = 0.0, 0
        for start in range(0, len(order), step):
            group = [rows[place] for place in order[start : start + step]]
            count = sum(len(row.input_ids) - row.prompt_length for row in group)
            for first in range(0, len(group), how.batch_size):
                loss = _loss(model, group[first : first + how.batch_size])
                (loss / count).backward()  # type: ignore[no-untyped-call]
                total += float(loss.detach())
            optimiser.step()
            optimiser.zero_grad()
            tokens += count
        losses.append(total / tokens)
        progress(epoch + 1, how.epochs)
    return losses


def _loss(model: NeuronModel, rows: Sequence[Encoded]) -> Tensor:
    """The summed cross-entropy of the answers' tokens, in nats."""
    batch = left_pad(model, rows)
    logits = model.model(**forward_inputs(model, batch), use_cache=False).logits[:, :-1]
    answered = batch.response_mask[:, 1:]
    return cross_entropy(logits[answered].float(), batch.input_ids[:, 1:][answered], reduction="sum")
