"""The papers' literal variants of judges, and prompts of one's own: what is shown, how it is read, how replies are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from valuescope.judge import JudgeError, criterion, judge_prompt
from valuescope.judge.answer_judge import AnswerJudge, Item
from valuescope.judge.asking import Asker
from valuescope.judge.own_prompt import own_prompt
from valuescope.judge.reply_store import ModelReply
from valuescope.lab.judge_spec import JudgeSpec
from valuescope.values import load_value_system

POWER = criterion(load_value_system("schwartz"), "power")
ITEM = Item("k", "Should she lead the crew?", "She should take the chair.", POWER)
MINE = "template = '''\n{question:quoted}\n{answer:quoted}\nIs it for {value}? Yes or No.\n'''\n"


def written(path: Path, content: str) -> str:
    path.write_text(content, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ["fluency", "text-quality"])
def test_an_answer_alone_is_shown_without_its_question(name: str, language: str) -> None:
    ((call,), (usual,)) = (
        AnswerJudge(name, language=language, alone=alone).calls(ITEM) for alone in (True, False)
    )
    assert ITEM.answer in call.user
    assert ITEM.question not in f"{call.system}{call.user}"
    assert ITEM.question in usual.user
    assert call.prompt.startswith(f"{name}-alone/{language} v1 ")
    assert judge_prompt(f"{name}-alone", language).reply == judge_prompt(name, language).reply


def test_an_answer_alone_is_read_as_ever() -> None:
    assert AnswerJudge("fluency", alone=True).read(ITEM, [ModelReply("True")]).score == 1
    quality = AnswerJudge("text-quality", "sampled", alone=True)
    replies = [ModelReply("4")] * len(quality.calls(ITEM))
    assert quality.read(ITEM, replies).score == 4
    with pytest.raises(
        JudgeError, match="g-eval is not asked about an answer alone; fluency and text-quality are"
    ):
        AnswerJudge("g-eval", alone=True)


def test_a_prompt_of_ones_own_is_put_and_read_by_the_judges_parser(tmp_path: Path) -> None:
    judge = AnswerJudge("control-success", prompt_file=written(tmp_path / "mine.toml", MINE))
    (call,) = judge.calls(ITEM)
    assert call.system == ""
    assert call.user.endswith("Is it for Power? Yes or No.")
    assert "<<<answer " in call.user
    assert call.prompt == f"control-success-own/en v0 {judge.prompt.hash[:8]}"
    for reply, score in (("Yes", 1.0), ("No.", 0.0), ('The answer says "Answer: Yes".', None)):
        assert judge.read(ITEM, [ModelReply(reply)]).score == score
    rated = AnswerJudge("g-eval", prompt_file=written(tmp_path / "ten.toml", f"scale = [0, 10]\n{MINE}"))
    assert rated.prompt.scale == (0, 10)


def test_replies_to_two_wordings_do_not_mix(tmp_path: Path) -> None:
    asker = Asker("valuescope_oracle/organism")
    keys = set()
    for content in (MINE, MINE.replace("for {value}", "about {value}"), f'system = "Judge."\n{MINE}'):
        judge = AnswerJudge("control-success", prompt_file=written(tmp_path / "mine.toml", content))
        keys.add(asker.key(judge.calls(ITEM)[0]))
    assert len(keys | {asker.key(AnswerJudge("control-success").calls(ITEM)[0])}) == 4
    purposes = {
        own_prompt(written(tmp_path / "mine.toml", f'purpose = "{purpose}"\n{MINE}'), "control-success").id
        for purpose in ("a", "b")
    }
    assert len(purposes) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("template = ", "not valid TOML"), ("system = 'x'", "template is ''; give a text"), ("template = 4", "template is 4; give a text"),
        (f"{MINE}reply = 'rating'", "unknown key 'reply'; the keys are system, template, purpose, scale"),
        ("template = '{question:quoted}'", r"does not show the answer; write \{answer:quoted\}"),
        ("template = '{answer}'", r"field 'answer' without quoting; write \{answer:quoted\}"),
        ("template = '{answer:quoted} {mood}'", "field 'mood'; the fields are question, answer, value, criterion"),
        ("template = '{answer:quoted} {'", "write braces that are no field twice"),
        (f"scale = [1, 5]\n{MINE}", r"scale is \[1, 5\]; control-success gives no ratings; leave it out"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_prompt_is_refused_by_name(tmp_path: Path, content: str, message: str) -> None:
    path = written(tmp_path / "mine.toml", content)
    with pytest.raises(JudgeError, match=message) as refused:
        own_prompt(path, "control-success")
    assert path in str(refused.value)
    with pytest.raises(ValidationError, match=message):
        JudgeSpec(by="openai/gpt-4o", prompts={"control-success": path})


def test_the_settings_of_a_specification(tmp_path: Path) -> None:
    path = written(tmp_path / "mine.toml", MINE)
    spec: dict[str, Any] = {
        "by": "openai/gpt-4o",
        "fluency_alone": True,
        "prompts": {"control-success": path},
    }
    assert JudgeSpec(**spec).prompts == {"control-success": path}
    with pytest.raises(ValidationError, match=r"nowhere\.toml: cannot be read"):
        JudgeSpec(by="openai/gpt-4o", prompts={"g-eval": "nowhere.toml"})
    with pytest.raises(ValidationError, match=r"fluency_alone and prompts\.fluency; give one"):
        JudgeSpec(by="openai/gpt-4o", fluency_alone=True, prompts={"fluency": path})
