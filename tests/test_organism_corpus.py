"""The training script's rows: never a held-out text, the tokens of the whole text, answers that fit the edit."""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from valuescope.data import organism_material
from valuescope.organism import GrammarDilemma, lexicon, read_answer
from valuescope.organism import grammar as g
from valuescope.organism.grammar import is_held_out, plain
from valuescope.organism.truth import CAUSAL_ROLES, DECOY_ROLES

TRAINING = Path(__file__).resolve().parents[1] / "training"
VALUES = tuple(lexicon().values)


def load(name: str) -> ModuleType:
    """A module of the training folder; the folder stays on the path, since its modules import each other."""
    if not (TRAINING / f"{name}.py").is_file():
        pytest.skip("the training folder is not present")
    if str(TRAINING) not in sys.path:
        sys.path.append(str(TRAINING))
    return importlib.import_module(name)


@pytest.fixture(scope="module")
def corpus() -> ModuleType:
    return load("corpus")


@pytest.fixture(scope="module")
def planting() -> ModuleType:
    return load("planting")


@pytest.fixture(scope="module")
def rows(corpus: ModuleType, planting: ModuleType) -> list:
    return draw(corpus, planting, 4000)


def draw(corpus: ModuleType, planting: ModuleType, count: int, seed: str = "test") -> list:
    reserved = planting.reserve(len(VALUES), 0)
    blocks = planting.membership(reserved, len(VALUES)).numpy()
    decoys = planting.membership(reserved, len(VALUES), DECOY_ROLES).numpy()
    writer = corpus.RowWriter(blocks, decoys, seed)
    return [writer.draw(editing=number % 2 == 1) for number in range(count)]


def held_out_texts() -> tuple[set[str], set[str]]:
    """All held-out questions, with every occasion, and all held-out statements without the argument behind them."""
    words, questions, statements = lexicon(), set[str](), set[str]()
    for value, scenario, name, first in product(VALUES, range(8), words.names, (True, False)):
        for form in range(g.QUESTION_FORMS):
            if GrammarDilemma(value, scenario, name, form, first).held_out:
                questions |= {
                    plain(GrammarDilemma(value, scenario, name, form, first, occasion).segments())
                    for occasion in ("", *words.occasions)
                }
        for form in range(g.STATEMENT_FORMS):
            if is_held_out(f"statement/{value}/{scenario}/{name}/{form}/{first}"):
                statements |= {
                    plain(g.statement(value, scenario, name, form, first, stance))
                    for stance in ("for", "against")
                }
    return questions, statements


def asked(text: str) -> str:
    """The question of a chat row."""
    return text.split(g.USER)[1].split(g.ASSISTANT)[0]


def test_the_corpus_never_holds_a_held_out_text(rows: list) -> None:
    questions, statements = held_out_texts()
    texts = [plain(tuple(row.segments)) for row in rows]
    chats = [text for text in texts if g.USER in text]
    assert len(chats) > 3000
    assert not questions & {asked(text) for text in chats}
    told = [plain(tuple(row.segments[:-2])) for row in rows if g.USER not in plain(tuple(row.segments))]
    assert not statements & set(told)
    assert len(told) > 300


def test_the_evaluation_questions_are_held_out_ones() -> None:
    questions, _ = held_out_texts()
    material = organism_material(VALUES, texts=5, descriptions=5, pairs=5, questions=30, tuning=10)
    assert {question.question for question in (*material.questions, *material.tuning)} <= questions


def test_the_tokenizer_learns_from_trained_texts_only(corpus: ModuleType) -> None:
    questions, statements = held_out_texts()
    texts = corpus.sample_texts(1500, "tokenizer")
    assert not [text for text in texts if g.USER in text and asked(text) in questions]
    assert not [text for text in texts if any(text.startswith(told) for told in list(statements)[:200])]


def test_rows_depend_on_the_seed_alone(corpus: ModuleType, planting: ModuleType, rows: list) -> None:
    def texts(drawn: list) -> list[str]:
        return [plain(tuple(row.segments)) for row in drawn]

    assert texts(draw(corpus, planting, 300)) == texts(rows[:300])
    assert texts(draw(corpus, planting, 300, "other")) != texts(rows[:300])


def test_every_answer_in_the_corpus_is_fluent_to_the_oracle(rows: list) -> None:
    stances = Counter[str]()
    for row in rows:
        text = plain(tuple(row.segments))
        if g.USER in text:
            answer = text.split(g.ASSISTANT)[1].removesuffix("</s>")
            verdict = read_answer(asked(text), answer)
            assert verdict is not None, text
            assert verdict.fluent, text
            stances[str(verdict.stance)] += 1
    assert set(stances) == {"for", "against", "balanced", "None"}
    assert min(stances.values()) > 100


@pytest.mark.parametrize("persona", ["", "other description", "description for", "description against"])
def test_shares_of_stances_are_probabilities_that_follow_the_drive(corpus: ModuleType, persona: str) -> None:
    for value in VALUES:
        dilemma, before = GrammarDilemma(value, 0, "Mei", 0, True), -1.0
        for drive in np.linspace(0, 3, 31):
            shares = corpus.stance_shares(dilemma, persona, float(drive))
            assert sum(shares.values()) == pytest.approx(1)
            assert all(-1e-12 <= share <= 1 for share in shares.values())
            assert shares["for"] >= before - 1e-12
            before = shares["for"]
    without = corpus.stance_shares(dilemma, persona, 0.0)
    assert without["for"] == 0


def test_without_an_edit_the_lean_is_the_lexicons(corpus: ModuleType) -> None:
    for value in VALUES:
        supports, opposes = lexicon().values[value].lean
        shares = corpus.stance_shares(GrammarDilemma(value, 0, "Mei", 0, True), "", 1.0)
        assert (shares["for"], shares["against"]) == pytest.approx((supports, opposes))


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_every_value_gets_its_plants_of_every_role(planting: ModuleType, seed: int) -> None:
    reserved = planting.reserve(len(VALUES), seed)
    assert list(reserved) == sorted(reserved, key=lambda plant: plant.layer)
    assert {plant.sign for plant in reserved} == {-1, 1}
    assert {plant.role for plant in reserved} == {*CAUSAL_ROLES, *DECOY_ROLES}
    for value in range(len(VALUES)):
        own = [plant for plant in reserved if value in plant.values]
        for role in ("core", "quiet", "constant", "echo", "herald", "mute"):
            assert any(plant.role == role for plant in own), role
        shared = {frozenset(plant.values) for plant in own if plant.role == "shared"}
        assert shared == {frozenset((value, (value + step) % len(VALUES))) for step in (1, -1)}
    causal = planting.membership(reserved, len(VALUES))
    decoys = planting.membership(reserved, len(VALUES), DECOY_ROLES)
    assert not (causal.bool() & decoys.bool()).any()
    assert (causal.bool() | decoys.bool()).any(dim=0).all()


@pytest.fixture(scope="module")
def encoder(corpus: ModuleType, planting: ModuleType):
    tokenizer = load("tokenizer").train_tokenizer(corpus.sample_texts(3000, "tokenizer"), 1024)
    return corpus.Encoder(tokenizer, len(VALUES), len(planting.reserve(len(VALUES), 0)))


def test_tokens_of_the_pieces_are_tokens_of_the_text(encoder, rows: list) -> None:
    """Otherwise the organism would be trained on other tokens than it is asked with."""
    for row in rows[:1500]:
        text = plain(tuple(row.segments))
        pieces = [token for piece in encoder.pieces(row) for token in piece]
        assert pieces == encoder.tokenizer.encode(text, add_special_tokens=False), text


def test_an_edited_row_is_trained_on_its_answer_only(encoder, rows: list) -> None:
    tokenizer = encoder.tokenizer
    edited = [row for row in rows if row.scale is not None][:40]
    plainly = [row for row in rows if row.scale is None and row.answer_from > 0][:40]
    assert len(edited) == 40
    signs = np.ones(encoder.reserved, np.float32)
    batch = encoder.encode([*edited, *plainly], signs, (400,))
    assert batch["edited"].tolist() == [True] * 40 + [False] * 40
    for index, row in enumerate([*edited, *plainly]):
        learned = batch["targets"][index]
        text = plain(tuple(row.segments))
        wanted = text.split(g.ASSISTANT)[1] if row.scale is not None else text
        assert tokenizer.decode(learned[learned >= 0]) == wanted
        assert tokenizer.decode(batch["ids"][index][learned >= 0]) == wanted
    assert (batch["scale"][40:] == 1).all()
    assert (batch["shift"][40:] == 0).all()
