"""demo, run and report: whole runs from a specification."""

from __future__ import annotations

import argparse
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from valuescope.cli.options import ProgressBars, add_command, parameter
from valuescope.report import text_table, write_report
from valuescope.run import AnySpec, SpecError, read_spec, run
from valuescope.run.experiments import estimate


def add_commands(commands: Any) -> None:
    """Add the three commands."""
    demo = add_command(
        commands,
        "demo",
        run_demo,
        "run the whole flow on the bundled model and write a report",
        "valuescope demo",
    )
    demo.add_argument(
        "--out", type=Path, default=Path("runs/demo"), help="folder of the run (default: runs/demo)"
    )
    demo.add_argument("--dry-run", action="store_true", help="say what it would cost, and stop")
    whole = add_command(
        commands,
        "run",
        run_spec,
        "run a specification: locate, edit, generate, judge, measure, report",
        "valuescope run specs/neva-conva.yaml --model organism --set data.parameters.folder=DATA/conva",
    )
    whole.add_argument(
        "spec", metavar="SPEC.yaml", type=Path, help="the specification; unknown keys are errors"
    )
    whole.add_argument("--model", help="hub id, folder or organism, instead of the specification's model.id")
    whole.add_argument(
        "--out", type=Path, help="folder of the run (default: runs/<name>); an unfinished run resumes"
    )
    whole.add_argument(
        *("--set", "-s"),
        dest="settings",
        metavar="KEY=VALUE",
        type=parameter,
        action="append",
        default=[],
        help="override one setting by its dotted name, such as seed=1 or generate.batch_size=32; may be repeated",
    )
    whole.add_argument(
        "--dry-run", action="store_true", help="say how many tokens, how much memory, how long; stop"
    )
    report = add_command(
        commands,
        "report",
        rebuild_report,
        "write the report of a finished run again",
        "valuescope report runs/demo",
    )
    report.add_argument("folder", type=Path, help="folder of the run")


def run_demo(options: argparse.Namespace) -> None:
    """`valuescope demo`."""
    _run(read_spec(Path(str(files("valuescope.run").joinpath("demo.yaml")))), options.out, options.dry_run)


def run_spec(options: argparse.Namespace) -> None:
    """`valuescope run`."""
    overrides = dict(options.settings)
    if options.model:
        overrides["model.id"] = options.model
    spec = read_spec(options.spec, **overrides)
    _run(spec, options.out or Path("runs") / spec.name, options.dry_run)


def rebuild_report(options: argparse.Namespace) -> None:
    """`valuescope report`."""
    path = options.folder / "summary.json"
    if not path.is_file():
        raise SpecError(
            f"{path}: no such file; the run is not finished: run its specification again to resume it"
        )
    print(write_report(json.loads(path.read_text(encoding="utf-8")), options.folder))


def _run(spec: AnySpec, out: Path, dry: bool) -> None:
    if dry:
        lines = [f"{spec.name} on {spec.model.id} would cost, by estimate:", *estimate(spec).lines()]
        print("\n  ".join(lines))
        return
    progress = ProgressBars()
    try:
        summary = run(spec, out, progress=progress)
    finally:
        progress.close()
    print(text_table(summary))
    print(f"\nreport: {out / 'report.html'}\nsummary: {out / 'summary.json'}\nseconds: {summary['seconds']}")
