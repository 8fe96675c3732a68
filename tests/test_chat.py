"""A chat: what is asked of the model, under which edits, what is kept, and the command with piped input."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from edit_samples import some_neurons
from run_samples import save_tiny_model

from valuescope.chat import Conversation, ConversationError, Room, Steering, read_command
from valuescope.cli import main
from valuescope.cli.terminal import printable
from valuescope.edit import Blend, EditError, Modulate
from valuescope.edit.named_edits import NamedEdit, named_edit, named_edits
from valuescope.generate import Engine, GenerationError, Sampling
from valuescope.generate.decoding import generate
from valuescope.models import NeuronModel, load_model, render_chat

QUESTION = "Should Mei rest on the sofa or climb the wild ridge?"
TEMPLATE = "{% for m in messages %}{{ m.role }} : {{ m.content }} {% endfor %}assistant :"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_tiny_model(tmp_path_factory.mktemp("model"))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> NeuronModel:
    return load_model(str(folder), device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def files(model: NeuronModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("edits")
    return {
        name: Modulate(some_neurons(model, seed), beta=0.9).save(out / f"{name}.json")
        for seed, name in enumerate(("power", "calm"))
    }


@pytest.fixture
def room(model: NeuronModel, files: dict[str, Path]) -> Iterator[Room]:
    steering = Steering(model, named_edits([f"{files['power']}:0", f"{files['calm']}:0"]))
    with Engine(model) as engine:
        yield Room(engine, steering, Sampling(12, temperature=1.0, seed=5))


def test_answers_are_those_of_generate_on_the_whole_conversation(room: Room, model: NeuronModel) -> None:
    room.steering.set("power", 1.5)
    first = room.keep(room.ask(QUESTION))
    room.steering.set("calm", 0.5)
    room.compare = True
    reply = room.ask("And then?")
    texts = {"base": "", "edited": ""}
    for side, piece in reply.pieces():
        texts[side] += piece
    second = room.keep(reply)
    power, calm = room.steering.find("power"), room.steering.find("calm")
    said = [{"role": "user", "content": QUESTION}]
    more = [*said, {"role": "assistant", "content": first.answer}, {"role": "user", "content": "And then?"}]
    both = Blend((power.scaled(1.5), calm.scaled(0.5)))
    expected = [
        generate(model, [render_chat(model, messages)], edits=edit, sampling=room.sampling, keys=[key])[
            0
        ].text
        for messages, edit, key in (
            (said, power.scaled(1.5), "0"),
            (more, both, "1"),
            (more, None, "1"),
        )
    ]
    assert [first.answer, second.answer, second.base] == expected
    assert texts == {"base": second.base, "edited": second.answer}
    assert second.answer != second.base
    assert (first.strengths, second.strengths) == ({"power": 1.5, "calm": 0.0}, {"power": 1.5, "calm": 0.5})


def test_a_question_taken_back_and_asked_again_is_answered_alike(room: Room) -> None:
    answer = room.keep(room.ask(QUESTION)).answer
    assert room.conversation.undo().question == QUESTION
    assert room.keep(room.ask(QUESTION)).answer == answer
    room.conversation.undo()
    with pytest.raises(ConversationError, match="no question"):
        room.conversation.undo()


def test_what_fails_is_not_kept(room: Room) -> None:
    with pytest.raises(ConversationError, match="empty"):
        room.ask("  ")
    with pytest.raises(GenerationError, match="positions"):
        room.ask(QUESTION * 200)
    with pytest.raises(EditError, match="there is no edit 'greed'; there are power, calm"):
        room.steering.set("greed", 1.0)
    assert room.conversation.exchanges == []


def test_the_transcript_says_what_was_asked_of_what(room: Room, tmp_path: Path) -> None:
    room.begin("You are brief.")
    room.steering.set("calm", 2.0)
    room.keep(room.ask(QUESTION))
    content = json.loads(room.save(tmp_path / "chat.json").read_text())
    assert content["model"]["fingerprint"] == room.engine.model.identity.fingerprint
    assert content["system"] == "You are brief."
    assert content["exchanges"][0]["strengths"] == {"power": 0.0, "calm": 2.0}
    assert content["edits"]["calm"]["hash"] == room.steering.find("calm").hash
    assert content["sampling"]["seed"] == 5
    with pytest.raises(ConversationError, match=r"ends in \.json"):
        Conversation().save(tmp_path / "chat.txt", {})


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("Should I?", None),
        ("//etc is a folder", None),
        ("/edit power 1.5", ("edit", "power 1.5")),
        ("/quit", ("quit", "")),
    ],
)
def test_lines(line: str, read: tuple[str, str] | None) -> None:
    assert read_command(line) == read


def test_an_unknown_command_names_the_known_ones() -> None:
    with pytest.raises(ConversationError, match=r"there is no command /qit; there are /edit, .*/quit"):
        read_command("/qit")


def test_names_and_strengths_of_edits(files: dict[str, Path], tmp_path: Path) -> None:
    power = str(files["power"])
    named = named_edits([power, f"calm-2={files['calm']}:0.5"])
    assert [(edit.name, edit.strength) for edit in named] == [("power", 1.0), ("calm-2", 0.5)]
    assert named[1].scaled == named[1].edit.scaled(0.5)
    half = NamedEdit("half", named[0].edit.scaled(0.5), 3.0)
    assert half.scaled.strength == 1.5
    odd = named[0].edit.save(tmp_path / "a:b=c.json")
    with pytest.raises(EditError, match="'a:b=c': use letters"):
        named_edit(str(odd))
    assert named_edit(f"good={odd}").name == "good"
    for strength in ("-1", "nan", "inf", "much", ""):
        with pytest.raises(EditError, match="the strength is"):
            named_edit(f"{power}:{strength}")
    with pytest.raises(EditError, match="two edits are called 'power'"):
        named_edits([power, power])


def test_control_characters_are_shown_and_not_obeyed() -> None:
    assert printable("a\x1b[2Jb\r\n\tc\x9b\x7f") == "a␛[2Jb␍\n\tc�␡"


def talk(monkeypatch: pytest.MonkeyPatch, folder: Path, lines: list[str], *options: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    return main(["chat", str(folder), "--device", "cpu", "--max-new-tokens", "6", *options])


def test_the_command_with_piped_input(
    folder: Path,
    files: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "talk.json"
    lines = [
        QUESTION,
        "",
        "/compare on",
        "/edit power 2",
        QUESTION,
        "/undo",
        f"/save {path}",
        "/help",
        "/quit",
        "not read",
    ]
    assert talk(monkeypatch, folder, lines, "--edit", f"{files['power']}:0.5") == 0
    printed = capsys.readouterr().out
    assert "power 0.5; temperature 1" in printed
    assert "[cut at 6 tokens]" in printed
    assert "[base] " in printed
    assert "[power 2] " in printed
    assert f"taken back: {QUESTION}" in printed
    assert "/save FILE.json" in printed
    assert "not read" not in printed
    exchanges = json.loads(path.read_text())["exchanges"]
    assert [exchange["strengths"] for exchange in exchanges] == [{"power": 0.5}]
    assert exchanges[0]["answer"] in printed


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("/edit power", "give a strength too"),
        ("/edit greed 1", "there is no edit 'greed'"),
        ("/compare maybe", "say on or off"),
        ("/undo", "nothing to take back"),
        ("/save talk.txt", "ends in .json"),
    ],
)
def test_an_error_ends_piped_input_with_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, error: str
) -> None:
    assert talk(monkeypatch, folder, [line, QUESTION]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert error in lines[-1]
