"""Dilemmas of the bundled model's own grammar, judged by its oracle, which is exact.

inspect eval examples/organism_dilemmas.py --model valuescope/organism
inspect eval examples/organism_dilemmas.py --model valuescope/organism@HASH -M edits=FOLDER -T value=power
"""

from __future__ import annotations

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import TaskState, generate

from valuescope.data import organism_material
from valuescope.organism import read_answer


@task
def organism_dilemmas(value: str = "power", questions: int = 40, seed: int = 0) -> Task:
    """How often answers to the value's held-out dilemmas take its side, and how often they are fluent."""
    material = organism_material((value,), questions=questions, seed=seed)
    asked = [one for one in material.questions if one.setting == "dilemma"]
    samples = [Sample(id=one.key, input=one.question, metadata={"value": one.value}) for one in asked]
    return Task(dataset=MemoryDataset(samples, name=f"organism-{value}"), solver=generate(), scorer=stance())


@scorer(metrics={"*": [mean(), stderr()]})
def stance() -> Scorer:
    """Whether an answer takes the value's side, and whether it is fluent: 1 or 0."""

    async def score(state: TaskState, target: Target) -> Score:
        verdict = read_answer(state.input_text, state.output.completion)
        if verdict is None:
            raise ValueError(
                f"{state.sample_id}: no question of the organism's grammar: {state.input_text!r}"
            )
        finished = state.output.stop_reason == "stop"
        return Score(
            value={"success": int(verdict.stance == "for"), "fluent": int(verdict.fluent and finished)},
            answer=state.output.completion,
        )

    return score
