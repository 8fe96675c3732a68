"""Inspect tasks: answers to dilemmas under the judges, the support rate, and questionnaires.

```sh
inspect eval valuescope/value_answers --model valuescope/organism --model-role grader=openai/gpt-4o -T value=power
inspect eval valuescope/support_rate --model openai/gpt-4o -T dilemmas=my_dilemmas.jsonl
```
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser, ModelOutput, get_model
from inspect_ai.scorer import Scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from valuescope.data import organism_material
from valuescope.data.records import Dilemma
from valuescope.judge import scorers
from valuescope.judge.asking import Asker
from valuescope.judge.json_lines import LANGUAGES, read_dilemmas, read_rows, require_keys
from valuescope.judge.missing import JudgeError
from valuescope.judge.oracle_truth import organism_questionnaire
from valuescope.judge.prompt import judge_prompt
from valuescope.judge.questionnaire import load_questionnaire
from valuescope.judge.self_rating import QuestionnaireAsked
from valuescope.judge.support import SupportMethod, SupportRate
from valuescope.organism import GrammarDilemma, lexicon
from valuescope.organism.grammar import QUESTION_FORMS, plain

ORGANISM = "organism"
JUDGES = {
    "control-success": scorers.control_success,
    "fluency": scorers.fluency,
    "text-quality": scorers.text_quality,
    "g-eval": scorers.g_eval,
}


@task
def value_answers(
    questions: str = ORGANISM,
    value: str | None = None,
    per_value: int = 10,
    judges: str | list[str] = "control-success,fluency",
    judge: str | None = None,
    mode: str = "expected",
    seed: int = 0,
    system: str = "schwartz",
    missing_limit: float = 0.1,
    store: str | None = None,
) -> Task:
    """Open dilemmas, answered by the model under test and judged by another.

    With `--epochs n` every epoch draws new answers, by the seed `seed + epoch - 1`.

    Args:
        questions: JSON lines with `question` and `value`, and optionally `key`, `system` and `language`; or "organism".
        value: only questions of this value.
        per_value: so many of the organism's questions for each value.
        judges: which scorers, separated by commas: control-success, fluency, text-quality, g-eval.
        judge: the model that judges; none: the role `grader`.
        mode: of the ratings: expected or sampled.
        seed: of the first epoch's answers.
        system: the value system that defines the values.
        missing_limit: a larger missing share is said loudly.
        store: a file that keeps the judges' replies.
    """
    samples = _organism_questions(per_value) if questions == ORGANISM else _read_questions(Path(questions))
    samples = [sample for sample in samples if value in (None, (sample.metadata or {})["value"])]
    if not samples:
        raise JudgeError(f"{questions}: no question of the value {value!r}")
    names = [name.strip() for name in (judges.split(",") if isinstance(judges, str) else judges)]
    answer_scorers = list[Scorer]()
    for name in names:
        if name not in JUDGES:
            raise JudgeError(f"no judge {name!r}; there are {', '.join(JUDGES)}")
        settings: dict[str, Any] = {"system": system} if name in ("control-success", "g-eval") else {}
        settings |= {"mode": mode} if name in ("text-quality", "g-eval") else {}
        settings |= {"judge": judge, "store": store}
        answer_scorers.append(JUDGES[name](missing_limit=missing_limit, **settings))  # type: ignore[operator]
    return Task(
        dataset=MemoryDataset(samples, name=questions), solver=answer_anew(seed), scorer=answer_scorers
    )


@solver
def answer_anew(seed: int = 0) -> Solver:
    """Answer with the seed `seed + epoch - 1`, so that every epoch draws an answer of its own."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return await generate(state, seed=seed + state.epoch - 1)

    return solve


@task
def support_rate(
    dilemmas: str = ORGANISM,
    method: SupportMethod = "percentages",
    value: str | None = None,
    per_value: int = 8,
    temperature: float = 0.0,
    speaking_for: str = "",
    missing_limit: float = 0.1,
    together: bool = False,
) -> Task:
    """How far the model under test supports the value-aligned action of each dilemma, in percent, over both orders.

    Args:
        dilemmas: JSON lines with `story`, `aligned` and `violating`, and optionally `key`, `value` and `language`; or
            "organism".
        method: percentages, or log-probabilities of the letters A and B.
        value: only dilemmas of this value.
        per_value: so many of the organism's dilemmas for each value.
        temperature: of the percentages; epochs differ only above 0.
        speaking_for: a system message before each question.
        missing_limit: a larger missing share is said loudly.
        together: ask for two percentages that make 100, where each option is else judged on its own.
    """
    rows = _organism_dilemmas(per_value) if dilemmas == ORGANISM else read_dilemmas(Path(dilemmas))
    samples = [
        Sample(input=row.story, id=row.key, metadata={"value": row.value, "dilemma": asdict(row)})
        for row in rows
        if value in (None, row.value)
    ]
    if not samples:
        raise JudgeError(f"{dilemmas}: no dilemma of the value {value!r}")
    return Task(
        dataset=MemoryDataset(samples, name=dilemmas),
        solver=state_support(method, temperature, speaking_for, together),
        scorer=scorers.support_rate(missing_limit),
    )


@solver
def state_support(
    method: SupportMethod = "percentages",
    temperature: float = 0.0,
    speaking_for: str = "",
    together: bool = False,
) -> Solver:
    """Ask the model under test about both orders of a sample's dilemma."""
    rate = SupportRate(method, temperature, system=speaking_for, together=together)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        dilemma, asker = Dilemma(**state.metadata["dilemma"]), Asker(get_model(), give_up_after=None)
        replies = await asker.ask_async(rate.calls(dilemma, draw=state.epoch - 1))
        prompt = rate.prompt(dilemma.language)
        facts = {
            **rate.read(replies).to_dict(),
            "judge": asker.name,
            "prompt": prompt.id,
            "prompt_hash": prompt.hash,
            "replies": [reply.text for reply in replies],
            "note": next((reply.error for reply in replies if reply.error), ""),
        }
        state.store.set(scorers.SUPPORT, facts)
        state.output = ModelOutput.from_content(asker.name, "\n---\n".join(facts["replies"]))
        return state

    return solve


@task
def questionnaire(
    file: str = ORGANISM,
    prompt: str = "portrait",
    language: str = "en",
    centred: bool = True,
    temperature: float = 0.0,
    speaking_for: str = "",
    missing_limit: float = 0.1,
) -> Task:
    """A Likert questionnaire, answered by the model under test, every item on its own. One epoch is one respondent.

    Args:
        file: a JSON file with `name`, `scale`, `key`, `items` (and `low`, `reverse`), such as a PVQ; or "organism".
        prompt: portrait, self-description or agreement.
        language: of the prompt, en or zh.
        centred: scores around the respondent's own mean (Schwartz), or raw ones.
        temperature: of the answers; epochs differ only above 0.
        speaking_for: a system message before each item.
        missing_limit: a larger share of items without a rating is said loudly.
    """
    asked = organism_questionnaire() if file == ORGANISM else load_questionnaire(file)
    sample = Sample(input=f"{asked.name}: {len(asked.items)} items", id=asked.name)
    return Task(
        dataset=MemoryDataset([sample], name=asked.name),
        solver=answer_items(file, prompt, language, temperature, speaking_for),
        scorer=scorers.questionnaire(centred, missing_limit),
    )


@solver
def answer_items(
    file: str = ORGANISM,
    prompt: str = "portrait",
    language: str = "en",
    temperature: float = 0.0,
    speaking_for: str = "",
) -> Solver:
    """Ask the model under test every item of a questionnaire."""
    items = organism_questionnaire() if file == ORGANISM else load_questionnaire(file)
    asked = QuestionnaireAsked(items, prompt, language, temperature, system=speaking_for)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        asker = Asker(get_model(), give_up_after=None)
        replies = await asker.ask_async(asked.calls(draw=state.epoch - 1))
        texts = dict(zip(items.items, (reply.text or reply.error for reply in replies), strict=True))
        facts = {
            **asked.read(replies).to_dict(),
            "items": len(items.items),
            "judge": asker.name,
            "prompt": judge_prompt(prompt, language).id,
            "prompt_hash": judge_prompt(prompt, language).hash,
            "replies": texts,
        }
        state.store.set(scorers.QUESTIONNAIRE, facts)
        lines = "\n".join(f"{item}: {text}" for item, text in texts.items())
        state.output = ModelOutput.from_content(asker.name, lines)
        return state

    return solve


def _organism_questions(per_value: int) -> list[Sample]:
    nothing_else = {"texts": 0, "descriptions": 0, "pairs": 0, "tuning": 0}
    material = organism_material(tuple(lexicon().values), questions=per_value, **nothing_else)
    return [
        Sample(
            input=entry.question, id=entry.key, metadata={"value": entry.value, "question": entry.question}
        )
        for entry in material.questions
        if entry.setting == "dilemma"
    ]


def _read_questions(path: Path) -> list[Sample]:
    samples = []
    for row in read_rows(path):
        question, system = row.text("question"), row.text("system", "", empty=True)
        facts = {"value": row.text("value"), "question": question}
        facts |= {"language": row.one_of("language", LANGUAGES, "en")}
        messages: list[ChatMessage] = [ChatMessageUser(content=question)]
        if system:
            messages.insert(0, ChatMessageSystem(content=system))
        samples.append(Sample(input=messages, id=row.text("key", str(row.line)), metadata=facts))
    require_keys(path, [str(sample.id) for sample in samples])
    return samples


def _organism_dilemmas(per_value: int) -> list[Dilemma]:
    dilemmas, names = [], lexicon().names
    for value, words in lexicon().values.items():
        for number in range(per_value):
            scenario, name = number % len(words.scenarios), names[number % len(names)]
            dilemma = GrammarDilemma(value, scenario, name, number % QUESTION_FORMS, bool(number % 2))
            dilemmas.append(Dilemma(dilemma.key, value, plain(dilemma.segments()), *dilemma.actions))
    return dilemmas
