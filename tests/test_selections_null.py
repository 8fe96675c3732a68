"""The null of ValueExploration's selections, against texts that were relabelled and read again; parts and sizes too."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from run_samples import summary_bytes
from test_run_exploration import SPEC

from valuescope.activations import Activations, collect
from valuescope.data.dilemma_set import DilemmaSet
from valuescope.lab.folder import RunFolder
from valuescope.lab.identification import FEEDING, Identification
from valuescope.lab.null import values_exchange
from valuescope.locate import Evidence, locate
from valuescope.locate.relabelling import first_half
from valuescope.metrics.stability import jaccard
from valuescope.models import load_model
from valuescope.parts.selections_null import SelectionsNull
from valuescope.progress import silent
from valuescope.run import estimate, make_spec, read_result, run

NULLED: dict[str, Any] = {
    **SPEC,
    "languages": ["en"],
    "generating": None,
    "nulls": {"shuffles": 2, "halves": 1},
}


def test_selections_under_exchanged_values_and_on_halves(tmp_path: Path) -> None:
    model, spec = load_model("organism-social", dtype="float32", device="cpu"), make_spec(NULLED, "t")
    run(spec, tmp_path / "run", model=model)
    found = read_result(tmp_path / "run").of(SelectionsNull)["en"].root
    assert set(found) == set(NULLED["selections"])
    dilemmas = DilemmaSet.from_dict(json.loads((tmp_path / "run" / "data" / "dilemmas.json").read_text()))
    folder = RunFolder(tmp_path / "run")
    texts = Identification(spec, folder, model, dilemmas, silent).texts("en")
    values, labels = dilemmas.values, [text.label for text in texts]

    def located(name: str, labels: list[str]) -> Any:
        some = [replace(text, label=label) for text, label in zip(texts, labels, strict=True) if label]
        evidence = Evidence(
            Activations(collect(model, some, residuals=False).counters, None),
            values,
            dict(zip(values, values, strict=True)),
        )
        selection = spec.selections[name]
        return locate(selection.locator, model, evidence, **selection.parameters_in("en"))

    exchange, first = values_exchange(values, FEEDING), first_half(texts, seed=0, draw=0)
    halves = [
        [label if inside == side else "" for label, inside in zip(labels, first, strict=True)]
        for side in (True, False)
    ]
    for name, null in found.items():
        assert (null.exchanged, null.shuffles, null.halves, null.missing) == ("values", 2, 1, ())
        dealt = [located(name, list(exchange.dealt(texts, seed=0, draw=draw))) for draw in range(2)]
        cut = [located(name, half) for half in halves]
        for row, value in enumerate(values):
            assert null.by_value[value].shuffled == fmean(int(one.selected[row].sum()) for one in dealt)
            assert null.by_value[value].halves.jaccard == jaccard(*(one.selected[row] for one in cut))
            assert null.by_value[value].texts == labels.count(value)
        assert null.split_half == pytest.approx(
            fmean(one.halves.jaccard for one in null.by_value.values() if one.halves.jaccard is not None)
        )
    assert (tmp_path / "run" / "figures" / "null.svg").is_file()
    before = summary_bytes(tmp_path / "run")
    for path in (tmp_path / "run" / "locate" / "en").glob("*.null.json"):
        path.unlink()
    run(spec, tmp_path / "run", model=model)
    assert summary_bytes(tmp_path / "run") == before


def test_the_dry_run_counts_the_memory_of_the_dealt_counters() -> None:
    plain, nulled = (estimate(make_spec({**NULLED, "nulls": nulls}, "t")) for nulls in (None, {}))
    assert (
        nulled.counter_bytes == 5 * plain.counter_bytes
    )  # one half, two dealings and one half of a dealing more
