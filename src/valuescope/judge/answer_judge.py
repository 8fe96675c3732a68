"""Judges of answers: what each asks a model about one answer, and how it reads the replies. Nothing here asks.

Control success and fluency are NeVA's (section 4.1), text quality and the weighted rating ValueLocate's (section 4.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from valuescope.judge.asking import TOP_LOGPROBS, Asker, Call
from valuescope.judge.missing import JudgeError, Reply
from valuescope.judge.own_prompt import own_prompt
from valuescope.judge.prompt import Criterion, JudgePrompt, judge_prompt
from valuescope.judge.rating import MINIMUM_MASS, MINIMUM_SAMPLES, Rating, expected_rating, sampled_rating
from valuescope.judge.reply import parse_rating, parse_true_false, parse_yes_no
from valuescope.judge.reply_store import ModelReply
from valuescope.progress import StepProgress

JudgeMode = Literal["verdict", "expected", "sampled"]
MODES: Mapping[str, tuple[JudgeMode, ...]] = {
    "control-success": ("verdict",),
    "fluency": ("verdict",),
    "text-quality": ("expected", "sampled"),
    "g-eval": ("expected", "sampled"),
}
"""The judges of answers by name, with the modes that each knows, its own first."""
ALONE = ("fluency", "text-quality")
"""The judges that can be shown the answer without its question, as their papers do."""
SAMPLING_TEMPERATURE = 1.0
NEEDS_LOGPROBS = (
    'the judge gives no log-probabilities; rate with mode="sampled" instead (20 replies an answer)'
)


@dataclass(frozen=True)
class Item:
    """One answer to judge. `criterion` is the value to judge it by, where the judge's prompt asks for one."""

    key: str
    question: str
    answer: str
    criterion: Criterion | None = None


@dataclass(frozen=True)
class Judged:
    """What a judge says of one item.

    `score`: 1 or 0 for a verdict, the mean rating for a rating; None where it is missing, and then `missing` names the
    kind (`valuescope.judge.MISSING_KINDS`). `mass` and `probabilities` belong to ratings. `replies` are the raw
    ones; none where an empty answer was not asked about. `note`: what to do about it, or the text of an error.
    """

    item: Item
    score: float | None
    missing: str
    replies: tuple[str, ...]
    mass: float | None = None
    probabilities: Mapping[int, float] = field(default_factory=dict)
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content, without the item's texts."""
        return {
            "key": self.item.key,
            "value": None if self.item.criterion is None else self.item.criterion.value,
            "score": self.score,
            "missing": self.missing,
            "replies": list(self.replies),
            "mass": self.mass,
            "probabilities": {str(step): share for step, share in self.probabilities.items()},
            "note": self.note,
        }


@dataclass(frozen=True)
class AnswerJudge:
    """One judge of answers.

    `mode`: "verdict" reads one word; "expected" weights the scale by the probabilities of one reply's first token at
    temperature 0; "sampled" takes the mean of `samples` replies at temperature 1, for models without log-probabilities.
    Each rating says its mode, and the two are never mixed. `max_tokens`: of one reply; give more to a model that thinks
    aloud first. `alone`: the answer is shown without its question (fluency and text quality). `prompt_file`: a prompt of one's
    own in place of the built-in one (see `own_prompt`).

    Raises:
        JudgeError: an unknown judge, a mode that it does not know, or a prompt that it cannot put.
    """

    name: str
    mode: JudgeMode | None = None
    language: str = "en"
    samples: int = MINIMUM_SAMPLES
    minimum_mass: float = MINIMUM_MASS
    max_tokens: int = 64
    alone: bool = False
    prompt_file: str | None = None

    def __post_init__(self) -> None:
        if self.name not in MODES:
            raise JudgeError(f"no judge of answers {self.name!r}; there are {', '.join(MODES)}")
        if self.mode is None:
            object.__setattr__(self, "mode", MODES[self.name][0])
        if self.mode not in MODES[self.name]:
            raise JudgeError(f"{self.name} has no mode {self.mode!r}; it has {', '.join(MODES[self.name])}")
        if self.mode == "sampled" and self.samples < MINIMUM_SAMPLES:
            raise JudgeError(
                f"samples is {self.samples}; a sampled rating takes {MINIMUM_SAMPLES} replies or more"
            )

        if self.alone and self.name not in ALONE:
            raise JudgeError(f"{self.name} is not asked about an answer alone; {' and '.join(ALONE)} are")
        if self.alone and self.prompt_file is not None:
            raise JudgeError(f"{self.name}: alone and prompt_file {self.prompt_file!r}; give one of them")
        self.prompt  # noqa: B018  # read now, so that a prompt that cannot be put is said before anything is asked

    @cached_property
    def prompt(self) -> JudgePrompt:
        """The prompt that it puts, read once."""
        if self.prompt_file is not None:
            return own_prompt(self.prompt_file, self.name, self.language)
        return judge_prompt(f"{self.name}-alone" if self.alone else self.name, self.language)

    @property
    def needs_value(self) -> bool:
        """Whether its prompt names the value to judge by."""
        return not {"criterion", "value"}.isdisjoint(self.prompt.fields)

    def calls(self, item: Item) -> list[Call]:
        """What to ask about one item: nothing about an empty answer where a verdict is due (see `read`).

        Raises:
            JudgeError: an item without the criterion that the prompt needs.
        """
        if self._is_empty(item):
            return []
        given = {"question": item.question, "answer": item.answer}
        if self.needs_value:
            if item.criterion is None:
                raise JudgeError(f"{self.name}: item {item.key!r} names no value to judge its answer by")
            given |= item.criterion.fields
        fields = {field: given[field] for field in self.prompt.fields}
        call = Call.of(
            self.prompt,
            fields,
            temperature=SAMPLING_TEMPERATURE if self.mode == "sampled" else 0.0,
            top_logprobs=TOP_LOGPROBS if self.mode == "expected" else None,
            max_tokens=self.max_tokens,
        )
        return [replace(call, draw=draw) for draw in range(self.samples if self.mode == "sampled" else 1)]

    def read(self, item: Item, replies: Sequence[ModelReply]) -> Judged:
        """What the replies to `calls(item)` say. An empty answer takes no side and is not fluent: both verdicts are 0
        without a call."""
        if self._is_empty(item):
            return Judged(item, 0.0, "", (), note="an empty answer")
        texts = tuple(reply.text for reply in replies)
        note = next((reply.error for reply in replies if reply.error), "")
        if self.mode == "verdict":
            parse = parse_yes_no if self.prompt.reply == "yes-no" else parse_true_false
            verdict = read_reply(replies[0], parse(replies[0].text))
            score = None if verdict.value is None else float(verdict.value)
            return Judged(item, score, verdict.missing, texts, note=note)
        try:
            rating = self._rating(replies)
        except JudgeError as error:  # log-probabilities that are none, which some services send
            rating, note = Rating("expected", None, None, {}, 0, "no log-probabilities"), f"{error}; "
        if rating.missing == "no log-probabilities":
            note += NEEDS_LOGPROBS
        return Judged(item, rating.score, rating.missing, texts, rating.mass, rating.probabilities, note)

    def _rating(self, replies: Sequence[ModelReply]) -> Rating:
        low, high = self.prompt.scale or (1, 5)
        read = [read_reply(reply, parse_rating(reply.text, low, high)) for reply in replies]
        if self.mode == "sampled":
            return sampled_rating(read, low, high, minimum_mass=self.minimum_mass)
        (reply,), (parsed,) = replies, read
        if parsed.missing in ("error", "refusal"):
            return Rating("expected", None, None, {}, 0, parsed.missing)
        rating = expected_rating(reply.top, low, high, minimum_mass=self.minimum_mass)
        if rating.missing == "low mass" and parsed.missing == "cut off":  # a thought that never ends
            return replace(rating, missing="cut off")
        return rating

    def _is_empty(self, item: Item) -> bool:
        return self.mode == "verdict" and not item.answer.strip()


def read_reply(reply: ModelReply, parsed: Reply[Any]) -> Reply[Any]:
    """What was parsed out of a reply, put right by what is known of how the reply came about."""
    if reply.error:
        return Reply(None, "error")
    if reply.withheld:
        return Reply(None, "refusal")
    if parsed.missing in ("unparseable", "empty") and not reply.finished:
        return Reply(None, "cut off")
    return parsed


def judge_answers(
    judge: AnswerJudge, asker: Asker, items: Sequence[Item], progress: StepProgress | None = None
) -> list[Judged]:
    """Judge all items by one model, in order.

    Raises:
        AskError: where the model cannot be asked (see `Asker`).
    """
    replies = asker.ask_groups([judge.calls(item) for item in items], progress)
    return [judge.read(item, given) for item, given in zip(items, replies, strict=True)]
