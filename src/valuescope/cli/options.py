"""Options that several commands share, and the progress they print."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import yaml
from tqdm import tqdm

from valuescope.models import NeuronModel
from valuescope.run import loading, read_yaml
from valuescope.run.spec_parts import ModelSpec


def add_command(commands: Any, name: str, run: Any, summary: str, example: str) -> argparse.ArgumentParser:
    """One subcommand with a one-line summary and an example."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=run)
    return parser


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """MODEL and how it is loaded."""
    parser.add_argument("model", metavar="MODEL", help='hub id, folder, "organism" or "organism-social"')
    parser.add_argument("--revision", help="branch, tag or commit on the hub")
    parser.add_argument("--dtype", default="auto", help="auto (as saved), float32, bfloat16 or float16")
    parser.add_argument("--device", help="where the whole model goes, such as cpu or cuda:0")
    parser.add_argument(
        "--device-map", help="passed to transformers, such as auto (needs the extra multi-gpu)"
    )
    parser.add_argument("--attn-implementation", help="passed to transformers, such as eager or sdpa")
    parser.add_argument("--trust-remote-code", action="store_true", help="run code that comes with the model")


def model_spec(options: argparse.Namespace) -> ModelSpec:
    """The model that the options ask for, as a specification says it."""
    return ModelSpec(
        id=options.model,
        revision=options.revision,
        dtype=options.dtype,
        device=options.device,
        device_map=options.device_map,
        attn_implementation=options.attn_implementation,
        trust_remote_code=options.trust_remote_code,
    )


def load_from(options: argparse.Namespace) -> NeuronModel:
    """The model that the options ask for, loaded."""
    return loading.load_from(model_spec(options))


def parameter(text: str) -> tuple[str, Any]:
    """`name=value`, the value read as YAML (so that 0.03, true, [2, 4] and null mean what they say)."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, read_yaml(value)
    except yaml.YAMLError as error:
        raise argparse.ArgumentTypeError(
            f"the value of {name} is not YAML: {' '.join(str(error).split())}"
        ) from error


class ProgressBars:
    """One bar at a time, on standard error; silent where that is no terminal, but for one line per stage."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done in a stage."""
        if stage != self._stage:
            self.close()
            self._stage = stage
            if sys.stderr.isatty():
                self._bar = tqdm(total=total, desc=stage[-48:], leave=False, file=sys.stderr)
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        elif done == total:
            print(f"  {stage}: {total}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
