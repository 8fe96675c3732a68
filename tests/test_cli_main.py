"""The command as a whole: help, exit codes, one line for an error."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import typer
from run_samples import dilemma_spec, save_tiny_model

import valuescope
from valuescope.cli import main
from valuescope.cli.command import setting
from valuescope.cli.terminal import ProgressBars
from valuescope.version import __version__

COMMANDS = (
    "demo",
    "quick",
    "instrument",
    "run",
    "prompts",
    "report",
    "compare",
    "sites",
    "locate",
    "edits",
    "neurons",
    "generate",
    "evaluate",
    "data",
    "judge",
    "ability",
    "questionnaire",
    "write",
    "chat",
    "studio",
    "serve",
    "doctor",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def edit_file(model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("edits")
    sizes = ["--source", "organism", "-d", "texts=2", "-d", "descriptions=2", "-d", "pairs=8"]
    assert (
        main(
            [
                "locate",
                model,
                "--method",
                "neva",
                "-p",
                "accuracy=0",
                "--only",
                "power",
                *sizes,
                "--out",
                str(out),
            ]
        )
        == 0
    )
    return str(out / "power.json")


def exit_code(*arguments: str) -> int:
    """The exit code, wherever it comes from."""
    try:
        return main(list(arguments))
    except SystemExit as leaving:
        return int(leaving.code or 0)


# Help -----------------------------------------------------------------------------------------------------


def test_all_commands_are_there_and_introduced(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--help") == 0
    said = capsys.readouterr().out
    for command in COMMANDS:
        assert f"\n  {command} " in said
    assert "exit codes: 0 done, 1 it could not be done" in said
    listed = said.partition("Commands:\n")[2].partition("\n\n")[0]
    assert tuple(re.findall(r"^  (\S+)", listed, flags=re.MULTILINE)) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_by_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(command, "--help") == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Usage: valuescope {command} ")
    assert f"example:\n  valuescope {command}" in said
    assert "==SUPPRESS==" not in said
    assert "None" not in said


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--version") == 0
    assert capsys.readouterr().out == f"valuescope {__version__}\n"


# Exit codes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["run"],
        ["run", "spec.yaml", "--colour", "red"],
        ["run", "spec.yaml", "--set", "seed"],
        ["run", "spec.yaml", "--set", "=3"],
        ["run", "spec.yaml", "--set", "seed=[1,"],
        ["locate", "organism", "--out", "x"],
        ["locate", "organism", "--method", "random", "--out", "x"],
        ["locate", "organism", "--method", "neva", "--out", "x", "--top", "few"],
        ["generate", "organism", "--temperature", "warm"],
        ["generate", "organism", "--on", "neither"],
        ["evaluate", "organism", "--judge", "nobody"],
        ["evaluate", "organism", "--judge", "likelihood"],
    ],
)
def test_a_wrong_command_line_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(*arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("Usage: valuescope")
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nosuch.yaml"], "SpecError: nosuch.yaml: no such file; check the path"),
        (["report", "nosuch"], "SpecError: nosuch/summary.json: no such file; the run is not finished"),
        (["sites", "./nosuch"], "LoadError: ./nosuch: no such folder; give the folder of a saved model"),
        (
            ["sites", "MODEL", "--dtype", "float33"],
            "ValueError: dtype='float33': unknown; give auto, float32",
        ),
        (["sites", "MODEL", "--device", "toaster"], "LoadError: MODEL: cannot be put on device toaster."),
        (["sites", "MODEL", "--device", "cpu", "--device-map", "auto"], "exclude each other"),
        (["generate", "MODEL"], "ValueError: nothing to answer; give --prompt or --question"),
        (["generate", "MODEL", "--prompt", "Should", "--edit", "nosuch.json"], "nosuch.json"),
        (["generate", "MODEL", "--prompt", "Should", "--top-p", "2"], "sampling: top_p is 2.0"),
        (
            ["generate", "MODEL", "--prompt", "Should", "--max-new-tokens", "999"],
            "needs 1000 positions and MODEL has 256",
        ),
        (["evaluate", "MODEL"], "ValueError: nothing to evaluate; give --edit FILE"),
        (
            ["evaluate", "MODEL", "--edit", "EDIT", "--source", "conva"],
            "source conva needs the parameter 'folder'",
        ),
        (["evaluate", "MODEL", "--edit", "EDIT", "-d", "question=1"], "did you mean 'questions'?"),
        (
            ["evaluate", "MODEL", "--edit", "EDIT", "-d", "questions=many"],
            "must be a whole number from 0 to 2147483647, it is 'many'",
        ),
        (
            ["evaluate", "MODEL", "--edit", "EDIT", "-d", "questions=0"],
            "yields no questions asked as dilemma",
        ),
        (["locate", "MODEL", "--method", "neva", "--out", "OUT", "-p", "alpah=1"], "did you mean 'alpha'?"),
        (
            ["locate", "MODEL", "--method", "neva", "--out", "OUT", "-p", "alpha=much"],
            "must be a number above 0 to 1, it is 'much'",
        ),
        (
            ["locate", "MODEL", "--method", "neva", "--out", "OUT", "--roles", "pos", "neg"],
            "role 'pos' is unknown",
        ),
        (
            ["locate", "MODEL", "--method", "neva", "--out", "OUT", "--values", "nosuch"],
            "no value system 'nosuch'",
        ),
        (
            ["locate", "MODEL", "--method", "neva", "--out", "OUT", "--only", "thrift"],
            "'thrift' is not among the values",
        ),
        (
            ["locate", "MODEL", "--method", "neva", "--out", "OUT", "--source", "conva"],
            "needs the parameter 'folder'",
        ),
        (
            ["locate", "MODEL", "--method", "neva", "--out", "OUT", "-d", "texts=9999"],
            "texts is 9999, but for",
        ),
    ],
)
def test_what_cannot_be_done_is_1_and_one_line(
    arguments: list[str],
    said: str,
    model: str,
    edit_file: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = {"MODEL": model, "EDIT": edit_file, "OUT": str(tmp_path / "out")}
    if arguments[0] in ("locate", "evaluate") and "--source" not in arguments:
        arguments = [*arguments, "--source", "organism"]
    assert exit_code(*(names.get(argument, argument) for argument in arguments)) == 1
    bars = ("Loading weights", "Writing model shards")
    (line,) = [one for one in capsys.readouterr().err.splitlines() if one and not one.startswith(bars)]
    assert line.startswith("error: ")
    assert said.replace("MODEL", model) in line


def test_an_edit_for_another_model_is_refused_unless_forced(
    edit_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = str(save_tiny_model(tmp_path / "other", seed=1))
    asked = ["generate", other, "--edit", edit_file, "--prompt", "Should Mei", "--max-new-tokens", "2"]
    assert exit_code(*asked) == 1
    said = capsys.readouterr().err
    assert "NeuronSetError" in said
    assert "fingerprint" in said
    assert exit_code(*asked, "--force") == 0


def test_an_interruption_is_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("valuescope.run.read_spec", interrupt)
    assert exit_code("run", "spec.yaml") == 130
    assert capsys.readouterr().err == "\ninterrupted; the same command goes on where it stopped\n"


@pytest.mark.slow
def test_the_module_is_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "valuescope", "report", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


# Options --------------------------------------------------------------------------------------------------


def test_values_of_parameters_are_yaml() -> None:
    given = ["a=3", "b=1e-3", "c=[2, 4]", "d=null", "e=on", "f=x=y", "g="]
    assert dict(setting(text) for text in given) == {
        "a": 3,
        "b": 0.001,
        "c": [2, 4],
        "d": None,
        "e": "on",
        "f": "x=y",
        "g": None,
    }
    for wrong in ("a", "=1", "", "a={"):
        with pytest.raises(typer.BadParameter):
            setting(wrong)


def test_progress_that_is_no_terminal_is_one_line_per_stage(capsys: pytest.CaptureFixture[str]) -> None:
    bars = ProgressBars()
    for stage, done in (("activations", 1), ("activations", 2), ("answers", 2)):
        bars(stage, done, 2)
    bars.close()
    assert capsys.readouterr().err == "  activations: 2\n  answers: 2\n"


def test_progress_on_a_terminal_is_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    bars = ProgressBars()
    bars("activations", 1, 4)
    bars("activations", 4, 4)
    bars("answers", 1, 4)
    bars.close()
    said = capsys.readouterr().err
    assert "activations:" in said
    assert "answers:" in said


def test_a_specification_of_another_name_is_no_traceback(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import yaml

    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump({**dilemma_spec(model), "colour": "red"}))
    assert exit_code("run", str(path)) == 1
    assert "spec.yaml: colour: unknown key" in capsys.readouterr().err


# Without torch --------------------------------------------------------------------------------------------

HELP_OF_ALL = f"""
import sys
import valuescope
from valuescope.cli import main
for arguments in (["--help"], ["--version"], *([command, "--help"] for command in {COMMANDS})):
    assert main(arguments) == 0, arguments
    assert "torch" not in sys.modules, arguments
assert not {{"transformers", "numpy", "inspect_ai", "fastapi"}} & set(sys.modules)
assert len(sys.modules) < 400, len(sys.modules)
"""


def test_help_is_quick_for_it_imports_little() -> None:
    done = subprocess.run([sys.executable, "-c", HELP_OF_ALL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_completion_is_quick_too() -> None:
    code = "import sys; from valuescope.cli import main; main([]); assert 'torch' not in sys.modules"
    asked = {"_VALUESCOPE_COMPLETE": "complete_bash", "COMP_WORDS": "valuescope locate organism --method ne"}
    environment = {**os.environ, **asked, "COMP_CWORD": "4"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.split() == ["neva", "neva-exclusive"]


def test_the_names_that_options_choose_from_are_all_there() -> None:
    from valuescope.cli import (
        ability_commands,
        data_command,
        judge_command,
        model_commands,
        model_options,
        write_command,
    )
    from valuescope.data import READERS, SOURCES
    from valuescope.edit import EDITS
    from valuescope.judge.answer_judge import MODES
    from valuescope.judge.missing import MISSING_LIMIT
    from valuescope.judge.rating import MINIMUM_MASS
    from valuescope.judge.self_rating import QUESTIONNAIRE_PROMPTS
    from valuescope.locate import LOCATORS
    from valuescope.write import KINDS, Job

    assert [name for name in LOCATORS if name in model_commands.USUAL_EDIT] == list(model_commands.USUAL_EDIT)
    assert tuple(EDITS) == model_commands.EDITS
    assert tuple(SOURCES) == model_options.SOURCES
    assert tuple(READERS) == data_command.READERS
    assert tuple(MODES) == judge_command.JUDGES
    assert ability_commands.PROMPTS == QUESTIONNAIRE_PROMPTS
    assert tuple(KINDS) == write_command.KINDS
    assert judge_command.JudgeOptions().missing_limit == MISSING_LIMIT
    assert (
        signature(ability_commands.questionnaire).parameters["minimum_mass"].default.default == MINIMUM_MASS
    )
    assert write_command.JobOptions("contrast").rounds == Job.rounds


def test_values_of_one_option_may_follow_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    count = ["--per-value", "4", "--dry-run"]
    assert main(["write", "--values", "equality", "justice", *count, "c-voice", "--language", "en"]) == 0
    together = capsys.readouterr().out
    assert (
        main(["write", "c-voice", "--values=equality", "--values", "justice", *count, "--language=en"]) == 0
    )
    assert capsys.readouterr().out == together
    assert main(["judge", "--show", "--max-tokens", "3"]) == 0
    assert "=== control-success" in capsys.readouterr().out


def test_every_public_name_is_there_when_asked_for() -> None:
    assert all(getattr(valuescope, name) is not None for name in valuescope.__all__)
    assert set(valuescope.__all__) < set(dir(valuescope))
    assert valuescope.locate.locate
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        valuescope.nothing  # noqa: B018
