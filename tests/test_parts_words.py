"""What a comparison says in words: the printed table, verdicts, the headline, decimals, and the words of its scales."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from summary_sample import estimate, result_of, sample_summary

from valuescope.metrics import Estimate
from valuescope.parts.effects import Effects
from valuescope.parts.leakage_found import GroupsFound
from valuescope.parts.leakage_shown import group_facet
from valuescope.parts.method import MethodFound, SettingFound, effect_numbers, fluency_verdict, verdict
from valuescope.parts.opening import headline
from valuescope.report.numbers import Numbers, plain_value, sample
from valuescope.report.scales import domain_of, ticks_of
from valuescope.report.text import fitted, text_width
from valuescope.run import terminal_text


def method_with(**changes: Any) -> tuple[MethodFound, SettingFound]:
    method = result_of(sample_summary()).of(Effects)["neva"]
    return method, method.settings[1].model_copy(update=changes)


def headline_of(summary: dict[str, Any]) -> str:
    result = result_of(summary)
    return headline(result.of(Effects), result)


def of(mean: float | None, low: float | None = None, high: float | None = None) -> Estimate:
    return Estimate(mean, low, high, 100)


def test_the_table_shows_every_setting() -> None:
    lines = terminal_text(result_of(sample_summary())).splitlines()
    assert lines[0].split("  ")[0].strip() == "method"
    rows = lines[2:-1]
    assert [row.split()[0] for row in rows] == ["VAPE"] * 2 + ["ValueLocate"] * 2 + ["NeVA"] * 2
    assert [row.split()[1] for row in rows] == ["default", "found*"] * 3
    assert "-0.83 [-0.88, -0.79]" in rows[1]
    assert "0.96 (0.98)" in rows[1] or "0.97 (0.98)" in rows[1]
    assert len({len(line) for line in lines[1:-1]}) == 1
    assert lines[-1].startswith("effect: change of control success (share)")


def test_the_table_marks_what_was_not_measured() -> None:
    summary = sample_summary()
    setting = summary["methods"]["vape"]["settings"][1]
    setting |= {
        "average_precision": None,
        "effect": estimate(None, n=0, missing=400),
        "fluency": None,
        "base_fluency": None,
    }
    summary["methods"]["vape"]["average_precision"] = None
    row = terminal_text(result_of(summary)).splitlines()[3].split()
    assert row[:5] == ["VAPE", "found*", "deactivate", "-", "missing"]
    assert "0.00" not in row[4]


@pytest.mark.parametrize(
    ("effect", "random", "matched", "words", "clear"),
    [
        (of(0.3, 0.2, 0.4), of(0.0), of(0.1), "clear of random", True),
        (of(0.3, 0.2, 0.4), of(0.0), of(0.25), "not clear of random", False),
        (of(0.3, -0.01, 0.4), of(-0.2), None, "not clear of random", False),
        (of(-0.3, -0.4, -0.2), of(0.0), None, "wrong direction", False),
        (of(0.3, 0.2, 0.4), None, None, "no control", None),
        (of(0.3), of(0.0), None, "no interval", None),
        (of(None), of(0.0), None, "effect missing", None),
        (None, of(0.0), None, "effect missing", None),
    ],
)
def test_verdicts(effect: Any, random: Any, matched: Any, words: str, clear: bool | None) -> None:
    method, setting = method_with(effect=effect, random=random, random_matched=matched)
    result = result_of(sample_summary())
    found = verdict(method, setting, result)
    assert (found.words, found.clear) == (words, clear)
    mirrored = {
        name: None
        if one is None
        else replace(one, mean=flip(one.mean), low=flip(one.high), high=flip(one.low))
        for name, one in (("effect", effect), ("random", random), ("random_matched", matched))
    }
    assert (
        verdict(method.model_copy(update={"direction": -1}), setting.model_copy(update=mirrored), result)
        == found
    )


def flip(value: float | None) -> float | None:
    return None if value is None else -value


def test_fluency_verdict() -> None:
    kept = method_with(fluency=of(0.88), base_fluency=of(0.97))[1]
    lost = method_with(fluency=of(0.87), base_fluency=of(0.97))[1]
    assert fluency_verdict(kept).clear is True
    assert fluency_verdict(lost).clear is False
    assert fluency_verdict(method_with(fluency=None)[1]).clear is None


def test_the_headline_never_hides_the_default() -> None:
    said = headline_of(sample_summary())
    assert said.startswith("3 of 3 methods moved the target value as intended and clear of random neurons")
    assert said.endswith("At the papers' default settings: 2 of 3 (VAPE and ValueLocate).")


def test_the_headline_names_what_failed() -> None:
    summary = sample_summary()
    summary["methods"]["neva"]["settings"][1]["effect"] = estimate(0.01)
    summary["methods"]["vape"]["settings"][1]["fluency"] = estimate(0.5)
    said = headline_of(summary)
    assert said.startswith("1 of 3 methods")
    assert "VAPE (fluency below 90% of base)" in said
    assert "NeVA (not clear of random)" in said


def test_numbers() -> None:
    numbers = Numbers(2)
    assert [numbers.signed(value) for value in (0.666, -0.83, 0.0, -0.001, None)] == [
        "+0.67",
        "−0.83",
        "0.00",
        "0.00",
        "missing",
    ]
    assert numbers.full(of(0.5, 0.4, 0.6)) == "+0.50 [+0.40, +0.60]"
    assert numbers.full(of(0.5), signed=False) == "0.50 [no interval]"
    assert sample(Estimate(0.1, None, None, 40, 2)) == "n = 40, 2 missing"
    assert sample(Estimate(None, None, None, 0, 7)) == "n = 0, 7 missing"
    assert plain_value({"b": [1, 0.03], "a": None}) == "{a: none, b: [1, 0.03]}"


@pytest.mark.parametrize(
    ("factor", "unit", "digits"), [(1.0, "share", 2), (0.02, "share", 3), (0.001, "nats per token", 5)]
)
def test_effects_get_the_decimals_they_need(factor: float, unit: str, digits: int) -> None:
    summary = sample_summary()
    summary["measure"]["unit"] = unit
    for method in summary["methods"].values():
        for setting in method["settings"]:
            for name in ("effect", "random"):
                setting[name]["mean"] *= factor
    assert effect_numbers(result_of(summary)).digits == digits


@pytest.mark.parametrize("rows", ["receiving", "steered"])
def test_group_leakage_can_say_which_way_it_stands(rows: Any) -> None:
    names, size = ("a", "b", "c", "d"), range(4)
    matrix = tuple(tuple(float(4 * i + j) for j in size) for i in size)
    facet = group_facet(
        "t", GroupsFound(groups=names, matrix=matrix, rows=rows), result_of(sample_summary()).head
    )
    assert facet is not None
    assert facet.cells[1][2].value == (6.0 if rows == "receiving" else 9.0)


@pytest.mark.parametrize(
    ("domain", "about", "signed", "words"),
    [
        ((-1.0, 1.0), 4, True, ["−1.0", "−0.5", "0", "+0.5", "+1.0"]),
        ((0.0, 0.75), 3, False, ["0", "0.25", "0.50", "0.75"]),
    ],
)
def test_round_numbers_are_written_at_a_scale(
    domain: tuple[float, float], about: int, signed: bool, words: list[str]
) -> None:
    assert [written for _, written in ticks_of(domain, about, signed=signed)] == words


@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("ends", [[], [0.0], [5.0], [-3.0], [1e-9, 2e-9], [1e6]])
def test_every_domain_has_room_and_few_ticks(ends: list[float], zero: bool) -> None:
    low, high = domain_of(ends, zero=zero)
    assert low < high
    assert all(low <= end <= high for end in ends)
    assert len(ticks_of((low, high), 5)) < 20


def test_text_fits_its_room() -> None:
    assert fitted("short", 200, 11) == "short"
    cut = fitted("价值" * 40, 100, 11)
    assert cut.endswith("…")
    assert text_width(cut, 11) <= 100
    assert fitted("anything", 0, 11) == "…"
