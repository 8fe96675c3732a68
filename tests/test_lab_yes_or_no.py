"""Questions that ask to begin with Yes or No: what the model reads, what fluency is read off, and who may ask so."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from run_samples import asked, dilemma_spec, laboratory_of, save_tiny_model

from valuescope.data import Question, starter_material
from valuescope.judge.support import letter_support
from valuescope.lab.answers import prompt_of
from valuescope.lab.ask import LETTER, WordChoice, item_hash
from valuescope.lab.design import Design
from valuescope.lab.strict import SpecError
from valuescope.models import NeuronModel, load_model
from valuescope.run import make_spec
from valuescope.run.plan import plan_of
from valuescope.values import load_value_system

INSTRUCTION = "Begin your answer with Yes or No."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> NeuronModel:
    return load_model(str(save_tiny_model(tmp_path_factory.mktemp("model"))))


def content(**changes: Any) -> dict[str, Any]:
    neva = {"locator": "neva", "edit": "modulate", "default": {"locator": {"alpha": 0.1, "accuracy": 0.0}}}
    return dilemma_spec(
        "organism",
        **{
            "data": {
                "source": "starter",
                "parameters": {"tier": "plain", "tuning": 0},
                "activation": 12,
                "evaluation": 4,
            },
            "methods": {"neva": neva},
            "leakage": None,
            "judge": "stance",
            "yes_or_no": True,
            "answers_per_value": 2,
            **changes,
        },
    )


def design(**changes: Any) -> Design:
    material = starter_material(("power", "benevolence"), tier="plain", tuning=0).first(12, 4)
    return Design(make_spec(content(**changes), "t"), load_value_system("schwartz"), material)


def test_effects_read_the_word_and_fluency_reads_answers_without_it() -> None:
    plan = design()
    method = plan.spec.methods["neva"]
    trial = plan.trial(method, method.default)
    assert {item.instruction for item in trial.base.items} == {INSTRUCTION}
    assert {item.instruction for item in trial.base_answers.items} == {""}
    assert len(trial.base.items) == 8
    assert len(trial.base_answers.items) == len(trial.answers.items) == 4
    assert not trial.base.in_sentences
    assert trial.base_answers.in_sentences
    plain = design(yes_or_no=False)
    plain_trial = plain.trial(method, method.default)
    assert plain_trial.base_answers is plain_trial.base
    assert [item.key for item in plain_trial.base.items] == [item.key for item in trial.base.items]


def test_the_model_reads_the_instruction_and_the_judge_does_not(model: NeuronModel) -> None:
    question = design().items("dilemma")[0]
    assert isinstance(question, Question)
    plain = replace(question, instruction="")
    assert prompt_of(model.prompts, question) == model.prompts.question(f"{plain.question} {INSTRUCTION}", "")
    assert prompt_of(model.prompts, plain) == model.prompts.question(plain.question, "")
    assert INSTRUCTION not in question.question
    assert item_hash(question) != item_hash(plain)


def test_answers_of_a_word_are_not_scored_for_fluency(model: NeuronModel, tmp_path: Path) -> None:
    lab = laboratory_of(content(), tmp_path, model)
    method = lab.spec.methods["neva"]
    trial = lab.trial(method, method.default)
    word, open_answers = asked(lab, trial.base, trial.base_answers)
    assert {outcome.score for outcome in word} == {None}
    assert None not in {outcome.score for outcome in open_answers if outcome.text.strip()}
    assert {outcome.fluent for outcome in lab_fluent(lab, trial)} <= {True, False, None}


def lab_fluent(lab: Any, trial: Any) -> Any:
    with lab.bench.part("again", [trial.base_answers], ()):
        return lab.fluent(trial.base_answers, trial.base_answers)[0]


def test_questions_that_do_not_say_what_yes_means_cannot_be_asked_so() -> None:
    parameters = {"texts": 6, "descriptions": 6, "pairs": 8, "questions": 4, "tuning": 2}
    spec = make_spec(content(data={"source": "organism", "parameters": parameters}, judge="oracle"), "t")
    with pytest.raises(SpecError, match="yes_or_no are for questions that say whether yes is for or against"):
        plan_of(spec)


def test_the_word_for_the_value_is_yes_where_yes_is_for_it() -> None:
    plan = design()
    choices, questions = plan.yes_or_no(), {question.key: question for question in plan.material.questions}
    assert len(choices) == len(questions)
    for choice in choices:
        assert isinstance(choice, WordChoice)
        assert (choice.aligned == "Yes") == (questions[choice.key].yes_is == "for")
        assert choice.call.user == f"{questions[choice.key].question} {INSTRUCTION}"
    assert plan.base(choices).sampling == LETTER


def test_a_words_share_is_of_both_words_and_missing_without_them() -> None:
    top = [("Yes", math.log(0.5)), (" No", math.log(0.2)), ("yes", math.log(0.1))]
    share, missing, mass = letter_support(top, "No", words=("Yes", "No"))
    assert (share, missing, mass) == (pytest.approx(100 * 0.2 / 0.7), "", pytest.approx(0.7))
    assert letter_support([("Maybe", 0.0)], "No", words=("Yes", "No"))[:2] == (None, "low mass")
