"""demo, run and report: whole runs from a specification."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from valuescope.cli.command import NamedSetting, argument, command, option, settings
from valuescope.cli.terminal import ProgressBars

if TYPE_CHECKING:
    from valuescope.lab.spec import RunSpec


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
    model: str | None = option(
        None, "hub id, folder, FILE.gguf or organism, instead of the specification's model.id"
    ),
    out: Path | None = option(None, "folder (default: runs/<name>); an unfinished run resumes", "FOLDER"),
    overrides: list[NamedSetting] = settings("overrides a setting, as generate.batch_size=32", "--set", "-s"),
    dry_run: bool = option(False, "say how many tokens, how much memory, how long; stop", "--dry-run"),
) -> None:
    """`valuescope run`."""
    from valuescope.run import read_spec

    content = read_spec(spec, **dict(overrides) | ({"model.id": model} if model else {}))
    _run(content, out or Path("runs") / content.name, dry_run)


@command("write the report of a finished run again", "valuescope report runs/demo")
def report(folder: Path = argument("folder of the run", "FOLDER")) -> None:
    """`valuescope report`."""
    from valuescope.run import read_result, write_report

    print(write_report(read_result(folder), folder))


def _run(spec: RunSpec, out: Path, dry: bool) -> None:
    from valuescope.run import estimate, run, terminal_text

    if dry:
        lines = [f"{spec.name} on {spec.model.id} would cost, by estimate:", *estimate(spec).lines()]
        print("\n  ".join(lines))
        return
    with ProgressBars() as progress:
        result = run(spec, out, progress=progress)
    print(terminal_text(result))
    print(f"\nreport: {out / 'report.html'}\nsummary: {out / 'summary.json'}\nseconds: {result.seconds}")
