"""What a run would send, printed without weights: one filled example of every kind, to whom, and how it is drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_samples import rows_in, save_tiny_model
from test_lab_roles import content_of

from valuescope.cli import main
from valuescope.lab.answers import prompt_of
from valuescope.lab.resolved import resolved
from valuescope.models import load_model
from valuescope.run import make_spec, read_spec, run
from valuescope.run.plan import plan_of
from valuescope.run.sent_prompts import ANSWER, sent_prompts

SPECS = Path(__file__).parents[1] / "specs"


@pytest.fixture(scope="module")
def tokenizer_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder whose weights are gone."""
    folder = save_tiny_model(tmp_path_factory.mktemp("model"))
    (folder / "model.safetensors").unlink()
    return folder


def test_every_kind_is_shown_filled_in_without_weights(tokenizer_alone: Path) -> None:
    scores = {"mode": "sampled", "samples": 20}
    sent = sent_prompts(make_spec(content_of(tokenizer_alone, scores=scores), "t"))
    assert not sent.template_missing
    by_role = {role: [each for each in sent.prompts if each.role == role] for role in ("identify", "answer")}
    (persona,) = by_role["identify"]
    assert persona.text.startswith("<|user|>Below are a portrait")
    assert persona.text.endswith("<|assistant|>")
    assert persona.sampling == "temperature 1, top-p 1, at most 7 tokens"
    assert "{" not in persona.text
    assert all("Picture yourself" in each.text for each in by_role["answer"])
    judged = [each for each in sent.prompts if each.role == "judge"]
    assert [each.what.partition("/")[0] for each in judged] == [
        "control-success",
        "fluency",
        "g-eval",
        "text-quality",
    ]
    assert all(ANSWER in each.text and each.model == "valuescope_oracle/organism" for each in judged)
    assert judged[2].sampling == "temperature 1, at most 64 tokens, 20 replies"
    assert not [each for each in sent.prompts if each.role == "feed"]


def test_what_is_shown_is_what_a_run_asks(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "model", positions=1024)
    spec = make_spec(content_of(folder), "t")
    model = load_model(str(folder), dtype="float32", device="cpu")
    shown = {each.text for each in sent_prompts(spec).prompts if each.role in ("identify", "answer")}
    run(spec, tmp_path / "run", model=model)
    lines = [row["key"] for row in rows_in(tmp_path / "run")]
    settled = resolved(spec, model.prompts, model.sampling)
    asked = {
        prompt_of(model.prompts, item) for _, ask, _ in plan_of(settled).distinct() for item in ask.items
    }
    assert lines
    assert shown <= asked


def test_without_a_tokenizer_it_is_said_plainly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["prompts", str(SPECS / "valuelocate.yaml"), "--model", str(tmp_path)]
    assert main([*command, "--role", "identify"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("NOTE: shown without a chat template, which could not be had:")
    assert "Portrait: You" in said


def test_the_command_shows_roles_in_their_order(
    tokenizer_alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prompts", str(SPECS / "neva.yaml"), "--model", str(tokenizer_alone)]) == 0
    said = capsys.readouterr().out
    heads = [line.split(":")[0] for line in said.splitlines() if line.startswith("=== ")]
    assert list(dict.fromkeys(heads)) == ["=== write", "=== feed", "=== identify", "=== answer", "=== judge"]
    assert "=== identify: nothing is sent" in said
    assert "to: openai/gpt-4.1-mini" in said
    assert "temperature 0.01, top-p 1, at most 100 tokens" in said
    assert "<|system|><|user|>" in said


def test_the_dilemmas_of_valueexploration_are_shown_too(tokenizer_alone: Path) -> None:
    spec = read_spec(SPECS / "valueexploration.yaml", **{"model.id": str(tokenizer_alone)})
    roles = {each.role for each in sent_prompts(spec).prompts}
    assert roles == {"feed", "answer"}
