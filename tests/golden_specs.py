"""Small specifications that together hold every part of both experiments: what a change of the flow is compared by.

Each takes seconds. `write_inputs` writes the model and the data that they name, `golden_specs` gives the specifications;
two states of the package that run them from the same inputs must give equal numbers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from run_samples import TWO, dilemma_spec, pairs_spec, save_tiny_model, write_conva, write_csv

ORGANISM = {"id": "organism", "dtype": "float32", "device": "cpu"}
FOUR = ("power", "benevolence", "universalism", "security")
BOTH_WAYS = {"directions": ["up", "down"]}
ANY_LAYER = {"alpha": 0.1, "accuracy": 0.0}
NEVA: dict[str, Any] = {
    "locator": "neva",
    "edit": "modulate",
    "default": {"locator": ANY_LAYER, "edit": {"beta": 0.9}},
}


def write_inputs(folder: Path) -> None:
    """A tiny model, contrast pairs, a questionnaire, an MMLU folder and a set of texts that replaces dilemmas."""
    save_tiny_model(folder / "model")
    write_conva(folder / "conva")
    columns = ["question", "choice0", "choice1", "choice2", "choice3", "answer"]
    rows = [[f"Which {n}?", "power", "help", "nature", "rule", n % 4] for n in range(6)]
    for split in ("dev", "test"):
        write_csv(folder / "mmlu" / split / f"anatomy_{split}.csv", columns, rows)
    portraits = {
        "name": "Four portraits",
        "scale": ["not like me", "a little like me", "like me"],
        "key": {"power": ["1", "3"], "benevolence": ["2"], "security": ["4"]},
        "items": {
            "1": "They like to lead the group.",
            "2": "They help the neighbours.",
            "3": "They want the last word.",
            "4": "They lock the door at night.",
        },
    }
    (folder / "portraits.json").write_text(json.dumps(portraits), encoding="utf-8")
    questions = [
        {
            "key": f"replaced-{n}",
            "value": "justice",
            "scene": "market",
            "question": f"Should the judge hear {who} before the market closes?",
        }
        for n, who in enumerate(
            ("both sides", "the seller", "the buyer", "no one", "the neighbours", "a child")
        )
    ]
    lines = "".join(json.dumps(one) + "\n" for one in questions)
    (folder / "replacement.jsonl").write_text(lines, encoding="utf-8")


def golden_specs(inputs: Path) -> dict[str, dict[str, Any]]:
    """Name -> specification, over the files that `write_inputs` wrote into a folder."""
    return {
        "methods": methods(inputs),
        "interventions": interventions(inputs),
        "judged": judged(inputs),
        "sampled": sampled(inputs),
        "pairs": pairs(inputs),
        "exploration": exploration(inputs),
        "exploration-plain": exploration_plain(),
    }


def methods(inputs: Path) -> dict[str, Any]:
    """Searches, an automatic strength, every kind of sweep, curves, leakages, profiles, turns and ability, with the truth known."""
    strengths = {"parameter": "beta", "low": 0.5, "high": 2.0, "points": 2, "rounds": 1, "max_leakage": 0.5}
    chosen = {
        "neva": {
            **NEVA,
            "default": {**NEVA["default"], "by_value": {"power": {"beta": 1.2}}},
            "search": {"locator": [ANY_LAYER], "edit": [{"beta": 1.5}, {"beta": 3.0}], "min_fluency": 0.5},
            "dose": [
                {"parameter": "alpha", "values": [0.02, 0.2], "questions": 1},
                {"parameter": "beta", "values": [0.5, 1.5, 4.0], "questions": 2},
            ],
        },
        "exclusive": {**NEVA, "locator": "neva-exclusive"},
        "automatic": {**NEVA, "automatic": strengths},
        "vape": {
            "locator": "vape",
            "edit": "deactivate",
            "asked": "described",
            "direction": "down",
            "default": {"locator": {"rate": 0.05}},
            "dose": {"parameter": "top", "values": [1, 20], "questions": 2},
        },
        "valuelocate": {
            "locator": "valuelocate",
            "edit": "amplify",
            "roles": ["for", "against"],
            "default": {"edit": {"gamma": 2.0}},
            "search": {"edit": [{"gamma": 4.0}], "top": [5, 10], "min_fluency": 0.5},
        },
    }
    spec = dilemma_spec(
        "organism",
        name="golden-methods",
        values={"only": list(FOUR)},
        methods=chosen,
        generate={"max_new_tokens": 32, "batch_size": 40},
        leakage={"method": "neva", "methods": ["neva", "exclusive", "vape"], "questions": 2},
        pareto={"reference": "neva", "questions": 2, "floors": [0.97, 0.5]},
        profiles={
            "targets": {"both": {"power": 1.0, "benevolence": -0.5}},
            "overlap_budget": 0.5,
            "questions": 2,
        },
        ability={"mmlu": str(inputs / "mmlu"), "number": 4, "shots": 1, "methods": ["neva", "vape"]},
        turns={"turns": 3, "conversations": 1, "methods": ["neva", "valuelocate"]},
        decoded=4,
        examples=2,
    )
    spec["data"]["parameters"] |= {"pairs": 24}
    return spec


def interventions(inputs: Path) -> dict[str, Any]:
    """Every baseline that edits no neurons, beside NeVA, on a model that says nothing sensible."""
    layers = {"layers": [1, 2]}
    chosen = {
        "neva": NEVA,
        "caa": {
            "intervention": "caa",
            "default": {"locator": layers, "edit": {"coefficient": 0.5}},
            "search": {"edit": [{"coefficient": 2.0}], "min_fluency": 0.5},
            "dose": {"parameter": "coefficient", "values": [0.5, 4.0], "questions": 2},
        },
        "conva": {"intervention": "conva", "default": {"locator": {"accuracy": 0.0}}},
        "vector": {"intervention": "random-vector", "default": {"locator": layers}},
        "message": {
            "intervention": "system-prompt",
            "search": {"edit": [{"wording": 1}], "min_fluency": 0.5},
        },
        "adapter": {
            "intervention": "sft",
            "default": {"locator": {"rate": 0.01, "epochs": 3, "most": 4}},
            "dose": {"parameter": "strength", "values": [0.5], "questions": 2},
        },
    }
    return dilemma_spec(
        inputs / "model",
        name="golden-interventions",
        methods=chosen,
        generate={"max_new_tokens": 6, "batch_size": 5, "temperature": 0.8, "top_p": 0.9, "on": "response"},
        leakage={"method": "caa", "methods": list(chosen), "questions": 2},
        pareto={"reference": "caa", "questions": 2, "floors": [0.9]},
        turns={"turns": 2, "conversations": 1},
        ability={"perplexity": True},
        decoded=3,
    )


def judged(inputs: Path) -> dict[str, Any]:
    """What a judge model adds: ratings, repeated answers, both directions, questionnaires, the table of locators, choices."""
    delta = {"edit": "amplify", "numbers": "delta", **BOTH_WAYS}
    chosen = {
        "valuelocate": {
            "locator": "valuelocate",
            "edit": "amplify",
            **BOTH_WAYS,
            "default": {"edit": {"gamma": 6.0}, "top": 60},
            "dose": [
                {"parameter": "gamma", "values": [1, 4], "questions": 1},
                {"parameter": "threshold", "values": [0.1, 0.9], "questions": 1},
            ],
        },
        "lpip": {
            "locator": "lpip",
            **delta,
            "default": {"locator": {"top": 90, "texts": 2}, "edit": {"gamma": 6.0}, "top": 60},
        },
        "qrnca": {
            "locator": "qrnca",
            **delta,
            "default": {
                "locator": {"top": 90, "texts": 2, "path": "joint"},
                "edit": {"gamma": 6.0},
                "top": 60,
            },
        },
        "cgvst": {
            "locator": "cgvst",
            **delta,
            "direction": "down",
            "default": {"locator": {"top": 90, "texts": 2}, "edit": {"gamma": 6.0}, "top": 60},
            "dose": {"parameter": "top", "values": [5, 80], "questions": 1},
        },
        "random": {
            "locator": "random",
            "edit": "modulate",
            **BOTH_WAYS,
            "default": {"locator": {"count": 60}, "edit": {"beta": 3.0}},
        },
    }
    choices = {
        "site": {"method": "valuelocate", "locator": {"site": "product"}},
        "strength": {"method": "valuelocate", "edit": {"delta_scale": 100.0}},
        "special tokens": {"method": "valuelocate", "special_tokens": True},
        "scope": {"method": "lpip", "scope": "prompt"},
    }
    questionnaire = {"path": str(inputs / "portraits.json"), "values": {"security": "power"}}
    spec = dilemma_spec(
        "organism",
        name="golden-judged",
        methods=chosen,
        leakage=None,
        controls={"draws": 1, "matched": False},
        generate={"max_new_tokens": 32, "batch_size": 40},
        judge={"by": "valuescope_oracle/organism", "model_args": {"refusal_rate": 0.1, "garble_rate": 0.05}},
        scores={"quality": True},
        runs=2,
        compare={"top": 3},
        questionnaires={
            "sets": {"portraits": {**questionnaire, "labels": ["no", "a bit", "yes"], "minimum_mass": 0.0}},
            "methods": ["valuelocate", "cgvst"],
        },
        sensitivity={"choices": choices, "questions": 1},
    )
    spec["data"]["parameters"] |= {"questions": 2, "tuning": 0}
    return spec


def sampled(inputs: Path) -> dict[str, Any]:
    """Ratings as means of sampled replies, of answers after a description, without ratings of quality."""
    spec = dilemma_spec(
        "organism",
        name="golden-sampled",
        methods={
            "neva": {
                **NEVA,
                "asked": "described",
                **BOTH_WAYS,
                "default": {"locator": ANY_LAYER, "edit": {"beta": 4.0}},
            }
        },
        leakage={"method": "neva", "questions": 1},
        generate={"max_new_tokens": 32, "batch_size": 40},
        judge={"by": "valuescope_oracle/organism"},
        scores={"mode": "sampled", "quality": False},
        questionnaires={"sets": {"portraits": {"path": str(inputs / "portraits.json"), "likert": False}}},
        runs=2,
        seed=3,
    )
    spec["data"]["parameters"] |= {"questions": 2, "tuning": 0}
    return spec


def pairs(inputs: Path) -> dict[str, Any]:
    """Contrast pairs measured by their log-probabilities, with all that takes pairs."""
    measured = {**NEVA, "asked": "pairs"}
    return pairs_spec(
        inputs / "model",
        inputs / "conva",
        name="golden-pairs",
        methods={
            "neva": {
                **measured,
                **BOTH_WAYS,
                "dose": [
                    {"parameter": "beta", "values": [0.5, 2.0], "questions": 2},
                    {"parameter": "alpha", "values": [0.05], "questions": 2},
                ],
            },
            "caa": {"intervention": "caa", "asked": "pairs", "default": {"edit": {"coefficient": 0.5}}},
            "message": {"intervention": "system-prompt", "asked": "pairs"},
        },
        leakage={"method": "neva", "methods": ["neva", "caa"], "questions": 2},
        pareto={"reference": "neva", "questions": 2, "floors": [0.9]},
        profiles={"targets": {"one": {TWO[0]: 1.0}}, "overlap_budget": 1.0, "questions": 2},
        ability={"perplexity": True},
        compare={"top": 5},
        sensitivity={
            "choices": {"probes": {"method": "neva", "locator": {"accuracy": 0.6}}},
            "questions": 2,
        },
    )


def exploration(inputs: Path) -> dict[str, Any]:
    """ValueExploration with all its parts, on the organism whose neurons are known."""
    rates = {"rate": {"en": 0.015, "zh": 0.02}}
    return {
        "name": "golden-exploration",
        "experiment": "valueexploration",
        "model": {**ORGANISM, "id": "organism-social"},
        "values": {"system": "chinese-social", "only": ["justice", "freedom", "integrity"]},
        "data": {"source": "organism-social", "parameters": {"activation": 6, "evaluation": 2}},
        "selections": {
            "vape": rates,
            "vape-layer-bar": {"locator": "vape-layer-bar", **rates},
            "specificity": {"locator": "specificity", **rates},
            "two-proportion": {"locator": "two-proportion", **rates},
        },
        "activations": {"part": 7},
        "support": {"brief": True, "max_new_tokens": 40, "batch_size": 30},
        "controls": {"draws": 2, "matched": True},
        "generating": {"max_new_tokens": 24},
        "sizes": [2, 6],
        "replacement": {"justice": {"paths": [str(inputs / "replacement.jsonl")], "texts": 4}},
        "permutations": 100,
        "bootstrap": {"resamples": 100},
        "examples": 2,
    }


def exploration_plain() -> dict[str, Any]:
    """ValueExploration with few parts: one language, one measure, sampled answers, another edit, values without neurons."""
    return {
        "name": "golden-exploration-plain",
        "experiment": "valueexploration",
        "model": {**ORGANISM, "id": "organism-social"},
        "values": {"system": "chinese-social", "only": ["justice", "freedom", "integrity"]},
        "languages": ["zh"],
        "data": {"source": "organism-social", "parameters": {"activation": 4, "evaluation": 2}},
        "selections": {
            "sparse": {"rate": {"zh": 0.0003}},
            "wide": {"locator": "specificity", "rate": {"zh": 0.02}},
        },
        "main": "sparse",
        "edit": {"name": "modulate", "parameters": {"beta": 0.5, "direction": "negative"}, "on": "response"},
        "support": {
            "measures": ["percentages"],
            "compared_by": "percentages",
            "brief": True,
            "temperature": 0.7,
            "max_new_tokens": 40,
            "batch_size": 30,
        },
        "controls": {"draws": 1, "matched": False},
        "generating": None,
        "permutations": 100,
        "bootstrap": {"resamples": 100},
        "seed": 2,
    }
