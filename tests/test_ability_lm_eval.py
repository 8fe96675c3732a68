"""MMLU against EleutherAI's lm-evaluation-harness: its own task, its own prompts and its own scoring, item by item.

The harness is an extra. Its task reads the published files beside the repository instead of a download. The number of
items is small so that the file stays short: VALUESCOPE_MMLU_ITEMS=200 compares as many.
"""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import shared
from edit_samples import some_neurons

from valuescope.ability import MmluQuestion, MmluResult, mmlu, read_mmlu
from valuescope.data import MultipleChoice, read_data
from valuescope.edit import Deactivate, Modulate, edited, weights_edited
from valuescope.models import NeuronModel, load_model

pytest.importorskip("lm_eval", reason="the extra lm-eval is not installed")

ITEMS = int(os.environ.get("VALUESCOPE_MMLU_ITEMS", "60"))
POSITIONS = 96  # so that the whole comparison stays short; the truncation is part of it
MODELS = ("organism", "models/stories260K", "models/gpt2-tinystories-280k")


@pytest.fixture(scope="module")
def questions() -> list[MmluQuestion]:
    return read_mmlu(shared("data/mmlu"), number=ITEMS, seed=5)


@pytest.fixture(scope="module")
def harness_tasks(questions: list[MmluQuestion], tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The harness's own MMLU tasks, subject by subject, over the same test questions and all examples."""
    return make_tasks(questions, tmp_path_factory.mktemp("mmlu"))


def make_tasks(questions: list[MmluQuestion], folder: Path) -> list[Any]:
    import lm_eval.tasks
    from lm_eval.api.task import ConfigurableTask

    home = Path(lm_eval.tasks.__file__).parent / "mmlu" / "default"
    asked = {question.key for question in questions}
    tasks = []
    for subject in dict.fromkeys(question.subject for question in questions):
        files = {}
        for split in ("dev", "test"):
            rows = read_data(shared(f"data/mmlu/{split}/{subject}_{split}.csv"), "mmlu").records
            files[split] = str(folder / f"{subject}_{split}.jsonl")
            with open(files[split], "w", encoding="utf-8") as file:
                for row in rows:
                    assert isinstance(row, MultipleChoice)
                    if split == "dev" or row.key in asked:
                        content = {"question": row.question, "choices": row.options, "answer": row.answer}
                        file.write(json.dumps({**content, "key": row.key}) + "\n")
        own = yaml.safe_load((home / f"mmlu_{subject}.yaml").read_text(encoding="utf-8"))
        config = yaml.safe_load((home / own.pop("include")).read_text(encoding="utf-8")) | own
        config |= {"dataset_path": "json", "dataset_kwargs": {"data_files": files}, "num_fewshot": 5}
        del config["dataset_name"]
        tasks.append(ConfigurableTask(config=config))
    return tasks


def asked_by_the_harness(model: NeuronModel, tasks: list[Any], positions: int | None) -> dict[str, Any]:
    """key -> (four log-likelihoods, accuracy) as the harness logs them."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM

    wrapped = HFLM(
        pretrained=model.model,
        tokenizer=model.tokenizer,
        backend="causal",
        max_length=positions,
        batch_size=16,
        device="cpu",
    )
    found = {}
    out = lm_eval.simple_evaluate(
        model=wrapped, tasks=tasks, num_fewshot=5, log_samples=True, bootstrap_iters=0, device="cpu"
    )
    for samples in out["samples"].values():
        for sample in samples:
            scores = [score for score, _ in sample["filtered_resps"]]
            found[sample["doc"]["key"]] = (sample["arguments"], scores, sample["acc"])
    return found


def compare(ours: MmluResult, theirs: dict[str, Any], questions: list[MmluQuestion]) -> float:
    """The largest difference of a log-likelihood; prompts and every item's outcome must be the same."""
    assert len(theirs) == len(ours.predictions) == len(questions)
    worst, right = 0.0, 0.0
    for question, prediction in zip(questions, ours.predictions, strict=True):
        arguments, scores, accuracy = theirs[question.key]
        assert arguments == [(question.prompt, f" {letter}") for letter in "ABCD"]
        worst = max(worst, *(abs(a - b) for a, b in zip(scores, prediction.log_likelihoods, strict=True)))
        assert accuracy == float(prediction.correct or 0)
        right += accuracy
    assert ours.accuracy.mean == pytest.approx(right / len(questions))
    return worst


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_every_item_equals_the_harness(
    name: str, questions: list[MmluQuestion], harness_tasks: list[Any]
) -> None:
    model = load_model(name if name == "organism" else str(shared(name)), dtype="float32")
    silent = Deactivate(some_neurons(model, 40))
    bent = Modulate(some_neurons(model, 40), beta=1.5)
    ours = mmlu(model, questions, [None, silent, bent], max_length=POSITIONS, batch_size=48)
    blocks = (nullcontext(), weights_edited(model, silent), edited(model, bent))
    for result, block in zip(ours, blocks, strict=True):
        with block:
            theirs = asked_by_the_harness(model, harness_tasks, POSITIONS)
        assert compare(result, theirs, questions) < 1e-4
        assert result.truncated == ITEMS
    assert len({result.predictions for result in ours}) == 3
