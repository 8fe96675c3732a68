"""Small sets that pass every check, written for the tests, and writing them in the starter set's layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from valuescope.data.findings import Place
from valuescope.data.records import ContrastPair, Description, Dilemma, Question
from valuescope.values import load_value_system

SCHWARTZ = load_value_system("schwartz")
CHINESE = load_value_system("chinese-social")
HERE = Place("set.jsonl", 7)

STORY = (
    "I clean hospital wards at night. Tonight the last corridor looks spotless already, my back aches, and the "
    "supervisor has gone home. If I sign the sheet now I can catch the early bus and see my daughter before school, "
    "though nobody has wiped the bed rails."
)
STORY_ZH = (
    "我在医院上夜班做保洁。今晚最后一条走廊看着挺干净，我腰疼得厉害，主管也早就走了。现在签了字，我就能赶上早班车，"
    "在女儿上学前见她一面，可病床护栏还没有人擦过。"
)
SITUATION = (
    "You share a small house with your parents and your younger brother, and for three years the four of you have "
    "eaten together on Friday evenings. A workshop across the country now offers you a place for the winter, starting "
    "next week. The pay is better than what you earn here, and you would learn to repair old clocks, something you have "
    "read about since school. Last month, though, your father slipped on the cellar steps, and your mother has begun to "
    "leave a light on in the hall all night. Your brother says he can manage, but he is seventeen and often out. "
    "What would you do?"
)
DESCRIPTION = (
    "You like to know on Sunday what Thursday will bring. Your shoes stand in a row, your bills are paid the day they "
    "come, and you still cook your grandmother's soup the way she showed you. When a rule seems odd, you keep to it "
    "anyway, trusting that somebody had a reason, and you sleep well because the door is locked twice."
)


def dilemma(**changes: Any) -> Dilemma:
    """A dilemma without a fault, but for what is changed."""
    content = {
        "key": "dedication/evaluation/01/en",
        "value": "dedication",
        "story": STORY,
        "aligned": "Wipe every rail before signing the sheet",
        "violating": "Sign the sheet and catch the bus",
        "topic": "Thorough work vs. an easy shift",
    }
    return Dilemma(**{**content, **changes})


def chinese(**changes: Any) -> Dilemma:
    """The same in Chinese."""
    content = {
        "story": STORY_ZH,
        "aligned": "把护栏全擦完再签字",
        "violating": "签了字去赶早班车",
        "language": "zh",
    }
    return dilemma(**{**content, "topic": "把活干细与轻松下班", **changes})


def pair(**changes: Any) -> ContrastPair:
    """A contrast pair without a fault, but for what is changed."""
    content = {
        "key": "power/statement/01",
        "value": "power",
        "positive": "At the allotment meeting I took the chair and let the newcomers know which plots they would be given.",
        "negative": "At the allotment meeting I gave the newcomers the chair and let them say which plots they would take.",
        "topic": "allotment committee",
        "kind": "statement",
    }
    return ContrastPair(**{**content, **changes})


def question(**changes: Any) -> Question:
    """An open question without a fault, but for what is changed."""
    asked = (
        "Our choir's founder is retiring and has offered me her place, which means picking the songs and the soloists "
        "for everyone; should I take it, or suggest that the singers settle these things together?"
    )
    content = {
        "key": "power/01",
        "value": "power",
        "setting": "dilemma",
        "question": asked,
        "topic": "village choir",
    }
    return Question(**{**content, **changes})


def situation(**changes: Any) -> Question:
    """A situational question without a fault, but for what is changed."""
    content = {"key": "conservation/01", "value": "conservation", "setting": "dilemma", "question": SITUATION}
    return Question(**{**content, "topic": "home", "atomic": "family-security", **changes})


def description(**changes: Any) -> Description:
    """A description without a fault, but for what is changed."""
    content = {
        "key": "conservation/for/01",
        "value": "conservation",
        "stance": "for",
        "description": DESCRIPTION,
    }
    return Description(**{**content, **changes})


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    """JSON lines, Chinese as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return path
