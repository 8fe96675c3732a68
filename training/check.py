"""What the planted neurons of an organism cause: `python training/check.py FOLDER`. Prints a Markdown table.

Every row edits the true neurons (or others, for comparison) and asks held-out dilemmas, paired with the same questions
and noise without an edit.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from valuescope.data import Question, organism_material
from valuescope.edit import Amplify, Deactivate, Edit
from valuescope.generate import Sampling, generate
from valuescope.judge import Judgement, oracle
from valuescope.locate import NeuronSet
from valuescope.metrics import Bootstrap, Estimate
from valuescope.models import NeuronModel, load_model
from valuescope.organism import Plant, Truth, lexicon, load_truth

EditOf = Callable[[str], Edit | None]


def planted(model: NeuronModel, value: str, plants: Sequence[Plant]) -> NeuronSet:
    """A neuron set of known plants, every score 1."""
    return NeuronSet(
        value=value,
        model=model.identity,
        site="product",
        method="truth",
        parameters={},
        data_hash="",
        seed=0,
        layers=torch.tensor([plant.layer for plant in plants], dtype=torch.int64),
        indices=torch.tensor([plant.index for plant in plants], dtype=torch.int64),
        scores=torch.ones(len(plants)),
        signs=torch.tensor([plant.sign for plant in plants], dtype=torch.int8),
    )


def opposite(value: str) -> str:
    """The value across the circle."""
    values = tuple(lexicon().values)
    return values[(values.index(value) + len(values) // 2) % len(values)]


def rows(model: NeuronModel, truth: Truth) -> dict[str, EditOf]:
    """Name of a row -> the edit for a question of a value."""

    def causal(value: str, role: str | None = None) -> NeuronSet:
        chosen = [plant for plant in truth.causal(value) if role in (None, plant.role)]
        return planted(model, value, chosen)

    def others(value: str) -> NeuronSet:
        generator = torch.Generator().manual_seed(len(value))
        known = {(plant.layer, plant.index) for plant in truth.plants}
        order = torch.randperm(model.neurons, generator=generator).tolist()
        free = [divmod(flat, model.width) for flat in order if divmod(flat, model.width) not in known][:60]
        return planted(model, value, [Plant(layer, index, "", (value,), 1, 0.0) for layer, index in free])

    return {
        "causal neurons zeroed": lambda value: Deactivate(causal(value)),
        "of these, core only": lambda value: Deactivate(causal(value, "core")),
        "of these, shared only": lambda value: Deactivate(causal(value, "shared")),
        "of these, constant only": lambda value: Deactivate(causal(value, "constant")),
        "causal neurons x 1.9": lambda value: Amplify(causal(value), gamma=0.9),
        "causal neurons x 3": lambda value: Amplify(causal(value), gamma=2.0),
        "causal neurons of the opposite value zeroed": lambda value: Deactivate(causal(opposite(value))),
        "causal neurons of the opposite value x 3": lambda value: Amplify(causal(opposite(value)), gamma=2.0),
        "decoys zeroed": lambda value: Deactivate(planted(model, value, truth.decoys(value))),
        "decoys x 3": lambda value: Amplify(planted(model, value, truth.decoys(value)), gamma=2.0),
        "60 other neurons zeroed": lambda value: Deactivate(others(value)),
        "60 other neurons x 3": lambda value: Amplify(others(value), gamma=2.0),
    }


def answers(model: NeuronModel, questions: list[Question], edit_of: EditOf) -> list[Judgement]:
    """The judged answers, every question under the edit of its value."""
    edits = [edit_of(question.value) for question in questions]
    prompts, keys = [question.prompt for question in questions], [question.key for question in questions]
    return oracle(
        questions, generate(model, prompts, edits=edits, keys=keys, sampling=Sampling(40), batch_size=100)
    )


def told(estimate: Estimate) -> str:
    """Mean and interval."""
    interval = "" if estimate.ci is None else " [{:+.2f}, {:+.2f}]".format(*estimate.ci)
    return f"{estimate.mean:+.3f}{interval}"


def main() -> None:
    """Print the table of one organism."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--questions", type=int, default=40, help="per value")
    options = parser.parse_args()
    model, truth = load_model(str(options.folder), dtype="float32"), load_truth(options.folder)
    values = tuple(lexicon().values)
    material = organism_material(
        values, texts=0, descriptions=0, pairs=0, questions=options.questions, tuning=0
    )
    asked = {
        setting: [question for question in material.questions if question.setting == setting]
        for setting in ("described", "dilemma")
    }
    base = {setting: answers(model, questions, lambda _: None) for setting, questions in asked.items()}
    print(f"{len(values) * options.questions} questions per cell, seed {truth.seed}")
    print("| | described: success | fluency | dilemma alone: success | fluency |\n|---|---|---|---|---|")
    cells = []
    for judged in base.values():
        cells += [
            told(Bootstrap().rate([one.success for one in judged])),
            f"{Bootstrap().rate([one.fluent for one in judged]).mean:.3f}",
        ]
    print("| no edit (level) |", " | ".join(cells), "|", flush=True)
    for name, edit_of in rows(model, truth).items():
        cells = []
        for setting, questions in asked.items():
            judged = answers(model, questions, edit_of)
            before, after = [one.success for one in base[setting]], [one.success for one in judged]
            fluent = Bootstrap().rate([one.fluent for one in judged]).mean
            cells += [told(Bootstrap().difference(before, after)), f"{fluent:.3f}"]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
