"""serve: a model and its edits over HTTP."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from valuescope.cli.options import add_command, add_model_options, load_from
from valuescope.serve import Limits, Roster
from valuescope.serve.roster import load_edits

if TYPE_CHECKING:
    from valuescope.serve.server import Server


def add_commands(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "serve",
        serve_model,
        "answer over HTTP, in the shape of the OpenAI API, with the base model and with edits",
        "valuescope serve organism --edit power=edits/neva/power.json --port 8000",
    )
    add_model_options(parser)
    parser.add_argument(
        "--edit",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="an edit, served as MODEL@NAME (default: the file's name); may be repeated",
    )
    parser.add_argument("--force", action="store_true", help="serve edits that were made for another model")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: %(default)s); any other than this machine's own needs an API key in the "
        "environment variable VALUESCOPE_API_KEY",
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="port (default: %(default)s; 0: any that is free)"
    )
    limits = parser.add_argument_group("limits")
    for one in fields(Limits):
        limits.add_argument(
            f"--{one.name.replace('_', '-')}",
            type=type(one.default),
            default=one.default,
            metavar="SECONDS" if isinstance(one.default, float) or one.name == "keep_alive" else "N",
            help=f"{one.metadata['help']} (default: %(default)s)",
        )


def serve_model(options: argparse.Namespace) -> None:
    """`valuescope serve`."""
    try:
        from valuescope.serve.server import key_from, serve
    except ImportError as error:
        raise RuntimeError(
            f'serving needs packages that are not installed ({error.name}): pip install "valuescope[serve]"'
        ) from error
    from valuescope.generate import Engine

    limits = Limits(**{one.name: getattr(options, one.name) for one in fields(Limits)})
    key, edits = key_from(), load_edits(options.edit)
    model = load_from(options)
    roster = Roster(model, edits, force=options.force)

    def ready(server: Server) -> None:
        print(f"serving {', '.join(roster.ids)} at {server.url}", flush=True)
        print("with the API key from VALUESCOPE_API_KEY" if key else "without an API key", flush=True)

    engine = Engine(model, max_rows=limits.max_rows, max_queue=limits.max_queue)
    serve(engine, roster, limits, host=options.host, port=options.port, key=key, ready=ready)
    print("stopped", flush=True)
