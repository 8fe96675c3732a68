"""Models for tests of judges: scripted, flaky and slow ones, all of them without a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import pytest

pytest.importorskip("inspect_ai")

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    Logprob,
    Logprobs,
    Model,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    TopLogprob,
    get_model,
    modelapi,
)
from tenacity.wait import wait_none

Said = str | ModelOutput


def output(text: str, top: Mapping[str, float] | None = None, stop: str = "stop") -> ModelOutput:
    """A model's output; `top` gives the probabilities of the tokens at its first place."""
    logprobs = None
    if top is not None:
        near = [TopLogprob(token=token, logprob=math.log(share)) for token, share in top.items()]
        near.sort(key=lambda one: -one.logprob)
        logprobs = Logprobs(
            content=[Logprob(token=near[0].token, logprob=near[0].logprob, top_logprobs=near)]
        )
    choice = ChatCompletionChoice(
        message=ChatMessageAssistant(content=text),
        stop_reason=stop,  # type: ignore[arg-type]
        logprobs=logprobs,
    )
    usage = ModelUsage(input_tokens=7, output_tokens=2, total_tokens=9)
    return ModelOutput(model="stub", choices=[choice], usage=usage)


def scripted(answer: Callable[[str, str, GenerateConfig], Said]) -> Model:
    """A model that answers by a function of (system, user, settings)."""

    def outputs(messages: list[ChatMessage], tools: Any, choice: Any, config: GenerateConfig) -> ModelOutput:
        system = "\n".join(one.text for one in messages if one.role == "system")
        user = "\n".join(one.text for one in messages if one.role == "user")
        said = answer(system, user, config)
        return output(said) if isinstance(said, str) else said

    outputs.__qualname__ = getattr(answer, "__qualname__", "answer")
    return get_model("mockllm/model", custom_outputs=outputs)


class Flaky(ModelAPI):
    """Fails its first `failures` calls of each prompt, passingly or for good, then says "Yes"."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - Inspect's own signature
        failures: int = 0,
        passing: bool = True,
        seconds: float = 0.0,
        log: str = "",
        said: str = "the service is busy",
    ):
        super().__init__(model_name, base_url, api_key, [], config)
        self.failures, self.passing, self.seconds, self.log, self.said = failures, passing, seconds, log, said
        self.calls: dict[str, int] = {}
        self.at_once = self.most_at_once = 0

    async def generate(
        self, input: list[ChatMessage], tools: Any, tool_choice: Any, config: GenerateConfig
    ) -> ModelOutput:
        asked = input[-1].text
        self.calls[asked] = self.calls.get(asked, 0) + 1
        if self.log:
            with open(self.log, "a", encoding="utf-8") as handle:
                handle.write(asked + "\n")
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await anyio.sleep(self.seconds)
        finally:
            self.at_once -= 1
        if self.calls[asked] <= self.failures:
            raise ConnectionError(self.said)
        return output("Yes")

    def connection_key(self) -> str:
        return self.model_name

    def should_retry(self, ex: Exception) -> bool:
        return self.passing and isinstance(ex, ConnectionError)

    def retry_wait(self) -> Any:
        return wait_none()


@modelapi(name="flaky")
def _flaky() -> type[ModelAPI]:
    return Flaky


def flaky(name: str = "model", **settings: Any) -> tuple[Model, Flaky]:
    """A flaky model and its own record of calls. Models of one name share Inspect's pool of connections."""
    model = get_model(f"flaky/{name}", memoize=False, **settings)
    assert isinstance(model.api, Flaky)
    return model, model.api
