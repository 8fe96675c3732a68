"""What Inspect costs beside the bare engine, and what batching saves: `python benchmarks/inspect_overhead.py`.

The bundled model answers dilemmas and its oracle judges them: once as an Inspect evaluation, log included, and once by
the engine and the oracle alone. Then some of the questions by the engine at once, and by `generate` one by one.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

import torch
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer
from inspect_ai.solver import TaskState
from inspect_ai.solver import generate as answer_it
from measure import Row, alternate, compare, markdown

from valuescope.data import Question, organism_material
from valuescope.files import write_json_atomic
from valuescope.generate import Answer, Request, Sampling, generate
from valuescope.judge import oracle
from valuescope.lab.folder import versions
from valuescope.models import load_model, render_question
from valuescope.organism import lexicon, read_answer
from valuescope.provider import inspect_model


@dataclass(frozen=True)
class Settings:
    """Every number that a result depends on."""

    samples: int = 1000
    subset: int = 64
    new_tokens: int = 40
    max_rows: int = 64
    dtype: str = "float32"
    device: str = "cpu"
    rounds: int = 3


QUICK = Settings(samples=20, subset=4, rounds=1)


@scorer(metrics=[mean()])
def stance() -> Scorer:
    """The oracle as Inspect asks it."""

    async def score(state: TaskState, target: Target) -> Score:
        verdict = read_answer(state.input_text, state.output.completion)
        return Score(value=int(verdict is not None and verdict.stance == "for"))

    return score


def rows(settings: Settings, log_dir: str) -> list[Row]:
    """The comparisons; greedy answers, so that both ways give the same ones (the notes say how many are equal)."""
    model = load_model("organism", dtype=settings.dtype, device=settings.device)
    questions = dilemmas(settings.samples)
    prompts = [render_question(model, one.question) for one in questions]
    sampling = Sampling(settings.new_tokens, temperature=0)
    asked = inspect_model(
        model,
        max_rows=settings.max_rows,
        temperature=0.0,
        max_tokens=settings.new_tokens,
        max_connections=None,
    )
    engine = asked.api.engine  # type: ignore[attr-defined]
    samples = [Sample(id=number, input=one.question) for number, one in enumerate(questions)]
    task = Task(MemoryDataset(samples, name="dilemmas"), solver=answer_it(), scorer=stance())

    def bare(count: int = settings.samples) -> list[Answer]:
        answers = engine.run([Request(prompt, sampling=sampling) for prompt in prompts[:count]])
        oracle(questions[:count], answers)
        return answers  # type: ignore[no-any-return]

    def through_inspect(connections: int | None) -> EvalLog:
        log = eval(task, model=asked, max_connections=connections, log_dir=log_dir, display="none")[0]
        if log.status != "success" or not log.samples:
            raise RuntimeError(f"the evaluation failed: {log.error}")
        return log

    def one_by_one() -> list[Answer]:
        return [generate(model, [prompt], sampling=sampling)[0] for prompt in prompts[: settings.subset]]

    def nothing(connections: int = 2 * settings.max_rows) -> None:
        """Inspect alone: its samples, log and scorer, around a model that costs nothing."""
        said = ModelOutput.from_content("none", "Hard to say.")
        said.usage = ModelUsage()
        model = get_model("mockllm/model", custom_outputs=lambda *asked: said.model_copy(deep=True))
        eval(task, model=model, max_connections=connections, log_dir=log_dir, display="none")

    told = {
        "Inspect, two connections per row": lambda: through_inspect(2 * settings.max_rows),
        "Inspect, its own choice of connections": lambda: through_inspect(None),
    }
    seconds = alternate({"engine and oracle": bare, "Inspect alone": nothing, **told}, settings.rounds)
    alone = 1000 * median(seconds["Inspect alone"]) / settings.samples
    result = [
        compare(
            seconds,
            "Inspect alone",
            "engine and oracle",
            f"a model that costs nothing; {alone:.2f} ms per sample",
        )
    ]
    for what, run in told.items():
        cost = [one - base for one, base in zip(seconds[what], seconds["engine and oracle"], strict=True)]
        per_sample = 1000 * median(cost) / settings.samples
        log = run()
        assert log.samples
        same = sum(
            sample.output.completion == answer.text
            for sample, answer in zip(sorted(log.samples, key=lambda one: one.id), bare(), strict=True)
        )
        note = f"{per_sample:.2f} ms more per sample; {same} of {settings.samples} answers equal"
        result.append(compare(seconds, what, "engine and oracle", note))

    few = f"engine, {settings.subset} at once"
    batching = alternate(
        {few: lambda: bare(settings.subset), "generate, one by one": one_by_one}, settings.rounds
    )
    same = sum(
        one.tokens == other.tokens for one, other in zip(bare(settings.subset), one_by_one(), strict=True)
    )
    ratios = [b / a for a, b in zip(batching[few], batching["generate, one by one"], strict=True)]
    note = f"{median(ratios):.1f} times as fast; {same} of {settings.subset} answers equal; largest batch {engine.stats.largest_batch}"
    result.append(compare(batching, few, "generate, one by one", note))
    return result


def dilemmas(count: int) -> list[Question]:
    """Different dilemmas of all values."""
    values = tuple(lexicon().values)
    sizes = {"texts": 1, "descriptions": 1, "pairs": 1, "tuning": 0}
    material = organism_material(values, questions=-(-count // len(values)), **sizes)
    asked = [one for one in material.questions if one.setting == "dilemma"]
    return asked[:count]


def main() -> None:
    """Run, print a table, and write the JSON where asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="where the JSON goes (default: it is not written)")
    parser.add_argument("--quick", action="store_true", help="few samples, to see that all runs")
    parser.add_argument("--threads", type=int, help="threads of torch (default: its own choice)")
    for name, default in asdict(Settings()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), help=f"default: {default}")
    options = parser.parse_args()
    given = {name: value for name in asdict(Settings()) if (value := getattr(options, name)) is not None}
    settings = Settings(**{**asdict(QUICK if options.quick else Settings()), **given})
    torch.set_num_threads(options.threads or torch.get_num_threads())
    start, load = time.perf_counter(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as log_dir:
        found = rows(settings, log_dir)
    seconds = round(time.perf_counter() - start)
    print(f"\n{markdown(found)}\n\n{seconds} seconds; load average {load:.1f} at the start")
    if options.out is not None:
        content = {
            "settings": asdict(settings),
            "machine": {
                "processor": platform.processor() or platform.machine(),
                "cores": os.cpu_count(),
                "threads": torch.get_num_threads(),
                "load_at_start": round(load, 2),
            },
            "versions": {**versions(), "inspect_ai": version("inspect_ai")},
            "quick": options.quick,
            "seconds": seconds,
            "results": {"inspect": [row.to_dict() for row in found]},
        }
        print(write_json_atomic(options.out, content))


if __name__ == "__main__":
    main()
