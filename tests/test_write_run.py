"""Writing against a server: every kind, growing, errors that last, shortfalls, damage to the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")
pytest.importorskip("openai")

from faulty_server import Faults, Server, serving

from valuescope.cli import write_command
from valuescope.cli.main import run_command
from valuescope.data import Dilemma, Question, read_data
from valuescope.write import Job, SetOutcome, WriteError, write_set

MODEL = "openai-api/local/writer"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    from inspect_ai.model import ModelAPI
    from tenacity import wait_fixed

    monkeypatch.setenv("LOCAL_API_KEY", "none")
    monkeypatch.setattr(ModelAPI, "retry_wait", lambda self: wait_fixed(0.05))


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def run(job: Job, server: Server, out: Path, **how: Any) -> SetOutcome:
    return write_set(job, MODEL, out, base_url=server.url, max_connections=8, **how)


def command(*arguments: str) -> None:
    assert run_command(["write", *arguments]) == 0


def test_every_kind_is_written_in_files_that_are_read(server: Server, tmp_path: Path) -> None:
    for kind, languages, values, records in (
        ("c-voice", ("zh",), ("harmony",), 8),
        ("valueinsight", ("en", "zh"), ("conservation",), 16),
        ("contrast", ("en", "zh"), ("power", "tradition"), 16),
        ("questions", ("en",), ("power",), 4),
    ):
        out = tmp_path / kind
        outcome = run(Job(kind, values=values, languages=languages, per_value=4, rounds=9), server, out)
        assert outcome.complete, (kind, outcome.parts[-1].rejections)
        dataset = read_data(out)
        assert dataset.format == "valuescope"
        assert not dataset.problems
        assert len(dataset) == records
        assert {record.language for record in dataset.records} == set(languages)
        assert {record.value for record in dataset.records} == set(values)
        card = json.loads((out / "card.json").read_text())
        assert card["complete"]
        assert card["settings"]["kind"] == kind
        text = (out / "card.md").read_text()
        assert all(f"## {part}" in text for part in card["parts"])


def test_a_refined_question_takes_the_place_of_its_draft(server: Server, tmp_path: Path) -> None:
    job = Job("valueinsight", values=("conservation",), parts=("situations",), per_value=4, rounds=9)
    run(job, server, tmp_path)
    questions = [one for one in read_data(tmp_path).records if isinstance(one, Question)]
    asked = [body["messages"][-1]["content"] for body in server.log.bodies]
    turns = [text for text in asked if "The drafts:" in text]
    assert turns
    assert all(one.atomic and one.topic for one in questions)
    assert not any(one.question in text for one in questions for text in turns)


def test_settings_reach_the_service(server: Server, tmp_path: Path) -> None:
    run(Job("c-voice", values=("justice",), per_value=2, seed=3), server, tmp_path)
    for body in server.log.bodies:
        assert (body["temperature"], body["top_p"], body["seed"] // 1000) == (0.6, 0.65, 3)
        assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_a_finished_set_costs_nothing_again_and_grows_by_what_is_new(server: Server, tmp_path: Path) -> None:
    job = Job("c-voice", values=("justice",), parts=("evaluation",), per_value=20, per_call=2)
    first = run(job, server, tmp_path)
    before, files = server.log.requests, {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    again = run(job, server, tmp_path)
    assert server.log.requests == before
    assert (again.tally.made, again.tally.calls) == (0, first.tally.calls)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == files
    more = Job("c-voice", values=("justice",), parts=("evaluation",), per_value=24, per_call=2)
    grown = run(more, server, tmp_path)
    assert grown.complete
    assert server.log.requests - before <= 6
    with pytest.raises(WriteError, match="holds a set with per_value 24, and 20 is asked for"):
        run(job, server, tmp_path)
    with pytest.raises(WriteError, match="with seed 0, and 1 is asked for"):
        run(
            Job("c-voice", values=("justice",), parts=("evaluation",), per_value=24, per_call=2, seed=1),
            server,
            tmp_path,
        )


def test_topics_are_written_once_and_shared_by_the_parts(server: Server, tmp_path: Path) -> None:
    run(Job("c-voice", values=("justice",), per_value=4), server, tmp_path)
    dilemmas = [one for one in read_data(tmp_path).records if isinstance(one, Dilemma)]
    assert len({one.topic for one in dilemmas if one.language == "en"}) == 2
    assert {bool(one.rationale) for one in dilemmas if "/activation/" in one.key} == {True}
    assert {bool(one.rationale) for one in dilemmas if "/evaluation/" in one.key} == {False}
    assert sum("Name 2 such conflicts" in body["messages"][-1]["content"] for body in server.log.bodies) == 1


def test_a_topic_that_is_asked_for_alone_is_told_the_one_that_is_kept(tmp_path: Path) -> None:
    job = Job("c-voice", parts=("evaluation",), languages=("en",), per_value=2, rounds=9)
    with serving(Faults(violations=0.4)) as server:
        run(job, server, tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())["parts"]["topics"]
    assert card["rejected_by_reason"]["topic.en: does not name two things in conflict"]["items"] >= 3
    alone = [
        text for body in server.log.bodies if "taken already: " in (text := body["messages"][-1]["content"])
    ]
    assert alone
    assert all("Name 1 such conflicts" in text for text in alone)
    assert all(any(topic["en"] in text for topic in card["topics"].values()) for text in alone)


def test_a_malformed_reply_is_repaired_once(tmp_path: Path) -> None:
    with serving(Faults(malformed=1.0)) as server:
        outcome = run(Job("questions", values=("power",), languages=("zh",), per_value=3), server, tmp_path)
    prompts = [body["messages"][-1]["content"] for body in server.log.bodies]
    assert outcome.complete
    assert len(prompts) == 2
    assert "not valid JSON: " in prompts[1]
    assert prompts[0] in prompts[1]
    assert "entries of these numbers only: 1, 2, 3." in prompts[1]
    assert outcome.tally.repairs == 1


def test_a_shortfall_is_said_and_never_padded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(Faults(violations=0.6)) as server, pytest.raises(WriteError) as caught:
        command(
            *(
                "questions",
                "--by",
                MODEL,
                "--base-url",
                server.url,
                "--out",
                str(tmp_path),
                "--values",
                "power",
            ),
            *("--per-value", "30", "--rounds", "2", "--language", "zh"),
        )
    said, told = str(caught.value), capsys.readouterr()
    rejected = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    card = json.loads((tmp_path / "card.json").read_text())["parts"]["questions"]
    missing = len(card["missing"])
    assert 0 < missing < 30
    assert f"incomplete: {missing} items are missing (power/zh/" in said
    assert "after 2 rounds" in said
    assert card["items"] == 30 - missing == len(read_data(tmp_path))
    assert card["rejected"] == len(rejected) == card["judged"] - card["items"]
    assert all(one["reasons"] and one["item"] for one in rejected)
    assert card["rejected_by_reason"]["question: has N characters"]["items"] == len(rejected)
    assert "round 1: 30 asked for" in told.err
    assert f"{len(rejected)} of {card['judged']} judged were rejected" in told.out
    second = [body for body in server.log.bodies if "try 1 was turned away: question: has" in str(body)]
    assert second


def test_errors_that_last_end_the_run_and_the_same_command_resumes(tmp_path: Path) -> None:
    job = Job("questions", values=("power", "security"), languages=("zh",), per_value=4, per_call=1)
    with serving() as server:
        whole = run(job, server, tmp_path / "whole")
        server.faults.refuse_all = True
        outcome = run(job, server, tmp_path / "cut", retries=0)
        assert not outcome.complete
        assert "ended in errors" in outcome.stopped
        assert "the same command goes on" in write_command.shortfall(outcome)
        assert not json.loads((tmp_path / "cut" / "card.json").read_text())["complete"]
        server.faults.refuse_all = False
        resumed = run(job, server, tmp_path / "cut")
    assert whole.complete
    assert resumed.complete
    for name in ("card.json", "schwartz/questions/power.jsonl", "schwartz/questions/security.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes()


def test_a_damaged_line_of_the_store_is_asked_again(server: Server, tmp_path: Path) -> None:
    job = Job("questions", values=("power",), languages=("zh",), per_value=4, per_call=1)
    run(job, server, tmp_path)
    store = tmp_path / ".calls" / "replies.jsonl"
    lines = store.read_bytes().splitlines(keepends=True)
    store.write_bytes(b"".join(lines[:-1]) + lines[-1][:50])
    before = server.log.requests
    assert run(job, server, tmp_path).complete
    assert server.log.requests == before + 1


def test_a_dry_run_asks_nobody_and_needs_no_model(capsys: pytest.CaptureFixture[str]) -> None:
    command("c-voice", "--dry-run", "--values", "justice", "--per-value", "40")
    told = capsys.readouterr().out
    assert "activation: 40 items, 4 calls, about " in told
    assert "at least 9 calls, about " in told
    with pytest.raises(WriteError, match="give --by MODEL and --out FOLDER"):
        command("c-voice")


def test_rationales_of_their_own_calls_are_about_the_stories_that_are_kept(
    server: Server, tmp_path: Path
) -> None:
    job = Job(
        "c-voice", values=("justice",), parts=("activation",), per_value=4, rationale_apart=True, rounds=9
    )
    assert run(job, server, tmp_path).complete
    dilemmas = [one for one in read_data(tmp_path).records if isinstance(one, Dilemma)]
    assert len(dilemmas) == 8
    turns = [text for body in server.log.bodies if "The drafts:" in (text := body["messages"][-1]["content"])]
    for dilemma in dilemmas:
        assert dilemma.rationale
        assert any(dilemma.story in text and dilemma.aligned in text for text in turns)
        assert not any(dilemma.rationale in text for text in turns)
    with pytest.raises(WriteError, match="holds a set with rationale_apart True, and None is asked"):
        run(
            Job("c-voice", values=("justice",), parts=("activation",), per_value=4, rounds=9),
            server,
            tmp_path,
        )


def test_a_dry_run_at_the_papers_size_says_what_is_planned(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    topics = tmp_path / "meta_topics.json"
    topics.write_text(json.dumps([f"Topic {number}" for number in range(30)]))
    command(
        *("valueinsight", "--part", "situations", "--paper-size", "--topics", str(topics), "--dry-run"),
        *("--price-in", "2.5", "--price-out", "10"),
    )
    told = capsys.readouterr().out
    assert "situations: 15000 items, 6000 calls, about " in told
    assert "per value: 3750 each of 4" in told
    assert "per topic: 500 each of 30" in told
    assert "a price of about " in told
    topics.write_text("[]")
    with pytest.raises(ValueError, match="meta_topics"):
        command("valueinsight", "--topics", str(topics), "--dry-run")
