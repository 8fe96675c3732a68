"""Records: labels, pairs, and material that survives its way through JSON."""

from __future__ import annotations

import json

import pytest

from valuescope.data import ContrastPair, LabelledText, Material, Question, label, organism_material
from valuescope.data.records import ROLES, pair_texts


def test_a_label_is_value_and_role() -> None:
    assert [label("power", role) for role in ROLES] == [f"power|{role}" for role in ROLES]
    with pytest.raises(ValueError, match=r"role 'pos' is unknown; the roles are text, for, against"):
        label("power", "pos")


def test_the_sides_of_a_pair_stay_together() -> None:
    first, second = pair_texts(ContrastPair("power/3", "power", "I lead.", "I follow."))
    assert first == LabelledText("power|positive", "I lead.", group="power/3")
    assert second == LabelledText("power|negative", "I follow.", group="power/3")


def material() -> Material:
    question = Question("k", "power", "described", "Lead?", "You rule. Lead?", "You rule.")
    pair = ContrastPair("power/3", "power", "Größe", "weiß")
    texts = (LabelledText("power|text", "a", "b", "g"), *pair_texts(pair))
    return Material("test", ("power",), texts, (question,), (question,), (pair,), ("a note",))


def test_material_survives_json() -> None:
    for one in (
        material(),
        organism_material(("power",), texts=3, descriptions=3, pairs=3, questions=3, tuning=2),
    ):
        again = Material.from_dict(json.loads(json.dumps(one.to_dict())))
        assert again == one
        assert again.hash == one.hash


def test_counts_are_per_role_in_the_order_of_roles() -> None:
    assert material().counts() == {"text": 1, "positive": 1, "negative": 1}


def test_any_change_changes_the_hash() -> None:
    content = material().to_dict()
    content["questions"][0]["system"] = "You rule!"
    assert Material.from_dict(content).hash != material().hash
