"""Questionnaires put to a model in memory, base and edited in the same batches, without a service in between.

Two ways, which are never mixed: the rating that the model's probabilities of the scale's numbers expect
(deterministic, one token, and finer than a step), or the number that it writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from valuescope.edit import Edit, Scope
from valuescope.generate import Sampling, generate, score_continuations
from valuescope.judge.answer_judge import read_reply
from valuescope.judge.asking import Asker, Call
from valuescope.judge.missing import JudgeError, Reply
from valuescope.judge.prompt import judge_prompt
from valuescope.judge.questionnaire import Questionnaire, QuestionnaireScores, score_questionnaire
from valuescope.judge.rating import MARKS, MINIMUM_MASS, Rating, expected_rating, probabilities_of
from valuescope.judge.reply import parse_rating
from valuescope.judge.reply_store import ModelReply
from valuescope.models import Encoded, NeuronModel, encode, render_question
from valuescope.progress import StepProgress

RatingMethod = Literal["log-probabilities", "text"]
QUESTIONNAIRE_PROMPTS = ("portrait", "self-description", "agreement")
_LONGEST_STEP = 8  # characters of a token that is a digit and its marks


@dataclass(frozen=True)
class QuestionnaireAsked:
    """Asks a model every item of a questionnaire, each on its own, so that no answer leans on the one before.

    `prompt`: "portrait" (a person described in the third person, as in the PVQ-40), "self-description" or "agreement".
    `system` is put before each item.

    Raises:
        JudgeError: an unknown prompt.
    """

    questionnaire: Questionnaire
    prompt: str = "portrait"
    language: str = "en"
    temperature: float = 0.0
    max_tokens: int = 64
    system: str = ""

    def __post_init__(self) -> None:
        if self.prompt not in QUESTIONNAIRE_PROMPTS:
            raise JudgeError(
                f"no questionnaire prompt {self.prompt!r}; there are {', '.join(QUESTIONNAIRE_PROMPTS)}"
            )

    def calls(self, draw: int = 0) -> list[Call]:
        """One call for each item, in order."""
        settings = {"draw": draw, "temperature": self.temperature, "max_tokens": self.max_tokens}
        prompt, fields = judge_prompt(self.prompt, self.language), self.questionnaire.fields
        return [Call.of(prompt, fields(item), self.system, **settings) for item in self.questionnaire.items]

    def read(self, replies: Sequence[ModelReply]) -> QuestionnaireScores:
        """The scores of one respondent, from the replies to `calls`."""
        return score_questionnaire(self.questionnaire, self.ratings(replies))

    def ratings(self, replies: Sequence[ModelReply]) -> Mapping[str, Reply[int]]:
        """Each item's rating as it was given, before reversed items are mirrored."""
        low, high = self.questionnaire.low, self.questionnaire.high
        return {
            item: read_reply(reply, parse_rating(reply.text, low, high))
            for item, reply in zip(self.questionnaire.items, replies, strict=True)
        }


def answer_questionnaire(
    asked: QuestionnaireAsked, asker: Asker, *, respondents: int = 1, progress: StepProgress | None = None
) -> list[QuestionnaireScores]:
    """One model's scores. More than one respondent are repeated askings, which differ at a temperature above 0.

    Raises:
        JudgeError: more than one respondent at temperature 0, which would be one respondent counted again.
    """
    if respondents < 1 or (respondents > 1 and asked.temperature == 0):
        raise JudgeError(
            f"respondents is {respondents} at temperature {asked.temperature:g}; at temperature 0 a model is one"
        )
    replies = asker.ask_groups([asked.calls(draw) for draw in range(respondents)], progress)
    return [asked.read(of_respondent) for of_respondent in replies]


@dataclass(frozen=True)
class SelfRating:
    """One edit's ratings of a questionnaire (`edit` describes it, "base" for none).

    `replies` are the ratings by item as they were given, before reversed items are mirrored. `mass` is the least
    probability, over items, that lies on the scale before it is normalised to 1; None by text.
    """

    edit: str
    method: RatingMethod
    scores: QuestionnaireScores
    replies: Mapping[str, Reply[float]]
    mass: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        replies = self.replies.items()
        ratings = {item: reply.missing if reply.value is None else reply.value for item, reply in replies}
        scores = self.scores.to_dict()
        return {"edit": self.edit, "method": self.method, **scores, "ratings": ratings, "mass": self.mass}


def rate_by_likelihood(
    model: NeuronModel,
    asked: QuestionnaireAsked,
    edits: Sequence[Edit | None] = (None,),
    *,
    lead_in: str = "",
    minimum_mass: float = MINIMUM_MASS,
    batch_size: int = 32,
    force: bool = False,
    progress: StepProgress | None = None,
) -> list[SelfRating]:
    """Each edit's expected ratings, in the order of the edits (None: the base model).

    An item's rating is `sum_s p(s) * s / sum_s p(s)` over the steps s of the scale, p(s) the probability that the reply
    begins with the step's number: over all tokens that are this number but for white space, and a token of white space
    with the number behind it. Nothing is sampled: `asked.temperature` plays no part. Edits act on every position.

    Args:
        model: the model, asked by its chat template where it has one.
        asked: the questionnaire, its prompt and language.
        edits: all read in the same batches.
        lead_in: put behind the prompt, such as "\\nAnswer:" for a model without a chat template.
        minimum_mass: the probability on the scale below which a rating is missing ("low mass"). 0 reads any model, and
            `mass` says how little its ratings may mean.
        batch_size: items times edits at once.
        force: apply edits that were made for another model.
        progress: called with continuations scored and continuations in all.

    Raises:
        JudgeError: a scale outside of 0..9, or a step without a token of its own.
        NeuronSetError: an edit of another model.
    """
    questionnaire = asked.questionnaire

    def expected(top: Sequence[tuple[str, float]] | None) -> Rating:
        return expected_rating(top, questionnaire.low, questionnaire.high, minimum_mass=minimum_mass)

    expected(None)  # refuses a scale
    tails = _step_tokens(model, questionnaire)
    rows = [
        Encoded((*prompt.input_ids, *tail), len(prompt.input_ids))
        for prompt in encode(model, _prompts(model, asked, lead_in))
        for tail in tails
    ]
    scores = score_continuations(
        model, rows, edits, groups=[0] * len(rows), batch_size=batch_size, force=force, progress=progress
    )
    texts = [model.token_text(tail[-1]) for tail in tails]
    self_ratings = []
    for edit, of_rows in zip(edits, scores, strict=True):
        totals = iter([sum(tokens) for tokens in of_rows])
        ratings = {item: expected(list(zip(texts, totals, strict=False))) for item in questionnaire.items}
        replies = {item: Reply(rating.score, rating.missing) for item, rating in ratings.items()}
        mass = min(rating.mass for rating in ratings.values() if rating.mass is not None)
        self_ratings.append(_self_rating(edit, "log-probabilities", questionnaire, replies, mass))
    return self_ratings


def rate_by_text(
    model: NeuronModel,
    asked: QuestionnaireAsked,
    edits: Sequence[Edit | None] = (None,),
    *,
    lead_in: str = "",
    batch_size: int = 64,
    on: Scope = "both",
    force: bool = False,
    seed: int = 0,
    progress: StepProgress | None = None,
) -> list[SelfRating]:
    """Each edit's ratings as its model writes them, in the order of the edits (None: the base model).

    At `asked.temperature` 0 this is deterministic; above, an item's draws share their noise over all edits. What is no
    rating is missing with its kind (see `parse_rating`).

    Raises:
        GenerationError: an item that leaves no room for `asked.max_tokens`.
        NeuronSetError: an edit of another model.
    """
    items = list(asked.questionnaire.items)
    prompts = _prompts(model, asked, lead_in)
    answers = generate(
        model,
        [prompt for prompt in prompts for _ in edits],
        edits=[edit for _ in prompts for edit in edits],
        sampling=Sampling(asked.max_tokens, asked.temperature, seed=seed),
        keys=[f"{asked.questionnaire.name}/{item}" for item in items for _ in edits],
        batch_size=batch_size,
        on=on,
        force=force,
        progress=progress,
    )
    texts = [ModelReply(answer.text, "stop" if answer.finished else "max_tokens") for answer in answers]
    return [
        _self_rating(edit, "text", asked.questionnaire, asked.ratings(texts[place :: len(edits)]), None)
        for place, edit in enumerate(edits)
    ]


def _self_rating(
    edit: Edit | None,
    method: RatingMethod,
    questionnaire: Questionnaire,
    replies: Mapping[str, Reply[float]] | Mapping[str, Reply[int]],
    mass: float | None,
) -> SelfRating:
    name, scores = "base" if edit is None else edit.describe(), score_questionnaire(questionnaire, replies)
    ratings = {item: Reply[float](reply.value, reply.missing) for item, reply in replies.items()}
    return SelfRating(name, method, scores, MappingProxyType(ratings), mass)


def _prompts(model: NeuronModel, asked: QuestionnaireAsked, lead_in: str) -> list[str]:
    return [render_question(model, call.user, call.system) + lead_in for call in asked.calls()]


def _step_tokens(model: NeuronModel, questionnaire: Questionnaire) -> list[tuple[int, ...]]:
    """The token sequences that a reply with a step's number can begin with.

    No two of them can be the beginning of one reply, so their probabilities add up.
    """
    steps = [str(step) for step in range(questionnaire.low, questionnaire.high + 1)]
    size = min(len(model.tokenizer), model.model.get_input_embeddings().num_embeddings)
    special = set(model.tokenizer.all_special_ids)
    tails, covered = list[tuple[int, ...]](), set[str]()
    for token in range(size):
        text = model.token_text(token)
        if len(text) <= _LONGEST_STEP and token not in special:
            counted = {step for step, share in probabilities_of([(text, 0.0)], steps).items() if share}
            tails += [(token,)] * len(counted)
            covered |= counted
    for row in encode(model, ["a"] * len(steps), [f" {step}" for step in steps]):
        tail = row.input_ids[row.prompt_length :]
        if len(tail) == 2 and not model.token_text(tail[0]).strip(MARKS) and tail[1:] in tails:
            tails.append(tail)
    if missing := [step for step in steps if step not in covered]:
        raise JudgeError(
            f"questionnaire {questionnaire.name!r}: {model.identity.id} has no token for the step {missing[0]}; use a "
            "scale whose numbers it can write, or rate_by_text"
        )
    return tails
