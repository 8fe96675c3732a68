"""serve: a model and its edits over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valuescope.cli.command import command, option
from valuescope.cli.model_options import ChatOptions, ModelOptions
from valuescope.serve.limits import KEY_VARIABLE, Limits

if TYPE_CHECKING:
    from valuescope.serve.server import Server


@command(
    "answer over HTTP, in the shape of the OpenAI API, with the base model and with edits",
    "valuescope serve organism --edit power=edits/neva/power.json --port 8000",
)
def serve(
    model: ModelOptions,
    chat: ChatOptions,
    limits: Limits,
    edit: list[str] = option(
        [],
        "an edit, served as MODEL@NAME (default: the file's name), and its strength (default 1: as saved)",
        "[NAME=]FILE[:STRENGTH]",
    ),
    force: bool = option(False, "serve edits that were made for another model", "--force"),
    host: str = option(
        "127.0.0.1", f"address to listen on; one that others reach needs an API key in {KEY_VARIABLE}"
    ),
    port: int = option(8000, "port; 0: any that is free"),
) -> None:
    """`valuescope serve`."""
    try:
        from valuescope.serve.server import key_from, require_port
        from valuescope.serve.server import serve as serve_until_stopped
    except ImportError as error:
        raise RuntimeError(
            f'serving needs packages that are not installed ({error.name}): pip install "valuescope[serve]"'
        ) from error
    from valuescope.edit.named_edits import named_edits
    from valuescope.generate import Engine
    from valuescope.serve.roster import Roster

    require_port(port)
    key, edits = key_from(), [(named.name, named.scaled) for named in named_edits(edit)]
    loaded = model.load().with_chat(chat.settings())
    roster = Roster(loaded, edits, force=force)

    def ready(server: Server) -> None:
        print(f"serving {', '.join(roster.ids)} at {server.url}", flush=True)
        print(f"with the API key from {KEY_VARIABLE}" if key else "without an API key", flush=True)
        temperature, top_p = loaded.sampling.settled(loaded.identity.id)
        print(f"temperature {temperature:g} and top_p {top_p:g} where a request names none", flush=True)

    engine = Engine(loaded, max_rows=limits.max_rows, max_queue=limits.max_queue)
    serve_until_stopped(engine, roster, limits, host=host, port=port, key=key, ready=ready)
    print("stopped", flush=True)
