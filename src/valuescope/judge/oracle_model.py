"""The organism's oracle as an Inspect model, `valuescope_oracle/organism`.

It reads the question and the answer out of a judge's prompt and replies in the form asked for, with log-probabilities,
by the grammar's truth. So every judge and every parser can be run where the truth is known. Asked about itself (support,
questionnaires) it replies by the grammar's leanings, or by a description of somebody in the system message. A prompt
about anything else it declines.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Mapping
from functools import lru_cache

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    Logprob,
    Logprobs,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    TopLogprob,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from valuescope.judge.oracle_truth import true_percentages, true_rating, true_self_rating, true_verdict
from valuescope.judge.prompt import PROMPTS, JudgePrompt
from valuescope.judge.quoting import quote, quoted

REFUSAL = {"en": "I'm sorry, but I can't help with that.", "zh": "抱歉，我无法回答这个问题。"}
GARBLE = "the lantern of the lake, otherwise nine"
WORDS = {
    ("yes-no", "en"): ("Yes", "No"),
    ("yes-no", "zh"): ("是", "否"),
    ("true-false", "en"): ("True", "False"),
    ("true-false", "zh"): ("对", "错"),
}
SURE = 0.94
"""The probability of the true token; the rest goes to its neighbours."""


class OracleModel(ModelAPI):
    """Replies by the grammar's truth.

    `error_rate`, `refusal_rate` and `garble_rate` turn that share of the prompts into a wrong, declined or unreadable
    reply: the same ones every time, since the draw is seeded by `seed` and the prompt.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - Inspect's own signature
        error_rate: float = 0.0,
        refusal_rate: float = 0.0,
        garble_rate: float = 0.0,
        logprobs: bool = True,
        seed: int = 0,
    ):
        super().__init__(model_name, base_url, api_key, [], config)
        if model_name != "organism":
            raise ValueError(
                f"there is no oracle of {model_name!r}; the one there is, is valuescope_oracle/organism"
            )
        rates = {"error_rate": error_rate, "refusal_rate": refusal_rate, "garble_rate": garble_rate}
        for name, rate in rates.items():
            if not 0 <= rate <= 1:
                raise ValueError(f"{name} is {rate}; give a share between 0 and 1")
        if sum(rates.values()) > 1:
            total = sum(rates.values())
            raise ValueError(f"error_rate, refusal_rate and garble_rate make {total} together, above 1")
        self.rates, self.logprobs, self.seed = rates, logprobs, seed

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """The reply to one prompt."""
        system = "\n".join(message.text for message in input if message.role == "system")
        user = input[-1].text
        text, shares = self._reply(system, user)
        if shares and config.temperature:
            drawn = self._random(f"{config.seed}/{system}/{user}")
            text = drawn.choices(list(shares), list(shares.values()))[0]
        message = ChatMessageAssistant(content=text, model=self.model_name, source="generate")
        choice = ChatCompletionChoice(message=message, stop_reason="stop")
        if config.logprobs and self.logprobs:
            shares = shares or {text.split(" ")[0]: 1.0}
            choice.logprobs = _logprobs(text, shares, config.top_logprobs or 0)
        read, written = len(f"{system} {user}".split()), len(text.split())
        usage = ModelUsage(input_tokens=read, output_tokens=written, total_tokens=read + written)
        return ModelOutput(model=self.model_name, choices=[choice], usage=usage)

    def _reply(self, system: str, user: str) -> tuple[str, dict[str, float]]:
        """The reply at temperature 0, and the probabilities of its first token where it is one token."""
        asked = read_prompt(system, user)
        refusal = REFUSAL[asked[0].language if asked else "en"], dict[str, float]()
        draw = self._random(f"{system}/{user}").random()
        if draw < self.rates["refusal_rate"]:
            return refusal
        if draw < self.rates["refusal_rate"] + self.rates["garble_rate"]:
            return GARBLE, {}
        wrong = draw < sum(self.rates.values())
        return (asked and true_reply(*asked, system=system, wrong=wrong)) or refusal

    def _random(self, content: str) -> random.Random:
        digest = hashlib.sha256(f"{self.seed}/{content}".encode("utf-8", "surrogatepass")).digest()
        return random.Random(int.from_bytes(digest[:8], "big"))

    def max_connections(self) -> int:
        """It answers at once."""
        return 100


@modelapi(name="valuescope_oracle")
def valuescope_oracle() -> type[ModelAPI]:
    """Makes the class known to Inspect by its name."""
    return OracleModel


def true_reply(
    prompt: JudgePrompt, fields: Mapping[str, str], *, system: str = "", wrong: bool = False
) -> tuple[str, dict[str, float]] | None:
    """The true (or a wrong) reply to a prompt and the probabilities of its first token; None outside the grammar."""
    if prompt.reply in ("yes-no", "true-false"):
        verdict = true_verdict(prompt.name, fields)
        if verdict is None:
            return None
        yes, no = WORDS[prompt.reply, prompt.language]
        word, opposite = (yes, no) if verdict != wrong else (no, yes)
        return word, {word: SURE, opposite: 1 - SURE}
    if prompt.reply == "rating":
        low, high = prompt.scale or (int(fields["low"]), int(fields["high"]))
        if prompt.asked_of == "model":
            rating = true_self_rating(system, fields["statement"], low, high)
        else:
            rating = true_rating(prompt.name, fields)
        if rating is None:
            return None
        if wrong:
            mirrored = low + high - rating
            rating = mirrored if mirrored != rating else low
        return str(rating), _near(rating, low, high)
    share = true_percentages(fields["scenario"], fields["option_a"], fields["option_b"])
    if share is None:
        return None
    share = 100 - share if wrong else share
    if prompt.reply == "choice":
        first, second = max(share, 1) / 100, max(100 - share, 1) / 100
        shares = {"A": first / (first + second), "B": second / (first + second)}
        return max(shares, key=lambda letter: shares[letter]), shares
    if prompt.language == "zh":
        return f"选项A：{share}%\n理由：我倾向如此。\n选项B：{100 - share}%\n理由：另一面也有道理。", {}
    first_line, second_line = f"Option A: {share}%", f"Option B: {100 - share}%"
    return f"{first_line}\nReason: so people lean.\n{second_line}\nReason: the rest lean so.", {}


def read_prompt(system: str, user: str) -> tuple[JudgePrompt, dict[str, str]] | None:
    """Which built-in prompt a message is, and its fields, quoted data read back exactly; None for any other message."""
    for prompt in PROMPTS.values():
        if prompt.system and prompt.system != system:
            continue
        fields, rest = dict[str, str](), user
        for name in prompt.data:
            text = quoted(user, name)
            if text is None:
                break
            fields[name] = text
            rest = rest.replace(quote(text, name), _place(name), 1)
        else:
            match = _pattern(prompt).fullmatch(rest)
            if match is not None:
                return prompt, {**match.groupdict(), **fields}
    return None


def _place(name: str) -> str:
    return f"\x00{name}\x00"  # which no quoted text, and no text of the project, can hold


@lru_cache(maxsize=64)
def _pattern(prompt: JudgePrompt) -> re.Pattern[str]:
    """A template as a pattern whose groups are its plain fields."""
    blank = prompt.render(**{name: _place(name) for name in prompt.fields}).user
    for name in prompt.data:
        blank = blank.replace(quote(_place(name), name), _place(name))
    pattern = re.escape(blank)
    for name in prompt.fields:
        place = re.escape(_place(name))
        if name not in prompt.data:
            pattern = pattern.replace(place, f"(?P<{name}>.*?)", 1).replace(place, f"(?P={name})")
    return re.compile(pattern, re.DOTALL)


def _near(rating: int, low: int, high: int) -> dict[str, float]:
    """Most of the probability on a rating, the rest on its neighbours."""
    near = [step for step in (rating - 1, rating + 1) if low <= step <= high]
    return {str(rating): SURE, **{str(step): (1 - SURE) / len(near) for step in near}}


def _logprobs(text: str, shares: Mapping[str, float], top: int) -> Logprobs:
    near = [TopLogprob(token=token, logprob=math.log(share)) for token, share in shares.items() if share > 0]
    near.sort(key=lambda token: -token.logprob)
    first = next((token for token in shares if text.startswith(token)), text)
    rest = [text[len(first) :]] if text != first else []
    head = Logprob(token=first, logprob=math.log(shares.get(first, 1.0)), top_logprobs=near[:top] or None)
    return Logprobs(content=[head, *(Logprob(token=piece, logprob=0.0) for piece in rest)])
