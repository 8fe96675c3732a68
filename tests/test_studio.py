"""What the studio's page asks for: answers as of Python, a profile as of log_likelihood, a run's findings, and refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from studio_samples import HOSTILE, PAIRS, open_studio

from valuescope.chat import Room, Steering
from valuescope.cli import main
from valuescope.generate.likelihood import log_likelihood
from valuescope.studio.studio import MOST_TABS, Studio

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from valuescope.studio.app import create_app

TAB = "tab-0000"
QUESTION = "Should Mei rest on the sofa or climb the wild ridge?"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    pages = tmp_path_factory.mktemp("pages")
    (pages / "index.html").write_text("pages of neurons")
    with open_studio(pages) as studio:
        yield studio


@pytest.fixture(scope="module")
def client(studio: Studio) -> TestClient:
    return TestClient(create_app(studio), base_url="http://127.0.0.1", raise_server_exceptions=False)


def events(client: TestClient, address: str, **body: Any) -> list[dict[str, Any]]:
    reply = client.post(address, json={"tab": TAB, **body})
    assert reply.status_code == 200, reply.text
    return [json.loads(part.removeprefix("data: ")) for part in reply.text.split("\n\n") if part]


def test_the_page_is_whole_and_may_load_nothing_else(client: TestClient) -> None:
    reply = client.get("/")
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("style-src")[0]
    assert "/*script*/" not in reply.text
    assert "/*style*/" not in reply.text
    assert reply.text.count("<script") == 1
    for word in ("src=", "@import", "url(", "https://"):
        assert word not in reply.text


def test_state(client: TestClient, studio: Studio) -> None:
    state = client.get("/api/state").json()
    assert [(edit["name"], edit["strength"]) for edit in state["edits"]] == [("power", 1.0), ("calm", 0.0)]
    assert state["values"] == ["power", "benevolence"]
    assert (state["pairs"], state["leakage"], state["neurons"]) == (6, True, True)
    assert state["fingerprint"] == studio.engine.model.identity.fingerprint
    assert client.get("/neurons/").text == "pages of neurons"


def test_talk_gives_what_a_room_in_python_gives(client: TestClient, studio: Studio) -> None:
    client.post("/api/new", json={"tab": TAB})
    strengths = {"power": 0.5, "calm": 1.5}
    told = events(client, "/api/talk", question=QUESTION, strengths=strengths, compare=True)
    room = Room(studio.engine, Steering(studio.engine.model, studio.edits), studio.sampling)
    for name, strength in strengths.items():
        room.steering.set(name, strength)
    room.compare = True
    exchange = room.keep(room.ask(QUESTION))
    assert told[-1] == {"done": exchange.to_dict()}
    texts = {side: "".join(e["piece"] for e in told[:-1] if e["side"] == side) for side in ("base", "edited")}
    assert texts == {"base": exchange.base, "edited": exchange.answer}
    assert client.post("/api/undo", json={"tab": TAB}).json() == {"question": QUESTION}
    assert events(client, "/api/talk", question=QUESTION, strengths=strengths, compare=True) == told


def test_tabs_have_conversations_of_their_own(client: TestClient, studio: Studio) -> None:
    client.post("/api/new", json={"tab": TAB, "system": "You are brief."})
    events(client, "/api/talk", question=QUESTION, strengths={"power": 2.0})
    other = client.post("/api/undo", json={"tab": "another-tab"})
    assert (other.status_code, other.json()) == (
        400,
        {"error": "there is nothing to take back: no question was asked yet"},
    )
    assert studio.room(TAB).conversation.system == "You are brief."
    assert studio.room(TAB).steering.strengths["power"] == 2.0
    assert studio.room("another-tab").steering.strengths["power"] == 1.0
    for number in range(MOST_TABS):
        studio.room(f"tab-number-{number}")
    assert studio.room(TAB).conversation.exchanges == []  # forgotten, as the one that was silent longest


def test_the_profile_is_that_of_log_likelihood(client: TestClient, studio: Studio) -> None:
    told = events(client, "/api/profile", strengths={"power": 1.0, "calm": 0.0})
    assert told[-2] == {"done": 24, "total": 24}
    model, edit = studio.engine.model, studio.edits[0].edit
    sides = [text for pair in PAIRS for text in (pair.positive, pair.negative)]
    for row in told[-1]["profile"]:
        places = [place for place, pair in enumerate(PAIRS) if pair.value == row["value"]]
        means = []
        for arm in (None, edit):
            nats = log_likelihood(model, sides, edits=arm)
            means.append(sum(nats[2 * place] - nats[2 * place + 1] for place in places) / len(places))
        assert row["base"]["mean"] == pytest.approx(means[0], abs=1e-4)
        assert row["edited"]["mean"] == pytest.approx(means[1], abs=1e-4)
        assert row["change"]["mean"] == pytest.approx(means[1] - means[0], abs=1e-4)
        assert row["change"]["n"] == 3
        assert row["change"]["ci"] is not None
    unedited = events(client, "/api/profile", strengths={"power": 0.0, "calm": 0.0})
    assert unedited[-2]["total"] == 12  # equal questions are asked once
    assert all(row["change"]["mean"] == 0 for row in unedited[-1]["profile"])


def test_a_runs_leakage_and_answers(client: TestClient, studio: Studio) -> None:
    matrices = client.get("/api/leakage").json()
    assert studio.run is not None
    found = studio.run.result.found["leakage"]
    assert [matrix["method"] for matrix in matrices] == [found.method]
    assert matrices[0]["values"] == list(found.values)
    cell = matrices[0]["cells"][0][1]
    assert cell == {
        "mean": found.delta[0][1],
        "low": found.delta_low[0][1],
        "high": found.delta_high[0][1],
        "n": 20,
    }
    assert matrices[0]["random"][0][1]["mean"] == found.random.delta[0][1]
    everything = client.get("/api/answers").json()
    assert everything["total"] == len(studio.run.result.found["examples"].root)
    searched = client.get("/api/answers", params={"search": "ONERROR"}).json()
    assert [example["question"] for example in searched["questions"]] == [f"Should Mei? {HOSTILE}"]
    value = everything["values"][0]
    of_value = client.get("/api/answers", params={"value": value}).json()
    assert {example["value"] for example in of_value["questions"]} == {value}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"question": "x", "strengths": {"greed": 1.0}}, "there is no edit 'greed'"),
        ({"question": "x", "strengths": {"power": -1.0}}, "strength must be a finite number >= 0"),
        ({"question": "x", "strengths": {"power": "1"}}, "strengths.power"),
        ({"question": "  "}, "the question is empty"),
        ({"question": "word " * 3000}, "positions"),
        ({"question": "x" * 20_001}, "question: String should have at most"),
        ({"question": "x", "more": 1}, "more: Extra inputs"),
        ({"question": "x", "tab": "../.."}, "tab: "),
    ],
)
def test_refusals_change_nothing(
    client: TestClient, studio: Studio, body: dict[str, Any], error: str
) -> None:
    client.post("/api/new", json={"tab": TAB})
    before = studio.room(TAB).steering.strengths
    reply = client.post("/api/talk", json={"tab": TAB, **body})
    assert reply.status_code == 400
    assert error in reply.json()["error"]
    assert studio.room(TAB).conversation.exchanges == []
    assert studio.room(TAB).steering.strengths == before


def test_other_hosts_and_other_pages_are_refused(client: TestClient) -> None:
    assert client.get("/api/state", headers={"host": "evil.example"}).status_code == 400
    body = json.dumps({"tab": TAB, "question": QUESTION})
    reply = client.post("/api/talk", content=body, headers={"content-type": "text/plain"})
    assert (reply.status_code, reply.json()) == (400, {"error": "the body must be application/json"})


def test_the_command_refuses_what_it_cannot_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["studio", "organism", "--neurons", str(tmp_path)]) == 1
    assert "no index.html" in capsys.readouterr().err
    assert main(["studio", "organism", "--run", str(tmp_path)]) == 1
    assert "summary.json: no such file" in capsys.readouterr().err
