"""The folder of a run: it guards one run, keeps whole files only, and adds up times."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from run_samples import dilemma_spec

from valuescope.lab import folder as folder_module
from valuescope.run import RunError, RunFolder, Spec


@pytest.fixture
def spec() -> Spec:
    return Spec.model_validate(dilemma_spec("model"))


def test_a_new_folder_gets_the_resolved_specification_and_who_made_it(tmp_path: Path, spec: Spec) -> None:
    RunFolder(tmp_path / "a" / "b").open(spec, "print")
    assert Spec.model_validate(yaml.safe_load((tmp_path / "a/b/spec.yaml").read_text())) == spec
    facts = json.loads((tmp_path / "a/b/run.json").read_text())
    assert (facts["spec_hash"], facts["fingerprint"]) == (spec.hash, "print")
    assert {"python", "torch", "transformers", "numpy", "valuescope"} <= set(facts["versions"])


def test_the_same_run_opens_it_again(tmp_path: Path, spec: Spec) -> None:
    for _ in range(3):
        RunFolder(tmp_path).open(spec, "print")


@pytest.mark.parametrize(
    "made", ["asks/x/000000.json", "judge/replies.jsonl", "activations/a.json", "summary.json"]
)
def test_another_specification_model_or_library_is_refused(
    tmp_path: Path, spec: Spec, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    RunFolder(tmp_path).open(spec, "print")
    (tmp_path / made).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / made).write_text("{}")
    other = spec.model_copy(update={"seed": 1})
    with pytest.raises(
        RunError,
        match=rf"holds a run with another specification \(spec_hash: {spec.hash} there, {other.hash} now\) and what it made "
        rf"\({made.split('/')[0]}\); choose another --out, go on with {tmp_path}/spec.yaml, or delete the folder",
    ):
        RunFolder(tmp_path).open(other, "print")
    with pytest.raises(RunError, match=r"another model \(fingerprint: print there, other now\) and what it"):
        RunFolder(tmp_path).open(spec, "other")
    versions = dict(folder_module.versions())
    monkeypatch.setattr(folder_module, "versions", lambda: {**versions, "torch": "9.9"})
    with pytest.raises(RunError, match="another library versions"):
        RunFolder(tmp_path).open(spec, "print")
    assert (tmp_path / made).read_text() == "{}"


def test_a_run_that_made_nothing_leaves_its_folder_to_the_corrected_one(
    tmp_path: Path, spec: Spec, caplog: pytest.LogCaptureFixture
) -> None:
    folder = RunFolder(tmp_path)
    folder.open(spec, "print")
    folder.write_json("data/material.json", {"of": "the first"})
    folder.add_seconds("data", 3.0)
    (tmp_path / "judge").mkdir()
    (tmp_path / "judge" / "replies.jsonl").touch()
    (tmp_path / "judge" / "replies.jsonl.lock").write_text('{"pid": 1}')  # of a process that was killed
    other = spec.model_copy(update={"seed": 1})
    folder.open(other, "print")
    assert "another specification began here and made nothing yet; this one takes the folder" in caplog.text
    assert folder.read_json("run.json")["spec_hash"] == other.hash
    assert Spec.model_validate(yaml.safe_load((tmp_path / "spec.yaml").read_text())) == other
    assert folder.read_json("data/material.json") is None
    assert folder.seconds() == {}


def test_killed_before_its_facts_were_written_it_starts_over(tmp_path: Path, spec: Spec) -> None:
    (tmp_path / "spec.yaml").write_text("name: half")
    RunFolder(tmp_path).open(spec, "print")
    assert Spec.model_validate(yaml.safe_load((tmp_path / "spec.yaml").read_text())) == spec


def test_a_folder_of_the_previous_layout_is_refused_in_one_sentence(tmp_path: Path, spec: Spec) -> None:
    RunFolder(tmp_path).open(spec, "print")
    facts = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert facts.pop("layout") == 2
    (tmp_path / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    (tmp_path / "answers").mkdir()
    with pytest.raises(RunError) as caught:
        RunFolder(tmp_path).open(spec, "print")
    assert str(caught.value) == (
        f"{tmp_path} holds a run of another version's layout (layout: 1 there, 2 now); choose another --out, or delete "
        "the folder to start over"
    )


def test_json_is_read_back_or_absent(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.read_json("asks/x.json") is None
    folder.write_json("asks/x.json", {"b": [1, None], "a": "größer"})
    assert folder.read_json("asks/x.json") == {"a": "größer", "b": [1, None]}
    assert list(folder.read_json("asks/x.json")) == ["b", "a"]


def test_a_number_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        RunFolder(tmp_path).write_json("x.json", float("nan"))
    assert not list(tmp_path.iterdir())


def test_seconds_add_up_over_sittings(tmp_path: Path) -> None:
    assert RunFolder(tmp_path).seconds() == {}
    RunFolder(tmp_path).add_seconds("locate", 1.25)
    RunFolder(tmp_path).add_seconds("locate", 0.5)
    RunFolder(tmp_path).add_seconds("report", 2.0)
    assert RunFolder(tmp_path).seconds() == {"locate": 1.75, "report": 2.0}
