"""What the clients of the load test ask, and what the Python API answers to it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from valuescope.data.organism_material import organism_material
from valuescope.edit import Amplify, Deactivate, Edit, Modulate
from valuescope.generate import Engine, Request, Sampling
from valuescope.locate import NeuronSet
from valuescope.models import NeuronModel, render_question

STRENGTHS = (None, 0.25, 0.5, 1.5)
VALUES = ("power", "benevolence", "security", "hedonism")


@dataclass(frozen=True)
class Task:
    """One request: `expected` is (text, finish_reason) of the Python API, `stream` how it is asked for."""

    question: str
    edit: str | None
    strength: float | None
    temperature: float
    seed: int
    max_tokens: int
    stream: bool
    expected: tuple[str, str] = ("", "")

    @property
    def model(self) -> str:
        """The model's name on the server."""
        return "base" if self.edit is None else f"base@{self.edit}"


def three_edits(model: NeuronModel, share: float) -> dict[str, Edit]:
    """One edit of each kind, each of a random `share` of all neurons."""
    return {
        "modulate": Modulate(_random_set(model, share, 0)),
        "amplify": Amplify(_random_set(model, share, 1)),
        "deactivate": Deactivate(_random_set(model, share, 2)),
    }


def save_edits(edits: dict[str, Edit], folder: Path) -> list[str]:
    """The options that serve them."""
    return [
        part
        for name, edit in edits.items()
        for part in ("--edit", f"{name}={edit.save(folder / f'{name}.json')}")
    ]


def make_tasks(questions: int, max_tokens: int) -> list[Task]:
    """Every question to the base and each edit at each strength, greedy and sampled, every other one streamed."""
    material = organism_material(
        VALUES, texts=0, descriptions=0, pairs=0, questions=-(-questions // 4), tuning=0
    )
    asked = list(dict.fromkeys(one.question for one in material.questions))[:questions]
    models: list[tuple[str | None, float | None]] = [
        (None, None),
        *itertools.product(("modulate", "amplify", "deactivate"), STRENGTHS),
    ]
    return [
        Task(question, edit, strength, temperature, 1000 + number, max_tokens, stream=number % 2 == 0)
        for number, (question, (edit, strength), temperature) in enumerate(
            itertools.product(asked, models, (0.0, 0.8))
        )
    ]


def with_references(model: NeuronModel, edits: dict[str, Edit], tasks: list[Task]) -> list[Task]:
    """The tasks with what the engine answers in this process."""

    def request(task: Task) -> Request:
        edit = None if task.edit is None else edits[task.edit]
        if edit is not None and task.strength is not None:
            edit = edit.scaled(task.strength)
        sampling = Sampling(task.max_tokens, temperature=task.temperature, top_p=0.95, seed=task.seed)
        return Request(render_question(model, task.question), edit, sampling)

    with Engine(model) as engine:
        answers = engine.run([request(task) for task in tasks])
    return [
        replace(task, expected=(answer.text, "stop" if answer.finished else "length"))  # type: ignore[union-attr]
        for task, answer in zip(tasks, answers, strict=True)
    ]


def _random_set(model: NeuronModel, share: float, seed: int) -> NeuronSet:
    generator = torch.Generator().manual_seed(seed)
    count = max(1, round(share * model.neurons))
    flat = torch.randperm(model.neurons, generator=generator)[:count]
    return NeuronSet(
        value="none",
        model=model.identity,
        site="product",
        method="random",
        parameters={"share": share},
        data_hash="",
        seed=seed,
        layers=flat // model.width,
        indices=flat % model.width,
        scores=torch.full((count,), 0.3),
        signs=torch.randint(0, 2, (count,), generator=generator) * 2 - 1,
    )
