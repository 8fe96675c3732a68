"""The system turn, variables and date of a prompt, for templates in the manner of known families."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from chat_templates import DATED, DEFAULT, NO_TURNS, PLAIN, REFUSING, SILENT, STUBBORN, THINKING, model_with
from run_samples import save_tiny_model

from valuescope.models import Chat, ChatError, load_model, render_chat, render_question
from valuescope.models.checkpoint import warn_once
from valuescope.models.load import read_manners

TALK = [
    {"role": "user", "content": "do you care"},
    {"role": "assistant", "content": "always"},
    {"role": "user", "content": "why"},
]
ASKED = "<user> why </s><assistant>"


@pytest.fixture(autouse=True)
def _warnings() -> None:
    warn_once.cache_clear()


def notes(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize(
    ("template", "system", "prompt"),
    [
        (PLAIN, "template", ASKED),
        (PLAIN, "none", ASKED),
        (PLAIN, "be calm", f"<system> be calm </s>{ASKED}"),
        (DEFAULT, "template", f"<system> you are helpful </s>{ASKED}"),
        (DEFAULT, "none", f"<system>  </s>{ASKED}"),
        (PLAIN, "empty", f"<system>  </s>{ASKED}"),
        (DEFAULT, "empty", f"<system>  </s>{ASKED}"),
        (REFUSING, "empty", ASKED),
        (SILENT, "empty", ASKED),
        (None, "empty", "why"),
        (DEFAULT, "be calm", f"<system> be calm </s>{ASKED}"),
        (REFUSING, "template", ASKED),
        (REFUSING, "none", ASKED),
        (REFUSING, "be calm", "<user> be calm\n\nwhy </s><assistant>"),
        (SILENT, "none", ASKED),
        (SILENT, "be calm", "<user> be calm\n\nwhy </s><assistant>"),
        (STUBBORN, "template", "<system> you are helpful </s><user> why </s>"),
        (None, "template", "why"),
        (None, "none", "why"),
        (None, "be calm", "be calm\nwhy"),
    ],
)
def test_the_system_turn_of_a_question_that_brings_none(
    template: str | None, system: str, prompt: str
) -> None:
    model = model_with(template)
    assert render_question(model, "why", chat=Chat(system)) == prompt
    assert render_question(model.with_chat(Chat(system)), "why") == prompt


@pytest.mark.parametrize("system", ["none", "template", "be kind"])
@pytest.mark.parametrize("template", [PLAIN, DEFAULT, REFUSING, None])
def test_a_message_of_the_conversation_stands_in_its_place(template: str | None, system: str) -> None:
    model = model_with(template)
    assert render_question(model.with_chat(Chat(system)), "why", "be calm") == render_question(
        model, "why", "be calm"
    )


def test_a_template_that_answers_an_empty_message_with_its_own_cannot_be_silenced() -> None:
    model = model_with(STUBBORN)
    assert render_question(model, "why", "be calm") == "<system> be calm </s><user> why </s>"
    with pytest.raises(
        ChatError, match="tiny: its chat template writes a system message of its own, in place"
    ):
        render_question(model, "why", chat=Chat("none"))
    with pytest.raises(ChatError, match="in place of an empty one too"):
        render_question(model, "why", chat=Chat("empty"))


@pytest.mark.parametrize("template", [REFUSING, SILENT])
def test_a_message_without_a_place_goes_before_the_first_user_message_and_that_is_said_once(
    template: str, caplog: pytest.LogCaptureFixture
) -> None:
    model, told = model_with(template), [{"role": "system", "content": "be calm"}, *TALK]
    merged = [{"role": "user", "content": "be calm\n\ndo you care"}, *TALK[1:]]
    assert render_chat(model, told) == render_chat(model, merged)
    assert render_chat(model, [{"role": "system", "content": ""}, *TALK]) == render_chat(model, TALK)
    assert [note for note in notes(caplog) if "no place for a system message" in note] == [
        "tiny: its chat template has no place for a system message, so it stands before the first user message, a "
        "blank line between"
    ]
    with pytest.raises(ChatError, match="refuses this: System role not supported"):
        render_chat(model_with(REFUSING), [{"role": "system", "content": "be calm"}, TALK[1]])


def test_a_refusal_that_is_not_about_the_system_role_stays_one() -> None:
    with pytest.raises(ChatError, match="tiny: its chat template refuses this: one message only"):
        render_chat(model_with(NO_TURNS), TALK)
    with pytest.raises(ChatError, match="tiny: its chat template refuses this: never"):
        render_question(model_with("{{ raise_exception('never') }}"), "why", "be calm")


def test_variables_reach_the_template_and_unread_ones_are_told(caplog: pytest.LogCaptureFixture) -> None:
    model = model_with(THINKING)
    quick = Chat(variables={"enable_thinking": False})
    assert render_question(model, "why") == render_question(
        model, "why", chat=Chat(variables={"enable_thinking": True})
    )
    assert render_question(model, "why", chat=quick) == f"{ASKED}<think></think>"
    assert not notes(caplog)
    assert render_question(model_with(PLAIN), "why", chat=quick) == ASKED
    assert notes(caplog) == [
        "tiny: its chat template reads no variable 'enable_thinking': it changes nothing"
    ]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"variables": {"messages": "x"}}, "'messages' is no variable that can be set"),
        ({"variables": {"add_generation_prompt": False}}, "'add_generation_prompt' is no variable"),
        ({"variables": {"chat_template": "x"}}, "'chat_template' is no variable"),
        ({"variables": {"strftime_now": "x"}}, "'strftime_now' is no variable"),
        ({"variables": {"bos_token": "x"}}, "'bos_token' is no variable"),
        ({"variables": {"a b": 1}}, "'a b' is no variable"),
        ({"variables": {"depth": [1]}}, r"variables.depth is \[1\]; give a text, a number"),
        ({"system": " "}, "give none for no system message, empty for an empty one, template for"),
        ({"date": "30.11.2026"}, "date is '30.11.2026'; give YYYY-MM-DD"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], match: str) -> None:
    with pytest.raises(ChatError, match=match):
        Chat(**settings)


def test_the_date_is_the_one_that_is_set() -> None:
    model = model_with(DATED)
    fixed = Chat(date="2024-02-29")
    assert render_question(model, "why", chat=fixed) == f"<system> Today: 29 Feb 2024  </s>{ASKED}"
    assert render_question(model, "why", "be calm", chat=fixed).startswith(
        "<system> Today: 29 Feb 2024 be calm </s>"
    )
    assert render_question(model, "why") == render_question(
        model, "why", chat=Chat(date=date.today().isoformat())
    )
    given = replace(fixed, variables={"date_string": "some day"})
    assert render_question(model, "why", chat=given).startswith("<system> Today: some day ")
    assert model.with_chat(Chat("none", date="2024-02-29")).prompts.question("why") == render_question(
        model, "why", chat=fixed
    )  # the date is the template's own text, and no message


def test_a_date_that_cannot_be_fixed_is_told(caplog: pytest.LogCaptureFixture) -> None:
    model = model_with("{% set form = '%Y' %}{{ strftime_now(form) }} " + PLAIN)
    prompt = render_question(model, "why", chat=Chat(date="2001-01-01"))
    assert prompt == f"{date.today().year} {ASKED}"
    assert notes(caplog) == [
        "tiny: its chat template asks for the date in a form that it works out itself, so its prompts carry today's and not "
        "2001-01-01"
    ]


def test_a_date_is_fixed_where_a_template_asks_for_one() -> None:
    assert model_with(PLAIN).prompts.fixed("2024-02-29").date is None
    prompts = model_with(DATED).prompts
    assert prompts.fixed("2024-02-29").date == "2024-02-29"
    assert prompts.fixed().date == date.today().isoformat()
    assert replace(prompts, chat=Chat(date="2020-01-01")).fixed("2024-02-29").date == "2020-01-01"


def test_a_model_is_spoken_to_alike_with_and_without_its_weights(tmp_path: Path) -> None:
    folder, chat = str(save_tiny_model(tmp_path)), Chat("be calm")
    prompts, sampling = read_manners(folder, chat)
    model = load_model(folder, device="cpu", check=False).with_chat(chat)
    assert prompts.question("Should Mei rest?") == render_question(model, "Should Mei rest?")
    assert "be calm" in prompts.question("Should Mei rest?")
    assert sampling == model.sampling


def test_settings_change_how_a_model_is_spoken_to_and_nothing_else() -> None:
    model = model_with(PLAIN)
    told = model.with_chat(Chat("be calm"))
    assert (told.model, told.tokenizer, told.sites) == (model.model, model.tokenizer, model.sites)
    assert told.lock is model.lock
    assert model.with_chat(Chat()) is model
