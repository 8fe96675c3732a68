"""What the social organism's planted neurons cause: `python training/check_social.py FOLDER`. Prints Markdown.

Every row of the effects edits the true neurons (or others, for comparison) and asks held-out stories in both orders,
paired with the same stories without an edit.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from check import planted

from valuescope.activations import collect
from valuescope.data import Dilemma, label, social_organism
from valuescope.data.phrasing import dilemma_text
from valuescope.edit import Amplify, Deactivate, Edit
from valuescope.generate import Sampling, generate
from valuescope.judge import parse_percentages, support_from_log_probabilities, support_from_percentages
from valuescope.judge.support import SupportRate
from valuescope.locate import LOCATORS, Evidence
from valuescope.metrics import Bootstrap, Estimate, average_precision
from valuescope.models import NeuronModel, load_model, render_question
from valuescope.organism import Plant, Truth, load_truth, read_social_answer, social_values
from valuescope.organism.social_grammar import LANGUAGES, LEVELS

EditOf = Callable[[str], Edit | None]
GREEDY = Sampling(64, temperature=0.0)


@dataclass(frozen=True)
class Answers:
    """Of each dilemma: the support in percent by percentages and by letters; of each order: whether it was fluent, was
    parsed, and preferred the aligned action."""

    support: list[float | None]
    letters: list[float | None]
    fluent: list[bool]
    parsed: list[bool]
    right: list[bool]


def ask(model: NeuronModel, dilemmas: Sequence[Dilemma], edit_of: EditOf, letters: bool = False) -> Answers:
    """Every dilemma under the edit of its value, in both orders."""
    edits = [edit_of(one.value) for one in dilemmas for _ in range(2)]

    def prompts(how: SupportRate) -> list[str]:
        return [render_question(model, call.user) for one in dilemmas for call in how.calls(one)]

    asked = prompts(SupportRate(brief=True))
    told = generate(model, asked, edits=edits, sampling=GREEDY, batch_size=96)
    replies = [parse_percentages(one.text) for one in told]
    verdicts = [read_social_answer(question, one.text) for question, one in zip(asked, told, strict=True)]
    assert all(verdict is not None for verdict in verdicts)
    by_letters: list[float | None] = [None] * len(dilemmas)
    if letters:
        chosen = generate(
            model, prompts(SupportRate("log-probabilities", brief=True)), edits=edits,
            sampling=Sampling(1, temperature=0.0), batch_size=96, top_logprobs=10,
        )  # fmt: skip
        tops = [[(text, number) for _, text, number in one.logprobs[0].top] for one in chosen]
        by_letters = [
            support_from_log_probabilities(first, second).support
            for first, second in zip(tops[::2], tops[1::2], strict=True)
        ]
    return Answers(
        [
            support_from_percentages(first, second).support
            for first, second in zip(replies[::2], replies[1::2], strict=True)
        ],
        by_letters,
        [verdict.fluent for verdict in verdicts],
        [reply.value is not None for reply in replies],
        [verdict.side == "aligned" for verdict in verdicts],
    )


def following(value: str, steps: int) -> str:
    """The value so many places on in its level."""
    level = next(level for level in LEVELS if value in level)
    return level[(level.index(value) + steps) % len(level)]


def elsewhere(value: str, step: int) -> str:
    """A value of another level: it shares no neuron with this one."""
    values = social_values()
    return values[(values.index(value) + 4 * step) % len(values)]


def edits(model: NeuronModel, truth: Truth, language: str) -> dict[str, EditOf]:
    """Name of a row -> the edit for a question of a value in `language`."""
    foreign = next(one for one in LANGUAGES if one != language)

    def zeroed(plants_of: Callable[[str], Sequence[Plant]]) -> EditOf:
        return lambda value: Deactivate(planted(model, value, plants_of(value)))

    def scaled(plants_of: Callable[[str], Sequence[Plant]], factor: float) -> EditOf:
        return lambda value: Amplify(planted(model, value, plants_of(value)), gamma=factor - 1)

    def causal(value: str, role: str | None = None) -> list[Plant]:
        return [plant for plant in truth.causal(value, language) if role in (None, plant.role)]

    def foreign_only(value: str) -> list[Plant]:
        return [plant for plant in truth.causal(value) if plant.language == foreign]

    def own_language(value: str) -> list[Plant]:
        return [plant for plant in truth.causal(value) if plant.language == language]

    def others(value: str) -> list[Plant]:
        generator = torch.Generator().manual_seed(social_values().index(value))
        known = {(plant.layer, plant.index) for plant in truth.plants}
        order = torch.randperm(model.neurons, generator=generator).tolist()
        free = [divmod(flat, model.width) for flat in order if divmod(flat, model.width) not in known][:60]
        return [Plant(layer, index, "", (value,), 1, 0.0) for layer, index in free]

    return {
        "causal neurons zeroed": zeroed(causal),
        "of these, core only": zeroed(lambda value: causal(value, "core")),
        "of these, shared only": zeroed(lambda value: causal(value, "shared")),
        "of these, this language's only": zeroed(own_language),
        "causal neurons x 1.5": scaled(causal, 1.5),
        "causal neurons x 2": scaled(causal, 2.0),
        "the other language's neurons zeroed": zeroed(foreign_only),
        "causal neurons of the next value of its level zeroed (1 of 5 shared)": zeroed(
            lambda value: causal(following(value, 1))
        ),
        "causal neurons of the value two on zeroed": zeroed(lambda value: causal(following(value, 2))),
        "causal neurons of a value of another level zeroed": zeroed(
            lambda value: causal(elsewhere(value, 1))
        ),
        "causal neurons of a value of another level x 2": scaled(
            lambda value: causal(elsewhere(value, 2)), 2.0
        ),
        "decoys zeroed": zeroed(truth.decoys),
        "decoys x 2": scaled(truth.decoys, 2.0),
        "60 other neurons zeroed": zeroed(others),
    }


def told(estimate: Estimate) -> str:
    """Mean and interval."""
    interval = "" if estimate.ci is None else " [{:+.1f}, {:+.1f}]".format(*estimate.ci)
    return f"{estimate.mean:+.1f}{interval}"


def share(found: Sequence[bool]) -> str:
    """Share with its interval."""
    estimate = Bootstrap().rate(list(found))
    return f"{estimate.mean:.3f}" + ("" if estimate.ci is None else " [{:.3f}, {:.3f}]".format(*estimate.ci))


def mean(numbers: Sequence[float | None]) -> float:
    """The mean of what is there."""
    there = [number for number in numbers if number is not None]
    return sum(there) / len(there)


def levels(model: NeuronModel, asked: dict[str, list[Dilemma]]) -> dict[str, Answers]:
    """Print how it answers without an edit; returns the answers."""
    found = {language: ask(model, dilemmas, lambda _: None, True) for language, dilemmas in asked.items()}
    print("| no edit |", " | ".join(found), "|\n|---|" + "---|" * len(found))
    rows: dict[str, Callable[[str], str]] = {
        "answers parsed": lambda one: share(found[one].parsed),
        "fluent": lambda one: share(found[one].fluent),
        "prefer the aligned action": lambda one: share(found[one].right),
        "mean support": lambda one: f"{mean(found[one].support):.1f}",
        "mean support by letters": lambda one: f"{mean(found[one].letters):.1f}",
        "letters against percentages: mean absolute difference": lambda one: (
            f"{mean(differences(found[one])):.1f}"
        ),
        "letters against percentages: correlation": lambda one: f"{correlation(found[one]):.3f}",
    }
    for name, cell in rows.items():
        print(f"| {name} |", " | ".join(map(cell, found)), "|", flush=True)
    return found


def both(answers: Answers) -> list[tuple[float, float]]:
    pairs = zip(answers.support, answers.letters, strict=True)
    return [(one, other) for one, other in pairs if one is not None and other is not None]


def differences(answers: Answers) -> list[float | None]:
    return [abs(one - other) for one, other in both(answers)]


def correlation(answers: Answers) -> float:
    """Of percentages and letters over the dilemmas."""
    return float(torch.corrcoef(torch.tensor(both(answers)).T)[0, 1])


def effects(
    model: NeuronModel, truth: Truth, asked: dict[str, list[Dilemma]], base: dict[str, Answers]
) -> None:
    """Print the change of support in points under each edit."""
    print("\n| change of support in points |", " | ".join(f"{one} | fluent" for one in asked), "|")
    print("|---|" + "---|---|" * len(asked))
    by_language = {language: edits(model, truth, language) for language in asked}
    for name in next(iter(by_language.values())):
        cells = []
        for language, dilemmas in asked.items():
            found = ask(model, dilemmas, by_language[language][name])
            change = Bootstrap().difference(base[language].support, found.support)
            cells += [told(change), f"{sum(found.fluent) / len(found.fluent):.3f}"]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


def gates(model: NeuronModel, truth: Truth) -> None:
    """Print how often plants' gates are open on their own and on other values' texts, and what VAPE makes of it."""
    values, rates, precision = social_values(), {}, []
    for language in LANGUAGES:
        dilemmas, _ = social_organism(values, languages=(language,), activation=60, evaluation=0, seed=7)
        draw = random.Random(7)
        read = collect(model, [dilemma_text(one, one.value, draw) for one in dilemmas], residuals=False)
        rates[language] = read.counters.gate_rate([label(value, "text") for value in values])
        evidence = Evidence(read, values, {value: label(value, "text") for value in values})
        cells = []
        for kept in (0.015, 0.02):
            location = LOCATORS["vape"](model, evidence, rate=kept)
            scores = []
            for row, value in enumerate(values):
                causal = torch.zeros(truth.layers, truth.width, dtype=torch.bool)
                for plant in truth.causal(value, language):
                    causal[plant.layer, plant.index] = True
                scores.append(average_precision(location.scores[row].numpy(), causal.numpy()))
            chosen = [
                sum(bool(location.selected[row, p.layer, p.index]) for p in truth.causal(value, language))
                / len(truth.causal(value, language))
                for row, value in enumerate(values)
            ]
            cells.append((kept, location.diagnostics["bar_rate"], mean(scores), mean(chosen)))
        precision.append((language, cells))
    print("\n| share of tokens with an open gate | own value, en | own value, zh | other values, en | zh |")
    print("|---|---|---|---|---|")
    for role in dict.fromkeys(plant.role for plant in truth.plants):
        own, other = {one: list[float]() for one in LANGUAGES}, {one: list[float]() for one in LANGUAGES}
        for plant in truth.plants:
            if plant.role == role:
                for language in LANGUAGES:
                    for row, value in enumerate(values):
                        side = own if value in plant.values else other
                        side[language].append(float(rates[language][row, plant.layer, plant.index]))
        cells = [f"{mean(side[language]):.2f}" for side in (own, other) for language in LANGUAGES]
        print(f"| {role} |", " | ".join(cells), "|")
    print("\n| VAPE | rate | bar | average precision | causal neurons selected |\n|---|---|---|---|---|")
    for language, cells in precision:
        for kept, bar, found, chosen in cells:
            print(f"| {language} | {kept} | {bar:.3f} | {found:.3f} | {chosen:.3f} |")


def main() -> None:
    """Print all tables of one social organism."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--questions", type=int, default=8, help="stories per value and language")
    options = parser.parse_args()
    model, truth = load_model(str(options.folder), dtype="float32"), load_truth(options.folder)
    _, dilemmas = social_organism(social_values(), activation=0, evaluation=options.questions, seed=11)
    asked = {one: [dilemma for dilemma in dilemmas if dilemma.language == one] for one in LANGUAGES}
    print(
        f"{options.questions} held-out stories per value and language, each in both orders; seed {truth.seed}\n"
    )
    base = levels(model, asked)
    effects(model, truth, asked, base)
    gates(model, truth)


if __name__ == "__main__":
    main()
