"""The command-line application, and how a function with its options becomes one of its commands.

Nothing here, nor in the modules of the commands, imports torch before a command runs: help and completion are quick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, field, fields, is_dataclass
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, NamedTuple, TypeVar, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

DESCRIPTION = "Find, steer and measure the human values inside language models, neuron by neuron."
EPILOG = """\
start here:
  valuescope demo                       the whole flow, about six minutes
  valuescope quick MODEL --value power  find, steer, measure a value: minutes
  valuescope instrument MODEL           what can measures see on this model?
  valuescope sites MODEL                can its neurons be read and edited?
  valuescope run SPEC.yaml --dry-run    what would this run cost?
  valuescope prompts SPEC.yaml          what would it send to whom?
  valuescope run SPEC.yaml --model ID   run it; the same command resumes it
  valuescope compare RUN RUN --out DIR  one page of runs on several models
  valuescope data PATH                  what does this data set hold?
  valuescope write contrast --by MODEL  have a model write new data, checked
  valuescope judge --show               what are judges asked?
  valuescope chat MODEL --edit FILE     talk to it, turn its edits
  valuescope studio MODEL --edit FILE   the same on a page, with sliders
  valuescope serve MODEL --edit FILE    answer the OpenAI API with its edits
  valuescope doctor                     what is installed here, what is not?

MODEL is a Hugging Face hub id, a folder with a saved model, FILE.gguf or
HUB-ID:FILE.gguf (unpacked once, into VALUESCOPE_CACHE or ~/.cache/valuescope),
"organism" or "organism-social" (the bundled models), or "smollm2".
exit codes: 0 done, 1 it could not be done (the reason is printed), 2 the
command line is wrong, 130 interrupted
"""
ORDER = (
    *(
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
    ),
    *(
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
    ),
)
ALL = "all"
"""What an option with the metavar `[NAME]` says where it stands alone."""

Function = TypeVar("Function", bound=Callable[..., None])


class NamedSetting(NamedTuple):
    """`NAME=VALUE` from the command line; `dict(settings)` makes a mapping of several."""

    name: str
    value: Any


class _Epilog:
    """Help whose end stays as it is written."""

    epilog: str | None

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        formatter.write(f"\n{self.epilog}")


class Command(_Epilog, TyperCommand):
    """A command whose example stays as it is written, and whose options `NAME ...` take several values at once."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read `--values a b` as `--values a --values b`, and `--show` alone as `--show all`."""
        metavars = {flag: parameter.metavar or "" for parameter in self.params for flag in parameter.opts}
        written, metavar, values = list[str](), "", 0
        for argument, following in zip(args, [*args[1:], "-"], strict=False):
            if argument.startswith("-"):
                flag, metavar, values = argument, metavars.get(argument, ""), 0
                alone = metavar == "[NAME]" and following.startswith("-")
                written += [argument, ALL] if alone else [argument]
            else:
                written += [flag, argument] if values and metavar.endswith("...") else [argument]
                values += 1
        return super().parse_args(ctx, written)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments, options, and what has a panel of its own under that name."""
        sections = dict[str, list[tuple[str, str]]]()
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if parameter.param_type_name == "argument" and record is not None:
                sections.setdefault("Arguments", []).append((parameter.metavar or record[0], record[1]))
            elif record is not None:
                title = getattr(parameter, "rich_help_panel", None) or "Options"
                sections.setdefault(title, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


class Commands(_Epilog, TyperGroup):
    """All commands in their order; the epilog stays as it is written."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names."""
        return sorted(self.commands, key=ORDER.index)


app = typer.Typer(
    cls=Commands,
    help=DESCRIPTION,
    epilog=EPILOG,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def command(summary: str, example: str) -> Callable[[Function], Function]:
    """Make a function the command of its name.

    Its parameters are options (see `option`), or dataclasses whose fields are: one parameter stands for all of them.
    """

    def add(function: Function) -> Function:
        hints, groups, parameters = get_type_hints(function), dict[str, Any](), list[Parameter]()
        for name, parameter in signature(function).parameters.items():
            if is_dataclass(hints[name]):
                groups[name] = hints[name]
                of_group = get_type_hints(hints[name])
                parameters += [
                    _parameter(each.name, of_group[each.name], each) for each in fields(groups[name])
                ]
            else:
                parameters.append(_parameter(name, hints[name], parameter.default))

        def run(**values: Any) -> None:
            for name, kind in groups.items():
                values[name] = kind(**{each.name: values.pop(each.name) for each in fields(kind)})
            function(**values)

        run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        title, epilog = f"{summary[0].upper()}{summary[1:]}.", f"example:\n  {example}\n"
        app.command(function.__name__, cls=Command, help=title, short_help=summary, epilog=epilog)(run)
        return function

    return add


def option(default: Any, help: str, *words: str, names: Sequence[str] = (), **details: Any) -> Any:
    """An option; `...` is required, False a switch, a list may be repeated.

    `words` are its flags (default: from its name) and its metavar: with ` ...` at the end it takes several values at
    once, and `[NAME]` may stand alone. `names` are its only values.
    """
    flags = [word for word in words if word.startswith("-")]
    metavars = [word for word in words if not word.startswith("-")]
    if names:
        metavars, help = ["NAME"], f"{help}: {', '.join(names)}"
        details |= _choice(names)
    if isinstance(default, list) and not " ".join(metavars).endswith(" ..."):
        help += "; may be repeated"
    return _field(
        default, typer.Option(*flags, help=help, metavar=metavars[0] if metavars else None, **details)
    )


def settings(help: str, *flags: str) -> Any:
    """An option of `NAME=VALUE` that may be repeated: a `list[NamedSetting]`."""
    return option([], help, *flags, "NAME=VALUE", parser=setting)


def argument(help: str, metavar: str, default: Any = ..., names: Sequence[str] = ()) -> Any:
    """A positional argument."""
    return _field(default, typer.Argument(help=help, metavar=metavar, **(_choice(names) if names else {})))


def setting(text: str) -> NamedSetting:
    """`NAME=VALUE`, the value read as YAML (so that 0.03, true, [2, 4] and null mean what they say)."""
    import yaml

    from valuescope.run import read_yaml

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
    try:
        return NamedSetting(name, read_yaml(value))
    except yaml.YAMLError as error:
        raise typer.BadParameter(
            f"the value of {name} is not YAML: {' '.join(str(error).split())}"
        ) from error


def _choice(names: Sequence[str]) -> dict[str, Any]:
    def chosen(text: str) -> str:
        if text not in names:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(names)}")
        return text

    return {"parser": chosen, "autocompletion": lambda: list(names)}


def _field(default: Any, parameter: Any) -> Any:
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata={"parameter": parameter})
    return field(default=MISSING if default is ... else default, metadata={"parameter": parameter})


def _parameter(name: str, hint: Any, given: Any) -> Parameter:
    """What Typer reads of an option; a field with nothing but `help` is a limit."""
    about = given.metadata.get("parameter") or typer.Option(
        help=given.metadata["help"], rich_help_panel="Limits"
    )
    default = given.default if given.default_factory is MISSING else given.default_factory()
    return Parameter(
        name,
        Parameter.KEYWORD_ONLY,
        default=Parameter.empty if default is MISSING else default,
        annotation=Annotated[hint, about],
    )
