"""The parsers of replies against random and adversarial texts: nothing raises, nothing invalid is a value.

What is returned must be there to see: every check reads the text anew, in a plainer way than the parser does.
"""

from __future__ import annotations

import itertools
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from valuescope.judge import (
    MISSING_KINDS,
    Reply,
    parse_choice,
    parse_percentages,
    parse_rating,
    parse_true_false,
    parse_yes_no,
)

EXAMPLES, TEXTS = 3_000, 10  # texts are drawn in lots
PARSERS: dict[str, Callable[[str], Reply[Any]]] = {
    "yes-no": parse_yes_no,
    "true-false": parse_true_false,
    "rating 1-5": lambda text: parse_rating(text, 1, 5),
    "rating 0-10": lambda text: parse_rating(text, 0, 10),
    "percentages": parse_percentages,
    "choice": lambda text: parse_choice(text, "AB"),
}

SEPARATORS = [
    "",
    "",
    " ",
    " ",
    " ",
    "\n",
    "\n\n",
    ", ",
    ". ",
    ": ",
    ":",
    "-",
    " - ",
    "—",
    "/",
    "。",
    "，",
    "：",
    "\t",
    "\r\n",
    "; ",
    "|",
    "~",
    "*",
]
COMMON = [
    "", "**", "`", "```json\n", '"', "'", "“", "」", "(", ")", "[", "]", "{", "}", "<answer>", "</answer>", "$", "\\boxed{",
    "#", "- ", "1. ", "2) ", "<think>", "</think>", "<THINK>", "<think", "think>", "Answer: ", "The answer is ", "Final answer",
    "Score", "Rating:", "答案：", "答案是", "评分", "I give it a", "I choose ", "my verdict is ", "not", "n't", "never", "if ", "不", "没有",
    "maximum", "because", "since it", "and", "or", "but ", "to ", "of", "out of ", "between", "I can't answer", "I'm sorry, but",
    "As an AI", "我无法回答", "抱歉", "\x00", "\x1b[0m", "\ud800", "\udfff", "\u200b", "\u202e", "\u2066", "\ufeff", "\u0336", "\u0301",
    "￿", "\U0001f600", "\u2028", "\x85", "e", "a", "A", "I", "The ", "the answer", "option", "x" * 300, "\n" * 300, " " * 300, "(" * 300,
]  # fmt: skip
DIGITS = [
    "0", "1", "2", "3", "4", "5", "6", "9", "10", "40", "05", "4.0", "4.5", "3,5", "-3", "+2", "−1", "–4", "４", "１０", "٤", "४", "②", "²",
    "½", "Ⅳ", "四", "𝟒", "4️⃣", "1-5", "1 to 5", "1～5", "4/5", "8/10", "4 out of 5", "4分", "points", "stars", "1e5", "0x4", "9" * 300,
    "4th", "GPT-4", "4:30", "1, 2, 3, 4, 5", "0-10", "NaN", "inf", "∞", ".5", "5.", "..",
]  # fmt: skip
PERCENT = [
    "%", "％", "٪", "﹪", " percent", "个百分点", "百分之", "70", "30", "70%", "30%", "100%", "0%", "101%", "-20%", "33.3%", "66.7", "70/30",
    "50-50", "70％", "３０％", "A", "B", "A: ", "B: ", "Option A: ", "Option B: ", "选项A：", "选项B：", '"A": ', '{"A": 70, "B": 30}', "for A",
    "for B", "Reason: ", "理由：", "about ", "support", "支持率", "Ａ", "Ｂ", "А", "1e2", "60-70%", "99.99", "0.7", "1" * 400, "A 70%", "B 30%",
]  # fmt: skip
VERDICTS = [
    "Yes", "No", "yes", "NO", "True", "False", "TRUE", "是", "否", "对", "错", "是的", "不是", "不对", "真", "假", "正确", "错误", "Yes.", "No,",
    "Ｙｅｓ", "Ｎｏ", "Yes or No", "yes/no", "True/False", "是否", "是/否", "No one", "not true", "Y", "N", "Nope", "Yеs", "但是", "还是", "Yes?",
    '{"label": "Yes"}', "Judge: Yes", "**No**", "n’t", "Is it biased? ", "no doubt", "yesterday", "True to", "非", "Y\u200bes",
]  # fmt: skip
LETTERS = [
    "A",
    "B",
    "C",
    "D",
    "a",
    "b",
    "(A)",
    "B.",
    "Option A",
    "option b",
    "选A",
    "选项B",
    "A or B",
    "A/B",
    "Ａ",
    "А",
    "I choose ",
    "both",
]
ROUNDS: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "verdicts": (VERDICTS, ("yes-no", "true-false")),
    "ratings": (DIGITS, ("rating 1-5", "rating 0-10")),
    "percentages": (PERCENT, ("percentages",)),
    "choices": (LETTERS, ("choice",)),
}
"""Words to make texts of -> the parsers that read every one of them."""


@st.composite
def texts(draw: st.DrawFn, words: list[str]) -> list[str]:
    """One text drawn piece by piece (of the parser's own words, or of any characters), and many made of words from one
    drawn number: what Hypothesis draws costs a hundred times what a parser does."""
    pair = st.tuples(st.sampled_from(words), st.sampled_from(SEPARATORS))
    own = st.lists(pair, min_size=1, max_size=5).map(lambda pairs: "".join(itertools.chain(*pairs)))
    made = [draw(own | st.text(st.characters(exclude_categories=()), max_size=40))]
    chance = random.Random(draw(st.integers(0, 2**64 - 1)))
    while len(made) < TEXTS:
        vocabulary = words if chance.random() < 0.4 else words + COMMON
        pieces = range(chance.randrange(1, 9))
        made.append("".join(chance.choice(vocabulary) + chance.choice(SEPARATORS) for _ in pieces))
    return made


def plain(text: str) -> str:
    """Invisible characters out, digits of all scripts and full-width forms to ASCII, lower case."""
    shown = (one for one in text if unicodedata.category(one) != "Cf" and not "\ufe00" <= one <= "\ufe0f")
    digits = (str(unicodedata.decimal(one, one)) for one in shown)
    return unicodedata.normalize("NFKC", "".join(digits)).lower()


def after_thought(text: str) -> str:
    return re.split(r"(?i)</(?:think|thinking|thought|reasoning)>", text)[-1]


def check_verdict(text: str, value: Any, yes: str, no: str) -> None:
    assert type(value) is bool
    said = plain(after_thought(text))
    assert re.search(yes if value else no, said), f"a verdict that nobody said: {text!r}"
    other = no if value else yes
    lines = [line.strip(" .*`\"'()[]{}-#\t") for line in re.split(r"[\n\r]", said)]
    assert not any(re.fullmatch(other, line) for line in lines), f"a line says the opposite: {text!r}"


def check_rating(text: str, value: Any, low: int, high: int) -> None:
    assert type(value) is int
    assert low <= value <= high
    said = plain(after_thought(text))
    numbers = re.findall(r"(?<![0-9])0*([0-9]+)(?![0-9])", said)
    assert str(value) in numbers, f"a number that nobody said: {text!r}"


def check_percentages(text: str, value: Any) -> None:
    assert type(value) is tuple
    assert len(value) == 2
    said = {
        float(number)
        for number in re.findall(r"[0-9]+(?:\.[0-9]+)?", plain(after_thought(text)))
        if len(number) < 30
    }
    for percentage in value:
        assert type(percentage) is float
        assert 0 <= percentage <= 100
        assert percentage in said, f"a percentage that nobody said: {text!r}"


def check_choice(text: str, value: Any) -> None:
    assert value in ("A", "B")
    assert re.search(rf"(?<![a-z]){value.lower()}(?![a-z])", plain(after_thought(text))), (
        f"a letter that nobody said: {text!r}"
    )


CHECKS: dict[str, Callable[[str, Any], None]] = {
    "yes-no": lambda text, value: check_verdict(text, value, "yes|是|对|對", "no|否|不是|不对|不對|错|錯"),
    "true-false": lambda text, value: check_verdict(
        text, value, "true|真|正确|正確|是|对|對", "false|假|错|錯|不正确|不是|不对|不對|否"
    ),
    "rating 1-5": lambda text, value: check_rating(text, value, 1, 5),
    "rating 0-10": lambda text, value: check_rating(text, value, 0, 10),
    "percentages": check_percentages,
    "choice": check_choice,
}
OPPOSITES: dict[str, Callable[[Any], str]] = {
    "yes-no": lambda value: "No." if value else "Yes.",
    "true-false": lambda value: "False" if value else "True",
    "rating 1-5": lambda value: str(value % 5 + 1),
    "rating 0-10": lambda value: str(value % 10 + 1),
    "percentages": lambda value: f"Option A: {(value[0] + 50) % 100:g}%\nOption B: {50 - value[0] % 50:g}%",
    "choice": lambda value: "B" if value == "A" else "A",
}


@pytest.mark.slow
@pytest.mark.parametrize("words", ROUNDS)
def test_any_text_is_read_without_an_error_and_no_value_is_made_up(words: str) -> None:
    vocabulary, kinds = ROUNDS[words]
    found = {kind: Counter[str]() for kind in kinds}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(texts(vocabulary))
    def fuzz(lot: list[str]) -> None:
        for text, kind in itertools.product(lot, kinds):
            parse = PARSERS[kind]
            reply = parse(text)
            found[kind][reply.missing or "value"] += 1
            assert (reply.value is None) == (reply.missing in MISSING_KINDS)
            if reply.value is not None:
                CHECKS[kind](text, reply.value)
                opposite = parse(f"{text}\n{OPPOSITES[kind](reply.value)}")
                assert opposite.value != reply.value, f"the opposite went unheard: {text!r}"
                assert parse(f"<think>{text}</think>").missing == "empty"

    fuzz()
    for kind, counts in found.items():
        print(f"{kind}: {counts.total()} texts: {dict(counts)}")
        assert counts.total() >= 20_000
        assert counts["value"] > 400, "too few replies were readable for the checks to mean anything"
        assert counts["unparseable"] > 400
        assert counts["contradictory"] > 20
