"""General ability before and after, averaged over the edits of all values (NeVA, table 1), and a cheap variant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from valuescope.ability import AbilityError, mmlu, neutral_texts, perplexity, read_mmlu
from valuescope.data import DataError
from valuescope.edit import Edit
from valuescope.metrics import Bootstrap
from valuescope.models import NeuronModel
from valuescope.run.spec import Setting, Spec
from valuescope.run.spec_parts import SpecError
from valuescope.run.treatments import treatments
from valuescope.run.trial import Laboratory
from valuescope.tune import Adapter, applied

_One = TypeVar("_One")
Rows = dict[str, list[list[float | None]]]
"""Of base (one list) and edited (one list for each value): a number for every question or text."""


def ability_block(laboratory: Laboratory, settings: dict[str, Setting]) -> dict[str, Any] | None:
    """MMLU and perplexity of every method at its headline setting; None where the run does not ask for them.

    A system message changes the prompt and not the model, so it is left out and named; so is a method that found nothing.
    """
    spec = laboratory.spec
    if spec.ability is None:
        return None
    methods, left_out, empty, note = dict[str, Any](), list[str](), list[str](), ""
    for name in spec.ability.methods or spec.methods:
        made = treatments(laboratory.locations, spec.methods[name], settings[name])
        edits = [one for one in made.values() if isinstance(one, Edit | Adapter)]
        if not edits:
            (empty if spec.methods[name].reads_texts else left_out).append(name)
            continue
        found = laboratory.runner.folder.read_json(f"ability/{name}.json")
        if found is None:
            found = {"edits": len(edits), **_measured(laboratory, edits)}
            laboratory.runner.folder.write_json(f"ability/{name}.json", found)
        note = note or found.get("note", "")
        methods[name] = {
            "edits": found["edits"],
            **{what: _estimates(spec, found[what]) for what in ("mmlu", "nats") if what in found},
        }
    return {
        "mmlu": spec.ability.mmlu is not None,
        "questions": spec.ability.number,
        "shots": spec.ability.shots,
        "note": note,
        "left_out": left_out,
        "nothing_found": empty,
        "order": list(methods),
        "methods": methods,
    }


def _measured(laboratory: Laboratory, edits: Sequence[Edit | Adapter]) -> dict[str, Any]:
    how, model, found = laboratory.spec.ability, laboratory.runner.model, dict[str, Any]()
    assert how is not None
    if how.mmlu is not None:
        try:
            questions = read_mmlu(how.mmlu, number=how.number, shots=how.shots, seed=laboratory.spec.seed)
        except (AbilityError, DataError) as error:
            raise SpecError(f"ability.mmlu: {error}") from error
        results = _in_turn(model, edits, lambda some: mmlu(model, questions, some, batch_size=how.batch_size))
        answered = [
            [None if one.correct is None else float(one.correct) for one in result.predictions]
            for result in results
        ]
        found["mmlu"] = {"base": answered[:1], "edited": answered[1:]}
        found["note"] = results[0].note
    if how.perplexity:
        texts = neutral_texts(next((one.language for one in laboratory.material.questions), "en"))

        # Text by text, so that the interval of the mean over edits can go over texts.
        def by_text(some: Sequence[Edit | None]) -> list[list[float | None]]:
            found = [perplexity(model, [text], some, batch_size=how.batch_size) for text in texts]
            return [
                list(column)
                for column in zip(*([one.nats.mean for one in row] for row in found), strict=True)
            ]

        nats = _in_turn(model, edits, by_text)
        found["nats"] = {"base": nats[:1], "edited": nats[1:]}
    return found


def _in_turn(
    model: NeuronModel,
    edits: Sequence[Edit | Adapter],
    ask: Callable[[Sequence[Edit | None]], Sequence[_One]],
) -> list[_One]:
    """What `ask` gives for the base, and for each edit; edits share batches, adapters are put on one by one."""
    found = list(ask([None, *(one for one in edits if isinstance(one, Edit))]))
    for one in edits:
        if isinstance(one, Adapter):
            with applied(model, one):
                found += ask([None])
    return found


def _estimates(spec: Spec, rows: Mapping[str, list[list[float | None]]]) -> dict[str, Any]:
    """Base, the mean over edits and the paired change; questions (or texts) are what is resampled."""
    how = Bootstrap(spec.bootstrap.resamples, spec.bootstrap.confidence, spec.seed)
    (base,), edited = rows["base"], rows["edited"]
    after = [one for row in edited for one in row]
    clusters = list(range(len(base))) * len(edited)
    return {
        "base": how.mean(base).to_dict(),
        "edited": how.mean(after, clusters=clusters).to_dict(),
        "change": how.difference(base * len(edited), after, clusters=clusters).to_dict(),
    }
