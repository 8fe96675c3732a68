"""Inspect evaluations of base and edited models: in Python, from its cache, and from the shell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai", reason='needs the extra: pip install "valuescope[inspect]"')

from inspect_ai import Task, eval, eval_retry
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.event import ModelEvent
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import CachePolicy, get_model
from inspect_ai.scorer import Score, Scorer, Target, mean, model_graded_fact, scorer
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver
from provider_samples import NO_NETWORK, QUESTIONS, planted, secluded

from valuescope.edit import Edit
from valuescope.generate import Sampling
from valuescope.generate import generate as generate_answers
from valuescope.models import NeuronModel, load_model, render_question
from valuescope.organism import read_answer
from valuescope.provider import cache_policy, inspect_model, model_name, source

__all__ = ["secluded"]  # a fixture

EXAMPLE = Path(__file__).parents[1] / "examples" / "organism_dilemmas.py"


@pytest.fixture(scope="module")
def organism() -> NeuronModel:
    """In float32: in its own bfloat16 a greedy choice between near ties depends on the shape of the batch."""
    return load_model("organism", dtype="float32")


@pytest.fixture(scope="module")
def power(organism: NeuronModel) -> Edit:
    return planted(organism, "power")


@scorer(metrics=[mean()])
def takes_its_side() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        verdict = read_answer(state.input_text, state.output.completion)
        assert verdict is not None
        return Score(value=int(verdict.stance == "for"))

    return score


def dilemmas(count: int = 6, **more: Any) -> Task:
    samples = [Sample(id=number, input=question) for number, question in enumerate(QUESTIONS[:count])]
    return Task(MemoryDataset(samples), **{"solver": generate(), "scorer": takes_its_side(), **more})


def run(task: Task, models: Any, **more: Any) -> list[EvalLog]:
    logs = eval(task, model=models, **{"temperature": 0.0, "max_tokens": 30, "log_level": "warning", **more})
    for log in logs:
        assert log.status == "success", log.error
    return sorted(logs, key=lambda log: log.eval.model)


def texts(log: EvalLog) -> list[str]:
    assert log.samples
    return [sample.output.completion for sample in sorted(log.samples, key=lambda one: (one.epoch, one.id))]


def from_cache(log: EvalLog) -> set[str | None]:
    assert log.samples
    return {event.cache for sample in log.samples for event in sample.events if isinstance(event, ModelEvent)}


def test_an_evaluation_answers_as_the_python_api_and_in_batches(organism: NeuronModel, power: Edit) -> None:
    models = [inspect_model(organism), inspect_model(organism, power)]
    logs = run(dilemmas(), models)
    assert [log.eval.model for log in logs] == [str(model) for model in models]
    prompts = [render_question(organism, question) for question in QUESTIONS[:6]]
    for log, edit in zip(logs, (None, power), strict=True):
        wanted = generate_answers(organism, prompts, edits=edit, sampling=Sampling(30, temperature=0))
        assert texts(log) == [answer.text for answer in wanted]
        usage = log.stats.model_usage[log.eval.model]
        assert usage.output_tokens == sum(len(answer.tokens) for answer in wanted)
    scores = [log.results.scores[0].metrics["mean"].value for log in logs if log.results]
    assert scores[1] > scores[0]  # the edit does what it is for
    stats = models[0].api.engine.stats  # type: ignore[attr-defined]
    assert stats.answered == 12
    assert stats.largest_batch > 1


def test_names_are_enough_and_the_model_is_loaded_once(
    organism: NeuronModel, power: Edit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = []

    def counted(*args: Any, **kwargs: Any) -> NeuronModel:
        loads.append(args)
        return load_model(*args, **kwargs)

    monkeypatch.setattr(source, "load_model", counted)
    power.save(tmp_path / "edits" / "power.json")
    names = [model_name("organism"), model_name("organism", power), model_name("organism", power.scaled(0.5))]
    logs = run(dilemmas(), names, model_args={"edits": str(tmp_path / "edits"), "dtype": "float32"})
    assert [log.eval.model for log in logs] == names
    assert len({tuple(texts(log)) for log in logs}) == 3
    assert len(loads) == 1
    assert texts(logs[1]) == texts(run(dilemmas(), inspect_model(organism, power))[0])


def test_the_cache_keeps_edits_apart_and_answers_again(organism: NeuronModel, power: Edit) -> None:
    edits = [None, power, planted(organism, "benevolence")]

    def asked(**more: Any) -> tuple[list[EvalLog], int]:
        models = [inspect_model(organism, edit) for edit in edits]
        engine = models[0].api.engine  # type: ignore[attr-defined]
        before = engine.stats.answered
        return run(dilemmas(2), models, temperature=1.0, **more), engine.stats.answered - before

    first, answered = asked(cache=True)
    assert answered == 6
    assert all(from_cache(log) == {"write"} for log in first)
    assert len({tuple(texts(log)) for log in first}) == 3
    second, answered = asked(cache=True)
    assert answered == 0
    assert all(from_cache(log) == {"read"} for log in second)
    assert [texts(log) for log in second] == [texts(log) for log in first]
    _, answered = asked(cache=CachePolicy(expiry=None))  # another policy, another key
    assert answered == 6


def test_the_cache_sees_what_the_name_does_not_say(
    organism: NeuronModel, power: Edit, tmp_path: Path
) -> None:
    power.save(tmp_path / "power.json")

    def asked(on: str, cache: Any = True) -> set[str | None]:
        args = {"edits": str(tmp_path), "on": on, "dtype": "float32"}
        return from_cache(run(dilemmas(2), model_name("organism", power), cache=cache, model_args=args)[0])

    assert [asked("both"), asked("response"), asked("both")] == [{"write"}, {"write"}, {"read"}]
    policy = cache_policy(inspect_model(organism, power))
    assert [asked("both", policy), asked("both", policy)] == [{"write"}, {"read"}]


def test_epochs_are_drawn_apart_and_repeat_with_their_seed(organism: NeuronModel) -> None:
    def drawn() -> list[str]:
        return texts(run(dilemmas(2), inspect_model(organism), epochs=4, seed=5, temperature=1.5)[0])

    first = drawn()
    assert len(first) == 8
    assert len(set(first[::2])) > 1  # the first question's
    assert drawn() == first


def test_a_model_grades_another_in_its_own_words(organism: NeuronModel, power: Edit) -> None:
    """Roles and graders are made anew from what Inspect wrote down of them: they must find the same engine."""
    grader = inspect_model(organism, power, max_tokens=5)

    @solver
    def asks_the_grader() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            output = await get_model(role="grader").generate(state.input)
            state.metadata["graded"] = output.completion
            return await generate(state)

        return solve

    log = run(
        dilemmas(2, solver=asks_the_grader(), scorer=model_graded_fact(model=grader)),
        inspect_model(organism),
        model_roles={"grader": grader},
    )[0]
    assert set(log.stats.model_usage) == {"valuescope/organism", str(grader)}
    assert log.samples
    assert all(sample.metadata["graded"] for sample in log.samples)


FAILING_TASK = """
import os
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.solver import generate, solver

@solver
def broken():
    async def solve(state, generate):
        if "BROKEN" in os.environ and state.sample_id == 2:
            raise RuntimeError("once")
        return state
    return solve

@task
def questions():
    return Task(MemoryDataset([Sample(id=n, input=f"Should Mei rest{n}?") for n in (1, 2)]), solver=[broken(), generate()])
"""


def test_a_failed_evaluation_is_taken_up_again(
    organism: NeuronModel, power: Edit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inspect makes the model from the log: this edit is in no file, and is found in this process."""
    path = tmp_path / "questions.py"
    path.write_text(FAILING_TASK, encoding="utf-8")
    model = inspect_model(organism, power)
    monkeypatch.setenv("BROKEN", "1")
    monkeypatch.chdir(tmp_path)
    log = eval(path.name, model=model, temperature=0.0, max_tokens=20, max_samples=1)[0]
    assert log.status == "error"
    monkeypatch.delenv("BROKEN")
    again = eval_retry(log)[0]
    assert again.status == "success", again.error
    assert again.eval.model == str(model)
    assert len(texts(again)) == 2


@pytest.mark.slow
def test_inspect_eval_from_the_shell(power: Edit, tmp_path: Path, secluded: dict[str, str]) -> None:
    power.save(tmp_path / "edits" / "power.json")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_NETWORK, encoding="utf-8")
    names = [model_name("organism"), model_name("organism", power)]
    command = [
        *(sys.executable, "-m", "inspect_ai", "eval", EXAMPLE.name, "--model", ",".join(names)),
        *(
            "-M",
            f"edits={tmp_path / 'edits'}",
            "-M",
            "dtype=float32",
            "-M",
            "max_rows=8",
            "-T",
            "questions=6",
        ),
        *("--temperature", "0", "--max-tokens", "30", "--display", "plain"),
    ]
    done = subprocess.run(
        command,
        env={**secluded, "PYTHONPATH": str(tmp_path / "site")},
        cwd=EXAMPLE.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    logs = {log.eval.model: log for log in map(read_eval_log, (tmp_path / "logs").iterdir())}
    assert set(logs) == set(names)
    for log in logs.values():
        assert log.status == "success"
        assert log.results is not None
        assert log.results.completed_samples == 6
    success = [
        next(s for s in log.results.scores if s.name == "success").metrics["mean"].value
        for log in (logs[name] for name in names)
        if log.results
    ]
    assert success[1] > success[0] + 0.3
