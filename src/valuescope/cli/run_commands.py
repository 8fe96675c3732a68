"""demo, run and report: whole runs from a specification."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from valuescope.cli.command import Setting, argument, command, option, settings
from valuescope.cli.terminal import ProgressBars

if TYPE_CHECKING:
    from valuescope.run import AnySpec


@command("run the whole flow on the bundled model and write a report", "valuescope demo")
def demo(
    out: Path = option(Path("runs/demo"), "folder of the run", "FOLDER"),
    dry_run: bool = option(False, "say what it would cost, and stop", "--dry-run"),
) -> None:
    """`valuescope demo`."""
    from importlib.resources import files

    from valuescope.run import read_spec

    _run(read_spec(Path(str(files("valuescope.run").joinpath("demo.yaml")))), out, dry_run)


@command(
    "run a specification: locate, edit, generate, judge, measure, report",
    "valuescope run specs/neva-conva.yaml --model organism \\\n      --set data.parameters.folder=DATA/conva",
)
def run(
    spec: Path = argument("the specification; unknown keys are errors", "SPEC.yaml"),
    model: str | None = option(None, "hub id, folder or organism, instead of the specification's model.id"),
    out: Path | None = option(None, "folder (default: runs/<name>); an unfinished run resumes", "FOLDER"),
    overrides: list[Setting] = settings("overrides a setting, as generate.batch_size=32", "--set", "-s"),
    dry_run: bool = option(False, "say how many tokens, how much memory, how long; stop", "--dry-run"),
) -> None:
    """`valuescope run`."""
    from valuescope.run import read_spec

    content = read_spec(spec, **dict(overrides) | ({"model.id": model} if model else {}))
    _run(content, out or Path("runs") / content.name, dry_run)


@command("write the report of a finished run again", "valuescope report runs/demo")
def report(folder: Path = argument("folder of the run", "FOLDER")) -> None:
    """`valuescope report`."""
    import json

    from valuescope.report import write_report
    from valuescope.run import SpecError

    path = folder / "summary.json"
    if not path.is_file():
        raise SpecError(
            f"{path}: no such file; the run is not finished: run its specification again to resume it"
        )
    print(write_report(json.loads(path.read_text(encoding="utf-8")), folder))


def _run(spec: AnySpec, out: Path, dry: bool) -> None:
    from valuescope.report import text_table
    from valuescope.run import run
    from valuescope.run.experiments import estimate

    if dry:
        lines = [f"{spec.name} on {spec.model.id} would cost, by estimate:", *estimate(spec).lines()]
        print("\n  ".join(lines))
        return
    with ProgressBars() as progress:
        summary = run(spec, out, progress=progress)
    print(text_table(summary))
    print(f"\nreport: {out / 'report.html'}\nsummary: {out / 'summary.json'}\nseconds: {summary['seconds']}")
