"""Dilemmas from the social organism's own grammar, as records: the same for every call with the same numbers and seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product

from valuescope.data.records import Dilemma
from valuescope.organism.social_grammar import LANGUAGES, Language, SocialDilemma, social_lexicon


def social_organism(
    values: Sequence[str],
    *,
    languages: Sequence[str] = LANGUAGES,
    activation: int = 60,
    evaluation: int = 20,
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
        language = next((one for one in LANGUAGES if one == named), None)
        if language is None:
            raise ValueError(f"languages holds {named!r}; the social organism speaks {', '.join(LANGUAGES)}")
        for value in values:
            rng = random.Random(f"social-organism-{seed}-{language}-{value}")
            trained, held_out = _stories(value, language)
            for name, number, most in (
                ("activation", activation, len(trained)),
                ("evaluation", evaluation, len(held_out)),
            ):
                if not 0 <= number <= most:
                    raise ValueError(
                        f"{name} is {number}, but for {value} the grammar has between 0 and {most}"
                    )
            drawn += [_record(one, rng.choice(one.words.reasons)) for one in rng.sample(trained, activation)]
            asked += [_record(one, "") for one in rng.sample(held_out, evaluation)]
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
