"""What runs must agree in to be compared, and what a comparison says where they do not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from comparison_samples import changed, exploration_spec, methods_spec, record

from valuescope.cli import main
from valuescope.compare import CompareError, compare, read_runs


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return record(tmp_path_factory.mktemp("methods"), methods_spec)


@pytest.fixture(scope="module")
def exploration(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return record(tmp_path_factory.mktemp("exploration"), exploration_spec)


def refusal(*folders: Path) -> str:
    """The line with which a comparison is refused."""
    with pytest.raises(CompareError) as refused:
        compare(read_runs(folders))
    assert "\n" not in str(refused.value)
    return str(refused.value)


def other_hash(summary: dict[str, Any]) -> None:
    summary["data"]["hash"] = "0" * 64


# Decisive keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "decides", "mine", "yours"),
    [
        ("seed", 7, "seed", "0", "7"),
        ("values.level", "group", "values", "value", "group"),
        ("judge", "stance", "judge", "oracle", "stance"),
        ("yes_or_no", True, "prompts", "no", "yes"),
        ("model.chat.system", "none", "prompts", "template", "none"),
        ("generate.max_new_tokens", 9, "prompts", "6", "9"),
        ("methods.neva.asked", "described", "prompts", "dilemma", "described"),
        ("methods.neva.direction", "down", "measure", "up", "down"),
        ("bootstrap.confidence", 0.8, "measure", "0.95", "0.8"),
    ],
)
def test_a_run_with_another_setting_is_refused_with_the_key_and_both_values(
    methods: list[Path], tmp_path: Path, key: str, value: Any, decides: str, mine: str, yours: str
) -> None:
    other = changed(methods[1], tmp_path / "other", spec={key: value})
    line = refusal(methods[0], other)
    assert f"differ in {decides}: {key} is {mine} in the first and {yours} in the second" in line
    assert line.startswith(f"{methods[0]} and {other} differ")
    assert "--side-by-side" in line


def test_other_texts_are_refused_by_the_setting_that_drew_them_or_by_their_hash(
    methods: list[Path], tmp_path: Path
) -> None:
    other = changed(methods[1], tmp_path / "a", spec={"data.parameters.questions": 3}, summary=other_hash)
    assert "differ in data: data.parameters.questions is 4 in the first and 3 in" in refusal(
        methods[0], other
    )
    same_spec = changed(methods[1], tmp_path / "b", summary=other_hash)
    assert f"data.hash is {'0' * 64} in the first" in refusal(same_spec, methods[0])


def test_the_same_texts_from_other_files_are_the_same_data(methods: list[Path], tmp_path: Path) -> None:
    other = changed(methods[1], tmp_path / "other", spec={"data.parameters.questions": 3})
    assert [entry.key for entry in compare(read_runs([methods[0], other])).found.differences] == []


@pytest.mark.parametrize(
    ("key", "value", "decides"),
    [
        ("support.brief", False, "prompts"),
        ("support.minimum_mass", 0.5, "prompts"),
        ("data.activation", 3, "data"),
        ("values.only", ["justice"], "values"),
        ("seed", 1, "seed"),
    ],
)
def test_dilemmas_and_how_they_are_put_must_agree(
    exploration: list[Path], tmp_path: Path, key: str, value: Any, decides: str
) -> None:
    other = changed(exploration[1], tmp_path / "other", spec={key: value})
    if decides == "data":  # other texts, then
        (other / "data" / "dilemmas.json").write_text("{}", encoding="utf-8")
    assert f"differ in {decides}: {key} is " in refusal(exploration[0], other)


def test_dates_of_prompts_must_agree_where_both_templates_ask_for_one(
    methods: list[Path], tmp_path: Path
) -> None:
    dated = [
        changed(run, tmp_path / day, spec={"model.chat.date": day})
        for run, day in zip(methods, ("2026-01-02", "2026-03-04"), strict=True)
    ]
    assert "model.chat.date is 2026-01-02 in the first and 2026-03-04 in the second" in refusal(*dated)
    assert compare(read_runs([dated[0], methods[1]])).found.decisive == []


def test_a_judge_model_differs_from_a_rule_by_its_name(methods: list[Path], tmp_path: Path) -> None:
    other = changed(methods[1], tmp_path / "other", spec={"judge": {"by": "openai/some"}})
    assert "judge is oracle in the first and openai/some in the second" in refusal(methods[0], other)


# What may be each model's own -----------------------------------------------------------------------------


def test_settings_of_methods_and_of_batches_may_differ_and_are_listed(
    methods: list[Path], tmp_path: Path
) -> None:
    own = {
        "name": "another",
        "generate.batch_size": 2,
        "activations.part": 3,
        "model.dtype": "auto",
        "generate.temperature": 0.5,
        "methods.neva.default.edit.beta": 0.4,
    }
    other = changed(methods[1], tmp_path / "other", spec=own)
    found = compare(read_runs([methods[0], other])).found
    assert {entry.key: entry.decides for entry in found.differences} == {
        "generate.temperature": "",
        "methods.neva.default.edit.beta": "",
    }
    strength = next(entry for entry in found.differences if entry.key.endswith("beta"))
    assert strength.values == {"left": "0.9", "right": "0.4"}


# Runs that are none, or the same --------------------------------------------------------------------------


def test_an_unfinished_run_is_named_with_what_is_missing(methods: list[Path], tmp_path: Path) -> None:
    unfinished = tmp_path / "unfinished"
    shutil.copytree(methods[1], unfinished)
    (unfinished / "summary.json").unlink()
    line = refusal(methods[0], unfinished)
    assert (
        f"{unfinished}: the run is not finished: summary.json is missing (it has data, activations, locate and asks)"
        in line
    )
    assert f"resume it with valuescope run {unfinished / 'spec.yaml'} --out {unfinished}" in line


def test_folders_that_hold_no_run_are_named(methods: list[Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no run: it has neither spec.yaml nor summary.json" in refusal(
        methods[0], tmp_path / "empty"
    )
    assert "no such folder" in refusal(methods[0], tmp_path / "nowhere")
    copied = changed(methods[1], tmp_path / "copied")
    (copied / "spec.yaml").unlink()
    assert "spec.yaml is missing" in refusal(methods[0], copied)
    assert "two runs or more" in refusal(methods[0])
    assert "is given twice" in refusal(methods[0], methods[0].parent / "models" / ".." / "left")


def test_two_runs_of_one_model_are_refused_or_labelled_by_their_folders(
    methods: list[Path], tmp_path: Path
) -> None:
    twin = changed(methods[0], tmp_path / "twin", spec={"methods.neva.default.edit.beta": 0.4})
    assert "are runs of the same model: model.fingerprint is " in refusal(methods[0], twin)
    found = compare(read_runs([methods[0], twin]), side_by_side=True).found
    assert [row.model for row in found.models] == ["left (left)", "left (twin)"]


def test_other_experiments_and_units_share_no_scale_however_they_are_put(
    methods: list[Path], exploration: list[Path], tmp_path: Path
) -> None:
    def nats(summary: dict[str, Any]) -> None:
        summary["measure"]["unit"] = "nats per token"

    other = changed(methods[1], tmp_path / "other", summary=nats)
    for pair, key in (
        (
            (methods[0], exploration[0]),
            "experiment is methods in the first and valueexploration in the second",
        ),
        ((methods[0], other), "measure.unit is share in the first and nats per token in the second"),
    ):
        with pytest.raises(CompareError, match=key):
            compare(read_runs(pair), side_by_side=True)


# The command ----------------------------------------------------------------------------------------------


def test_the_command_refuses_in_one_line_and_writes_nothing(
    methods: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = changed(methods[1], tmp_path / "other", spec={"seed": 7})
    out = tmp_path / "out"
    assert main(["compare", str(methods[0]), str(other), "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "seed is 0 in the first and 7 in the second" in said
    assert not out.exists()


def test_a_folder_of_a_run_is_not_written_over(
    methods: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in (methods[0] / "figures").iterdir())
    assert main(["compare", *map(str, methods), "--out", str(methods[0])]) == 1
    assert "holds a run (spec.yaml)" in capsys.readouterr().err
    assert sorted(path.name for path in (methods[0] / "figures").iterdir()) == before
