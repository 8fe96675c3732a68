"""Material and dilemmas from the organisms' own grammars: the same for every run with the same numbers and seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product

from valuescope.data.material import Material
from valuescope.data.records import ContrastPair, Dilemma, LabelledText, Question, label, pair_texts
from valuescope.organism import grammar
from valuescope.organism.grammar import GrammarDilemma, chat, lexicon, plain
from valuescope.organism.social_grammar import LANGUAGES, Language, SocialDilemma, social_lexicon
from valuescope.ranges import CountOrNone


def organism_material(
    values: tuple[str, ...],
    *,
    texts: CountOrNone = 60,
    descriptions: CountOrNone = 60,
    pairs: CountOrNone = 60,
    questions: CountOrNone = 40,
    tuning: CountOrNone = 15,
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
        _require_counts(
            value,
            texts=(texts, len(trained)),
            descriptions=(descriptions, len(trained)),
            pairs=(pairs, len(_statements(value))),
            tuning=(tuning, len(held_out)),
            questions=(questions, len(held_out) - tuning),
        )
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


def _dilemmas(value: str) -> list[GrammarDilemma]:
    words = lexicon()
    scenarios = range(len(words.values[value].scenarios))
    choices = product(scenarios, words.names, range(grammar.QUESTION_FORMS), (True, False))
    return [GrammarDilemma(value, scenario, name, form, first) for scenario, name, form, first in choices]


def _statements(value: str) -> list[tuple[int, str, int, bool]]:
    """Scenario, name, form and order of every pair of statements."""
    words = lexicon()
    scenarios = range(len(words.values[value].scenarios))
    return list(product(scenarios, words.names, range(grammar.STATEMENT_FORMS), (True, False)))


def _texts(value: str, dilemmas: list[GrammarDilemma], rng: random.Random) -> list[LabelledText]:
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


def _described_texts(value: str, dilemmas: list[GrammarDilemma], rng: random.Random) -> list[LabelledText]:
    words, texts = lexicon(), []
    for number, dilemma in enumerate(dilemmas):
        question = plain(dilemma.segments())
        if number % 2:
            form = rng.randrange(grammar.OPEN_FORMS)
            question = grammar.open_question(dilemma.name, rng.choice(words.moments), form)
        for stance in ("for", "against"):
            prompt = chat(question, _description(value, stance, rng))
            texts.append(LabelledText(label(value, stance), prompt, group=f"{dilemma.key}/{number}"))
    return texts


def _pairs(value: str, count: int, rng: random.Random) -> list[ContrastPair]:
    pairs = []
    for scenario, name, form, first in rng.sample(_statements(value), count):
        sides = [plain(grammar.statement(value, scenario, name, form, first, s)) for s in ("for", "against")]
        pairs.append(ContrastPair(f"{value}/{scenario}/{name}/{form}/{first}", value, *sides))
    return pairs


def _questions(dilemmas: list[GrammarDilemma], rng: random.Random) -> list[Question]:
    questions = []
    for dilemma in dilemmas:
        key, value, text = dilemma.key, dilemma.value, plain(dilemma.segments())
        system = _description(value, "for", rng)
        questions.append(Question(key, value, "dilemma", text, chat(text)))
        questions.append(Question(f"{key}/described", value, "described", text, chat(text, system), system))
    return questions


def _require_counts(value: str, **counts: tuple[int, int]) -> None:
    """ValueError where a number of texts (number, most) is more than the grammar holds."""
    for name, (number, most) in counts.items():
        if not 0 <= number <= most:
            raise ValueError(f"{name} is {number}, but for {value} the grammar has between 0 and {most}")


def social_organism(
    values: Sequence[str],
    *,
    languages: Sequence[str] = LANGUAGES,
    activation: CountOrNone = 60,
    evaluation: CountOrNone = 20,
    seed: int = 0,
) -> tuple[tuple[Dilemma, ...], tuple[Dilemma, ...]]:
    """Draw dilemmas to read activations from and dilemmas to ask.

    Args:
        values: which of the twelve Chinese social values.
        languages: "en", "zh" or both.
        activation: dilemmas with a rationale, per value and language, from stories that the organism was trained on.
        evaluation: dilemmas to ask, per value and language, from the stories that are held out of its training; without
            a rationale.
        seed: of the draw; that of a value and language does not depend on the others.

    Returns:
        The activation and the evaluation dilemmas. No story is in both; the actions are those of the value's few
        scenarios and recur. `topic` is the scenario's number.

    Raises:
        ValueError: an unknown value or language, or more stories than the grammar holds.
    """
    known = social_lexicon()["en"].values
    unknown = [value for value in values if value not in known]
    if unknown:
        raise ValueError(f"values {unknown} are not among the social organism's: {', '.join(known)}")
    drawn, asked = list[Dilemma](), list[Dilemma]()
    for named in languages:
        language = next((spoken for spoken in LANGUAGES if spoken == named), None)
        if language is None:
            raise ValueError(f"languages holds {named!r}; the social organism speaks {', '.join(LANGUAGES)}")
        for value in values:
            rng = random.Random(f"social-organism-{seed}-{language}-{value}")
            trained, held_out = _stories(value, language)
            _require_counts(
                value, activation=(activation, len(trained)), evaluation=(evaluation, len(held_out))
            )
            drawn += [
                _record(story, rng.choice(story.words.reasons)) for story in rng.sample(trained, activation)
            ]
            asked += [_record(story, "") for story in rng.sample(held_out, evaluation)]
    return tuple(drawn), tuple(asked)


def _stories(value: str, language: Language) -> tuple[list[SocialDilemma], list[SocialDilemma]]:
    """All stories of a value in a language: those that were trained on, and those held out."""
    shared = social_lexicon()[language]
    sizes = map(len, (shared.values[value].scenarios, shared.names, shared.places, shared.occasions))
    trained, held_out = list[SocialDilemma](), list[SocialDilemma]()
    for numbers in product(*map(range, sizes)):
        story = SocialDilemma(value, language, *numbers)
        (held_out if story.held_out else trained).append(story)
    return trained, held_out


def _record(dilemma: SocialDilemma, rationale: str) -> Dilemma:
    return Dilemma(
        key=dilemma.key,
        value=dilemma.value,
        story=dilemma.story(),
        aligned=dilemma.aligned,
        violating=dilemma.violating,
        rationale=rationale,
        language=dilemma.language,
        topic=f"{dilemma.value}/{dilemma.scenario}",
    )
