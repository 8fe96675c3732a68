"""How strongly each planted neuron fires on its value's answers, measured on the finished model."""

from __future__ import annotations

import json
from pathlib import Path

from valuescope.activations import collect
from valuescope.data import label, organism_material
from valuescope.files import write_json_atomic
from valuescope.models import load_model
from valuescope.organism import lexicon


def record_strengths(folder: Path) -> None:
    """Write each plant's `strength` into the truth: the mean of sign * m over the tokens of answers for its values.

    An edit multiplies what is there: a neuron that does not fire causes nothing, whatever it was trained for.
    """
    model = load_model(str(folder), dtype="float32")
    values = tuple(lexicon().values)
    material = organism_material(values, texts=60, descriptions=0, pairs=0, questions=0, tuning=0)
    counters = collect(model, material.texts, scope="answer", residuals=False).counters
    rows = dict(zip(values, counters.rows([label(value, "text") for value in values]), strict=True))
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    for plant in truth["plants"]:
        means = [
            float(
                counters.product_sum[rows[value], plant["layer"], plant["index"]]
                / counters.tokens[rows[value]]
            )
            for value in plant["values"]
        ]
        plant["strength"] = round(plant["sign"] * sum(means) / len(means), 4)
    write_json_atomic(folder / "truth.json", truth)
