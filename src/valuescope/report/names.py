"""Names to show for methods, edits, settings and kinds of prompts."""

from __future__ import annotations

METHODS = {
    "vape": "VAPE",
    "valuelocate": "ValueLocate",
    "neva": "NeVA",
    "lpip": "LPIP",
    "qrnca": "QRNCA",
    "cgvst": "CGVST",
    "neva-exclusive": "NeVA, exclusive",
    "neva-automatic": "NeVA, automatic",
    "caa": "CAA",
    "conva": "ConVA",
    "random-vector": "Random vector",
    "system-prompt": "System prompt",
    "sft": "SFT",
    "base": "Base model",
}
MEASURES = {
    "success": "control success",
    "relevance": "G-Eval relevance (1 to 5)",
    "quality": "text quality (1 to 5)",
    "fluent": "fluent answers",
}
SETTINGS = {"default": "paper's default", "found": "found by search"}
ASKED = {
    "dilemma": "open dilemmas",
    "described": "value descriptions",
    "pairs": "pairs of texts",
}


def method_name(method: str) -> str:
    """The name to show for a method or an arm."""
    return METHODS.get(method, method)


def measure_name(measure: str) -> str:
    """The name to show for a measure of an answer."""
    return MEASURES.get(measure, measure)


def setting_name(setting: str) -> str:
    """The name to show for a setting."""
    return SETTINGS.get(setting, setting or "only setting")


def asked_name(kind: str) -> str:
    """What the prompts of a kind are."""
    return ASKED.get(kind, kind)
