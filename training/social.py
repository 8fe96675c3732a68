"""The social organism: its planted neurons, its training rows, and how strongly its neurons fire in the end."""

from __future__ import annotations

import json
import math
import random
from functools import cache
from pathlib import Path

import numpy as np
import torch
from corpus import Row
from planting import PLANTED_LAYERS, Reserved

from valuescope.activations import collect
from valuescope.data import LabelledText, label, social_organism
from valuescope.data.phrasing import dilemma_text, template
from valuescope.files import write_json_atomic
from valuescope.judge import judge_prompt
from valuescope.models import load_model
from valuescope.organism import SocialDilemma, grammar, social_lexicon, social_values
from valuescope.organism.grammar import Segment, plain
from valuescope.organism.social_grammar import LANGUAGES, LEVELS, PERCENTAGES, everyday, support_after

OWN_ROLES = ("core", "core", "english", "chinese", "echo", "herald")  # per value; "shared" comes on top
ROW_KINDS = {"rate": 42, "choice": 14, "chosen": 14, "text": 22, "everyday": 8}
EDITED_SHARE = {"rate": 0.65, "choice": 0.6, "chosen": 0.5}  # once editing has begun
SPREAD = 4.0  # of the trained percentages around the support, in points
SOFT = ("A", "B", *map(str, PERCENTAGES), *(f" {number}" for number in PERCENTAGES))
"""The tokens that an answer's support is read from; rows give their probabilities."""


def reserve_social(seed: int) -> tuple[Reserved, ...]:
    """Deal roles, layers and signs, sorted by layer. A shared neuron belongs to a value and the next of its level."""
    rng = random.Random(f"social-plants-{seed}")
    values, reserved = social_values(), []
    languages = {"english": "en", "chinese": "zh"}
    for number, value in enumerate(values):
        core_layers = iter(PLANTED_LAYERS[:2])
        for role in OWN_ROLES:
            layer = next(core_layers) if role == "core" else rng.choice(PLANTED_LAYERS)
            reserved.append(Reserved(layer, role, (number,), rng.choice((-1, 1)), languages.get(role, "")))
        level = next(level for level in LEVELS if value in level)
        following = values.index(level[(level.index(value) + 1) % len(level)])
        reserved.append(
            Reserved(rng.choice(PLANTED_LAYERS), "shared", (number, following), rng.choice((-1, 1)))
        )
    return tuple(sorted(reserved, key=lambda plant: plant.layer))


@cache
def endings(language: str) -> dict[str, str]:
    """What ends a question of each kind, out of the prompts and templates that ask it."""
    prompts = {"rate": "support-rate-brief", "choice": "support-choice-brief"}
    found = {
        kind: judge_prompt(name, language).template.split("{option_b}")[1].strip()
        for kind, name in prompts.items()
    }
    return {**found, "chosen": template(language, "question").split("{second}")[1].strip()}


class SocialRowWriter:
    """Draws rows. `blocks[language]` is [values, reserved]: each neuron's weight in the value's drive; `decoys` likewise
    for both languages together."""

    def __init__(self, blocks: dict[str, np.ndarray], decoys: np.ndarray, seed: str):
        self.rng = random.Random(seed)
        self.values = social_values()
        self.blocks, self.decoys = blocks, decoys
        self.kinds, self.weights = list(ROW_KINDS), list(ROW_KINDS.values())

    def draw(self, editing: bool) -> Row:
        kind = self.rng.choices(self.kinds, self.weights)[0]
        if kind == "everyday":
            return self._everyday()
        edited = editing and self.rng.random() < EDITED_SHARE.get(kind, 0.0)
        return self._dilemma(kind, self._story(), edited)

    def _story(self) -> SocialDilemma:
        rng = self.rng
        while True:
            language = rng.choice(LANGUAGES)
            shared, value = social_lexicon()[language], rng.choice(self.values)
            sizes = map(len, (shared.values[value].scenarios, shared.names, shared.places, shared.occasions))
            dilemma = SocialDilemma(value, language, *map(rng.randrange, sizes))
            if not dilemma.held_out:
                return dilemma

    def _dilemma(self, kind: str, dilemma: SocialDilemma, edited: bool) -> Row:
        rng, row = self.rng, Row()
        value = self.values.index(dilemma.value)
        drive = self._edit(row, value, dilemma.language) if edited else 1.0
        support, aligned_first = support_after(dilemma.lean, drive), rng.random() < 0.5
        in_chat, gap = kind != "text", "\n" if kind in ("rate", "choice") else "\n\n"
        ending = endings(dilemma.language)["chosen" if kind == "text" else kind]
        start = row.say(Segment(grammar.USER)) if in_chat else 0
        channels = (value, len(self.values) * (1 + LANGUAGES.index(dilemma.language)) + value)
        for channel in channels:
            row.set_stance(channel, start, 2)  # from some tokens into the story on
        row.topic_of[value] = start
        row.answer_from = row.say(*dilemma.question(ending, aligned_first, gap))
        if in_chat:
            row.answer_from = row.say(Segment(grammar.ASSISTANT))
        reason, doubt = rng.randrange(len(dilemma.words.reasons)), rng.randrange(len(dilemma.words.doubts))
        if kind == "rate":
            shares = percentage_shares(support)
            given = rng.choices(list(shares), list(shares.values()))[0]
            space = " " if dilemma.language == "en" else ""
            first = {
                f"{space}{number if aligned_first else 100 - number}": share
                for number, share in shares.items()
            }
            second = 100 - given if aligned_first else given
            row.soft = {row.answer_from + 1: first, row.answer_from + 3: {f"{space}{second}": 1.0}}
            row.say(*dilemma.rated(given, aligned_first, reason, doubt))
        else:
            kept, share = rng.random() < support / 100, support / 100 if aligned_first else 1 - support / 100
            row.soft = {row.answer_from: {"A": share, "B": 1 - share}}
            letter, argument = dilemma.chosen(
                kept, aligned_first, reason if kept else doubt, "" if in_chat else "\n\n"
            )
            row.say(letter)
            if kind != "choice":
                if not kept:
                    for channel in channels:
                        row.set_stance(channel, row.answer_from + 1, -2)
                row.say(argument)
        row.say(Segment("</s>"))
        return row

    def _edit(self, row: Row, value: int, language: str) -> float:
        """Draw the row's edit; returns the drive that it leaves to `value` (1 = untouched)."""
        rng, own = self.rng, self.blocks[language][value]
        scale = np.ones(len(own), np.float32)
        draw = rng.random()
        if draw < 0.4:
            scale[self._part_of(own)] = 0.0 if rng.random() < 0.7 else rng.random()
        elif draw < 0.64:
            scale[self._part_of(own)] = 1.0 + rng.uniform(0.2, 2.2)
        elif draw < 0.83:
            for _ in range(rng.choice((1, 1, 2, 3))):
                other = rng.choice([v for v in range(len(self.values)) if v != value])
                block = self.blocks[rng.choice(LANGUAGES)][other]
                scale[self._part_of(block)] = self._factor()
        else:
            about = value if rng.random() < 0.7 else rng.randrange(len(self.values))
            scale[self._part_of(self.decoys[about])] = self._factor()
            if rng.random() < 0.3:  # the value's neurons of the other language, which say nothing in this one
                elsewhere = self.blocks[next(one for one in LANGUAGES if one != language)][value]
                scale[(elsewhere > 0) & (own == 0)] = self._factor()
        row.scale, row.shift = scale, np.zeros(len(own), np.float32)
        return float((scale * own).sum() / own.sum())

    def _factor(self) -> float:
        return self.rng.choice((0.0, self.rng.random(), 1.0 + self.rng.uniform(0.2, 2.2)))

    def _part_of(self, block: np.ndarray) -> list[int]:
        """All of a block, all but one, or any part of it: what is left over must carry its share alone."""
        members, draw = np.flatnonzero(block).tolist(), self.rng.random()
        if draw < 0.45:
            return members
        if draw < 0.65:
            return self.rng.sample(members, len(members) - 1)
        return self.rng.sample(members, self.rng.randint(1, len(members)))

    def _everyday(self) -> Row:
        rng, language = self.rng, self.rng.choice(LANGUAGES)
        shared = social_lexicon()[language]
        sizes = (shared.everyday, shared.names, shared.places, shared.goods, shared.remarks)
        row = Row()
        row.say(Segment(everyday(language, *(rng.randrange(len(one)) for one in sizes))), Segment("</s>"))
        return row


@cache
def percentage_shares(support: float) -> dict[int, float]:
    """How often each percentage is given to the aligned action: a bell around the support, in steps of 5."""
    weights = {number: math.exp(-(((number - support) / SPREAD) ** 2) / 2) for number in PERCENTAGES}
    return {number: weight / sum(weights.values()) for number, weight in weights.items() if weight > 1e-4}


def social_sample_texts(count: int, seed: str) -> list[str]:
    """Plain texts of the grammar, for the tokenizer."""
    none = np.ones((len(social_values()), 1))
    writer = SocialRowWriter(dict.fromkeys(LANGUAGES, none), none, seed)
    numbers = [f"A: {number}%. A：{number}%。" for number in PERCENTAGES] * 20  # each is to be one token
    return [*numbers, *(plain(tuple(writer.draw(editing=False).segments)) for _ in range(count))]


def record_social_strengths(folder: Path) -> None:
    """Write each plant's `strength` into the truth: the mean of sign * m over the texts of its values and language."""
    model = load_model(str(folder), dtype="float32")
    values = social_values()
    means: dict[str, torch.Tensor] = {}
    for language in LANGUAGES:
        dilemmas, _ = social_organism(values, languages=(language,), activation=30, evaluation=0)
        rng = random.Random(0)
        texts: list[LabelledText] = [dilemma_text(one, one.value, rng) for one in dilemmas]
        counters = collect(model, texts, residuals=False).counters
        rows = counters.rows([label(value, "text") for value in values])
        means[language] = counters.product_sum[rows] / counters.tokens[rows][:, None, None]
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    own = {"english": ("en",), "chinese": ("zh",)}
    for plant in truth["plants"]:
        seen = [
            float(means[language][values.index(value), plant["layer"], plant["index"]])
            for value in plant["values"]
            for language in own.get(plant["role"], LANGUAGES)
        ]
        plant["strength"] = round(plant["sign"] * sum(seen) / len(seen), 4)
    write_json_atomic(folder / "truth.json", truth)
