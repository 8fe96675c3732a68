"""run, report and compare: whole runs from a specification."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from valuescope.cli.command import NamedSetting, argument, command, option, settings
from valuescope.cli.terminal import ProgressBars
from valuescope.lock import sole_use

if TYPE_CHECKING:
    from valuescope.lab.result import Result
    from valuescope.lab.spec import RunSpec


BUDGET = "ask and read less, so that it takes about so long (90s, 20m, 1h); says what is cut"

RUNS = (
    "folders of finished runs, two or more, each of another model. They must agree in data, prompts, judge, values, seed and "
    "measure; the methods' settings may be each model's own and are listed on the page. Missing cells stay missing; where the "
    "instrument shows that a measure sees nothing on a model, its scores read 'cannot be told'"
)
SIDE_BY_SIDE = "take runs that differ in these, or two runs of one model; the page then says at the top in what they differ"


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
    budget: str | None = option(None, BUDGET, "TIME"),
) -> None:
    """`valuescope run`."""
    from valuescope.run import read_spec

    content = read_spec(spec, **dict(overrides) | ({"model.id": model} if model else {}))
    run_spec(content, out or Path("runs") / content.name, dry_run, budget)


@command("write the report of a finished run again", "valuescope report runs/demo")
def report(folder: Path = argument("folder of the run", "FOLDER")) -> None:
    """`valuescope report`."""
    from valuescope.run import rewrite_report

    print(rewrite_report(folder))


@command(
    "compare finished runs of one specification on several models",
    "valuescope compare runs/a runs/b --out comparisons/ab\n"
    "where before:\n  valuescope run SPEC.yaml --model A --out runs/a\n  valuescope run SPEC.yaml --model B --out runs/b",
)
def compare(
    folders: list[Path] = argument(RUNS, "RUN"),
    out: Path = option(..., "folder of the comparison (not a run's)", "FOLDER"),
    side_by_side: bool = option(False, SIDE_BY_SIDE, "--side-by-side"),
) -> None:
    """`valuescope compare`."""
    from valuescope.compare import compare as compared
    from valuescope.compare import read_runs, write_comparison

    comparison = compared(read_runs(folders), side_by_side=side_by_side)
    page = write_comparison(comparison, out)
    print(f"page: {page}\nnumbers: {out / 'comparison.json'}")


def run_spec(spec: RunSpec, out: Path, dry: bool, budget: str | None = None) -> Result | None:
    """Run a specification with progress and print its tables; None where `dry` asks for its cost only."""
    with nullcontext() if dry else sole_use(out):
        return _run_spec(spec, out, dry, budget)


def _run_spec(spec: RunSpec, out: Path, dry: bool, budget: str | None) -> Result | None:
    from valuescope.run import Estimator, RunFolder, ready, run, seconds_of, settled, terminal_text

    folder = None if dry else RunFolder(out)
    spec = ready(spec, folder)

    @cache
    def estimator() -> Estimator:
        print(f"timing {spec.model.id} ...", file=sys.stderr, flush=True)
        return Estimator(spec)

    became = settled(spec, folder, None if budget is None else seconds_of(budget), estimator)
    print("".join(f"{note}\n" for note in became.notes), end="", file=sys.stderr)
    if dry:
        title = f"{spec.name} on {spec.model.id} would cost, by estimate:"
        print("\n  ".join([title, *estimator().cost(became.spec).lines()]))
        return None
    known = estimator() if estimator.cache_info().currsize else None  # timed already
    expected = {name: part.middle for name, part in known.cost(became.spec).parts.items()} if known else {}
    with ProgressBars(expected) as progress:
        result = run(became.spec, out, progress=progress, model=known.model if known else None)
    print(terminal_text(result))
    print(f"\nreport: {out / 'report.html'}\nsummary: {out / 'summary.json'}\nseconds: {result.seconds}")
    return result
