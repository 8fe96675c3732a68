"""Prompts: their fields, versions and hashes, what they say, and the criteria of values."""

from __future__ import annotations

import dataclasses
import re
import string

import pytest

from valuescope.judge import (
    PROMPTS,
    JudgeError,
    JudgePrompt,
    Rendered,
    criterion,
    judge_prompt,
    parse_choice,
    parse_percentages,
    parse_rating,
    parse_true_false,
    parse_yes_no,
    quote,
)
from valuescope.judge.prompt import read_prompts
from valuescope.values import ValueSystemError, load_value_system

NAMES = {name for name, _ in PROMPTS}
PLAIN = JudgePrompt("n", 1, "en", "p", "judge", "yes-no", "S", "Is {value}: {answer:quoted}? {value} {{x}}")


def test_the_prompts() -> None:
    assert {"control-success", "fluency", "text-quality", "g-eval", "support-rate", "support-choice"} <= NAMES
    assert {"portrait", "self-description", "agreement"} <= NAMES
    assert set(PROMPTS) == {(name, language) for name in NAMES for language in ("en", "zh")}
    for (name, language), prompt in PROMPTS.items():
        assert (prompt.name, prompt.language) == (name, language)
        assert prompt.version >= 1
        assert prompt.purpose


@pytest.mark.parametrize("name", sorted(NAMES))
def test_both_languages_ask_the_same(name: str) -> None:
    english, chinese = judge_prompt(name), judge_prompt(name, "zh")
    for field in ("version", "purpose", "asked_of", "reply", "scale", "fields", "data"):
        assert getattr(english, field) == getattr(chinese, field)
    assert bool(english.system) == bool(chinese.system)
    assert not re.search("[\u4e00-\u9fff]", english.system + english.template)
    assert re.search("[\u4e00-\u9fff]", chinese.template)


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=lambda prompt: f"{prompt.name}-{prompt.language}")
def test_a_prompt_says_what_it_must(prompt: JudgePrompt) -> None:
    last = prompt.template.splitlines()[-1]
    words = {
        ("yes-no", "en"): ("Yes", "No"),
        ("yes-no", "zh"): ("是", "否"),
        ("true-false", "en"): ("True", "False"),
        ("true-false", "zh"): ("对", "错"),
        ("choice", "en"): ("A", "B"),
        ("choice", "zh"): ("A", "B"),
    }
    for word in words.get((prompt.reply, prompt.language), ()):
        assert word in last
    if prompt.reply == "rating":
        assert all(end in last for end in (map(str, prompt.scale) if prompt.scale else ("{low}", "{high}")))
    if prompt.asked_of == "judge":
        alone = prompt.name.endswith("-alone")
        assert set(prompt.data) == ({"answer"} if alone else {"question", "answer"})
        assert "<<<" in prompt.system
        assert ">>>" in prompt.system
        assert ("data" if prompt.language == "en" else "材料") in prompt.system
    else:
        assert not prompt.data
        assert not prompt.system  # many chat templates know no system message


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=lambda prompt: f"{prompt.name}-{prompt.language}")
def test_a_prompt_that_is_echoed_is_no_reply(prompt: JudgePrompt) -> None:
    shown = prompt.render(**dict.fromkeys(prompt.fields, "x"))
    parse = {
        "yes-no": parse_yes_no,
        "true-false": parse_true_false,
        "rating": lambda text: parse_rating(text, *(prompt.scale or (1, 6))),
        "percentages": parse_percentages,
        "choice": lambda text: parse_choice(text, "AB"),
    }[prompt.reply]
    assert parse(shown.user).value is None
    assert parse(shown.user.splitlines()[-1]).value is None


def test_render_puts_fields_in_once() -> None:
    shown = PLAIN.render(value="{answer}", answer="{value} {0}")
    assert shown == Rendered("S", f"Is {{answer}}: {quote('{value} {0}', 'answer')}? {{answer}} {{x}}")
    assert PLAIN.fields == ("value", "answer")
    assert PLAIN.data == ("answer",)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"value": "v"}, r"prompt 'n' \(en\): answer is absent; the prompt needs value, answer"),
        ({"value": "v", "answer": "a", "question": "q"}, "question is unknown; the prompt has value, answer"),
        ({"value": "v", "answer": None}, "answer is None; give a text"),
    ],
)
def test_render_needs_the_fields(values: dict[str, str], message: str) -> None:
    with pytest.raises(JudgeError, match=message):
        PLAIN.render(**values)


def test_the_hash_changes_with_any_character() -> None:
    changes = {
        "name": "m", "version": 2, "language": "zh", "purpose": "q", "asked_of": "model", "reply": "rating", "system": "S ",
        "template": PLAIN.template + " ", "scale": (1, 5),
    }  # fmt: skip
    assert set(changes) == {field.name for field in dataclasses.fields(PLAIN)}
    hashes = {
        PLAIN.hash,
        *(dataclasses.replace(PLAIN, **{field: value}).hash for field, value in changes.items()),
    }
    assert len(hashes) == len(changes) + 1
    assert dataclasses.replace(PLAIN).hash == PLAIN.hash
    assert PLAIN.id == f"n/en v1 {PLAIN.hash[:8]}"
    assert len({prompt.hash for prompt in PROMPTS.values()}) == len(PROMPTS)


def test_an_unknown_prompt_is_named_with_the_known_ones() -> None:
    with pytest.raises(
        JudgeError, match="no prompt 'mood' in language 'en'; the prompts are control-success, fluency"
    ):
        judge_prompt("mood")
    with pytest.raises(JudgeError, match="no prompt 'fluency' in language 'fr'; it is written in en, zh"):
        judge_prompt("fluency", "fr")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reply": "maybe"}, "reply is 'maybe'; the kinds are yes-no"),
        ({"asked_of": "nobody"}, "asked_of is 'nobody'; write judge or model"),
        ({"scale": (5, 1)}, r"scale is \[5, 1\]"),
        ({"template": "{"}, "template .*braces"),
        ({"template": "{answer:raw}"}, "template has the field 'answer'; write {name} or {name:quoted}"),
        ({"template": "{answer!r}"}, "template has the field 'answer'"),
        ({"template": "{}"}, "template has the field ''"),
        ({"template": "{a.b}"}, r"template has the field 'a\.b'"),
    ],
)
def test_a_prompt_that_cannot_be_asked(change: dict[str, object], message: str) -> None:
    with pytest.raises(JudgeError, match=rf"prompt 'n' \(en\): {message}"):
        dataclasses.replace(PLAIN, **change)


TABLE = """
[p]
version = 1
purpose = "why"
asked_of = "judge"
reply = "yes-no"
[p.en]
system = " S "
template = "{answer:quoted}"
"""


def test_prompts_are_read_from_toml() -> None:
    assert read_prompts(TABLE, "f") == {
        ("p", "en"): JudgePrompt("p", 1, "en", "why", "judge", "yes-no", "S", "{answer:quoted}")
    }
    with pytest.raises(JudgeError, match=r"f: prompt 'p' \(en\): field 'purpose' is missing; add it"):
        read_prompts(TABLE.replace('purpose = "why"\n', ""), "f")
    with pytest.raises(JudgeError, match=r"unknown field 'sytem'; the fields are asked_of"):
        read_prompts(TABLE + 'sytem = ""', "f")
    with pytest.raises(JudgeError, match="f: not valid TOML"):
        read_prompts("[", "f")


def test_a_criterion_holds_name_definition_and_parts() -> None:
    system = load_value_system("schwartz")
    power = criterion(system, "power")
    assert (power.value, power.language, power.name) == ("power", "en", "Power")
    assert power.text.startswith(f"Power: {power.definition}")
    assert power.parts == tuple(system[part].names["en"] for part in system.children("power"))
    assert len(power.parts) > 2
    assert all(part in power.text for part in power.parts)
    assert power.fields == {"value": "Power", "criterion": power.text}
    dimension = criterion(system, "self-enhancement")
    assert dimension.parts == ("Hedonism", "Achievement", "Power")
    assert dimension.text.endswith("Its parts: Hedonism, Achievement, Power.")
    wealth = criterion(system, "wealth")
    assert (wealth.parts, wealth.text) == ((), f"Wealth: {wealth.definition}")


def test_criteria_in_chinese() -> None:
    democracy = criterion(load_value_system("chinese-social"), "democracy", "zh")
    assert democracy.text == f"民主：{democracy.definition}"
    assert criterion(load_value_system("schwartz"), "power", "zh").text.endswith("。")
    shown = judge_prompt("g-eval", "zh").render(question="问", answer="答", **democracy.fields)
    assert f"价值观：民主：{democracy.definition}" in shown.user


def test_every_value_has_a_criterion_that_fits_the_prompts() -> None:
    for name in ("schwartz", "chinese-social"):
        for value in load_value_system(name):
            for language in value.definition:
                made = criterion(load_value_system(name), value.id, language)
                assert not set(string.Formatter().parse(made.text)) - {(made.text, None, None, None)}


def test_criteria_that_cannot_be_made() -> None:
    system = load_value_system("schwartz")
    with pytest.raises(
        JudgeError, match=r"value 'wealth' has no definition\.zh; judge it in another language \(en\)"
    ):
        criterion(system, "wealth", "zh")
    with pytest.raises(JudgeError, match="no criteria in language 'fr'; they are written in en, zh"):
        criterion(system, "power", "fr")
    with pytest.raises(ValueSystemError, match="no value 'powr'"):
        criterion(system, "powr")
