"""A made-up summary of a run in the previous format, shaped like a real one: clearly synthetic, the same on every call."""

from __future__ import annotations

import copy
import math
import random
from typing import Any

from valuescope.lab.result import Result
from valuescope.run.format1 import upgraded
from valuescope.run.registry import parts_of

VALUES = {
    "self-direction": "Self-Direction",
    "stimulation": "Stimulation",
    "hedonism": "Hedonism",
    "achievement": "Achievement",
    "power": "Power",
    "security": "Security",
    "conformity": "Conformity",
    "tradition": "Tradition",
    "benevolence": "Benevolence",
    "universalism": "Universalism",
}
GROUPS = {
    "openness-to-change": ["self-direction", "stimulation", "hedonism"],
    "self-enhancement": ["hedonism", "achievement", "power"],
    "conservation": ["security", "conformity", "tradition"],
    "self-transcendence": ["benevolence", "universalism"],
}
GROUP_NAMES = {
    "openness-to-change": "Openness to Change",
    "self-enhancement": "Self-Enhancement",
    "conservation": "Conservation",
    "self-transcendence": "Self-Transcendence",
}
ROLES = {"core": 30, "quiet": 20, "constant": 10, "shared": 20, "echo": 20, "herald": 20, "mute": 10}
LAYERS = 6


def estimate(mean: float | None, width: float = 0.05, n: int = 400, missing: int = 0) -> dict[str, Any]:
    """An estimate block."""
    ci = None if mean is None else [round(mean - width, 4), round(mean + width, 4)]
    return {"mean": None if mean is None else round(mean, 4), "ci": ci, "n": n, "missing": missing}


def result_of(summary: dict[str, Any]) -> Result:
    """A summary of any format as a run gives it."""
    return Result.from_dict(upgraded(summary), parts_of("methods"))


def sample_summary() -> dict[str, Any]:
    """A whole summary with every block."""
    noise = random.Random(7)
    ids = list(VALUES)
    base = {value: 0.12 + 0.15 * noise.random() for value in ids}
    return {
        "format": 1,
        "name": "synthetic example",
        "spec_hash": "ab" * 32,
        "seed": 0,
        "valuescope": "0.1.0",
        "versions": {"python": "3.12.1", "torch": "2.13.0", "transformers": "5.23.0", "numpy": "2.2.0"},
        "model": {
            "id": "organism",
            "revision": None,
            "fingerprint": "0123456789abcdef" * 2,
            "layers": LAYERS,
            "width": 512,
            "neurons": LAYERS * 512,
            "parameters": 2_634_240,
        },
        "bundled_organism": True,
        "values": ids,
        "value_names": dict(VALUES),
        "groups": copy.deepcopy(GROUPS),
        "group_names": dict(GROUP_NAMES),
        "data": {
            "source": "organism grammar",
            "hash": "cd" * 32,
            "counts": {"text": 600, "for": 600, "against": 600, "pairs": 800},
            "questions": 800,
            "notes": [
                "Synthetic notes: 43 pairs of questions are near duplicates; the effective n is lower."
            ],
        },
        "measure": {
            "name": "control success",
            "unit": "share",
            "judge": "oracle",
            "explanation": "share of answers biased towards the value; an answer that weighs both sides is not",
        },
        "base": {
            "by_value": {
                "described": {value: estimate(0.95, 0.04, 40) for value in ids},
                "dilemma": {value: estimate(base[value], 0.1, 40) for value in ids},
            },
            "fluency": estimate(0.982, 0.01, 800),
        },
        "methods": {
            "vape": _method(
                noise, base, "vape", "deactivate", "described", -1, (-0.18, -0.83), "top", [1, 2, 4, 8, 16]
            ),
            "valuelocate": _method(
                noise, base, "valuelocate", "amplify", "dilemma", 1, (0.27, 0.46), "gamma", [0.5, 1, 2, 4, 8]
            ),
            "neva": _method(
                noise, base, "neva", "modulate", "dilemma", 1, (0.02, 0.31), "beta", [0.3, 0.6, 0.9, 1.5, 3]
            ),
        },
        "leakage": _leakage(noise, ids, base),
        "probes": _probes(noise, ids),
        "examples": [_example(value, kind) for value in ids[:3] for kind in ("described", "dilemma")],
        "missing": {"answers": 4800, "unjudged": 6, "by_kind": {"empty": 4, "unreadable": 2}},
        "seconds_by_stage": {
            "data": 0.4,
            "activations": 6.2,
            "locate neva": 3.1,
            "evaluate vape": 31.7,
            "total": 118.5,
        },
    }


def _method(
    noise: random.Random,
    base: dict[str, float],
    locator: str,
    edit: str,
    asked: str,
    direction: int,
    effects: tuple[float, float],
    dose: str,
    strengths: list[float],
) -> dict[str, Any]:
    ids = list(VALUES)
    settings = [
        _setting(noise, name, effect, dose, locator)
        for name, effect in zip(("default", "found"), effects, strict=True)
    ]
    found = settings[-1]
    start = {value: 0.95 if direction < 0 else base[value] for value in ids}
    change = {value: max(-0.95, min(0.8, effects[1] * (0.75 + 0.5 * noise.random()))) for value in ids}
    return {
        "locator": locator,
        "edit": edit,
        "asked": asked,
        "direction": direction,
        "setting": "found",
        "average_precision": sum(found["average_precision"].values()) / len(ids),
        "chance_precision": 0.0082,
        "effect": found["effect"],
        "random": found["random"],
        "random_matched": found["random_matched"],
        "fluency": found["fluency"]["mean"],
        "base_fluency": found["base_fluency"]["mean"],
        "settings": settings,
        "by_value": {
            value: {
                "base": estimate(start[value], 0.08, 40),
                "edited": estimate(start[value] + change[value], 0.08, 40),
                "effect": estimate(change[value], 0.12, 40),
                "random": estimate(0.04 * (noise.random() - 0.5), 0.05, 80),
            }
            for value in ids
        },
        "neurons_per_layer": {
            value: [noise.choice([0, 0, 1, 2, 4, 9, 14]) for _ in range(LAYERS)] for value in ids
        },
        "dose": {
            "name": dose,
            "points": [
                {
                    "strength": strength,
                    "effect": estimate(effects[1] * 1.1 * math.tanh(2 * strength / strengths[2]), 0.06),
                    "random": estimate(0.01 * (noise.random() - 0.5), 0.03, 800),
                    "fluency": estimate(0.98 - 0.25 * (strength / strengths[-1]) ** 2, 0.02),
                }
                for strength in strengths
            ],
        },
        "search": {
            "questions": 120,
            "rule": "the largest effect in the method's direction with at least 90% of the base's fluency",
            "tried": [
                {
                    "locator_parameters": {"alpha": alpha, "layers": [2, 4]},
                    "edit_parameters": {dose: strength},
                    "effect": estimate(effects[1] * (0.4 + 0.2 * row), 0.09, 120),
                    "fluency": estimate(0.97 - 0.02 * row, 0.03, 120),
                    "chosen": row == 3,
                }
                for row, (alpha, strength) in enumerate((a, s) for a in (0.03, 0.01) for s in strengths[:2])
            ],
        },
        "seconds": {"locate": 2.5},
    }


def _setting(noise: random.Random, name: str, effect: float, dose: str, locator: str) -> dict[str, Any]:
    ids = list(VALUES)
    recall = {value: round(0.3 + 0.5 * noise.random(), 3) for value in ids}
    return {
        "name": name,
        "locator_parameters": {"rate": 0.015, "bar": 0.95}
        if locator == "vape"
        else {"alpha": 0.03, "accuracy": 0.95},
        "edit_parameters": {dose: 2.0 if name == "default" else 4.0},
        "neurons": {value: noise.randint(12, 40) for value in ids},
        "effect": estimate(effect, 0.045),
        "random": estimate(0.012 * (noise.random() - 0.5), 0.02, 800, 3),
        "random_matched": estimate(0.02 * (noise.random() - 0.5), 0.025, 800),
        "fluency": estimate(0.965 if name == "found" else 0.979, 0.015),
        "base_fluency": estimate(0.982, 0.01),
        "average_precision": {value: round(0.2 + 0.6 * noise.random(), 3) for value in ids},
        "recall": recall,
        "precision": {value: (None if value == "power" else round(recall[value] / 3, 3)) for value in ids},
        "roles": {role: {"found": noise.randint(0, of), "of": of} for role, of in ROLES.items()},
        "warnings": ["hedonism: no layer passed the accuracy bar; its set is empty"]
        if name == "default"
        else [],
        "diagnostics": {"bar": 0.21, "validation_accuracy": {value: [0.9] * LAYERS for value in ids}},
    }


def _leakage(noise: random.Random, ids: list[str], base: dict[str, float]) -> dict[str, Any]:
    size = len(ids)
    steps = [[min(abs(i - j), size - abs(i - j)) for j in range(size)] for i in range(size)]
    delta = [
        [
            round(0.45 * math.exp(-1.6 * steps[i][j]) - 0.03 * steps[i][j] + 0.05 * (noise.random() - 0.5), 3)
            for j in range(size)
        ]
        for i in range(size)
    ]
    nlr = [
        [None if i == j else round(max(delta[i][j], 0.0) / max(delta[j][j], 0.01), 3) for j in range(size)]
        for i in range(size)
    ]
    return {
        "method": "neva",
        "setting": "found",
        "values": list(ids),
        "n": 20,
        "base": [base[value] for value in ids],
        "delta": delta,
        "delta_low": [[cell - 0.07 for cell in row] for row in delta],
        "delta_high": [[cell + 0.07 for cell in row] for row in delta],
        "nlr": nlr,
        "nlr_mean": 0.128,
        "nlr_mean_ci": [0.071, 0.193],
        "nlr_median": 0.0,
        "undefined": ["power"],
        "gain_floor": 0.01,
        "group_leakage": {
            "groups": list(GROUPS),
            "matrix": [[0.5, 0.3, 0.1, 0.1], [0.25, 0.55, 0.15, 0.05], [None] * 4, [0.05, 0.05, 0.2, 0.7]],
        },
        "by_distance": [
            {"distance": step, "mean": estimate(0.12 - 0.05 * step, 0.03, 20)} for step in range(1, 6)
        ],
        "random": {"delta": [[round(0.04 * (noise.random() - 0.5), 3) for _ in ids] for _ in ids]},
    }


def _probes(noise: random.Random, ids: list[str]) -> dict[str, Any]:
    accuracy = {
        value: [round(min(1.0, 0.7 + 0.07 * layer + 0.05 * noise.random()), 3) for layer in range(LAYERS)]
        for value in ids
    }
    return {
        "layers": list(range(1, LAYERS + 1)),
        "accuracy": accuracy,
        "kept": {
            value: [layer + 1 for layer, score in enumerate(row) if score >= 0.95]
            for value, row in accuracy.items()
        },
        "bag_of_words": {value: round(0.72 + 0.2 * noise.random(), 3) for value in ids},
        "shuffled": {value: round(0.5 + 0.06 * (noise.random() - 0.5), 3) for value in ids},
        "n_train": 112,
        "n_validation": 48,
    }


def _example(value: str, kind: str) -> dict[str, Any]:
    system = (
        f"You are somebody who would say that {VALUES[value]} comes first." if kind == "described" else ""
    )
    arms = ["vape"] if kind == "described" else ["valuelocate", "neva"]
    return {
        "value": value,
        "question": f"Made-up question: Anna can choose {VALUES[value]} or something else. What should she do, and why?",
        "system": system,
        "answers": [
            {
                "arm": "base",
                "text": "She could do either; both have their good sides.",
                "success": False,
                "fluent": True,
            },
            *(
                {
                    "arm": arm,
                    "text": f"She should choose {VALUES[value]}, since it matters most.",
                    "success": True,
                    "fluent": True,
                }
                for arm in arms
            ),
        ],
    }
