"""A run that stops at any point goes on to the same result, byte for byte but for the seconds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from run_samples import (
    dilemma_spec,
    pairs_spec,
    read_summary,
    report_files,
    save_tiny_model,
    summary_bytes,
    write_conva,
)

from valuescope.data import Question
from valuescope.generate import Answer
from valuescope.judge import JUDGES, Judgement, oracle
from valuescope.lab import answers, counting
from valuescope.organism import weights_path
from valuescope.run import RunError, Spec, read_result, run, write_report


def by_tokens(questions: Sequence[Question], answers: Sequence[Answer]) -> list[Judgement]:
    """A judge that finds something to say about the babble of a tiny model."""
    sums = [sum(answer.tokens) for answer in answers]
    return [
        Judgement(total % 2 == 0, total % 7 > 0) if total % 11 else Judgement(None, None, "unsure")
        for total in sums
    ]


@pytest.fixture(scope="module", autouse=True)
def _judge() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(JUDGES, "oracle", by_tokens)
        yield


class Stop(Exception):  # noqa: N818 - it is no error
    """Raised where a run is to stop."""


class StopAt:
    """A progress that raises at its `step`-th call, and remembers all."""

    def __init__(self, step: int | None = None):
        self.step, self.seen = step, list[tuple[str, int, int]]()

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.seen.append((stage, done, total))
        if len(self.seen) == self.step:
            raise Stop(stage)


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Spec]:
    place = tmp_path_factory.mktemp("material")
    model, folder = save_tiny_model(place / "model"), write_conva(place / "conva")
    contents: dict[str, dict[str, Any]] = {"dilemma": dilemma_spec(model), "pairs": pairs_spec(model, folder)}
    return {name: Spec.model_validate(content) for name, content in contents.items()}


@pytest.fixture(scope="module")
def references(
    specs: dict[str, Spec], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, StopAt]]:
    """One uninterrupted run of each specification, and its progress."""
    found = {}
    for name, spec in specs.items():
        folder, progress = tmp_path_factory.mktemp("reference"), StopAt()
        run(spec, folder, progress=progress)
        found[name] = (folder, progress)
    return found


@pytest.mark.parametrize("name", ["dilemma", "pairs"])
def test_the_reference_measures_something(references: dict[str, tuple[Path, StopAt]], name: str) -> None:
    summary = json.loads((references[name][0] / "summary.json").read_text())
    effects = [method["effect"]["mean"] for method in summary["methods"].values()]
    assert any(effect not in (0, None) for effect in effects)
    stages = {stage for stage, _, _ in references[name][1].seen}
    assert "activations" in stages
    assert {"effects", "leakage", "dose"} <= stages


@pytest.mark.parametrize("name", ["dilemma", "pairs"])
def test_a_second_run_gives_the_same(
    specs: dict[str, Spec], references: dict[str, tuple[Path, StopAt]], name: str, tmp_path: Path
) -> None:
    run(specs[name], tmp_path)
    assert summary_bytes(tmp_path) == summary_bytes(references[name][0])
    assert report_files(tmp_path) == report_files(references[name][0])


@pytest.mark.parametrize("name", ["dilemma", "pairs"])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.6, 0.97])
def test_a_run_that_was_interrupted_gives_the_same(
    specs: dict[str, Spec],
    references: dict[str, tuple[Path, StopAt]],
    name: str,
    share: float,
    tmp_path: Path,
) -> None:
    folder, whole = references[name]
    step = 1 + int(share * (len(whole.seen) - 1))
    with pytest.raises(Stop):
        run(specs[name], tmp_path, progress=StopAt(step))
    assert not (tmp_path / "summary.json").exists()
    assert not (tmp_path / "report.html").exists()
    again = StopAt()
    run(specs[name], tmp_path, progress=again)
    assert summary_bytes(tmp_path) == summary_bytes(folder)
    assert report_files(tmp_path) == report_files(folder)
    asked = [step for step in whole.seen if step[0] != "activations"]
    assert [step for step in again.seen if step[0] != "activations"] == asked


def test_interrupted_again_and_again_it_arrives(
    specs: dict[str, Spec], references: dict[str, tuple[Path, StopAt]], tmp_path: Path
) -> None:
    folder, whole = references["pairs"]
    parts = sum(stage == "activations" for stage, _, _ in whole.seen)  # passed over once they are on disk
    for step in range(3, len(whole.seen) - parts, 6):
        with pytest.raises(Stop):
            run(specs["pairs"], tmp_path, progress=StopAt(step))
    run(specs["pairs"], tmp_path)
    assert summary_bytes(tmp_path) == summary_bytes(folder)


def test_a_finished_run_is_not_done_again(
    specs: dict[str, Spec], references: dict[str, tuple[Path, StopAt]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = references["dilemma"]
    before, report = summary_bytes(folder), report_files(folder)
    for module, work in (
        (answers, "generate"),
        (answers, "log_likelihood"),
        (counting, "collect"),
    ):
        monkeypatch.setattr(module, work, None)
    run(specs["dilemma"], folder)
    assert summary_bytes(folder) == before
    assert report_files(folder) == report


def test_a_report_that_is_built_again_is_the_same(
    references: dict[str, tuple[Path, StopAt]], tmp_path: Path
) -> None:
    for name, (folder, _) in references.items():
        write_report(read_result(folder), tmp_path / name)
        assert report_files(tmp_path / name) == report_files(folder)


def test_the_data_may_be_gone_once_it_was_read(
    specs: dict[str, Spec], references: dict[str, tuple[Path, StopAt]], tmp_path: Path
) -> None:
    """The drawn material is kept with the run; a file that changes in between cannot mix two runs."""
    folder = Path(specs["pairs"].data.parameters["folder"])
    with pytest.raises(Stop):
        run(specs["pairs"], tmp_path, progress=StopAt(4))
    away = folder.rename(folder.with_name("away"))
    try:
        run(specs["pairs"], tmp_path)
    finally:
        away.rename(folder)
    assert summary_bytes(tmp_path) == summary_bytes(references["pairs"][0])


def test_the_folder_of_another_run_is_left_alone(
    specs: dict[str, Spec], references: dict[str, tuple[Path, StopAt]]
) -> None:
    folder, _ = references["dilemma"]
    before = (folder / "summary.json").read_bytes()
    with pytest.raises(RunError, match="another specification"):
        run(specs["pairs"], folder)
    with pytest.raises(RunError, match="another specification"):
        run(specs["dilemma"].model_copy(update={"seed": 9}), folder)
    assert (folder / "summary.json").read_bytes() == before


def test_a_run_leaves_whole_files_only(references: dict[str, tuple[Path, StopAt]]) -> None:
    for folder, _ in references.values():
        assert not [
            path for path in folder.rglob("*") if path.name.endswith(".part") or path.name.startswith(".")
        ]
        for path in folder.rglob("*.json"):
            json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.skipif(
    not (weights_path() / "config.json").is_file(), reason="the organism's weights are not in the package"
)
def test_the_organism_goes_on_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on the bundled model, judged by the real oracle, with its truth."""
    monkeypatch.setitem(JUDGES, "oracle", oracle)
    content = dilemma_spec("organism", generate={"max_new_tokens": 30, "batch_size": 20})
    content["methods"]["neva"]["default"] = {
        "locator": {"alpha": 0.03, "accuracy": 0.5},
        "edit": {"beta": 0.9},
    }
    content["methods"]["vape"]["default"] = {}
    spec, whole = Spec.model_validate(content), StopAt()
    run(spec, tmp_path / "whole", progress=whole)
    for share in (0.2, 0.5, 0.8):
        with pytest.raises(Stop):
            run(spec, tmp_path / "again", progress=StopAt(int(share * len(whole.seen)) - 2))
    run(spec, tmp_path / "again")
    summary = read_summary(tmp_path / "again")
    assert summary_bytes(tmp_path / "again") == summary_bytes(tmp_path / "whole")
    assert report_files(tmp_path / "again") == report_files(tmp_path / "whole")
    assert summary["bundled_organism"]
    for method in summary["methods"].values():
        assert 0 < method["chance_precision"] < 0.01
        assert method["average_precision"] > method["chance_precision"]
        assert method["base_fluency"] > 0.8
