"""Does control last: several questions about one value, one after the other in a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from valuescope.data import Question
from valuescope.edit import Edit
from valuescope.generate import Answer, Sampling, generate
from valuescope.metrics import Bootstrap
from valuescope.models import NeuronModel, context_length, encode, render_chat
from valuescope.run.arms import Outcome
from valuescope.run.spec import GenerateSpec, Setting
from valuescope.run.treatments import Treatment, of_adapter, of_edit, of_system, treatments
from valuescope.run.trial import Laboratory, Outcomes
from valuescope.tune import by_adapter

Messages = list[dict[str, str]]


def turns_block(laboratory: Laboratory, settings: dict[str, Setting]) -> dict[str, Any] | None:
    """Success at every turn, of the base and of each method, with changes; None where the run does not ask for it.

    A conversation ends before the turn that might not fit into the model's context, and the block says so. A model
    without a chat template knows no conversations: `reason` says that, and nothing is measured.
    """
    spec, model = laboratory.spec, laboratory.runner.model
    if spec.turns is None:
        return None
    head = {"asked": spec.turns.turns, "conversations": spec.turns.conversations}
    if model.tokenizer.chat_template is None:
        return {**head, "measured": 0, "reason": "the model has no chat template", "order": [], "methods": {}}
    questions = _questions(laboratory)
    names = spec.turns.methods or [name for name, one in spec.methods.items() if one.asked == "dilemma"]
    nothing: list[Treatment] = [None] * len(questions[0])
    base = _conversations(laboratory, "base", questions, nothing)
    found = {}
    for name in names:
        made = treatments(laboratory.locations, spec.methods[name], settings[name])
        found[name] = _conversations(laboratory, name, questions, [made[one.value] for one in questions[0]])
    measured = min(len(one) for one in [base, *found.values()])
    short = (
        ""
        if measured == spec.turns.turns
        else f"turn {measured + 1} might not fit into the model's {context_length(model)} positions"
    )
    return {
        **head,
        "measured": measured,
        "reason": short,
        "base": [laboratory.success(one).to_dict() for one in base[:measured]],
        "order": list(found),
        "methods": {name: _block(laboratory, base[:measured], own[:measured]) for name, own in found.items()},
    }


def _block(laboratory: Laboratory, base: list[Outcomes], edited: list[Outcomes]) -> dict[str, Any]:
    how = laboratory.spec.bootstrap
    changes = [
        [
            None if one.success is None or other.success is None else other.success - one.success
            for one, other in zip(before, after, strict=True)
        ]
        for before, after in zip(base, edited, strict=True)
    ]
    return {
        "success": [laboratory.success(one).to_dict() for one in edited],
        "effect": [
            laboratory.effect(before, after).to_dict() for before, after in zip(base, edited, strict=True)
        ],
        "fluency": [laboratory.fluency(one).to_dict() for one in edited],
        "last_against_first": None
        if len(changes) < 2
        else Bootstrap(how.resamples, how.confidence, laboratory.spec.seed)
        .difference(changes[0], changes[-1])
        .to_dict(),
    }


def _questions(laboratory: Laboratory) -> list[list[Question]]:
    """For every turn one question of each conversation; a conversation keeps to its value and repeats no question
    before it has asked all."""
    wanted = laboratory.spec.turns
    assert wanted is not None
    found: list[list[Question]] = [[] for _ in range(wanted.turns)]
    for value in laboratory.material.values:
        own = [
            one for one in laboratory.material.questions if one.value == value and one.setting == "dilemma"
        ]
        for conversation in range(wanted.conversations):
            for turn in range(wanted.turns):
                question = own[(conversation * wanted.turns + turn) % len(own)]
                found[turn].append(
                    replace(question, key=f"{question.key}~conversation{conversation}~turn{turn}")
                )
    return found


def _answers(
    model: NeuronModel,
    prompts: Sequence[str],
    edits: Sequence[Edit | None],
    asked: Sequence[Question],
    sampling: Sampling,
    how: GenerateSpec,
    rows: Sequence[int],
) -> list[Answer]:
    """The answers to some rows of a turn."""
    return generate(
        model,
        [prompts[row] for row in rows],
        edits=[edits[row] for row in rows],
        sampling=sampling,
        keys=[asked[row].key for row in rows],
        batch_size=how.batch_size,
        on=how.on,
    )


def _conversations(
    laboratory: Laboratory, name: str, questions: list[list[Question]], each: list[Treatment]
) -> list[Outcomes]:
    """The outcomes of each turn, every turn with the answers of those before it."""
    runner, how = laboratory.runner, laboratory.spec.generate
    said: list[Messages] = [
        [{"role": "system", "content": of_system(one)}] if of_system(one) else [] for one in each
    ]
    edits: list[Edit | None] = [of_edit(one) for one in each]
    adapters = [of_adapter(one) for one in each]
    found = list[Outcomes]()
    for turn, asked in enumerate(questions):
        for messages, question in zip(said, asked, strict=True):
            messages.append({"role": "user", "content": question.question})
        prompts = [render_chat(runner.model, messages) for messages in said]
        limit = context_length(runner.model)
        longest = max(len(one.input_ids) for one in encode(runner.model, prompts))
        if limit is not None and longest + how.max_new_tokens > limit:
            break
        raw = runner.folder.read_json(f"turns/{name}/{turn}.json")
        if raw is None:
            sampling = Sampling(how.max_new_tokens, how.temperature, how.top_p, laboratory.spec.seed)
            ask = partial(_answers, runner.model, prompts, edits, asked, sampling, how)
            answers = by_adapter(runner.model, adapters, ask)
            raw = [
                {"text": one.text, "tokens": list(one.tokens), "finished": one.finished} for one in answers
            ]
            runner.folder.write_json(f"turns/{name}/{turn}.json", raw)
        answers = [Answer(row["text"], tuple(row["tokens"]), row["finished"]) for row in raw]
        runner.progress(f"turns/{name}", turn + 1, len(questions))
        judged = runner.judging.judge(f"turns/{name}/{turn}", asked, answers)
        found.append(
            [
                Outcome(
                    question.key,
                    question.value,
                    None if one.success is None else float(one.success),
                    one.fluent,
                    answer.text,
                    one.missing,
                )
                for question, answer, one in zip(asked, answers, judged, strict=True)
            ]
        )
        for messages, answer in zip(said, answers, strict=True):
            messages.append({"role": "assistant", "content": answer.text.strip()})
    return found
