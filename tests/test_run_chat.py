"""Runs of models with chat templates: what is resolved and recorded, resuming another day, and refusals before reading."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import transformers as hf
import yaml
from chat_templates import DATED, DEFAULT, NO_TURNS, PLAIN, REFUSING, THINKING
from run_samples import (
    dilemma_spec,
    grammar_tokenizer,
    report_files,
    save_tiny_model,
    summary_bytes,
    write_conva,
)

from valuescope.cli import main
from valuescope.lab import answers
from valuescope.lab.model_spec import ChatSpec
from valuescope.models import Chat, LoadError, load_model, prompts, render_question
from valuescope.run import RunError, SpecError, estimate, make_spec, run


class Tomorrow(date):
    """The day after every other one."""

    @classmethod
    def today(cls) -> date:
        return date(2031, 12, 24)


def save_chat_model(folder: Path, template: str, **sampling: Any) -> Path:
    """A tiny model with another chat template."""
    save_tiny_model(folder)
    tokenizer = grammar_tokenizer().from_pretrained(str(folder))
    tokenizer.chat_template = template
    tokenizer.save_pretrained(str(folder))
    if sampling:
        hf.GenerationConfig(do_sample=True, **sampling).save_pretrained(str(folder))
    return folder


def asked_spec(model: Path, conva: Path, **changes: Any) -> dict[str, Any]:
    """One method and a system message on questions that are put through the chat template."""
    content = dilemma_spec(model, **changes)
    content["data"] = {"source": "conva", "parameters": {"folder": str(conva), "questions": 2}}
    content["methods"] = {
        "neva": {**content["methods"]["neva"], "dose": None},
        "told": {"intervention": "system-prompt"},
    }
    content["judge"] = "oracle"
    content.pop("leakage")
    return content


@pytest.fixture(scope="module")
def conva(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conva(tmp_path_factory.mktemp("conva"))


def prompts_of(folder: Path, patch: pytest.MonkeyPatch, spec: Any) -> list[str]:
    """Run, and collect every prompt that is answered."""
    seen = list[str]()
    real = answers.generate

    def generate(model: Any, texts: list[str], **how: Any) -> Any:
        seen.extend(texts)
        return real(model, texts, **how)

    patch.setattr(answers, "generate", generate)
    run(spec, folder)
    patch.setattr(answers, "generate", real)
    return seen


def written(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((folder / "spec.yaml").read_text(encoding="utf-8"))
    return content


def test_a_run_that_is_resumed_on_another_day_asks_the_same(
    conva: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save_chat_model(tmp_path / "model", DATED)
    spec = make_spec(asked_spec(model, conva), "t")
    today = date.today()
    first = prompts_of(tmp_path / "a", monkeypatch, spec)
    assert first
    assert all(f"Today: {today:%d %b %Y} " in prompt for prompt in first)
    assert written(tmp_path / "a")["model"]["chat"]["date"] == today.isoformat()
    before = summary_bytes(tmp_path / "a"), report_files(tmp_path / "a")

    monkeypatch.setattr(prompts, "date", Tomorrow)
    for file in [*sorted((tmp_path / "a" / "asks").glob("*/*.json"))[1:], tmp_path / "a" / "summary.json"]:
        file.unlink()
    again = prompts_of(tmp_path / "a", monkeypatch, spec)
    assert again
    assert set(again) <= set(first)
    assert (summary_bytes(tmp_path / "a"), report_files(tmp_path / "a")) == before

    later = prompts_of(tmp_path / "b", monkeypatch, spec)
    assert all("Today: 24 Dec 2031 " in prompt for prompt in later)
    other = asked_spec(model, conva)
    other["model"]["chat"] = {"date": "2031-12-24"}
    with pytest.raises(RunError, match="another specification"):
        run(make_spec(other, "t"), tmp_path / "a")


def test_a_template_without_a_date_leaves_none_in_the_specification(conva: Path, tmp_path: Path) -> None:
    model = save_chat_model(tmp_path / "model", PLAIN)
    run(make_spec(asked_spec(model, conva), "t"), tmp_path / "run")
    assert written(tmp_path / "run")["model"]["chat"] == {"system": "template", "variables": {}, "date": None}


def test_sampling_is_the_models_own_where_a_specification_leaves_it_open(
    conva: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save_chat_model(tmp_path / "model", PLAIN, temperature=0.3, top_p=0.8, top_k=20)
    content = asked_spec(model, conva)
    run(make_spec(content, "t"), tmp_path / "own")
    assert {name: written(tmp_path / "own")["generate"][name] for name in ("temperature", "top_p")} == {
        "temperature": 0.3,
        "top_p": 0.8,
    }
    content["generate"] |= {"temperature": 0.3, "top_p": 0.8}
    run(make_spec(content, "t"), tmp_path / "pinned")
    assert summary_bytes(tmp_path / "own") == summary_bytes(tmp_path / "pinned")
    content["generate"] |= {"temperature": 1.0, "top_p": 1.0}
    run(make_spec(content, "t"), tmp_path / "other")
    first, second = (json.loads(summary_bytes(tmp_path / name)) for name in ("own", "other"))
    assert first["spec_hash"] != second["spec_hash"]
    assert first["examples"] != second["examples"]


def test_every_prompt_of_a_run_follows_the_specification(
    conva: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save_chat_model(tmp_path / "model", DEFAULT.replace(PLAIN, THINKING))
    content = asked_spec(model, conva)
    content["model"]["chat"] = {"system": "none", "variables": {"enable_thinking": False}}
    seen = prompts_of(tmp_path / "run", monkeypatch, make_spec(content, "t"))
    told = [prompt for prompt in seen if not prompt.startswith("<system>  </s><user> ")]
    assert 0 < len(told) < len(seen)
    assert all(prompt.startswith("<system> ") and "you are helpful" not in prompt for prompt in told)
    assert all(prompt.endswith("<assistant><think></think>") for prompt in seen)


def test_command_server_and_run_render_alike(
    conva: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fastapi")
    from valuescope.serve import Limits
    from valuescope.serve.bodies import ChatBody
    from valuescope.serve.plan import plan
    from valuescope.serve.roster import Roster

    folder = save_chat_model(tmp_path / "model", REFUSING.replace(PLAIN, THINKING))
    text, chat = "be calm", Chat("be calm", {"enable_thinking": False})
    content = asked_spec(folder, conva)
    content["model"]["chat"] = {"system": text, "variables": {"enable_thinking": False}}
    content["methods"].pop("told")
    seen = prompts_of(tmp_path / "run", monkeypatch, make_spec(content, "t"))
    question = "Should Mei rest on the sofa?"
    model = load_model(str(folder), device="cpu", check=False)
    prompt = render_question(model, question, chat=chat)
    head, tail = prompt.split(question)
    assert head == "<user> be calm\n\n"
    assert all(asked.startswith(head) and asked.endswith(tail) for asked in seen)

    body = ChatBody(
        model="base",
        messages=[{"role": "user", "content": question}],
        chat_template_kwargs={"enable_thinking": False},
    )
    served = model.with_chat(Chat(text))
    assert [sent.text for sent in plan(served, Roster(served), Limits(), body).prompts] == [prompt]

    options = ["--system", text, "--template-variable", "enable_thinking=false", "--max-new-tokens", "2"]
    assert main(["generate", str(folder), "--device", "cpu", "--question", question, *options]) == 0
    assert f"\n{prompt}\n" in capsys.readouterr().out


# Refusals ---------------------------------------------------------------------------------------------------


def fails_before_reading(spec: Any, out: Path, match: str) -> None:
    """Both a dry run and a run end with the reason, and no text was counted."""
    with pytest.raises(SpecError, match=match):
        estimate(spec)
    with pytest.raises(SpecError, match=match):
        run(spec, out)
    assert not (out / "activations").exists()
    assert not (out / "asks").exists()


def test_a_template_that_refuses_questions_names_the_method(conva: Path, tmp_path: Path) -> None:
    model = save_chat_model(tmp_path / "model", "{{ raise_exception('no questions') }}")
    spec = make_spec(asked_spec(model, conva), "t")
    fails_before_reading(
        spec,
        tmp_path / "run",
        "methods.neva, a question alone: .*model: its chat template refuses this: no questions",
    )


def test_a_template_that_refuses_a_systems_words_names_the_method(conva: Path, tmp_path: Path) -> None:
    """Only what a system message says is refused: the question alone, and the probe of the system role, pass."""
    template = (
        "{% if 'You' in messages[0]['content'] %}{{ raise_exception('who is you') }}{% endif %}" + PLAIN
    )
    spec = make_spec(asked_spec(save_chat_model(tmp_path / "model", template), conva), "t")
    fails_before_reading(
        spec, tmp_path / "run", "methods.told, a question with its system message: .*who is you"
    )


def test_a_template_that_takes_no_second_turn_names_the_part(conva: Path, tmp_path: Path) -> None:
    content = asked_spec(save_chat_model(tmp_path / "model", NO_TURNS), conva)
    content["methods"].pop("told")
    content["turns"] = {"turns": 2, "conversations": 1}
    fails_before_reading(
        make_spec(content, "t"),
        tmp_path / "run",
        "part turns, a conversation of user, assistant, user: .*one message",
    )


def test_a_template_that_refuses_the_instruments_words_names_it(conva: Path, tmp_path: Path) -> None:
    template = (
        "{% if 'You' in messages[0]['content'] %}{{ raise_exception('who is you') }}{% endif %}" + PLAIN
    )
    content = asked_spec(save_chat_model(tmp_path / "model", template), conva, instrument={"questions": 1})
    content["methods"].pop("told")
    fails_before_reading(
        make_spec(content, "t"), tmp_path / "run", "part instrument, a conversation of system, user"
    )


def test_dilemmas_are_rendered_before_anything_is_read(tmp_path: Path) -> None:
    model = save_chat_model(tmp_path / "model", "{{ raise_exception('no dilemmas') }}")
    content = {
        "name": "t",
        "experiment": "valueexploration",
        "model": {"id": str(model), "device": "cpu"},
        "languages": ["en"],
        "data": {"activation": 1, "evaluation": 1},
    }
    fails_before_reading(make_spec(content, "t"), tmp_path / "run", "the question of support: .*no dilemmas")


def test_the_merge_of_a_system_message_is_said_in_a_dry_run(
    conva: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    estimate(make_spec(asked_spec(save_chat_model(tmp_path / "model", REFUSING), conva), "t"))
    assert sum("no place for a system message" in message for message in caplog.messages) == 1


# Parameters -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "match"),
    [
        ({"default": {"edit": {"beta": -1.0}}}, "methods.neva: modulate: beta must be a finite number >= 0"),
        (
            {"default": {"edit": {"direction": "up"}}},
            "'direction' of edit modulate must be one of positive, negative",
        ),
        ({"search": {"edit": [{"strength": -0.5}]}}, "modulate: strength must be a finite number"),
        ({"dose": {"parameter": "beta", "values": [0.5, -0.5]}}, "modulate: beta must be .* it is -0.5"),
        ({"default": {"by_value": {"power": {"beta": -1.0}}}}, "modulate: beta must be"),
    ],
)
def test_a_parameter_of_an_edit_that_is_out_of_range_is_refused_with_the_specification(
    method: dict[str, Any], match: str
) -> None:
    content = dilemma_spec("organism")
    content["methods"] = {"neva": {"locator": "neva", "edit": "modulate", **method}}
    content.pop("leakage")
    with pytest.raises(SpecError, match=match):
        make_spec(content, "t")
    content["methods"] = {"conva": {"intervention": "conva", "default": {"edit": {"p0": 1.5}}}}
    with pytest.raises(SpecError, match=r"methods\.conva: probe-shift: p0 is 1\.5"):
        make_spec(content, "t")


# Specifications ---------------------------------------------------------------------------------------------


def test_settings_of_the_chat_are_checked_with_the_specification(tmp_path: Path) -> None:
    for chat, match in (
        ({"system": ""}, "model.chat: system is ''; give none"),
        ({"variables": {"tools": "x"}}, "model.chat: variables: 'tools' is no variable"),
        ({"variables": {"a": [1]}}, "model.chat.variables"),
        ({"date": "soon"}, "model.chat: date is 'soon'; give YYYY-MM-DD"),
        ({"sytem": "x"}, "model.chat.sytem: unknown key"),
    ):
        content = dilemma_spec("organism")
        content["model"]["chat"] = chat
        with pytest.raises(SpecError, match=match):
            make_spec(content, "t")
    assert ChatSpec.model_validate({"date": date(2026, 1, 2)}).date == "2026-01-02"  # as YAML reads it bare
    kept = ChatSpec.model_validate(
        {"variables": {"a": True, "b": 1, "c": 0.5, "d": None, "e": "f"}}
    ).variables
    assert [type(value) for value in kept.values()] == [bool, int, float, type(None), str]


def test_a_dry_run_of_no_model_says_so(tmp_path: Path, conva: Path) -> None:
    with pytest.raises(LoadError, match="no such folder"):
        estimate(make_spec(asked_spec(tmp_path / "nowhere", conva), "t"))
