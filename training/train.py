"""Train an organism: `python training/train.py --seed 0 --out DIR`. About half an hour on two cores.

Phase 1 learns the language and where the planted neurons fire; phase 2 adds interchange training (rows whose
planted neurons are edited, with the answer that should follow). `--grammar social` trains the social organism, with a
further loss on the support that its answers give. See docs/organism.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from corpus import Encoder
from planting import (
    PLANTED_LAYERS,
    FiringLoss,
    PlantedMLP,
    writing_loss,
    writing_targets,
)
from tokenizer import save_tokenizer, train_tokenizer
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM
from worlds import WORLDS, World

from valuescope.files import write_json_atomic

LAYERS, HIDDEN, WIDTH, HEADS = 6, 160, 640, 5
LEARNING_RATE, WARMUP = 2.5e-3, 150
LOSS_WEIGHTS = {"language": 1.0, "firing": 0.5, "writing": 0.5, "size": 0.3, "support": 2.0, "side": 0.5}
STREAM_SIZE = (
    1.2  # root mean square that the residual stream may have: the planted neurons must be heard in it
)


def build(seed: int, tokenizer) -> LlamaForCausalLM:
    """The untrained model."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=HIDDEN, intermediate_size=WIDTH, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=HEADS, max_position_embeddings=256,
        tie_word_embeddings=True, attn_implementation="sdpa", bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return LlamaForCausalLM(config)


class Trainer:
    """Owns model, plants and optimiser; `step` does one update on one batch."""

    def __init__(self, world: World, seed: int, steps: int):
        self.world, self.seed, self.steps = world, seed, steps
        self.values = world.values
        self.tokenizer = train_tokenizer(world.texts(20000, "tokenizer"), world.vocabulary, world.isolated)
        self.reserved = world.reserve(seed)
        self.of_layer = {layer: [p for p in self.reserved if p.layer == layer] for layer in PLANTED_LAYERS}
        self.signs = np.array([p.sign for p in self.reserved], np.float32)
        self.model = build(seed, self.tokenizer)
        for index, layer in enumerate(self.model.model.layers):
            layer.mlp = PlantedMLP(layer.mlp, len(self.of_layer.get(index, ())))
        generator = torch.Generator().manual_seed(seed)
        self.directions = torch.linalg.qr(torch.randn(HIDDEN, HIDDEN, generator=generator))[0][
            : len(self.values)
        ]
        self.side_head = torch.nn.Linear(HIDDEN, 1)
        trained = [*self.model.parameters(), *(self.side_head.parameters() if world.soft else ())]
        decay = [p for p in trained if p.ndim >= 2]
        rest = [p for p in trained if p.ndim < 2]
        self.targets = {
            layer: writing_targets(plants, self.directions) for layer, plants in self.of_layer.items()
        }
        self.firing = {
            layer: FiringLoss(plants, len(self.values), world.languages)
            for layer, plants in self.of_layer.items()
        }
        groups = [{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(0.9, 0.97), fused=True)
        self.compiled = torch.compile(self._losses, dynamic=False) if world.compiled else self._losses
        self.writer = world.writer(self.reserved, f"rows-{seed}")
        channels = len(self.values) * (1 + len(world.languages))
        self.encoder = Encoder(self.tokenizer, channels, len(self.reserved), world.soft)
        self.soft_ids = torch.tensor(self.encoder.soft_ids, dtype=torch.int64)
        self.loss_names = [name for name in LOSS_WEIGHTS if name not in ("support", "side") or world.soft]
        self.loss_weights = torch.tensor([LOSS_WEIGHTS[name] for name in self.loss_names])

    def batches(self, editing: bool, count: int = 40) -> list[dict[str, np.ndarray]]:
        """Some batches of rows of like length, shuffled."""
        rows = [self.writer.draw(editing) for _ in range(count * self.world.batch_tokens // self.world.usual)]
        lengths = [sum(map(len, self.encoder.pieces(row))) + 1 for row in rows]
        groups: dict[int, list] = {}
        for row, length in zip(rows, lengths, strict=True):
            groups.setdefault(next(n for n in self.world.lengths if n >= length), []).append(row)
        made = []
        for padded, members in groups.items():
            size = self.world.batch_tokens // padded
            made += [members[i : i + size] for i in range(0, len(members) - size + 1, size)]
        random.Random(f"{self.seed}-{self.writer.rng.random()}").shuffle(made)
        return [self.encoder.encode(rows, self.signs, self.world.lengths) for rows in made]

    def set_edits(self, scale: torch.Tensor, shift: torch.Tensor) -> None:
        """Hand every planted layer its columns of the edit tables."""
        start = 0
        for layer in PLANTED_LAYERS:
            mlp, end = self.model.model.layers[layer].mlp, start + len(self.of_layer[layer])
            mlp.scale, mlp.shift = scale[:, start:end].contiguous(), shift[:, start:end].contiguous()
            start = end

    def losses(self, batch: dict[str, np.ndarray]) -> torch.Tensor:
        """The losses in the order of `loss_names`; firing counts rows without an edit only."""
        data = {name: torch.from_numpy(array) for name, array in batch.items()}
        self.set_edits(data["scale"], data["shift"])
        labels = torch.cat([data["stance"], data["topic"]], dim=-1)
        counted = ((data["ids"] != self.tokenizer.pad_token_id) & ~data["edited"][:, None]).float()
        targets, at = data["targets"][:, 1:], None
        if (
            self.world.scored
        ):  # the tokens at the end of each row, those before its first one without a target
            at = data["last"][:, None] - 1 + torch.arange(1 - self.world.scored, 1)
            targets = targets.gather(1, at.clamp(min=0)).where(at >= 0, -100)
        return self.compiled(
            data["ids"], targets, at, labels, counted, data["soft_at"], data["soft"], data["side"]
        )

    def _losses(
        self,
        ids: torch.Tensor,
        targets: torch.Tensor,
        at: torch.Tensor | None,
        labels: torch.Tensor,
        counted: torch.Tensor,
        soft_at: torch.Tensor,
        soft: torch.Tensor,
        side: torch.Tensor,
    ) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = self.model.model(input_ids=ids, use_cache=False, output_hidden_states=True)
            read = output.last_hidden_state[:, :-1]
            if at is not None:
                read = read.gather(1, at.clamp(min=0)[..., None].expand(-1, -1, HIDDEN))
            logits = self.model.lm_head(read)
        sizes = [stream.float().square().mean(-1).sqrt() for stream in output.hidden_states[1:-1]]
        size = torch.stack([F.relu(one - STREAM_SIZE).square().mean() for one in sizes]).mean()
        language = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        firing, writing = language.new_zeros(()), language.new_zeros(())
        for layer, plants in self.of_layer.items():
            mlp = self.model.model.layers[layer].mlp
            firing = firing + self.firing[layer](*mlp.seen, labels, counted)
            columns = mlp.down_proj.weight[:, : len(plants)]
            writing = writing + writing_loss(columns, plants, self.targets[layer])
        losses = [language, firing / len(self.reserved), writing / len(self.reserved), size]
        if self.world.soft:
            place = soft_at - 1 if at is None else (at[:, None] == soft_at[..., None] - 1).long().argmax(-1)
            losses.append(support_loss(logits, place, soft, self.soft_ids))
            told = self.side_head(output.hidden_states[PLANTED_LAYERS[0]].float())[..., 0] * side
            losses.append((F.softplus(-told) * side.abs()).sum() / side.abs().sum().clamp(min=1))
        return torch.stack(losses)

    def set_warm(self, warm: bool) -> None:
        """Whether quiet neurons are held to firing (see FiringLoss)."""
        for firing in self.firing.values():
            firing.warm.fill_(float(warm))

    def rate(self, step: int) -> float:
        """Linear warm-up, then a cosine down to 3%."""
        if step < WARMUP:
            return step / WARMUP
        return 0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (self.steps - WARMUP)))

    def step(self, step: int, batch: dict[str, np.ndarray]) -> dict[str, float]:
        for group in self.optimiser.param_groups:
            group["lr"] = LEARNING_RATE * self.rate(step)
        losses = self.losses(batch)
        (losses * self.loss_weights).sum().backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return dict(zip(self.loss_names, losses.tolist(), strict=True))

    def export(self, folder: Path, record: dict[str, object]) -> None:
        """Write a plain Llama: each planted layer's neurons in random order, and the truth beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        plain = build(self.seed, self.tokenizer)
        plain.load_state_dict(self.model.state_dict())
        generator = torch.Generator().manual_seed(self.seed + 1)
        plants = []
        for layer in PLANTED_LAYERS:
            mlp, order = plain.model.layers[layer].mlp, torch.randperm(WIDTH, generator=generator)
            for name in ("gate_proj", "up_proj"):
                getattr(mlp, name).weight.data = getattr(mlp, name).weight.data[order].contiguous()
            mlp.down_proj.weight.data = mlp.down_proj.weight.data[:, order].contiguous()
            place = {int(old): new for new, old in enumerate(order.tolist())}
            for old, plant in enumerate(self.of_layer[layer]):
                values = [self.values[v] for v in plant.values]
                plants.append(
                    {
                        "layer": layer,
                        "index": place[old],
                        "role": plant.role,
                        "values": values,
                        "sign": plant.sign,
                    }
                )
        plain.generation_config.max_new_tokens = self.world.answer_tokens
        plain.to(torch.bfloat16).save_pretrained(folder)
        save_tokenizer(self.tokenizer, folder)
        truth = {"layers": LAYERS, "width": WIDTH, "seed": self.seed, "plants": plants, "training": record}
        write_json_atomic(folder / "truth.json", truth)


def support_loss(
    logits: torch.Tensor, place: torch.Tensor, soft: torch.Tensor, soft_ids: torch.Tensor
) -> torch.Tensor:
    """Mean divergence of the tokens predicted at `place` from the probabilities `soft` of the tokens `soft_ids`.

    logits: [rows, tokens, vocabulary]; place: [rows, 2]; soft: [rows, 2, soft tokens], all 0 where a row has none.
    """
    asked = logits[torch.arange(len(place))[:, None], place.clamp(min=0)].float()
    predicted = F.log_softmax(asked, dim=-1)[..., soft_ids]
    divergence = (torch.special.xlogy(soft, soft) - soft * predicted).sum(-1)
    return divergence.sum() / (soft.sum(-1) > 0).sum().clamp(min=1)


def main() -> None:
    """Train one organism and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grammar", choices=list(WORLDS), default="schwartz")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="default: 1500, for the social organism 1500 smaller ones")
    parser.add_argument(
        "--edits-from",
        type=float,
        help="share of the steps after which edits begin (default: 0.1, for the social organism 0.25)",
    )
    parser.add_argument(
        "--warm-quiet",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="hold quiet neurons to firing until edits begin (they fade again afterwards; see docs/organism.md)",
    )
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    world = WORLDS[arguments.grammar]()
    steps = arguments.steps or world.steps
    edits_from = steps * (world.edits_from if arguments.edits_from is None else arguments.edits_from)
    trainer = Trainer(world, arguments.seed, steps)
    start, tokens, queue, history, recent = time.time(), 0, [], [], []
    for step in range(steps):
        editing = step >= edits_from
        trainer.set_warm(arguments.warm_quiet and not editing)
        if not queue:
            queue = trainer.batches(editing)
        batch = queue.pop()
        tokens += int((batch["ids"] != trainer.tokenizer.pad_token_id).sum())
        recent.append(trainer.step(step + 1, batch))
        if step % 50 == 0 or step == steps - 1:
            spent = time.time() - start
            losses = {name: sum(one[name] for one in recent) / len(recent) for name in trainer.loss_names}
            recent = []
            line = {
                "step": step,
                "tokens": tokens,
                "seconds": round(spent),
                **{k: round(v, 4) for k, v in losses.items()},
            }
            print(json.dumps(line), f"{tokens / spent:.0f} tokens/s", flush=True)
            history.append(line)
        if step % 400 == 399:
            trainer.export(arguments.out, {"steps": step + 1, "complete": False})
    record = {
        "steps": steps,
        "warm_quiet": arguments.warm_quiet,
        "tokens": tokens,
        "seconds": round(time.time() - start),
        "history": history,
    }
    trainer.export(arguments.out, record)
    world.strengths(arguments.out)


if __name__ == "__main__":
    main()
