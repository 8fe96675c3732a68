"""What a specification or a file may not bring in: names that leave their folder, and secrets that would be written down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from edit_samples import some_neurons
from run_samples import dilemma_spec
from tiny_models import tiny_model

from valuescope.cli import main
from valuescope.edit import Deactivate, EditError, load_edit
from valuescope.judge import JudgeError
from valuescope.judge.asked_model import require_no_secrets
from valuescope.run import RunError, RunFolder, SpecError, make_spec

CLIMBING = (
    "../../x",
    "/etc/x",
    "a/b",
    "..",
    ".hidden",
    "",
    " a",
    "a\\b",
    "a\nb",
    "a\0b",
    "\ud800",
    "x" * 300,
)
METHOD = {"locator": "neva", "edit": "modulate"}
EXPLORATION = {"name": "t", "experiment": "valueexploration"}
PVQ = {"path": "x.json"}


def refused(content: dict[str, Any]) -> str:
    with pytest.raises(SpecError) as caught:
        make_spec(content, "t")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", CLIMBING)
def test_a_name_that_would_leave_its_folder_is_refused(name: str) -> None:
    methods = {"neva": METHOD}
    for place, content in (
        ("name", {"name": name, "methods": methods}),
        ("methods", {"name": "t", "methods": {name: METHOD}}),
        ("selections", {**EXPLORATION, "selections": {name: {}}, "main": name}),
        ("questionnaires.sets", {"name": "t", "methods": methods, "questionnaires": {"sets": {name: PVQ}}}),
    ):
        message = refused(content)
        assert message.startswith(f"t: {place}")
        assert "becomes the name of a file" in message


@pytest.mark.parametrize("name", ["a", "neva, exclusive", "größe", "价值", "v1.2-b_c", "a..b"])
def test_other_names_stay(name: str) -> None:
    spec = make_spec({"name": name, "methods": {name: METHOD}}, "t")
    assert (spec.name, list(spec.methods)) == (name, [name])


@pytest.mark.parametrize("name", ["../x.json", "asks/../../x.json", "/x.json", "a//x.json"])
def test_a_run_reads_and_writes_below_its_folder_only(tmp_path: Path, name: str) -> None:
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(ValueError, match="becomes the name of a file"):
        folder.write_json(name, {})
    with pytest.raises(ValueError, match="becomes the name of a file"):
        folder.read_json(name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_damaged_file_of_a_run_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(RunError, match=r"x\.json: not JSON .*delete this file"):
        RunFolder(tmp_path).read_json("x.json")


@pytest.mark.parametrize("file", ["../a.neurons", "/a.neurons", "..", "", "x\\a", "sub/a.neurons", "a\0"])
def test_an_edit_acts_with_what_lies_beside_it(tmp_path: Path, file: str) -> None:
    edit = Deactivate(some_neurons(tiny_model("llama"), 1))
    path = edit.save(tmp_path / "in" / "a.json")
    edit.save(tmp_path / "a.json")  # what the entry points to is there, and is a good one
    assert load_edit(path).hash == edit.hash
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "file": file}), encoding="utf-8")
    with pytest.raises(EditError, match=r"a\.json: field 'file' is .*lies beside it"):
        load_edit(path)


SECRET = "sesame-open-1234567890"
SECRETS: tuple[dict[str, Any], ...] = (
    {"extra_headers": {"Authorization": f"Bearer {SECRET}"}},
    {"extra_headers": {"X-Api-Key": SECRET}},
    {"default_headers": [["x-api-key", SECRET]]},
    {"client": {"deep": [{"er": {"apiKey": SECRET}}]}},
    {"headers": {"Cookie": f"id={SECRET}"}},
    {"proxy": f"http://user:{SECRET}@proxy:3128"},
    {"header": f"Authorization: Basic {SECRET}"},
    {"extra": '{"Authorization": "' + SECRET + '"}'},
    {"aws_session_token": SECRET},
    {"password_file_content": SECRET},
    {"auth": {"user": "a"}},
    {"oauth": {"client_secret": SECRET}},
    {"credentials": SECRET},
    {"any": f"sk-{SECRET}"},
)


@pytest.mark.parametrize("arguments", SECRETS)
def test_a_secret_at_any_depth_is_refused_and_not_shown(
    arguments: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(JudgeError, match="looks like a secret") as caught:
        require_no_secrets(None, arguments)
    assert SECRET not in str(caught.value)
    spec, out = tmp_path / "spec.yaml", tmp_path / "out"
    judge = {"by": "openai-api/local/judge", "model_args": arguments}
    spec.write_text(yaml.safe_dump(dilemma_spec("organism", judge=judge)), encoding="utf-8")
    for more in ([], ["--dry-run"]):
        assert main(["run", str(spec), "--out", str(out), *more]) == 1
        told = "".join(capsys.readouterr())
        assert "looks like a secret" in told
        assert SECRET not in told
    assert not out.exists()


@pytest.mark.parametrize(
    "judge", [{"by": 3, "api_key": SECRET}, {"by": "a/b", "model_args": f"Authorization {SECRET}"}]
)
def test_a_secret_in_a_wrong_place_is_not_shown_either(judge: dict[str, Any]) -> None:
    assert SECRET not in refused({"name": "t", "methods": {"neva": METHOD}, "judge": judge})


def test_arguments_that_are_no_secrets_stay() -> None:
    require_no_secrets(
        "http://127.0.0.1:8000/v1",
        {
            "max_tokens": 3,
            "tokenizer": "x",
            "token_limit": 5,
            "edits": "power.json",
            "chat": {"system": "none"},
        },
    )


def test_a_variable_of_a_template_is_no_place_for_a_secret_either() -> None:
    model = {"chat": {"variables": {"api_key": SECRET}}}
    message = refused({"name": "t", "methods": {"neva": METHOD}, "model": model})
    assert "variables.api_key looks like a secret" in message
    assert SECRET not in message
