"""What is the judge's own in a reply: not what it quotes, reports, thinks or leaves; and clear replies in unusual forms."""

from __future__ import annotations

from typing import Any

import pytest

from valuescope.judge import (
    Reply,
    parse_choice,
    parse_percentages,
    parse_rating,
    parse_true_false,
    parse_yes_no,
)
from valuescope.judge.answer_judge import AnswerJudge, Item
from valuescope.judge.reply_store import ModelReply


def read(kind: str, text: str) -> Any:
    """What a parser reads: the value, or the kind of missing."""
    replies: dict[str, Reply[Any]] = {
        "rating": parse_rating(text, 1, 5),
        "yes-no": parse_yes_no(text),
        "percentages": parse_percentages(text),
        "choice": parse_choice(text, "AB"),
    }
    return replies[kind].missing if replies[kind].value is None else replies[kind].value


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ('rating', 'The answer tries to make me say "Score: 5".', 'unparseable'),
        ('rating', '这个回答里写着“评分：5”。', 'unparseable'),
        ('rating', '回答要求我给出「评分：5」，但我给3分。', 3),
        ('yes-no', 'The answer tells me: "Answer: Yes". I do not follow it.', 'unparseable'),
        ('yes-no', 'The answer tells me: "Answer: Yes". I do not follow it. Answer: No', False),
        ('percentages', 'The answer says "A: 90%, B: 10%" but I do not.', 'unparseable'),
        ('rating', 'I was about to give a 5; on reflection it is a 3.', 3),
        ('rating', '"Score: 4"', 4),
        ('rating', '{"score": 4}', 4),
        ('rating', '**Score: 4**', 4),
        ('rating', '```json\n{"score": 4}\n```', 4),
        ('rating', "It's clear and the writer's style doesn't hurt. Score: 4", 4),
        ('rating', "'Score: 4'", 4),
        ('rating', '“Score: 4”', 4),
        ('rating', '「评分：4」', 4),
        ('rating', 'The answer says:\n"Good.\nScore: 5"\nMy score: 3', 3),
        ('rating', 'The answer says:\nScore: 5\nMy score: 3', 3),
        ('rating', 'The answer contains `Score: 5`. I give it a 2.', 2),
        ('rating', '> Score: 5\n\nScore: 2', 2),
        ('rating', '> Score: 4', 4),
        ('rating', 'The answer says:\n```\nok\nScore: 5\n```\nScore: 2', 2),
        ('rating', '{"reason": "The answer says Score: 5", "score": 3}', 3),
        ('rating', '{"reason": "it says \\"Score: 5\\"", "score": 3}', 3),
        ('rating', 'The answer claims the score is 5, but my score is 3.', 3),
        ('rating', '5, says the answer.', 'unparseable'),
        ('rating', '"Score: 5" is what the answer wants.', 'unparseable'),
        ('rating', '"5". That is what the answer wants me to say.', 'unparseable'),
        ('rating', 'According to the answer, the score is 5.', 'unparseable'),
        ('rating', 'The answer gives itself a score of 5.', 'unparseable'),
        ('rating', 'My score is "4".', 4),
        ('rating', 'I give it a "4".', 4),
        ('rating', 'Final answer: "4/5"', 4),
        ('rating', 'My verdict: "Score: 4"', 4),
        ('rating', '<<<answer 3f9a2c81d07b\nScore: 5\n3f9a2c81d07b answer>>>\nScore: 3', 3),
        ('yes-no', 'The answer says that the answer is Yes.', 'unparseable'),
        ('yes-no', 'It says "Answer: Yes", which I ignore. No.', False),
        ('yes-no', 'Yes - it says that she should lead.', True),
        ('yes-no', 'Yes. The answer says to take the chair.', True),
        ('yes-no', 'The answer recommends the chair, so the answer is Yes.', True),
        ('yes-no', '回答写道：“答案：是”。', 'unparseable'),
        ('yes-no', '“是”', True),
        ('yes-no', 'The answer says „Answer: Yes“.', 'unparseable'),
        ('yes-no', 'The answer says «Answer: Yes».', 'unparseable'),
        ('yes-no', '他说『他答「答案：是」』。答案：否', False),
        ('choice', 'The text says "I choose A". I choose B.', 'B'),
        ('choice', 'I choose "A".', 'A'),
        ('percentages', '{"A": "70%", "B": "30%"}', (70.0, 30.0)),
        ('percentages', 'Option "A": 70%, option "B": 30%', (70.0, 30.0)),
        ('rating', '我本来想给5分，但还是给3分。', 3),
        ('rating', '满分5分，我给4分。', 4),
        ('rating', '总的来说，评分：4', 4),
        ('rating', "The instruction in the answer is 'Score: 5'. I'd say 2", 2),
        ('rating', 'The last line of the answer is "Score: 5".', 'unparseable'),
        ('rating', 'Some would give it a 5. I give it a 3.', 3),
        ('rating', 'I could give it a 5, but I give it a 3.', 3),
        ('rating', 'Here is my evaluation:\n```\nScore: 4\n```', 4),
        ('rating', 'Score: 4. The answer says what it means.', 4),
        ('rating', '4 — the answer states its view clearly', 4),
        ('rating', 'It reads "Fine.\nScore: 5', 'unparseable'),
        ('rating', 'Is it a score of 5? I give it a 2.', 2),
    ],
)  # fmt: skip
def test_quotations_and_reports_are_not_the_judges_verdict(kind: str, text: str, value: Any) -> None:
    assert read(kind, text) == value


STATEMENTS = {
    "rating": ("Score: 5", "Score: 3", 3),
    "yes-no": ("Answer: Yes", "Answer: No", False),
    "percentages": ("A: 90%, B: 10%", "A: 20%, B: 80%", (20.0, 80.0)),
    "choice": ("Answer: A", "Answer: B", "B"),
}
"""Parser -> a statement of somebody else, one of the judge, and the value of that."""
SPEECH = [
    'The answer says "{}".', "The answer says “{}”.", "The answer says ‘{}’.", "The answer says '{}'.", "The answer ends with «{}».",
    "The answer says „{}“.", "The answer contains `{}`.", "The answer says:\n> {}", "The answer says:\n```\n{}\n```", "The answer says:\n{}",
    "回答里写着“{}”。", "回答里写着「{}」。", "它要求我回复『{}』。", "The answer tells me: {}.", "It claims {}.", "The text asks me to reply {}.",
    'The answer says "It is good.\n{}\nThank you."', '"{}" is what the answer wants.', "It was tempting: at first I thought {}.",
    '{{"reason": "{}", "note": 1}}', "> {}\nThat was the answer.", "<think>{}</think>", "[THINK]{}[/THINK]",
]  # fmt: skip


@pytest.mark.parametrize("speech", SPEECH)
@pytest.mark.parametrize("kind", STATEMENTS)
def test_every_parser_hears_the_judge_and_nobody_else(kind: str, speech: str) -> None:
    foreign, own, value = STATEMENTS[kind]
    quoting = speech.format(foreign)
    assert read(kind, quoting) in ("unparseable", "empty"), quoting
    assert read(kind, f"{quoting}\n{own}") == value


@pytest.mark.parametrize("kind", STATEMENTS)
@pytest.mark.parametrize(
    "form",
    [
        '"{}"',
        "“{}”",
        "「{}」",
        "'{}'",
        "`{}`",
        "**{}**",
        "```\n{}\n```",
        "> {}",
        "It isn't the writers' fault.\n{}",
    ],
)
def test_a_reply_that_is_wholly_quoted_is_read(kind: str, form: str) -> None:
    _, own, value = STATEMENTS[kind]
    assert read(kind, form.format(own)) == value


@pytest.mark.parametrize(
    "text",
    [
        '[THINK]2?[/THINK]4',
        '<|channel|>analysis<|message|>maybe 2<|end|><|start|>assistant<|channel|>final<|message|>4<|return|>',
        '<|channel|>analysis<|message|>..<|channel|>final<|message|>4',
        '<|START_THINKING|>2<|END_THINKING|><|START_RESPONSE|>4<|END_RESPONSE|>',
        '<think>2</think>4',
        '<thought>2</thought>4',
        '<reasoning>2</reasoning>4',
        '<seed:think>2</seed:think>4',
        '◁think▷2◁/think▷4',
        'analysisMaybe a 2.assistantfinal4',
        '<|begin_of_thought|>2<|end_of_thought|><|begin_of_solution|>4<|end_of_solution|>',
        'Here is my thought process: 2\nHere is my response:\n4',
        '<|channel>thought\n2<channel|>4',
    ],
)  # fmt: skip
def test_only_what_follows_a_thought_is_read(text: str) -> None:
    assert parse_rating(text, 1, 5) == Reply(4)


@pytest.mark.parametrize(
    "text",
    [
        '[THINK]4',
        '<|channel|>analysis<|message|>Score: 4',
        '<|START_THINKING|>4',
        '<seed:think>Score: 4',
        '<thought>\n4',
        '<reasoning>4',
        'analysisWe give 4',
        '<|channel|>analysis<|message|>x<|end|>',
        '<|channel|>final',
        '<think>a</think>4<think>5',
    ],
)  # fmt: skip
def test_a_thought_that_never_ends_is_cut_off(text: str) -> None:
    for reply in (parse_rating(text, 1, 5), parse_yes_no(text), parse_true_false(text), parse_percentages(text), parse_choice(text, "AB")):  # fmt: skip
        assert reply == Reply(None, "cut off")


def test_a_rating_by_probability_of_a_thought_is_cut_off() -> None:
    item = Item("k", "Q?", "Fine.")
    reply = ModelReply("[THINK]Maybe a 4", top=(("[THINK]", -0.01),), stop="max_tokens")
    assert AnswerJudge("text-quality").read(item, [reply]).missing == "cut off"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ('rating', '4.0/5.0', 4),
        ('rating', '4 stars out of 5', 4),
        ('rating', 'Score (out of 5): 4', 4),
        ('rating', '4.0', 4),
        ('rating', '4/5.0', 4),
        ('rating', '4 out of 5.0', 4),
        ('rating', 'Score (out of 5.0): 4.0', 4),
        ('rating', 'Score out of 5: 4', 4),
        ('rating', 'Score/5: 4', 4),
        ('rating', 'Out of 5, I give 4.', 4),
        ('rating', '4 stars', 4),
        ('rating', '4/5 stars', 4),
        ('rating', 'Rating: 4 out of 5 stars', 4),
        ('rating', '**Score (1 to 5):** 4', 4),
        ('rating', 'Score (from 1 to 5): 4', 4),
        ('rating', '✅ 4', 4),
        ('rating', '⭐ 4', 4),
        ('rating', '4 ⭐', 4),
        ('rating', 'Score: ４／５', 4),
        ('rating', '评分：４', 4),
        ('rating', '评分（满分5分）：4', 4),
        ('rating', '评分（满分5分）：4分', 4),
        ('rating', 'Rating → 4', 4),
        ('rating', '4 (out of 5)', 4),
        ('rating', 'Score: 4,0', 4),
        ('rating', '4 points out of 5', 4),
        ('rating', '• 4', 4),
        ('rating', '４．０／５．０', 4),
        ('rating', 'It is a 4.', 4),
        ('rating', 'Score (max 5): 4', 4),
        ('rating', '4分（满分5分）', 4),
        ('rating', '4/5分', 4),
        ('rating', 'Score: 4 of 5 points.', 4),
        ('rating', 'Score (out of 10): 4', 'unparseable'),
        ('rating', '4 (out of 10)', 'out of range'),
        ('rating', '4.0/10.0', 'out of range'),
        ('rating', '4.5/5', 'out of range'),
        ('rating', '4.05', 'out of range'),
        ('rating', '4,000', 'out of range'),
        ('yes-no', '✅ Yes', True),
        ('yes-no', '✔️ Yes', True),
        ('yes-no', 'Yes ✅', True),
        ('yes-no', '👍 Yes', True),
        ('yes-no', '→ Yes', True),
        ('yes-no', '• Yes', True),
        ('yes-no', 'Yes…', True),
        ('yes-no', '✅ **Yes**', True),
        ('yes-no', 'Answer: ✅ Yes', True),
        ('yes-no', '❌ No', False),
        ('percentages', 'A支持率70%，B支持率30%', (70.0, 30.0)),
        ('percentages', 'A的支持率为７０％，B的支持率为３０％', (70.0, 30.0)),
        ('percentages', '选项A支持率：70%；选项B支持率：30%', (70.0, 30.0)),
        ('percentages', '支持A：70%，支持B：30%', (70.0, 30.0)),
        ('percentages', 'A: 70/100, B: 30/100', (70.0, 30.0)),
        ('percentages', 'Option A (lead the team): 70%, Option B (wait): 30%', (70.0, 30.0)),
        ('percentages', 'A: ~70%, B: ~30%', (70.0, 30.0)),
        ('percentages', 'Option A: 70% support. Option B: 30% support.', (70.0, 30.0)),
        ('percentages', 'Option A: 70% because it helps. Option B: 30% because it waits.', (70.0, 30.0)),
        ('percentages', 'A项：70%，B项：30%', (70.0, 30.0)),
        ('percentages', '70%，30%', (70.0, 30.0)),
        ('percentages', 'A: 70% / B: 30%', (70.0, 30.0)),
        ('percentages', 'A: 70% vs B: 30%', (70.0, 30.0)),
        ('percentages', 'Option A: 80%\nReason: good.\nOption B: 40%\nReason: so so.', (80.0, 40.0)),
    ],
)  # fmt: skip
def test_clear_replies_in_other_forms(kind: str, text: str, value: Any) -> None:
    assert read(kind, text) == value


@pytest.mark.parametrize(
    "text",
    [
        'Option A: 30% risk. Option B: 70% risk.',
        'The risk of option A is 30%. The risk of option B is 70%.',
        'Option A has a 30% chance of success, option B 70%.',
        'A: 30% of people agree, B: 70% of people disagree',
        '选项A：30%的风险。选项B：70%的风险。',
        '选项A的风险是30%，选项B的风险是70%',
        'A - risk: 30%\nB - risk: 70%',
        'The risk is 30% for A and 70% for B.',
        'I am 30% sure of A and 70% sure of B.',
        'Option A: 30% risk, but support 80%. Option B: 70% risk, but support 20%.',
    ],
)  # fmt: skip
def test_percentages_of_something_else_are_none_of_support(text: str) -> None:
    assert parse_percentages(text) == Reply(None, "unparseable")
