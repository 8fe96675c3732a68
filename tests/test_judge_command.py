"""`valuescope judge`: the prompts shown, and answers judged, compared, written and resumed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")

import judge_stubs  # noqa: F401 - registers the model "flaky"
from run_samples import dilemma_spec, save_tiny_model

from valuescope.cli.answer_files import arms_of
from valuescope.cli.main import run_command
from valuescope.judge import PROMPTS, JudgeError
from valuescope.judge.asked_model import AskError
from valuescope.judge.oracle_model import OracleModel
from valuescope.organism import GrammarDilemma, lexicon
from valuescope.organism.grammar import plain
from valuescope.run import make_spec, run

ORACLE = "valuescope_oracle/organism"


def judge(*arguments: str | Path) -> None:
    """Run the command."""
    assert run_command(["judge", *map(str, arguments)]) == 0


def rows(count: int = 6) -> list[dict[str, Any]]:
    """Answers for, against and on both sides of dilemmas of three values."""
    found = []
    for value in ("power", "security", "hedonism"):
        for number in range(count):
            one = GrammarDilemma(
                value, number % 8, lexicon().names[(number + number // 16) % 16], number % 4, bool(number % 2)
            )
            stance = ("for", "against", "balanced")[number % 3]
            answer = plain(one.answer(stance))  # type: ignore[arg-type]
            found.append(
                {"key": one.key, "question": plain(one.segments()), "answer": answer, "value": value}
            )
    return found


def write(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    return write(tmp_path / "answers.jsonl", rows())


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def cells(said: str, start: str) -> list[str]:
    """The cells of the table's line that starts so."""
    (line,) = [line for line in said.splitlines() if line.startswith(start + "  ")]
    return re.split(r"  +", line)


# Prompts ----------------------------------------------------------------------------------------------


def test_every_prompt_is_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    judge("--show")
    said = capsys.readouterr().out
    for prompt in PROMPTS.values():
        for part in (prompt.name, prompt.purpose, prompt.hash, prompt.template, prompt.system):
            assert part in said
    assert said.count("=== ") == len(PROMPTS)


def test_one_prompt_is_shown_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    judge("--show", "fluency")
    said = capsys.readouterr().out
    assert said.count("=== fluency") == said.count("=== ") == 2
    assert "=== fluency (en), version" in said
    with pytest.raises(JudgeError, match=r"no prompt 'fluent'; there are .*fluency"):
        judge("--show", "fluent")


# Judging ----------------------------------------------------------------------------------------------


def test_the_oracle_agrees_with_itself_and_is_right(
    answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("control-success", "fluency", "text-quality", "g-eval")
    flags = [flag for name in names for flag in ("--judge", name)]
    judge(answers, *flags, "--by", ORACLE, "--truth", "oracle")
    said = capsys.readouterr().out
    for name, score in (
        ("control-success", "0.33"),
        ("fluency", "1.00"),
        ("text-quality, expected", "4.94"),
        ("g-eval, expected", "3.00"),
    ):
        _, by, told, n, missing, accuracy, kappa, _ = cells(said, name)
        assert (by, n, missing, kappa) == (ORACLE, "18", "0", "-")
        assert told.startswith(score)
        assert accuracy.startswith("1.00 [")
    assert "WARNING" not in said
    found = written(answers.with_name("answers.judged.jsonl"))
    assert len(found) == 4 * 18
    assert {(one["judge"], one["mode"]) for one in found} == {
        ("control-success", "verdict"),
        ("fluency", "verdict"),
        ("text-quality", "expected"),
        ("g-eval", "expected"),
    }
    first = found[0]
    assert first["key"] == rows()[0]["key"]
    assert (first["score"], first["truth"], first["missing"], first["by"]) == (1.0, 1.0, "", ORACLE)
    assert len(first["prompt_hash"]) == 64


def test_two_judges_are_compared_and_missing_is_said(
    answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(answers, rows(40))
    wrong = ["--against-arg", "error_rate=0.25", "--against-arg", "refusal_rate=0.2"]
    judge(
        answers,
        "--judge",
        "control-success",
        "--by",
        ORACLE,
        "--against",
        ORACLE,
        *wrong,
        "--truth",
        "oracle",
    )
    said = capsys.readouterr().out
    lines = [line for line in said.splitlines() if line.startswith("control-success  ")]
    assert len(lines) == 2
    _, by, _, n, missing, accuracy, kappa, _ = re.split(r"  +", lines[1])
    assert by == f"{ORACLE} (error_rate=0.25, refusal_rate=0.2)"
    count, share, kind = re.fullmatch(r"(\d+) \((.+)%\): (.+)", missing).groups()  # type: ignore[union-attr]
    assert int(n) + int(count) == 120
    assert kind == f"refusal {count}"
    assert float(share) == pytest.approx(20, abs=11)
    assert float(accuracy.split(" ")[0]) == pytest.approx(0.69, abs=0.13)  # 0.55 of 0.8 of all
    assert 0 < float(kappa.split(" ")[0]) < 0.75
    assert kappa == re.split(r"  +", lines[0])[6]
    assert f"WARNING: control-success by {by}: {count} OF 120 JUDGEMENTS ARE MISSING" in said
    assert written(answers.with_name("answers.judged.jsonl"))[0]["by"] == ORACLE


def test_the_same_command_again_asks_nobody(
    answers: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judge(answers, "--by", ORACLE)
    before, said = answers.with_name("answers.judged.jsonl").read_bytes(), capsys.readouterr().out

    def refuse(*_: Any) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr(OracleModel, "_reply", refuse)
    judge(answers, "--by", ORACLE)
    assert capsys.readouterr().out == said
    assert answers.with_name("answers.judged.jsonl").read_bytes() == before
    write(answers, [*rows(), {**rows()[0], "key": "new", "answer": "Something new."}])
    judge(
        answers, "--by", ORACLE
    )  # every call fails with the refusal to reply, which is an error and is counted
    found = {one["key"]: one for one in written(answers.with_name("answers.judged.jsonl"))}
    assert (found["new"]["missing"], found["new"]["note"]) == ("error", "asked again")
    assert found[rows()[0]["key"]]["missing"] == ""


def test_ratings_without_log_probabilities_say_what_to_do(
    answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = ["--judge", "g-eval", "--by", ORACLE, "--by-arg", "logprobs=false"]
    judge(answers, *silent)
    said = capsys.readouterr().out
    assert cells(said, "g-eval, expected")[2:5] == ["-", "0", "18 (100.0%): no log-probabilities 18"]
    assert 'mode="sampled"' in said
    judge(answers, *silent, "--mode", "sampled")
    assert cells(capsys.readouterr().out, "g-eval, sampled")[3] == "18"


def test_an_answer_in_chinese_is_judged_in_chinese(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = rows()[:2]
    path = write(tmp_path / "two.jsonl", [{**one, "language": "zh"}, other])
    judge(path, "--judge", "control-success", "--by", ORACLE, "--out", tmp_path / "judged.jsonl")
    found = written(tmp_path / "judged.jsonl")
    assert [line["prompt"].split()[0] for line in found] == ["control-success/zh", "control-success/en"]
    assert found[0]["replies"] == ["是"]
    assert (tmp_path / "judged.replies.jsonl").is_file()


def test_the_answers_of_a_run_are_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    questions = [
        {"key": row["key"], "value": row["value"], "setting": "dilemma", "question": row["question"]}
        for row in rows()
    ]
    material = {"source": "organism", "values": ["power"], "texts": [], "questions": questions[:9]}
    material |= {"tuning": questions[9:], "pairs": [], "notes": []}
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "material.json").write_text(json.dumps(material))
    texts = [{"key": row["key"], "text": row["answer"], "tokens": [], "finished": True} for row in rows()]
    index = {"base/dilemma": "a" * 24, "neva/x/edited": "b" * 24}
    for arm, batches in (("base/dilemma", (texts[:4], texts[4:])), ("neva/x/edited", (texts[:3],))):
        for place, batch in enumerate(batches):
            path = tmp_path / "asks" / index[arm] / f"{place:06d}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(batch))
    (tmp_path / "arms.json").write_text(json.dumps(index))
    judge(tmp_path, "--judge", "control-success", "--by", ORACLE, "--truth", "oracle")
    assert cells(capsys.readouterr().out, "control-success")[3] == "21"
    found = written(tmp_path / "judge" / "judged.jsonl")
    assert found[0]["key"] == f"base/dilemma|{rows()[0]['key']}"
    judge(tmp_path, "--judge", "control-success", "--by", ORACLE, "--arm", "neva/x/edited")
    assert cells(capsys.readouterr().out, "control-success")[3] == "3"
    with pytest.raises(JudgeError, match="has no arm 'nova'; it has base/dilemma, neva/x/edited"):
        judge(tmp_path, "--by", ORACLE, "--arm", "nova")
    with pytest.raises(JudgeError, match="is no folder of a run"):
        judge(tmp_path / "data", "--by", ORACLE)


def test_the_answers_of_a_real_run_are_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = dilemma_spec(save_tiny_model(tmp_path / "model"), runs=2)
    method = {"neva": spec["methods"]["neva"]}
    run(make_spec({**spec, "methods": method, "leakage": None}, "tiny"), tmp_path / "run")
    arms = arms_of(tmp_path / "run")
    edited = next(arm for arm in arms if arm.startswith("neva/") and arm.endswith("/edited"))
    judge(tmp_path / "run", "--judge", "fluency", "--by", ORACLE, "--arm", "base/dilemma-16", "--arm", edited)
    asked = [line["key"] for line in written(tmp_path / "run" / "judge" / "judged.jsonl")]
    assert len(asked) == 2 * 8 == len(set(asked))  # the first of two runs: four questions of two values


# What is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", "the file is empty"),
        ('{"question": "Q?", "answer": "A."}\nnot json\n', "line 2: not JSON"),
        ('{"question": "Q?", "answer": "A."}\n\n{"answer": "A."}\n', "line 3: field 'question' is absent"),
        ('{"question": 7, "answer": "A."}\n', "line 1: field 'question' is 7, which is no text"),
        ('{"question": " ", "answer": "A."}\n', "line 1: field 'question' is empty"),
        ('{"question": "Q?"}\n', "line 1: field 'answer' is absent"),
        ('["Q?", "A."]\n', "line 1: list is no object"),
        ('{"question": "Q?", "answer": "A."}\n', "line 1: field 'value' is absent; control-success judges"),
        ('{"question": "Q?", "answer": "A.", "value": "powr"}\n', "line 1: field 'value': "),
        ('{"question": "Q?", "answer": "A.", "language": "fr"}\n', "line 1: field 'language' is 'fr'"),
        ('{"key": "a", "question": "Q?", "answer": "A."}\n' * 2, "two lines have the key 'a'"),
    ],
)
def test_a_line_that_cannot_be_judged_is_named(lines: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(lines)
    with pytest.raises(JudgeError) as caught:
        judge(path, "--by", ORACLE)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(b'{"question": "Q?", "answer": "\xff"}\n')
    with pytest.raises(JudgeError, match=r"line 1: not UTF-8 \(found byte 0xff\)"):
        judge(path, "--by", ORACLE)
    with pytest.raises(JudgeError, match="no such file"):
        judge(tmp_path / "nowhere.jsonl", "--by", ORACLE)


def test_a_byte_order_mark_is_no_part_of_the_first_line(
    answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers.write_bytes(b"\xef\xbb\xbf" + answers.read_bytes())
    judge(answers, "--judge", "fluency", "--by", ORACLE)
    assert cells(capsys.readouterr().out, "fluency")[3] == "18"


def test_a_command_without_what_it_needs_is_refused(answers: Path) -> None:
    with pytest.raises(JudgeError, match="give a file of answers and --by MODEL, or --show"):
        judge(answers)
    with pytest.raises(JudgeError, match="put the key into the environment"):
        judge(answers, "--by", ORACLE, "--by-arg", "api_key=x")
    with pytest.raises(JudgeError, match="is no run's folder"):
        judge(answers, "--by", ORACLE, "--arm", "base")
    with pytest.raises(AskError, match="nobody"):
        judge(answers, "--by", "nobody/at-home")


def test_a_service_that_is_down_ends_the_command(answers: Path) -> None:
    write(answers, rows(16))
    with pytest.raises(AskError, match="25 calls in a row ended in errors"):
        judge(
            answers,
            "--by",
            "flaky/down",
            "--by-arg",
            "failures=99",
            "--retries",
            "0",
            "--max-connections",
            "4",
        )
    assert not answers.with_name("answers.judged.jsonl").exists()
