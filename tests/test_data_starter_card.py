"""The starter set's data card: the one that ships says what the files hold, and the tool writes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import starter_card as tool
from starter_card import TABLES, main, read_starter, starter_card
from starter_rules import rules

from valuescope.data.records import ContrastPair, Description, Question
from valuescope.data.starter import PARTS

SHIPPED = Path(__file__).parents[1] / "docs" / "starter-set.md"
SLOW = ("findings", "repeats", "pooled", "sides", "shortcuts")
HELD = read_starter()


def card_without(*names: str) -> str:
    """The card with a mark in place of some tables."""
    left_out = {name: lambda held: "(left out)" for name in names}
    return starter_card(HELD, {**TABLES, **left_out})


def test_the_shipped_card_says_what_the_files_hold() -> None:
    shipped, place = SHIPPED.read_text(encoding="utf-8"), 0
    for part in card_without(*SLOW).split("(left out)"):
        found = shipped.find(part, place)
        assert found >= 0, (
            f"docs/starter-set.md is stale; write it anew: python tools/starter_card.py --out {SHIPPED}\n{part}"
        )
        place = found + len(part)
    assert place == len(shipped)
    assert f"All checks together: {sum(map(len, HELD.values()))} files, 0 findings." in shipped


@pytest.mark.parametrize("name", TABLES)
def test_each_table_stands_in_the_card_once(name: str) -> None:
    mark = f"<{name}>"
    tables = {other: lambda held, mark=f"<{other}>": mark for other in TABLES}
    assert starter_card(HELD, tables).count(mark) == 1


def changed(part: str, value: str, **fields: str) -> list[list[ContrastPair | Description | Question]]:
    """A file of the set whose first record has other fields."""
    first, *others = HELD[part][value]
    assert isinstance(first, ContrastPair | Description | Question)
    return [[replace(first, **fields), *others]]  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("part", "value", "fields", "row"),
    [
        (
            "schwartz/contrast",
            "power",
            {"positive": "I never."},
            ("records with a telltale word", "none", "1"),
        ),
        (
            "schwartz/contrast",
            "power",
            {"positive": "I."},
            ("words with which both sides begin", "at least 3", "0"),
        ),
        (
            "schwartz/questions",
            "power",
            {"question": "Is power worth it?"},
            ("records that hold the value's name or a key word", "none", "1"),
        ),
        (
            "schwartz/questions-plain",
            "power",
            {"question": "Is it wise?"},
            ("records with a qualifier that judges", "none", "1"),
        ),
        (
            "schwartz/contrast-plain",
            "power",
            {"positive": "I never."},
            ("records with a telltale word", "none", "1"),
        ),
        (
            "schwartz/descriptions",
            "conservation",
            {"description": "You keep each tradition."},
            ("records that hold the value's name or a key word", "none", "1"),
        ),
        (
            "schwartz/situations",
            "conservation",
            {"question": "You are honest."},
            ("records with a qualifier that judges", "none", "1"),
        ),
    ],
)
def test_a_rule_shows_the_most_extreme_that_is_found(
    part: str, value: str, fields: dict[str, str], row: tuple[str, str, str]
) -> None:
    whole = {rule.rule: rule.found for rule in rules([HELD[part][value]], PARTS[part])}
    found = {tuple(rule) for rule in rules(changed(part, value, **fields), PARTS[part])}
    assert row in found
    assert whole[row[0]] != row[2]


def test_the_tool_writes_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tool, "starter_card", lambda held: f"{len(held)} parts\n")
    main(["--out", str(tmp_path / "card.md")])
    assert (tmp_path / "card.md").read_text() == "12 parts\n"
    assert capsys.readouterr().out == f"{tmp_path / 'card.md'}\n"
