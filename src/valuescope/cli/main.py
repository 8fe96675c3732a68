"""Entry point: the parser, and what each exit code means."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from transformers.utils.logging import disable_progress_bar

from valuescope.cli import (
    ability_command,
    data_command,
    edit_commands,
    judge_command,
    model_commands,
    run_commands,
    serve_command,
    write_command,
)
from valuescope.version import __version__

DESCRIPTION = "Find, steer and measure the human values inside language models, neuron by neuron."
EPILOG = """\
start here:
  valuescope demo                         the whole flow on the bundled model, about three minutes
  valuescope sites MODEL                  can valuescope read and edit this model's neurons?
  valuescope run SPEC.yaml --dry-run      what would this run cost?
  valuescope run SPEC.yaml --model ID     run it; the same command again resumes it
  valuescope data PATH                    what does this data set hold, and what is wrong with it?
  valuescope write contrast --by MODEL    have a model write new data, checked
  valuescope judge --show                 what are judges asked?
  valuescope serve MODEL --edit FILE      answer the OpenAI API with the model and its edits

MODEL is a Hugging Face hub id, a folder with a saved model, "organism" or "organism-social" (the bundled models).
exit codes: 0 done, 1 it could not be done (the reason is printed), 2 the command line is wrong, 130 interrupted
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    parser = argparse.ArgumentParser(
        prog="valuescope",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"valuescope {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (
        run_commands,
        model_commands,
        edit_commands,
        data_command,
        judge_command,
        ability_command,
        write_command,
        serve_command,
    ):
        module.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Expected errors are one line, without a traceback."""
    options = build_parser().parse_args(arguments)
    if not sys.stderr.isatty():
        disable_progress_bar()
    try:
        options.command(options)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    except (ValueError, RuntimeError, OSError) as error:
        print(f"valuescope: {type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0
