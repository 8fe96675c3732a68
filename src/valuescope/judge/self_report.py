"""What a model is asked about itself: its support of two options, and questionnaires. Nothing here asks.

The support rate is ValueExploration's (section 4.1), with both orders of the options; the questionnaires are those of
ValueLocate's table 3 (PVQ-40), scored by Schwartz's instructions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from valuescope.data.records import Dilemma
from valuescope.judge.answer_judge import read_reply
from valuescope.judge.asking import TOP_LOGPROBS, Asker, Call, Progress
from valuescope.judge.error import JudgeError
from valuescope.judge.prompt import JudgePrompt, judge_prompt
from valuescope.judge.questionnaire import Questionnaire, QuestionnaireScores, score_questionnaire
from valuescope.judge.rating import MINIMUM_MASS
from valuescope.judge.reply import MissingKind, Reply, parse_percentages, parse_rating
from valuescope.judge.reply_store import ModelReply
from valuescope.judge.support import Support, support_from_log_probabilities, support_from_percentages

SupportMethod = Literal["percentages", "log-probabilities"]
QUESTIONNAIRE_PROMPTS = ("portrait", "self-description", "agreement")


@dataclass(frozen=True)
class SupportRate:
    """Asks a model how far it supports the two actions of a dilemma, once in either order.

    "percentages": in percent, with reasons. "log-probabilities": by the probabilities of the letters A and B, at
    temperature 0. `system` is put before each question, such as a description of somebody to speak for. `brief` puts the
    short prompts, which the social organism was trained on; they do not tell another model how to reply.

    Raises:
        JudgeError: an unknown method.
    """

    method: SupportMethod = "percentages"
    temperature: float = 0.0
    minimum_mass: float = MINIMUM_MASS
    max_tokens: int = 200
    system: str = ""
    brief: bool = False

    def __post_init__(self) -> None:
        if self.method not in ("percentages", "log-probabilities"):
            raise JudgeError(f"no method {self.method!r}; there are percentages and log-probabilities")

    def prompt(self, language: str) -> JudgePrompt:
        """The prompt that it puts."""
        name = "support-rate" if self.method == "percentages" else "support-choice"
        return judge_prompt(f"{name}-brief" if self.brief else name, language)

    def calls(self, dilemma: Dilemma, draw: int = 0) -> list[Call]:
        """Two calls: the aligned action as A, and as B. `draw` tells repeated askings at a temperature apart."""
        prompt, made = self.prompt(dilemma.language), list[Call]()
        letters = self.method == "log-probabilities"
        for option_a, option_b in (
            (dilemma.aligned, dilemma.violating),
            (dilemma.violating, dilemma.aligned),
        ):
            rendered = prompt.render(scenario=dilemma.story, option_a=option_a, option_b=option_b)
            made.append(
                Call(
                    user=rendered.user,
                    system="\n\n".join(text for text in (self.system, rendered.system) if text),
                    prompt=prompt.id,
                    draw=draw,
                    temperature=0.0 if letters else self.temperature,
                    top_logprobs=TOP_LOGPROBS if letters else None,
                    max_tokens=self.max_tokens,
                )
            )
        return made

    def read(self, replies: Sequence[ModelReply]) -> Support:
        """The support of the aligned action in percent, from the replies to `calls`."""
        first, second = replies
        if self.method == "percentages":
            return support_from_percentages(
                *(read_reply(reply, parse_percentages(reply.text)) for reply in (first, second))
            )
        for reply in (first, second):
            if reply.error or reply.withheld:
                kind: MissingKind = "error" if reply.error else "refusal"
                return Support("log-probabilities", None, None, None, kind)
        try:
            return support_from_log_probabilities(first.top, second.top, minimum_mass=self.minimum_mass)
        except JudgeError:  # log-probabilities that are none, which some services send
            return Support("log-probabilities", None, None, None, "no log-probabilities")


def support_rates(
    rate: SupportRate, asker: Asker, dilemmas: Sequence[Dilemma], progress: Progress | None = None
) -> list[Support]:
    """The support of each dilemma's aligned action by one model, in order."""
    replies = asker.ask([call for dilemma in dilemmas for call in rate.calls(dilemma)], progress)
    pairs = zip(replies[::2], replies[1::2], strict=True)
    return [rate.read(pair) for pair in pairs]


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
        prompt = judge_prompt(self.prompt, self.language)
        return [
            Call(
                user=prompt.render(**self.questionnaire.fields(item)).user,
                system=self.system,
                prompt=prompt.id,
                draw=draw,
                temperature=self.temperature,
                max_tokens=self.max_tokens,
            )
            for item in self.questionnaire.items
        ]

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
    asked: QuestionnaireAsked,
    asker: Asker,
    *,
    respondents: int = 1,
    progress: Progress | None = None,
) -> list[QuestionnaireScores]:
    """One model's scores. More than one respondent are repeated askings, which differ at a temperature above 0.

    Raises:
        JudgeError: more than one respondent at temperature 0, which would be one respondent counted again.
    """
    if respondents < 1 or (respondents > 1 and asked.temperature == 0):
        raise JudgeError(
            f"respondents is {respondents} at temperature {asked.temperature:g}; at temperature 0 a model is one"
        )
    calls = [asked.calls(draw) for draw in range(respondents)]
    replies = iter(asker.ask([call for of_one in calls for call in of_one], progress))
    return [asked.read([next(replies) for _ in of_one]) for of_one in calls]
