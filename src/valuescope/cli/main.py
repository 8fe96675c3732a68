"""Entry point: the commands in the order of their help, and what each exit code means."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from valuescope.cli import (  # noqa: F401 - each makes its functions commands of the application
    ability_commands,
    chat_command,
    data_command,
    doctor_command,
    edit_commands,
    edits_command,
    judge_command,
    model_commands,
    neurons_command,
    prompts_command,
    quick_commands,
    run_commands,
    serve_command,
    studio_command,
    write_command,
)
from valuescope.cli.command import app
from valuescope.version import __version__

TRACEBACK_VARIABLE = "VALUESCOPE_TRACEBACK"
"""The environment variable that shows where an error was raised."""
_LONGEST = 3000


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"valuescope {__version__}")
        raise typer.Exit


@app.callback()
def _every_command(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="print the version and exit"),
    ] = False,
) -> None:
    if not sys.stderr.isatty():  # which holds for the bars of transformers, too
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (2: the command line is wrong). What cannot be done is raised."""
    try:
        get_command(app).main(arguments, prog_name="valuescope")
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. An error is one line; with VALUESCOPE_TRACEBACK set, a traceback too."""
    try:
        code = run_command(arguments)
    except Exception as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            traceback.print_exc()
        print(f"error: {_line(error)}", file=sys.stderr)
        return 1
    if code == 130:
        print("\ninterrupted; the same command goes on where it stopped", file=sys.stderr)
    return code


def _line(error: Exception) -> str:
    """Kind and words of an error on one line; where nobody foresaw its kind, how to see where it came from."""
    told = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if not isinstance(error, (ValueError, RuntimeError, OSError)):
        told += f"; nobody foresaw this: set {TRACEBACK_VARIABLE}=1 and report what it shows"
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]} ..."
