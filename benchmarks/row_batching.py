"""Ten values' edits and the base model on the same questions: all rows in shared batches against one edit at a time.

Run on its own: `python benchmarks/row_batching.py`. At temperature 0 and in float32 both ways must give the same answers,
token by token; the result says how many did. Each way forms batches of at most `--batch-size` rows. One edit at a time
fills them only where it has that many questions, and ends every pass with its slowest row; shared batches have no such ends.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import torch
from measure import alternate, compare, markdown

from valuescope.activations import collect
from valuescope.data import organism_material
from valuescope.data.records import label
from valuescope.edit import Edit, Modulate
from valuescope.files import write_json_atomic
from valuescope.generate import Answer, Sampling, generate
from valuescope.locate import Evidence, locate
from valuescope.models import NeuronModel, load_model
from valuescope.values import load_value_system


def main() -> None:
    """Measure, print the table, and write it where it is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--questions", type=int, default=100, help="questions, a tenth of each value (default 100)"
    )
    parser.add_argument("--batch-size", type=int, default=100, help="rows in a batch at most (default 100)")
    parser.add_argument("--new-tokens", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--out", type=Path, default=None, help="a .json to write the result to")
    options = parser.parse_args()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    load, model = os.getloadavg()[0], load_model("organism", dtype="float32", device="cpu")
    prompts, edits = _prompts(options.questions), _edits(model)
    arms: list[Edit | None] = [None, *edits]
    sampling = Sampling(options.new_tokens, temperature=0)

    def shared() -> list[Answer]:
        rows = [(prompt, edit) for prompt in prompts for edit in arms]
        found = generate(
            model,
            [prompt for prompt, _ in rows],
            edits=[edit for _, edit in rows],
            sampling=sampling,
            batch_size=options.batch_size,
        )
        return [one for place in range(len(arms)) for one in found[place :: len(arms)]]

    def one_at_a_time() -> list[Answer]:
        return [
            one
            for edit in arms
            for one in generate(model, prompts, edits=edit, sampling=sampling, batch_size=options.batch_size)
        ]

    # Both are run once untimed by `alternate`; these answers are those of a further run.
    answers = [[one.tokens for one in way()] for way in (shared, one_at_a_time)]
    equal = sum(one == other for one, other in zip(*answers, strict=True))
    changed = sum(
        one != base for one, base in zip(answers[0], answers[0][: len(prompts)] * len(arms), strict=True)
    )
    seconds = alternate({"shared batches": shared, "one edit at a time": one_at_a_time}, options.rounds)
    note = f"{len(answers[0])} answers, {equal} equal; {changed} differ from the base's"
    row = compare(seconds, "shared batches", "one edit at a time", note)
    print(markdown([row]))
    content = {
        "questions": len(prompts),
        "arms": len(arms),
        "answers": len(answers[0]),
        "equal_answers": equal,
        "edited_answers_that_differ_from_the_base": changed,
        "batch_size": options.batch_size,
        "threads": torch.get_num_threads(),
        "load_at_start": round(load, 2),
        "row": row.to_dict(),
    }
    if options.out:
        write_json_atomic(options.out, content)
    else:
        print(json.dumps(content, indent=2))


def _values() -> tuple[str, ...]:
    return load_value_system("schwartz").at_level("value")


def _prompts(questions: int) -> list[str]:
    values = _values()
    material = organism_material(
        values, texts=1, descriptions=1, pairs=1, questions=max(1, questions // len(values)), tuning=0
    )
    return [one.prompt for one in material.questions if one.setting == "dilemma"]


def _edits(model: NeuronModel) -> list[Edit]:
    """NeVA's edit of every value, at a strength that changes answers."""
    values = _values()
    material = organism_material(values, texts=1, descriptions=1, pairs=60, questions=1, tuning=0)
    texts = [one for one in material.texts if one.label.endswith(("|positive", "|negative"))]
    evidence = Evidence(
        collect(model, texts, batch_size=64, residuals=True),
        values,
        positive={value: label(value, "positive") for value in values},
        negative={value: label(value, "negative") for value in values},
        texts=texts,
    )
    found = locate("neva", model, evidence, layers=(1, 4))
    return [Modulate(found.neuron_set(value), beta=1.5) for value in values]


if __name__ == "__main__":
    main()
