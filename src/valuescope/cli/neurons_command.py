"""neurons: pages that show what the neurons of an edit or a run do."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from valuescope.cli.command import argument as positional
from valuescope.cli.command import command, option
from valuescope.cli.model_options import SourceOptions
from valuescope.cli.terminal import ProgressBars

RANDOM = "random neurons"
"""The value under which as many neurons stand as the first one has, drawn from all: what a page shows of any neuron."""


@command(
    "show what single neurons do: the texts that move them most, what they write, what zeroing one changes",
    "valuescope neurons edits/power.json --out pages",
)
def neurons(
    source: SourceOptions,
    edits: list[Path] = positional("edit files (of neurons), or folders with some", "EDIT ..."),
    model: str | None = option(None, "the model (default: the one that the edits were made for)", "MODEL"),
    dtype: str = option("auto", "auto, float32, bfloat16 or float16"),
    device: str | None = option(None, "such as cpu or cuda:0"),
    top: int = option(20, "neurons of each value, those of the highest scores"),
    keep: int = option(6, "texts in which a neuron is highest, and as many in which it is lowest"),
    batch_size: int = option(16, "texts at once"),
    seed: int = option(0, "of the texts that are drawn, and of the intervals"),
    out: Path = option(..., "folder for the pages", "FOLDER"),
) -> None:
    """`valuescope neurons`."""
    from valuescope.lab.material import draw_material, require_marks
    from valuescope.lab.spec import DataSpec
    from valuescope.locate import random_like
    from valuescope.models import load_model
    from valuescope.neurons import portraits
    from valuescope.neurons.edit_files import read_neuron_sets
    from valuescope.neurons.pages import PageHead, write_neuron_pages

    sets = {value: neurons.top(top) for value, neurons in read_neuron_sets(edits).items()}
    loaded = load_model(model or next(iter(sets.values())).model.id, dtype=dtype, device=device)
    data = DataSpec(source=source.named(loaded.identity.id), parameters=dict(source.data_parameters))
    texts = draw_material(data, tuple(sets), seed).texts
    require_marks(data.source, loaded)
    control = random_like(loaded, next(iter(sets.values())), seed=seed)
    sets[RANDOM] = replace(control, value=RANDOM)
    drawn = {}
    with ProgressBars() as progress:
        for value, chosen in sets.items():
            drawn[value] = portraits(
                loaded,
                chosen,
                texts,
                keep=keep,
                batch_size=batch_size,
                seed=seed,
                progress=partial(progress, f"neurons of {value}"),
            )
    head = PageHead(loaded.identity.id, loaded.identity.fingerprint, data.source, len(texts))
    print(write_neuron_pages(out, head, drawn))
