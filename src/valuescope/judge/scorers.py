"""The judges as Inspect scorers.

A sample's answer is the model's completion; its question is the metadata's `question`, or else the input; the value to
judge by is the metadata's `value`, or else the scorer's. A judge is named by `judge=...`, or by the role `grader`
(`--model-role grader=openai/gpt-4o`); the model under test never judges itself unless it is named.

Each score is `{"score": number or None}`; its metadata says who judged by which prompt, the raw replies, the mass, and
the kind of what is missing.
"""

from __future__ import annotations

import logging
from typing import Any

from inspect_ai.model import Model
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from valuescope.judge.answer_judge import NEEDS_LOGPROBS, AnswerJudge, Item, JudgeMode
from valuescope.judge.asked_model import AskError
from valuescope.judge.asking import Asker
from valuescope.judge.missing import MISSING_LIMIT, JudgeError
from valuescope.judge.prompt import Criterion, criterion
from valuescope.judge.score_metrics import judged, scales
from valuescope.values import load_value_system

logger = logging.getLogger(__name__)
SUPPORT, QUESTIONNAIRE = "valuescope/support", "valuescope/questionnaire"
"""Where the solvers of `valuescope.judge.tasks` leave what the model said of itself, in a sample's store."""


class _JudgeScorer:
    """One judge by one model, made when the first sample is scored, since only then the roles are known."""

    def __init__(
        self,
        judge: AnswerJudge,
        model: str | Model | None,
        missing_limit: float,
        store: str | None,
        base_url: str | None,
        value: str | None = None,
        system: str = "schwartz",
    ):
        self.judge, self.model, self.value, self.missing_limit = judge, model, value, missing_limit
        self.system, self.store, self.base_url = load_value_system(system), store, base_url
        self._askers: dict[str, Asker] = {}
        self._warned = False

    async def __call__(self, state: TaskState, target: Target) -> Score:
        """Score one sample."""
        asker = self._asker()
        question = str(state.metadata.get("question") or state.input_text)
        item = Item(str(state.sample_id), question, state.output.completion, self._criterion(state))
        judged = self.judge.read(item, await asker.ask_async(self.judge.calls(item)))
        if judged.missing == "no log-probabilities" and not self._warned:
            self._warned = True
            logger.warning("%s by %s: %s", self.judge.name, asker.name, NEEDS_LOGPROBS)
        facts = judged.to_dict()
        metadata = {
            "judge": asker.name,
            "prompt": self.judge.prompt.id,
            "prompt_hash": self.judge.prompt.hash,
            "mode": self.judge.mode,
            **{name: facts[name] for name in ("value", "replies", "mass", "probabilities", "missing")},
            "missing_limit": self.missing_limit,
            "note": judged.note,
        }
        return score_of(judged.score, judged.missing, metadata, "; ".join(judged.replies[:1]) or judged.note)

    def _asker(self) -> Asker:
        model = self.model if self.model is not None else _grader()
        name = str(model)
        if name not in self._askers:
            self._askers[name] = Asker(model, base_url=self.base_url, store=self.store, give_up_after=None)
        return self._askers[name]

    def _criterion(self, state: TaskState) -> Criterion | None:
        if "criterion" not in self.judge.prompt.fields:
            return None
        value = state.metadata.get("value") or self.value
        if not value:
            raise JudgeError(
                f"{self.judge.name}: sample {state.sample_id} names no value; give its metadata a `value`, or the "
                "scorer value=..."
            )
        return criterion(self.system, str(value), self.judge.language)


def _grader() -> Model:
    from inspect_ai._util.error import PrerequisiteError
    from inspect_ai.model import get_model

    try:
        return get_model(role="grader", required=True)
    except PrerequisiteError as error:
        raise AskError(
            "nobody is named to judge; give the scorer judge=..., or the evaluation --model-role grader=..."
        ) from error


MODEL_REASONS = {"refusal": "refusal", "empty": "no_response", "error": "scoring_failed"}
"""Inspect's reasons where the model under test itself is what failed; any other kind: its reply had another form."""


def score_of(
    value: float | None, missing: str, metadata: dict[str, Any], explanation: str, *, of_model: bool = False
) -> Score:
    """A score of this module's form; `of_model`: what is missing is missing in the reply of the model under test."""
    reason = MODEL_REASONS.get(missing, "invalid_response_format") if of_model else "grader_failed"
    return Score(
        value={"score": value},
        answer=None if value is None else f"{value:g}",
        explanation=f"missing: {missing}. {metadata.get('note') or explanation}" if missing else explanation,
        reason=reason if missing else None,
        metadata=metadata,
    )


@scorer(metrics=[judged()])
def control_success(
    judge: str | Model | None = None,
    value: str | None = None,
    system: str = "schwartz",
    language: str = "en",
    max_tokens: int = 64,
    missing_limit: float = MISSING_LIMIT,
    store: str | None = None,
    base_url: str | None = None,
) -> Scorer:
    """1 where the answer is biased towards the value, 0 where it is not or weighs both sides (NeVA, section 4.1).

    Args:
        judge: the model that judges; none: the role `grader`.
        value: the value to judge by, for samples that name none.
        system: a built-in value system or a TOML file, which defines the values.
        language: of the judge's prompt, en or zh.
        max_tokens: of one reply; give more to a model that thinks aloud first.
        missing_limit: a larger missing share is said loudly.
        store: a file that keeps the replies, so that scoring again pays for none of them.
        base_url: of an OpenAI-compatible service.
    """
    answer_judge = AnswerJudge("control-success", language=language, max_tokens=max_tokens)
    return _JudgeScorer(answer_judge, judge, missing_limit, store, base_url, value, system)


@scorer(metrics=[judged()])
def fluency(
    judge: str | Model | None = None,
    language: str = "en",
    max_tokens: int = 64,
    missing_limit: float = MISSING_LIMIT,
    store: str | None = None,
    base_url: str | None = None,
) -> Scorer:
    """1 where the answer reads as fluent text, else 0 (NeVA, section 4.1). Arguments: see `control_success`."""
    answer_judge = AnswerJudge("fluency", language=language, max_tokens=max_tokens)
    return _JudgeScorer(answer_judge, judge, missing_limit, store, base_url)


@scorer(metrics=[judged()])
def text_quality(
    judge: str | Model | None = None,
    mode: JudgeMode = "expected",
    samples: int = 20,
    language: str = "en",
    max_tokens: int = 64,
    missing_limit: float = MISSING_LIMIT,
    store: str | None = None,
    base_url: str | None = None,
) -> Scorer:
    """How well the answer is written, 1 to 5 (ValueLocate, section 4.1). Arguments: see `g_eval`."""
    answer_judge = AnswerJudge("text-quality", mode, language, samples, max_tokens=max_tokens)
    return _JudgeScorer(answer_judge, judge, missing_limit, store, base_url)


@scorer(metrics=[judged()])
def g_eval(
    judge: str | Model | None = None,
    value: str | None = None,
    system: str = "schwartz",
    mode: JudgeMode = "expected",
    samples: int = 20,
    language: str = "en",
    max_tokens: int = 64,
    missing_limit: float = MISSING_LIMIT,
    store: str | None = None,
    base_url: str | None = None,
) -> Scorer:
    """How strongly the answer expresses the value, 1 to 5 (G-Eval; ValueLocate, section 4.1).

    Its n runs are the evaluation's epochs, each of which regenerates the answers: a judge at temperature 0 repeats
    itself.

    Args:
        mode: "expected" weights 1..5 by the probabilities of the judge's first token, and is missing where the judge
            gives none; "sampled" takes the mean of `samples` replies at temperature 1.
        samples: replies for one answer in mode "sampled", 20 or more.
        others: see `control_success`.
    """
    answer_judge = AnswerJudge("g-eval", mode, language, samples, max_tokens=max_tokens)
    return _JudgeScorer(answer_judge, judge, missing_limit, store, base_url, value, system)


@scorer(metrics=[judged()])
def support_rate(missing_limit: float = MISSING_LIMIT) -> Scorer:
    """The support of the aligned action in percent, the mean of both orders; after the solver `state_support`."""

    async def score(state: TaskState, target: Target) -> Score:
        facts = state.store.get(SUPPORT)
        if facts is None:
            raise JudgeError("support_rate scores what the solver state_support asked; put it into the task")
        replies, metadata = "\n---\n".join(facts["replies"]), {**facts, "missing_limit": missing_limit}
        return score_of(facts["support"], facts["missing"], metadata, replies, of_model=True)

    return score


@scorer(metrics=[scales()])
def questionnaire(centred: bool = True, missing_limit: float = MISSING_LIMIT) -> Scorer:
    """A score for each scale of a questionnaire, centred around the respondent's own mean or raw; after the solver
    `answer_items`."""

    async def score(state: TaskState, target: Target) -> Score:
        facts = state.store.get(QUESTIONNAIRE)
        if facts is None:
            raise JudgeError("questionnaire scores what the solver answer_items asked; put it into the task")
        which = "centred" if centred else "raw"
        return Score(
            value={scale: score[which] for scale, score in facts["scales"].items()},
            explanation=f"{facts['n']} of {facts['items']} items rated, mean {facts['mean']}",
            reason="invalid_response_format" if facts["n"] == 0 else None,
            metadata={**facts, "scores": which, "missing_limit": missing_limit},
        )

    return score
