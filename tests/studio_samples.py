"""A studio on the bundled model, for the tests of its addresses and of its page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from edit_samples import some_neurons
from serve_samples import organism
from summary_sample import result_of, sample_summary

from valuescope.data import ContrastPair
from valuescope.edit import Modulate
from valuescope.edit.named_edits import NamedEdit
from valuescope.generate import Engine, Sampling
from valuescope.studio.run_view import RunView
from valuescope.studio.studio import Studio

HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
PAIRS = tuple(
    ContrastPair(
        value=value,
        key=f"{value}/{number}",
        positive=f"Mei should take command of the {thing}.",
        negative=f"Mei should share the {thing} with a friend.",
    )
    for value in ("power", "benevolence")
    for number, thing in enumerate(("council", "territory", "money"))
)


@contextmanager
def open_studio(neurons: Path | None = None, tokens: int = 8) -> Iterator[Studio]:
    """Two edits, a run with leakage and hostile answers, six pairs."""
    model = organism()
    edits = [
        NamedEdit(name, Modulate(some_neurons(model, seed, share=0.2), beta=2.0), strength)
        for seed, (name, strength) in enumerate((("power", 1.0), ("calm", 0.0)))
    ]
    summary = sample_summary()
    summary["examples"][0]["question"] = f"Should Mei? {HOSTILE}"
    summary["examples"][0]["answers"][0]["text"] = HOSTILE
    view = RunView(Path("run"), result_of(summary))
    with Engine(model) as engine:
        yield Studio(engine, edits, Sampling(tokens, temperature=1.0, seed=3), PAIRS, view, neurons)


def longer(studio: Studio, tokens: int) -> Studio:
    """The same with longer answers."""
    return replace(studio, sampling=replace(studio.sampling, max_new_tokens=tokens))
