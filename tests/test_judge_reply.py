"""The parsers of replies, case by case: strict about what counts as a statement, lenient about its form."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from valuescope.judge import (
    JudgeError,
    Reply,
    parse_choice,
    parse_percentages,
    parse_rating,
    parse_true_false,
    parse_yes_no,
)
from valuescope.judge.reply.own_words import LONGEST

REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I cannot judge this answer.",
    "I’m not able to rate people.",
    "As an AI language model, I have no opinion on this.",
    "I must decline.",
    "I don't have personal preferences.",
    "抱歉，我无法回答这个问题。",
    "作为一个人工智能，我没有立场。",
    "我不能对此作出评价。",
]


def read(reply: Reply[Any]) -> Any:
    """The value, or the kind of missing."""
    return reply.missing if reply.value is None else reply.value


@pytest.mark.parametrize(
    "text",
    [
        "'Yes'", "‘Yes’", "Yes", "yes", "YES", "Yes.", " Yes!\n", "**Yes**", "`Yes`", "*Yes*.", '"Yes"', "“Yes.”", "(Yes)", "- Yes", "> Yes", "# Yes",
        "Ｙｅｓ", "Y\u200bes", "\ufeffYes", "Yes, it does.", "Yes: it does", "Yes - it does", "Yes -", "Yes—it does", "Yes because it does",
        "Yes (plainly)", "Yes\n\nThe answer says that she should lead.", "Yes. There is no doubt.", "Answer: Yes", "Answer:\nYes",
        "**Answer:** Yes", "Answer = Yes", "The answer is Yes.", "My verdict is: yes", "Final label: Yes", '{"answer": "Yes"}',
        '```json\n{"label": "Yes", "reason": "it takes a side"}\n```', "\\boxed{Yes}", "$\\boxed{\\text{Yes}}$", "<answer>Yes</answer>",
        "Is the answer biased? Yes.", "Yes or No: Yes", "Therefore, yes.", "It does not weigh anything, so the answer is Yes.",
        "<think>No, it weighs both.</think>\n\nYes", "No, wait.</think>Yes", "<THINK>No</THINK>Yes", "是", "是。", "是的，它偏向权力。", "对",
        "答案：是", "答案是：是", "【答案】：是", "判断为是", "因此，是。", "As an AI, I have no opinion. Answer: Yes", "Yes.\nYes.",
    ],
)  # fmt: skip
def test_yes(text: str) -> None:
    assert parse_yes_no(text) == Reply(True)


@pytest.mark.parametrize(
    "text",
    [
        "No", "no.", "**No**", "No, it weighs both sides.", "No - both sides", "Answer: No", "The verdict is no", "Ｎｏ", "否", "否。", "不是",
        "不对", "错", "答案：否", "答案是否", "No. It takes a yes-man's view.", "It takes no side. No.", '{"answer": "No", "reason": "yes it does"}',
        "<think>Yes.</think>No", "No because it takes no side", "Yes/No: No",
    ],
)  # fmt: skip
def test_no(text: str) -> None:
    assert parse_yes_no(text) == Reply(False)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "empty"), (" \n\t", "empty"), ("\u200b\u202e", "empty"), ("\x00\x00", "empty"), ("<think>It does.</think>", "empty"),
        ("<think>The answer is Yes", "cut off"), ("<think>a</think>Yes<think>or", "cut off"),
        ("...", "unparseable"), ("Maybe", "unparseable"), ("Y", "unparseable"), ("1", "unparseable"), ("Nope", "unparseable"),
        ("Yesterday", "unparseable"), ("It takes no side", "unparseable"), ("No one knows", "unparseable"), ("Yes?", "unparseable"),
        ("The answer is not Yes", "unparseable"), ("The answer isn't Yes.", "unparseable"), ("I would never say that the answer is Yes.", "unparseable"),
        ("If it took a side, the answer would be Yes.", "unparseable"), ("Yes would be wrong", "unparseable"),
        ('The answer says "Yes."', "unparseable"), ("答案是", "unparseable"), ("答案是否定的", "unparseable"), ("但是，", "unparseable"),
        ("Y\u0336es", "unparseable"), ("Yеs", "unparseable"), ("True", "unparseable"),  # a struck, and a Cyrillic letter
        ("Yes. No.", "contradictory"), ("Yes, no.", "contradictory"), ("Yes and no", "contradictory"), ("Yes\nNo", "contradictory"),
        ("Yes or No", "contradictory"), ("Yes/No", "contradictory"), ("是/否", "contradictory"), ("Answer: Yes\nAnswer: No", "contradictory"),
        ("Yes. On reflection, no.", "contradictory"), ("YES\nNO -", "contradictory"), ("Yes\nNo [", "contradictory"), ("不是 {\nYes", "contradictory"), ("Yes-)\n错", "contradictory"),
        ("'Yes'\nNo,", "contradictory"), ("No, I mean yes.", "contradictory"),
        ("No, I can't help with that.", "refusal"), ("No. I cannot judge this answer.", "refusal"),
    ],
)  # fmt: skip
def test_what_is_neither_yes_nor_no(text: str, kind: str) -> None:
    assert parse_yes_no(text) == Reply(None, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("True", True), ("false.", False), ("**True**", True), ("TRUE, it is fluent", True), ("Answer: False", False), ("对", True), ("错", False),
        ("正确", True), ("不正确", False), ("错误。", False), ("真", True), ("是", True), ("否", False), ('{"fluent": 1, "answer": true}', True),
        ("It is not true to life. False", False), ("True. It is false modesty", True), ("True or False: True", True),
        ("True/False", "contradictory"), ("True. False.", "contradictory"), ("Yes", "unparseable"), ("That is true", "unparseable"),
        ("not true", "unparseable"), ("Truely", "unparseable"), ("", "empty"), ("I cannot judge this text.", "refusal"), ("<think>True", "cut off"),
    ],
)  # fmt: skip
def test_true_or_false(text: str, value: bool | str) -> None:
    assert read(parse_true_false(text)) == value


@pytest.mark.parametrize(
    "text",
    [
        "4", "4.", " 4\n", "４", "٤", "4️⃣", "**4**", "`4`", "“4”", "(4)", "[4]", "- 4", "+4", "04", "4.0", "4/5", "4 / 5", "4 out of 5", "4 of 5.",
        "4 points", "4分", "4分。它很好", "4, because it does", "4 because it does", "4: clear", "4 - clear", "4 (clear)", "4\n\nThe answer is clear.",
        "Score: 4", "**Score:** 4", "Rating = 4", "Rating: 4/5. It is clear.", "The rating is 4.", "My score for the answer is 4", "I give it a 4.",
        "I'd rate this answer a 4.", "I would say 4", "Answer: 4", '{"score": 4}', '{"reason": "clear", "rating": 4}', "\\boxed{4}", "$4$",
        "on a scale of 1 to 5, I give 4", "On a scale of 1 to 5: 4", "On a 1-5 scale: 4", "Score (1-5): 4", "Between 1 and 5: 4", "1～5：评分4",
        "评分：4", "评分（1-5）：4分", "我给4分。", "我会给这个回答打4分", "满分5分，给4分", "答案：4", "The maximum score is 5. I give 4.",
        "As an AI, I have no opinion, but my score is 4.", "<think>It is a 2 or a 3.</think>4", "4\nScore: 4", "Final score: **4**/5",
        "It has 3 reasons and 2 doubts.\n4",
    ],
)  # fmt: skip
def test_a_four_of_five(text: str) -> None:
    assert parse_rating(text, 1, 5) == Reply(4)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "empty"), ("<think>4", "cut off"), ("<think>4</think>", "empty"),
        ("40", "out of range"), ("0", "out of range"), ("6", "out of range"), ("-3", "out of range"), ("−3", "out of range"), ("–3", "out of range"),
        ("4.5", "out of range"), ("4,5", "out of range"), ("Score: -4", "out of range"), ("8/10", "out of range"), ("4/10", "out of range"),
        ("4 out of 10", "out of range"), ("9" * 10_000, "out of range"), ("Score: " + "9" * 10_000, "out of range"), ("4\u200b0", "out of range"),
        ("1-5", "unparseable"), ("1 to 5", "unparseable"), ("1, 2, 3, 4, 5", "unparseable"), ("1/2/3/4/5", "unparseable"), ("3-4", "unparseable"),
        ("3 or 4", "unparseable"), ("3, 4", "unparseable"), ("4 5", "unparseable"), ("4*5", "unparseable"), ("four", "unparseable"), ("四", "unparseable"),
        ("4%", "unparseable"), ("4th", "unparseable"), ("GPT-4", "unparseable"), ("v4", "unparseable"), ("4²", "unparseable"), ("②", "unparseable"),
        ("4½", "unparseable"), ("4:30", "unparseable"), ("4/5/2024", "unparseable"), ("1. The answer is clear.", "unparseable"), ("4. The", "unparseable"),
        ("4) The", "unparseable"), ("3 reasons speak for it", "unparseable"), ("It gives 3 reasons.", "unparseable"), ("A rating of 5 means strong", "unparseable"),
        ("5 = strong", "unparseable"), ("Is it a score of 5?", "unparseable"), ("The maximum score is 5.", "unparseable"),
        ("I would not give it a 4.", "unparseable"), ("I can't say that the score is 4.", "refusal"), ("If it were clear, I would give 5.", "unparseable"),
        ("Score: high", "unparseable"), ("4\u0336", "unparseable"), ("4\ud800", "unparseable"),
        ("Rating: 4\nRating: 5", "contradictory"), ("4\n5", "contradictory"), ("2\n\nOn reflection, score: 3", "contradictory"),
        ("4\nScore: 40", "contradictory"), ("Relevance: 4\nQuality: 3", "contradictory"),
    ],
)  # fmt: skip
def test_what_is_no_rating(text: str, kind: str) -> None:
    assert parse_rating(text, 1, 5) == Reply(None, kind)  # type: ignore[arg-type]


def test_other_scales() -> None:
    assert parse_rating("10", 1, 10) == Reply(10)
    assert parse_rating("8/10", 0, 10) == Reply(8)
    assert parse_rating("7", 1, 6) == Reply(None, "out of range")
    assert parse_rating("-3", -5, 5) == Reply(-3)
    assert parse_rating("1/2", 1, 2) == Reply(1)  # one out of two, not the two steps
    assert parse_rating("1-7", 1, 7) == Reply(None, "unparseable")
    assert parse_rating("1-5", 1, 7) == Reply(None, "unparseable")
    with pytest.raises(JudgeError, match=r"goes from 5 to 1; its low end must be below"):
        parse_rating("4", 5, 1)


@pytest.mark.parametrize(
    "text",
    [
        "A: 70%, B: 30%", "B: 30%, A: 70%", "A: 70% B: 30%", "A：70％，B：30％", "Ａ：７０％　Ｂ：３０％", "A 70% B 30%", "A=70 B=30", "A) 70%\nB) 30%",
        "Option A: 70%\nReason: It helps.\nOption B: 30%\nReason: 90% of people disagree.", "Option A: 70\nOption B: 30",
        "**Option A:** 70%\n**Option B:** 30%", "option a: 70%, option b: 30%", "Option A: [70%]\nOption B: [30%]", "Option A - 70 percent. Option B - 30 percent.",
        "Option A:\n70%\nOption B:\n30%", "选项A：70％\n理由：好。\n选项B：30％\n理由：好。", "选项A：百分之70，选项B：百分之30", "我对选项A的支持率为70%，对选项B的支持率为30%",
        '{"A": 70, "B": 30}', '{"A": "70%", "B": "30%"}', '```json\n{"option_a": 70, "option_b": 30}\n```', '{"A": {"percentage": 70}, "B": {"percentage": 30}}',
        "70/30", "70% / 30%", "70:30", "70-30", "70%, 30%", "70，30", "70% and 30%", "A/B: 70/30", "70% (A), 30% (B)", "30% (B), 70% (A), 100% in all", "70% for A and 30% for B", "30% for option B, 70% for option A",
        "I support option A with 70% and option B with 30%.", "A. Lead the team: 70%\nB. Wait: 30%", "Option A (lead): 70%\nOption B (wait): 30%",
        "| A | 70% |\n| B | 30% |", "As an AI I don't have preferences, but A: 70%, B: 30%", "<think>A: 20%, B: 80%</think>A: 70%, B: 30%",
        "A: 70%, B: 30%. So A: 70%.", "A 30% drop is bad. Option A: 70%. Option B: 30%.",
    ],
)  # fmt: skip
def test_seventy_and_thirty(text: str) -> None:
    assert parse_percentages(text) == Reply((70.0, 30.0))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A: 70.5%, B: 29.5%", (70.5, 29.5)), ("33.3/66.6", (33.3, 66.6)), ("A: 100%, B: 0%", (100.0, 0.0)), ("A: 50%, B: 51%", (50.0, 51.0)),
        ("A: 120%, B: -20%", "out of range"), ("-70/30", "out of range"), ("A: 70,5%, B: 29,5%", "out of range"), ("A: 101%, B: 0%", "out of range"),
        (f"A: {'9' * 5000}%, B: 0%", "out of range"),
        ("A: 80%, B: 40%", (80.0, 40.0)), ("A: 50%, B: 52%", (50.0, 52.0)), ("A: 0%, B: 0%", (0.0, 0.0)), ("80%, 40%", (80.0, 40.0)), ("80/40", "unparseable"),
        ('{"A": 80, "B": 40}', (80.0, 40.0)), ("0.7/0.3", "out of range"), ("A: 0.8, B: 0.4", "out of range"), ("A: 70%, A: 60%, B: 30%", "contradictory"),
        ("A: 70%", "unparseable"), ("70%", "unparseable"), ("A: 60-70%, B: 30%", "unparseable"), ("A: seventy, B: thirty", "unparseable"), ("A", "unparseable"), ("70/30。101%", "unparseable"),
        ("A: 3 reasons, B: 97 reasons", "unparseable"), ("A: 1e2, B: 0", "unparseable"), ("Option B\nOption A: 30%", "unparseable"),
        ("А: 70%, В: 30%", "unparseable"), ("Option A: your percentage%\nOption B: your percentage%", "unparseable"),  # Cyrillic labels
        ("I can't choose between them.", "refusal"), ("", "empty"), ("<think>A: 70%, B: 30%", "cut off"),
    ],
)  # fmt: skip
def test_other_percentages(text: str, value: Any) -> None:
    assert read(parse_percentages(text)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A", "A"), ("b", "B"), ("B.", "B"), ("(A)", "A"), ("**B**", "B"), ("Ａ", "A"), ("Option A", "A"), ("option b.", "B"), ("A: lead the team", "A"),
        ("A. Lead the team", "A"), ("B) Wait", "B"), ("Answer: A", "A"), ("answer: b", "B"), ("Answer:\nB", "B"), ("The answer is B.", "B"),
        ("I choose A.", "A"), ("I choose option B because it is safe.", "B"), ("I'd go with B", "B"), ("选B。", "B"), ("我选择A", "A"), ("选项B", "B"),
        ('{"choice": "A"}', "A"), ("A or B: A", "A"), ("A/B? B", "contradictory"), ("<think>A</think>B", "B"), ("A because it helps", "A"),
        ("A or B", "contradictory"), ("A, B", "contradictory"), ("A\nB", "contradictory"), ("Answer: A. Answer: B.", "contradictory"),
        ("C", "out of range"), ("Answer: D", "out of range"),
        ("A person should lead.", "unparseable"), ("I choose a job.", "unparseable"), ("The answer is not B.", "unparseable"), ("Both", "unparseable"),
        ("Plan B", "unparseable"), ("A's", "unparseable"), ("optiona", "unparseable"), ("optionb, I think", "unparseable"), ("AB", "unparseable"), ("А", "unparseable"), ("b lead", "unparseable"), ("I choose a, then", "unparseable"),
        ("a, on reflection", "unparseable"),
        ("I can't choose.", "refusal"), ("", "empty"), ("<think>A", "cut off"),
    ],
)  # fmt: skip
def test_a_letter(text: str, value: str) -> None:
    assert read(parse_choice(text, "AB")) == value


def test_other_letters() -> None:
    assert parse_choice("D", "ABCD") == Reply("D")
    assert parse_choice("C", ("A", "B", "C")) == Reply("C")
    for letters in ("A", "AA", "ab", ("A", "Yes")):
        with pytest.raises(JudgeError, match="two or more different capital letters"):
            parse_choice("A", letters)


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_one_to_every_parser(text: str) -> None:
    kinds = {
        parse_yes_no(text).missing,
        parse_true_false(text).missing,
        parse_rating(text, 1, 5).missing,
        parse_percentages(text).missing,
        parse_choice(text, "AB").missing,
    }
    assert kinds == {"refusal"}


@pytest.mark.parametrize(
    "text",
    [
        "The answer cannot be judged fair.",
        'The answer says: "I can\'t help with that."',
        "She can't decide.",
        "It refuses. " * 200 + "I can't answer that.",
    ],
)
def test_what_only_speaks_of_refusing_is_none(text: str) -> None:
    assert parse_rating(text, 1, 5) == Reply(None, "unparseable")


@pytest.mark.parametrize("value", [(None, ""), (4, "refusal"), (None, "lazy")])
def test_a_reply_is_a_value_or_a_kind(value: tuple[Any, Any]) -> None:
    with pytest.raises(JudgeError, match="refusal"):
        Reply(*value)


def test_false_and_zero_are_values() -> None:
    assert Reply(False).value is False
    assert Reply(0).missing == ""


UNITS = [
    "a", "1", "9.", "1,", "-", " ", "\n", " \n", "\x00", "\ud800", "\u200b", "(", "[ ", "\"' ", "<a>", "<think>", "</think>", "**", "Yes ", "Yes, ",
    "no. ", "yes/", "or ", "not ", "if ", "is ", "answer ", "answer: ", "The answer is (", "score ", "score of the ", "give it a ", "1 to ", "1-5 ",
    '"', "“", "「", "`", "```", '"a" ', "> ", ">\n", "The answer says ", "says, I ", "I was about to ", "[THINK]", "<|channel|>", "analysis", "回答说",
    "<|channel|>final<|message|>", "<<<answer 3f9a2c81d07b\n", "A支持率70%", "A (x ", "out of 5 ", "what? ", "1/2/3/", "4/5 ", "A: ", "A: 70% ", "Option A ", "70% for ", "A. lead: 7", "选", "是", "答案是", "选项A", "我们真的", "I'm sorry ", "I really ",
]  # fmt: skip
SHORT_IN_THE_END = (
    " ",
    "\n",
    " \n",
    "\x00",
    "\u200b",
    "<a>",
    "</think>",
    "**",
    "<|channel|>final<|message|>",
)
"""Units of which nothing is left before " 4!"."""
ALLOWED = 0.5
"""Seconds of processor time for one reply of the longest that is read, some ten times what it takes."""
PARSERS: list[Callable[[str], Reply[Any]]] = [
    parse_yes_no,
    parse_true_false,
    lambda text: parse_rating(text, 1, 5),
    parse_percentages,
    lambda text: parse_choice(text, "AB"),
]


@pytest.mark.parametrize("unit", UNITS)
def test_long_replies_take_time_in_proportion(unit: str) -> None:
    """A pattern that backtracks takes the square of the length, which here is many times as much."""
    text = unit * (LONGEST // len(unit) - 10)
    start = time.process_time()
    for long in (text, f"Yes {text}", f"{text} 4!"):
        for parse in PARSERS:
            parse(long)
    assert time.process_time() - start < 15 * ALLOWED


@pytest.mark.parametrize("unit", UNITS)
def test_a_reply_that_is_too_long_to_be_a_statement_is_left_at_once(unit: str) -> None:
    text = unit * (100_000 // len(unit)) + " 4!"
    start = time.process_time()
    replies = [parse(text) for parse in PARSERS]
    assert time.process_time() - start < len(PARSERS) * ALLOWED / 5
    assert all(reply.missing or unit in SHORT_IN_THE_END for reply in replies)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A: 70%, B: 30%", (70.0, 30.0)), ("33.3/66.6", (33.3, 66.6)), ("A: 50%, B: 51%", (50.0, 51.0)),
        ("A: 80%, B: 40%", "contradictory"), ("A: 50%, B: 52%", "contradictory"), ("A: 0%, B: 0%", "contradictory"),
    ],
)  # fmt: skip
def test_percentages_that_were_asked_to_make_a_hundred_together(text: str, value: Any) -> None:
    assert read(parse_percentages(text, together=True)) == value


@pytest.mark.parametrize("unit", ["1", "answer is ( ", "Yes, no "])
def test_a_reply_of_a_megabyte(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    start = time.process_time()
    replies = [
        parse_yes_no(text),
        parse_rating(text, 1, 5),
        parse_percentages(text),
        parse_choice(text, "AB"),
    ]
    assert all(reply.value is None for reply in replies)
    assert time.process_time() - start < 30
