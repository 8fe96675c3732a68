"""demo, quick and instrument: whole runs from a recipe that comes along, in minutes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from valuescope.cli.command import NamedSetting, command, option, settings
from valuescope.cli.model_options import ModelOptions
from valuescope.cli.run_commands import BUDGET, run_spec

if TYPE_CHECKING:
    from valuescope.lab.result import Result

SMOLLM2 = "smollm2"


@command(
    "run the whole flow on a small chat model, and on the bundled model where the truth is known",
    "valuescope demo",
)
def demo(
    out: Path = option(Path("runs/demo"), "folder of the run; the chat model's is real/ in it", "FOLDER"),
    real: str = option(SMOLLM2, "the chat model, as for quick; none: the bundled model only", "MODEL"),
    dry_run: bool = option(False, "say what it would cost, and stop", "--dry-run"),
    budget: str | None = option(None, f"of each of the two: {BUDGET}", "TIME"),
) -> None:
    """`valuescope demo`."""
    from valuescope.models.checkpoint import INSTALL_SMOLLM2, has_smollm2
    from valuescope.run import read_recipe

    if real == SMOLLM2 and not has_smollm2():
        print(f"The chat model is left out: {SMOLLM2} is not installed. {INSTALL_SMOLLM2} as --real.")
    elif real != "none":
        print(f"A small chat model, {real}: does a value's edit do anything, and can that be seen?\n")
        run_quick(ModelOptions(real), ["power"], out / "real", [], dry_run, budget)
        print("\nThe bundled model, whose value neurons are known:\n")
    run_spec(read_recipe("demo"), out, dry_run, budget)


@command(
    "find, steer and measure a value in a chat model, in minutes",
    "valuescope quick smollm2 --value power --out runs/power",
)
def quick(
    model: ModelOptions,
    value: list[str] = option(["power"], "a value of Schwartz's ten, such as benevolence"),
    out: Path = option(Path("runs/quick"), "folder of the run; an unfinished run resumes", "FOLDER"),
    overrides: list[NamedSetting] = settings("overrides a setting of the recipe", "--set", "-s"),
    dry_run: bool = option(False, "say what it would cost, and stop", "--dry-run"),
    budget: str | None = option(None, BUDGET, "TIME"),
) -> None:
    """`valuescope quick`."""
    run_quick(model, list(value), out, overrides, dry_run, budget)


@command(
    "what measures can see on a chat model: told for and told against each value",
    "valuescope instrument smollm2",
)
def instrument(
    model: ModelOptions,
    value: list[str] = option([], "one of Schwartz's ten values (default: all)"),
    out: Path = option(Path("runs/instrument"), "folder of the run; an unfinished run resumes", "FOLDER"),
    overrides: list[NamedSetting] = settings("overrides a setting of the recipe", "--set", "-s"),
    dry_run: bool = option(False, "say what it would cost, and stop", "--dry-run"),
    budget: str | None = option(None, BUDGET, "TIME"),
) -> None:
    """`valuescope instrument`."""
    from valuescope.parts.sight import sight_words, sights_of

    result = _run("instrument", model, list(value) or None, out, overrides, dry_run, budget)
    if result is not None:
        print(sight_words(sights_of(result)))


def run_quick(
    model: ModelOptions,
    values: list[str],
    out: Path,
    overrides: list[NamedSetting],
    dry: bool,
    budget: str | None,
) -> None:
    """Run the recipe quick; then its verdict, the first answers, and the edits' files."""
    from valuescope.parts.answers import Examples
    from valuescope.parts.edits import Edits
    from valuescope.parts.method import methods_of
    from valuescope.parts.opening import headline
    from valuescope.report.names import method_name
    from valuescope.report.text import visible

    result = _run("quick", model, values, out, overrides, dry, budget)
    if result is None:
        return
    for example in result.of(Examples).root:
        print(f"\n{result.head.value_name(example.value)}: {visible(example.question)}")
        for answer in example.answers:
            print(f"  [{method_name(answer.arm)}] {visible(' '.join(answer.text.split()))}")
    print(f"\n{headline(methods_of(result), result)}\n")
    for edit in result.of(Edits).root:
        print(
            f"edit: {out / edit.file}   (valuescope generate {model.model} --edit {out / edit.file} --question TEXT)"
        )


def _run(
    recipe: str,
    model: ModelOptions,
    values: list[str] | None,
    out: Path,
    overrides: list[NamedSetting],
    dry: bool,
    budget: str | None,
) -> Result | None:
    from valuescope.run import read_recipe

    named = {"model": model.spec().model_dump(), "values.only": values, **dict(overrides)}
    return run_spec(read_recipe(recipe, **named), out, dry, budget)
