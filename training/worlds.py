"""The two worlds an organism can be trained in: what differs between them, and nothing of how training goes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from corpus import Row, RowWriter, sample_texts
from planting import Reserved, membership, reserve
from social import SOFT, SocialRowWriter, record_social_strengths, reserve_social, social_sample_texts
from strength import record_strengths

from valuescope.organism import lexicon, social_values
from valuescope.organism.social_grammar import LANGUAGES
from valuescope.organism.truth import DECOY_ROLES


class Writer(Protocol):
    """What draws training rows."""

    rng: random.Random

    def draw(self, editing: bool) -> Row: ...


@dataclass(frozen=True)
class World:
    """A grammar, the neurons planted in it, and the sizes that fit its texts.

    `lengths`: rows are padded to one of these, and each costs a compilation where the world is `compiled`; `usual` is
    the usual length. `scored`: the language loss sees this many tokens at a row's end, 0 all. `languages` are those that
    some neurons belong to. `soft`: tokens whose probabilities rows give (the support loss).
    """

    values: tuple[str, ...]
    reserve: Callable[[int], tuple[Reserved, ...]]
    writer: Callable[[tuple[Reserved, ...], str], Writer]
    texts: Callable[[int, str], list[str]]
    strengths: Callable[[Path], None]
    vocabulary: int
    lengths: tuple[int, ...]
    usual: int
    steps: int
    batch_tokens: int = 6144
    edits_from: float = 0.1
    compiled: bool = True
    scored: int = 0
    languages: tuple[str, ...] = ()
    soft: tuple[str, ...] = ()
    isolated: str = ""
    answer_tokens: int = 48


def _values() -> World:
    values = tuple(lexicon().values)

    def writer(reserved: tuple[Reserved, ...], seed: str) -> RowWriter:
        blocks, decoys = (
            membership(reserved, len(values)),
            membership(reserved, len(values), DECOY_ROLES),
        )
        return RowWriter(blocks.numpy(), decoys.numpy(), seed)

    return World(
        values, lambda seed: reserve(len(values), seed), writer, sample_texts, record_strengths,
        vocabulary=2048, lengths=(48, 64, 80, 112), usual=56, steps=1500,
    )  # fmt: skip


def _social() -> World:
    values = social_values()

    def writer(reserved: tuple[Reserved, ...], seed: str) -> SocialRowWriter:
        blocks = {
            language: membership(reserved, len(values), language=language).numpy() for language in LANGUAGES
        }
        return SocialRowWriter(blocks, membership(reserved, len(values), DECOY_ROLES).numpy(), seed)

    return World(
        values, reserve_social, writer, social_sample_texts, record_social_strengths,
        vocabulary=4096, lengths=(28, 60, 64, 68, 72, 76, 80, 84, 88, 96), usual=70, steps=1500,
        batch_tokens=4096, compiled=False, scored=40, edits_from=0.25,
        languages=LANGUAGES, soft=SOFT, isolated=r"\p{Han}", answer_tokens=64,
    )  # fmt: skip


WORLDS: dict[str, Callable[[], World]] = {"schwartz": _values, "social": _social}
