"""Entry point: the commands in the order of their help, and what each exit code means."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from valuescope.cli import (  # noqa: F401 - each makes its functions commands of the application
    ability_commands,
    data_command,
    edit_commands,
    judge_command,
    model_commands,
    prompts_command,
    quick_commands,
    run_commands,
    serve_command,
    write_command,
)
from valuescope.cli.command import app
from valuescope.version import __version__


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
    """Run one command; returns the exit code. Expected errors are one line, without a traceback."""
    try:
        code = run_command(arguments)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"valuescope: {type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    if code == 130:
        print("\ninterrupted; the same command goes on where it stopped", file=sys.stderr)
    return code
