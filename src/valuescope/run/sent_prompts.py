"""Every kind of text that a run sends, with one filled example: what its model reads and answers, and what its judge is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from valuescope.data import ContrastPair, Question
from valuescope.generate import Sampling
from valuescope.judge import criterion
from valuescope.judge.answer_judge import AnswerJudge, Item
from valuescope.judge.asking import Call
from valuescope.lab.answers import prompt_of
from valuescope.lab.ask import Ask
from valuescope.lab.judge_spec import JudgeSpec
from valuescope.lab.judging import JUDGE_OF
from valuescope.lab.method import SYSTEM_PROMPT
from valuescope.lab.resolved import resolved
from valuescope.lab.spec import RunSpec
from valuescope.lab.treatments import messages_of
from valuescope.models import LoadError, Prompts
from valuescope.models.load import read_manners
from valuescope.run.plan import Plan, plan_of
from valuescope.run.price import bare_prompt

Role = Literal["write", "feed", "identify", "answer", "judge"]
ROLES: tuple[Role, ...] = ("write", "feed", "identify", "answer", "judge")
ANSWER = "(the answer of the model stands here)"


@dataclass(frozen=True)
class SentPrompt:
    """One kind of text. `what` says which, `model` who gets it, `sampling` how the reply is drawn; `text` is what is sent,
    after a `system` message where that is sent apart."""

    role: Role
    what: str
    model: str
    sampling: str
    text: str
    system: str = ""


@dataclass(frozen=True)
class SentPrompts:
    """The prompts of a run in the order of its roles; `template_missing` says why they are shown without a chat template."""

    prompts: tuple[SentPrompt, ...]
    template_missing: str = ""


def sent_prompts(spec: RunSpec) -> SentPrompts:
    """What a run of the specification would send, read off its plan; of the model the tokenizer alone is read, no weights.

    Raises:
        SpecError: for a specification that does not fit its data.
    """
    source, missing, prompts = spec.model, "", None
    try:
        prompts, sampling = read_manners(
            source.id,
            source.chat.settings(),
            revision=source.revision,
            trust_remote_code=source.trust_remote_code,
        )
        spec = resolved(spec, prompts, sampling)
        prompts = replace(prompts, chat=spec.model.chat.settings())
    except LoadError as error:
        missing = str(error)
    plan = plan_of(spec)
    return SentPrompts((*_fed(plan), *_asked(plan, prompts), *_judged(plan)), missing)


def sampling_words(sampling: Sampling) -> str:
    """How an answer is drawn."""
    if sampling.temperature == 0:
        return f"greedy, at most {sampling.max_new_tokens} tokens"
    return f"temperature {sampling.temperature:g}, top-p {sampling.top_p:g}, at most {sampling.max_new_tokens} tokens"


def _fed(plan: Plan) -> Iterator[SentPrompt]:
    """The first text of every role that is read as it is."""
    answered = getattr(plan.spec, "identify", None) is not None
    seen = set[str]()
    for text in plan.reading.texts:
        role = text.label.partition("|")[2] or "text"
        if (answered and text.persona is not None) or role in seen:
            continue
        seen.add(role)
        scope = plan.spec.activations.scope
        counted = "all tokens count" if scope == "all" else f"the tokens of the {scope} count"
        yield SentPrompt(
            "feed",
            f"{role} ({text.label})",
            plan.spec.model.id,
            f"nothing is drawn; {counted}",
            text.prompt + text.answer,
        )


def _asked(plan: Plan, prompts: Prompts | None) -> Iterator[SentPrompt]:
    """The first item of every form that is asked, by sampling and by the system message of a baseline."""
    seen = set[tuple[Any, ...]]()
    for _, ask, _ in plan.distinct():
        for item in ask.items:
            if isinstance(item, ContrastPair):
                break  # is scored, below
            what = _what(ask, item)
            form = (what, ask.sampling, bool(getattr(item, "system", "")))
            if form not in seen:
                seen.add(form)
                yield _sent(plan, prompts, ask, item, what, "")
    for pair in next((ask.items for _, ask, _ in plan.distinct() if ask.pairs), ())[:1]:
        for side in ("positive", "negative"):
            yield SentPrompt(
                "answer",
                f"{side} side of a pair ({pair.key})",
                plan.spec.model.id,
                "nothing is drawn: its log-probability is read",
                getattr(pair, side),
            )
    yield from _system_messages(plan, prompts)


def _system_messages(plan: Plan, prompts: Prompts | None) -> Iterator[SentPrompt]:
    for name, method in getattr(plan.spec, "methods", {}).items():
        questions = plan.design.items("dilemma", 1)[:1]
        if method.intervention == SYSTEM_PROMPT and questions:
            text = messages_of(plan.design.system, plan.design.material, method.default)[questions[0].value]
            ask = plan.design.base(questions)
            yield _sent(plan, prompts, ask, questions[0], f"a question after the message of {name}", text)


def _what(ask: Ask, item: Any) -> str:
    if ask.identifies:
        return "as the person described"
    if isinstance(item, Question):
        asked = "a question alone" if item.setting == "dilemma" else f"a question asked as {item.setting}"
        return f"{asked}, with an instruction" if item.instruction else asked
    return f"a question of support, {'letters' if item.letters else 'in words'}"


def _sent(plan: Plan, prompts: Prompts | None, ask: Ask, item: Any, what: str, system: str) -> SentPrompt:
    text = bare_prompt(item) if prompts is None else prompt_of(prompts, item, system)
    told = " ".join(filter(None, (system, getattr(item, "system", "")))) if prompts is None else ""
    role: Role = "identify" if ask.identifies else "answer"
    return SentPrompt(
        role, f"{what} ({item.key})", plan.spec.model.id, sampling_words(ask.sampling), text, told
    )


def _judged(plan: Plan) -> Iterator[SentPrompt]:
    """One answer as each of the run's judges is asked about it."""
    judge = getattr(plan.spec, "judge", None)
    if not isinstance(judge, JudgeSpec):
        return
    questions: Sequence[Question] = plan.design.material.questions
    if not questions:
        return
    question, spec = questions[0], plan.spec
    item = Item(
        question.key,
        question.question,
        ANSWER,
        criterion(plan.design.system, question.value, judge.language),
    )
    judges = [
        AnswerJudge(name, language=judge.language, max_tokens=judge.max_tokens)
        for name in ("control-success", "fluency")
    ]
    if spec.scores is not None:
        measures = ("relevance", "quality") if spec.scores.quality else ("relevance",)
        judges += [
            AnswerJudge(
                JUDGE_OF[measure],
                spec.scores.mode,
                judge.language,
                spec.scores.samples,
                max_tokens=spec.scores.max_tokens,
            )
            for measure in measures
        ]
    for each in judges:
        calls = each.calls(item)
        often = f"{len(calls)} replies" if len(calls) > 1 else "one reply"
        how = f"{_call_words(calls[0])}, {often}"
        yield SentPrompt("judge", each.prompt.id, judge.by, how, calls[0].user, calls[0].system)


def _call_words(call: Call) -> str:
    drawn = "greedy" if call.temperature == 0 else f"temperature {call.temperature:g}"
    return f"{drawn}, at most {call.max_tokens} tokens"
