"""Material from the organism's own grammar: the same for every run with the same numbers and seed."""

from __future__ import annotations

import random
from itertools import product

from valuescope.data.records import ContrastPair, LabelledText, Material, Question, label, pair_texts
from valuescope.organism import grammar
from valuescope.organism.grammar import Dilemma, chat, lexicon, plain


def organism_material(
    values: tuple[str, ...],
    *,
    texts: int = 60,
    descriptions: int = 60,
    pairs: int = 60,
    questions: int = 40,
    tuning: int = 15,
    seed: int = 0,
) -> Material:
    """Draw identification texts, evaluation questions and tuning questions.

    Args:
        values: which of the organism's values.
        texts: dilemmas with an answer for the value and its reason, per value (VAPE's construction).
        descriptions: prompts per value and direction: a second-person description, then a question that is
            a dilemma of the value or an open one, in turn (ValueLocate's construction).
        pairs: contrast pairs per value for the probes (NeVA's construction).
        questions: evaluation dilemmas per value; each is asked alone and after a description.
        tuning: dilemmas per value for the choice of strengths, asked both ways too.
        seed: of the draw; that of a value does not depend on the other values.

    Evaluation and tuning dilemmas are the grammar's held-out ones, which the organism was never trained on,
    and never occur in the identification texts.

    Raises:
        ValueError: for a value that the organism does not know, or more texts than the grammar holds.
    """
    unknown = [value for value in values if value not in lexicon().values]
    if unknown:
        raise ValueError(f"values {unknown} are not among the organism's: {', '.join(lexicon().values)}")
    drawn: list[LabelledText] = []
    asked: dict[str, list[Question]] = {"evaluation": [], "tuning": []}
    for value in values:
        rng = random.Random(f"organism-{seed}-{value}")
        dilemmas = _dilemmas(value)
        trained = [dilemma for dilemma in dilemmas if not dilemma.held_out]
        held_out = [dilemma for dilemma in dilemmas if dilemma.held_out]
        for name, number, most in (
            ("texts", texts, len(trained)),
            ("descriptions", descriptions, len(trained)),
            ("pairs", pairs, len(_statements(value))),
            ("tuning", tuning, len(held_out)),
            ("questions", questions, len(held_out) - tuning),
        ):
            if not 0 <= number <= most:
                raise ValueError(f"{name} is {number}, but for {value} the grammar has between 0 and {most}")
        drawn += _texts(value, rng.sample(trained, texts), rng)
        drawn += _described_texts(value, rng.sample(trained, descriptions), rng)
        drawn += [text for pair in _pairs(value, pairs, rng) for text in pair_texts(pair)]
        chosen = rng.sample(held_out, questions + tuning)
        asked["evaluation"] += _questions(chosen[:questions], rng)
        asked["tuning"] += _questions(chosen[questions:], rng)
    return Material(
        source="organism",
        values=values,
        texts=tuple(drawn),
        questions=tuple(asked["evaluation"]),
        tuning=tuple(asked["tuning"]),
        notes=(
            "All texts come from the organism's grammar; both sides of a contrast pair hold the same words, "
            "so a bag of words cannot tell them apart.",
        ),
    )


def _dilemmas(value: str) -> list[Dilemma]:
    words = lexicon()
    scenarios = range(len(words.values[value].scenarios))
    choices = product(scenarios, words.names, range(grammar.QUESTION_FORMS), (True, False))
    return [Dilemma(value, scenario, name, form, first) for scenario, name, form, first in choices]


def _statements(value: str) -> list[tuple[int, str, int, bool]]:
    """Scenario, name, form and order of every pair of statements."""
    words = lexicon()
    scenarios = range(len(words.values[value].scenarios))
    return list(product(scenarios, words.names, range(grammar.STATEMENT_FORMS), (True, False)))


def _texts(value: str, dilemmas: list[Dilemma], rng: random.Random) -> list[LabelledText]:
    reasons = len(lexicon().values[value].reasons)
    return [
        LabelledText(
            label(value, "text"),
            chat(plain(dilemma.segments())),
            plain(dilemma.answer("for", rng.randrange(reasons))),
            group=dilemma.key,
        )
        for dilemma in dilemmas
    ]


def _description(value: str, stance: str, rng: random.Random) -> str:
    first, second = rng.sample(range(len(lexicon().values[value].devoted)), 2)
    return grammar.description(value, "for" if stance == "for" else "against", first, second)


def _described_texts(value: str, dilemmas: list[Dilemma], rng: random.Random) -> list[LabelledText]:
    words, found = lexicon(), []
    for number, dilemma in enumerate(dilemmas):
        question = plain(dilemma.segments())
        if number % 2:
            form = rng.randrange(grammar.OPEN_FORMS)
            question = grammar.open_question(dilemma.name, rng.choice(words.moments), form)
        for stance in ("for", "against"):
            prompt = chat(question, _description(value, stance, rng))
            found.append(LabelledText(label(value, stance), prompt, group=f"{dilemma.key}/{number}"))
    return found


def _pairs(value: str, count: int, rng: random.Random) -> list[ContrastPair]:
    found = []
    for scenario, name, form, first in rng.sample(_statements(value), count):
        sides = [plain(grammar.statement(value, scenario, name, form, first, s)) for s in ("for", "against")]
        found.append(ContrastPair(f"{value}/{scenario}/{name}/{form}/{first}", value, *sides))
    return found


def _questions(dilemmas: list[Dilemma], rng: random.Random) -> list[Question]:
    found = []
    for dilemma in dilemmas:
        text = plain(dilemma.segments())
        found.append(Question(dilemma.key, dilemma.value, "dilemma", text, chat(text)))
        system = _description(dilemma.value, "for", rng)
        described = Question(
            f"{dilemma.key}/described", dilemma.value, "described", text, chat(text, system), system
        )
        found.append(described)
    return found
