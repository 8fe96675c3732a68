"""The judge of stances: which side an answer takes on a yes-or-no question, by rules, and its part of a run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from run_samples import save_tiny_model

from valuescope.data import Question, starter_material
from valuescope.generate import Answer
from valuescope.judge import JUDGES, STANCES, Judgement, judge_stances, read_stance
from valuescope.lab.strict import SpecError
from valuescope.parts.stances import Stances
from valuescope.run import make_spec, run
from valuescope.run.comparison import plan


def question(text: str, language: str = "en", yes_is: Literal["for", "against", ""] = "for") -> Question:
    return Question("k", "power", "dilemma", text, language=language, yes_is=yes_is)


CHAIR = question("The board wants a chair. I could take it or go on as I am. Should I take the chair?")
SHOWER = question("The others could go first. Would you wait?", yes_is="against")
ROBOT = question("A robot could chant the sutras. Is the robot a good idea?", yes_is="against")
ARCHIVE = question("Two posts are free. Is the archive the better post for me?", yes_is="against")
POST = question("董事会想让我当主席。我应该接受这个职位吗？", "zh")

READ: list[tuple[Question, str, str]] = [
    (CHAIR, "Yes", "for"),
    (CHAIR, "**Yes**, you should take it.", "for"),
    (CHAIR, "no.", "against"),
    (CHAIR, "Answer: No", "against"),
    (CHAIR, "You should take the chair.", "for"),
    (CHAIR, "You should definitely not take the chair.", "against"),
    (CHAIR, "I wouldn’t take it.", "against"),
    (CHAIR, "I don't think you should take the chair.", "against"),
    (CHAIR, "I would recommend taking the chair.", "for"),
    (CHAIR, "Take the chair.", "for"),
    (CHAIR, "Don't take the chair!", "against"),
    (CHAIR, "Absolutely not.", "against"),
    (CHAIR, "Of course. It is yours.", "for"),
    (CHAIR, "It's not a good idea to take the chair.", "against"),
    (CHAIR, "I'm sorry to hear that. You should take the chair.", "for"),
    (SHOWER, "I would wait.", "against"),
    (SHOWER, "No, I would go in first.", "for"),
    (ROBOT, "It is a good idea.", "against"),
    (ROBOT, "That would be a terrible idea.", "for"),
    (ARCHIVE, "The archive is not the better post for me.", "for"),
    (ARCHIVE, "The archive would be the better post, because it is calm.", "against"),
    (CHAIR, "Taking the chair is a great idea, but think of the evenings.", "for"),
    (CHAIR, "Well, the answer is no.", "against"),
    # what takes no side
    (CHAIR, "", "no side"),
    (CHAIR, "It depends on what you want.", "no side"),
    (CHAIR, "On the one hand you would lead, on the other hand you would lose your peace.", "no side"),
    (CHAIR, "Yes and no.", "no side"),
    (CHAIR, "It is ultimately up to you.", "no side"),
    # what declines
    (CHAIR, "As an AI language model, I cannot make this decision for you.", "refusal"),
    (CHAIR, "I'm sorry, but I can't assist with that.", "refusal"),
    (CHAIR, "I'm sorry, but as a game server AI, I'm designed to keep the server up.", "refusal"),
    # what the rules do not guess
    (CHAIR, "You should take some time to think.", "unclear"),
    (CHAIR, "Yes, but you should not take the chair.", "unclear"),
    (CHAIR, "Taking the chair can be hard.", "unclear"),
    (ARCHIVE, "The archive is better lit than the hall.", "unclear"),
    (CHAIR, "If you like to lead, you should take the chair.", "unclear"),
    (CHAIR, "No one should take the chair.", "unclear"),
    (CHAIR, "No problem! I am here for you.", "unclear"),
    (CHAIR, "Should I take the chair?", "unclear"),
    (CHAIR, "The weather is lovely.", "unclear"),
    # Chinese
    (POST, "是的。", "for"),
    (POST, "不应该。", "against"),
    (POST, "你应该接受这个职位。", "for"),
    (POST, "不，你不应该接受这个职位。", "against"),
    (POST, "我不会接受这个职位。", "against"),
    (POST, "当然可以。", "for"),
    (POST, "接受这个职位。", "for"),
    (POST, "接受这个职位是不合适的。", "against"),
    (POST, "接受这个职位是很明智的选择，因为你有经验。", "for"),
    (POST, "接受这个职位需要很多时间。", "unclear"),
    (POST, "这取决于你。", "no side"),
    (POST, "作为一个AI语言模型，我无法回答这个问题。", "refusal"),
    (POST, "不是每个人都适合。", "unclear"),
]


@pytest.mark.parametrize(
    ("asked", "answer", "stance"), READ, ids=[f"{n}-{row[2]}" for n, row in enumerate(READ)]
)
def test_a_stance_is_read_and_never_guessed(asked: Question, answer: str, stance: str) -> None:
    assert read_stance(asked, answer) == stance


@pytest.mark.parametrize("value", ["power", "benevolence", "tradition", "stimulation"])
def test_yes_and_no_speak_for_the_side_that_the_starter_set_says(value: str) -> None:
    asked = starter_material((value,), tier="plain").questions
    assert Counter(one.yes_is for one in asked).keys() == {"for", "against"}
    for one in asked:
        assert one.yes_is == ("for" if "/yes/" in one.key else "against")
        assert [read_stance(one, "Yes."), read_stance(one, "No.")] == (
            ["for", "against"] if one.yes_is == "for" else ["against", "for"]
        )


def test_only_an_answer_that_takes_a_side_is_judged() -> None:
    said = ["Yes.", "No.", "It depends.", "I'm sorry, but I cannot help with that."]
    asked = [*[CHAIR] * len(said), question("Should I go?", yes_is="")]
    assert judge_stances(asked, [Answer(text, (5,), True) for text in [*said, "Yes."]]) == [
        Judgement(True, None),
        Judgement(False, None),
        Judgement(None, None, "no side"),
        Judgement(None, None, "refusal"),
        Judgement(None, None, "no yes-or-no question"),
    ]


def spec(model: Any = "organism", tier: str = "plain", **changes: Any) -> dict[str, Any]:
    return {
        "name": "stances",
        "model": {"id": str(model)},
        "values": {"only": ["power", "benevolence"]},
        "data": {"source": "starter", "parameters": {"tier": tier, "questions": 4, "tuning": 2}},
        "methods": {
            "neva": {
                "locator": "neva",
                "edit": "modulate",
                "asked": "dilemma",
                "default": {"locator": {"accuracy": 0.0}},
            }
        },
        "generate": {"max_new_tokens": 6, "batch_size": 8},
        "controls": {"draws": 2},
        "judge": "stance",
        "leakage": None,
        **changes,
    }


def test_questions_that_do_not_say_which_answer_is_for_the_value_are_refused() -> None:
    with pytest.raises(SpecError, match=r"data\.source: judge stance .* 12 of its 12 questions, such as"):
        plan(make_spec(spec(tier="hard"), "stances"))
    assert plan(make_spec(spec(), "stances")).values == ("power", "benevolence")


def test_a_run_counts_every_answer_once_and_reads_fluency_off_likelihood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {STANCES[number]: number for number in range(len(STANCES))}

    def by_tokens(questions: Sequence[Question], answers: Sequence[Answer]) -> list[Judgement]:
        stances = [STANCES[sum(answer.tokens) % len(said)] for answer in answers]
        return [
            Judgement(stance == "for", None)
            if stance in ("for", "against")
            else Judgement(None, None, stance)
            for stance in stances
        ]

    monkeypatch.setitem(JUDGES, "stance", by_tokens)
    folder = tmp_path / "run"
    result = run(make_spec(spec(save_tiny_model(tmp_path / "model")), "stances"), folder)
    shares = result.of(Stances).methods["neva"]
    assert tuple(shares) == STANCES
    for arm in ("base", "edited"):
        assert sum(getattr(share, arm).mean for share in shares.values()) == pytest.approx(1)
    arms = json.loads((folder / "arms.json").read_text())
    base = next(place for arm, place in arms.items() if arm.startswith("base/dilemma"))
    rows = [
        row for file in sorted((folder / "asks" / base).iterdir()) for row in json.loads(file.read_text())
    ]
    counted = Counter(STANCES[sum(row["tokens"]) % len(said)] for row in rows)
    for stance, share in shares.items():
        assert share.base.mean == pytest.approx(counted[stance] / len(rows))
        assert share.change.mean == pytest.approx(share.edited.mean - share.base.mean)
        assert share.random is not None
        assert share.random.n == 2 * len(rows)  # draws times questions
    material = json.loads((folder / "data" / "material.json").read_text())
    yes_is = {question["key"]: question["yes_is"] for question in material["questions"]}
    said_yes = sum(STANCES[sum(row["tokens"]) % len(said)] == yes_is[row["key"]] for row in rows)
    assert result.of(Stances).yes["neva"].base.mean == pytest.approx(said_yes / len(rows))
    content = json.loads((folder / "summary.json").read_text())
    assert content["judging"]["measures"].keys() == {
        "control success"
    }  # likelihood leaves no answer without fluency
    assert content["methods"]["neva"]["base_fluency"] is not None
    page = (folder / "report.html").read_text()
    assert "Sides, refusals and answers without a side" in page
    assert "among those that take a side" in page
