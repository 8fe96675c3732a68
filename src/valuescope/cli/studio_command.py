"""studio: a page for talking to a steered model and looking into it."""

from __future__ import annotations

from pathlib import Path

from valuescope.cli.command import command, option
from valuescope.cli.model_options import ChatOptions, ModelOptions, SourceOptions


@command(
    "a page to talk to a steered model, with a slider for each edit, its profile, and a run's findings",
    "valuescope studio smollm2 --edit power.json --edit calm=benevolence.json:0",
)
def studio(
    model: ModelOptions,
    chat: ChatOptions,
    source: SourceOptions,
    edit: list[str] = option(
        [], "an edit, its name and its strength (default 1: as it was saved)", "[NAME=]FILE[:STRENGTH]"
    ),
    run: Path | None = option(None, "a finished run: its leakage matrices and its answers", "FOLDER"),
    neurons: Path | None = option(None, "pages that `valuescope neurons` wrote", "FOLDER"),
    values: str = option("schwartz", "value system of the profile"),
    pairs: int = option(8, "pairs of each value that the profile is measured on"),
    max_new_tokens: int = option(200, "tokens of an answer"),
    temperature: float | None = option(None, "0 is greedy (default: the model's own, else 1)"),
    top_p: float | None = option(None, "(default: the model's own, else 1)"),
    seed: int = option(0, "of the noise"),
    force: bool = option(False, "use edits that were made for another model", "--force"),
    port: int = option(8100, "port on this machine; 0: any that is free"),
) -> None:
    """`valuescope studio`."""
    try:
        from valuescope.studio.server import serve_page
    except ImportError as error:
        raise RuntimeError(
            f'the studio needs packages that are not installed ({error.name}): pip install "valuescope[serve]"'
        ) from error
    from valuescope.edit.named_edits import named_edits
    from valuescope.generate import Engine, Sampling
    from valuescope.studio.pairs import profile_pairs
    from valuescope.studio.run_view import RunView, RunViewError
    from valuescope.studio.studio import Studio

    if neurons is not None and not (neurons / "index.html").is_file():
        raise RunViewError(
            f"{neurons}: no index.html; write the pages with `valuescope neurons EDITS --out {neurons}`"
        )
    edits, view = named_edits(edit), None if run is None else RunView.read(run)
    parameters = dict(source.data_parameters)
    measured = profile_pairs(values, source.named(model.model), parameters, pairs, seed)
    loaded = chat.on(model.load())
    settled = loaded.sampling.settled(loaded.identity.id, temperature, top_p)
    with Engine(loaded) as engine:
        sampling = Sampling(max_new_tokens, *settled, seed)
        shown = Studio(engine, edits, sampling, measured, view, neurons, force)
        serve_page(
            shown, port, lambda address: print(f"the studio is at {address} (Ctrl-C ends it)", flush=True)
        )
