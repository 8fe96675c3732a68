"""The provider itself, and Inspect models from Python, also of models and edits that are no files."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from logging import getLogger
from typing import Any

from inspect_ai._util.error import PrerequisiteError  # which Inspect tells people without a traceback
from inspect_ai.model import (
    CachePolicy,
    ChatMessage,
    GenerateConfig,
    Model,
    ModelAPI,
    ModelCall,
    ModelInfo,
    ModelOutput,
    get_model,
    set_model_info,
)
from inspect_ai.model._cache import epoch as current_epoch  # there is no public way to know it
from inspect_ai.tool import ToolChoice, ToolInfo
from rich.markup import escape

from valuescope.edit import Edit, Scope
from valuescope.generate import Answer, Engine, Request
from valuescope.models import Chat, LoadError, NeuronModel, context_length, encode
from valuescope.provider.messages import model_output, no_room, render_messages
from valuescope.provider.model_args import read_model_args
from valuescope.provider.model_names import PROVIDER, ProviderError, model_name
from valuescope.provider.sampling import Draw, draw_for, require_supported
from valuescope.provider.source import open_source, source_of

_LOGGER = getLogger(__name__)


class ModelUnavailableError(ProviderError, PrerequisiteError):
    """A model that cannot be made as its name and arguments say."""

    def __init__(self, message: str) -> None:
        ValueError.__init__(self, message)
        self.message = escape(message)


class ValuescopeAPI(ModelAPI):
    """A base or edited model in this process; all providers of one model share its engine.

    Raises ModelUnavailableError for a name, an edit or an argument that cannot be served, or a model that cannot be loaded.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008  (Inspect's signature)
        **model_args: Any,
    ) -> None:
        if base_url is not None and not base_url.startswith(f"{PROVIDER}:"):
            raise ModelUnavailableError(
                f"base_url is {base_url!r}, but a valuescope model runs in this process; for one that is served "
                "elsewhere use Inspect's openai-api provider"
            )
        super().__init__(model_name, base_url, api_key, [], config)
        try:
            self._source = open_source(model_name, read_model_args(model_args), base_url)
        except (ValueError, LoadError) as error:  # all that is wrong with what was asked for
            raise ModelUnavailableError(str(error)) from error
        self._closed = False
        self.base_url = self._source.handle
        if base_url not in (None, self.base_url):
            _LOGGER.warning(
                f"{model_name} is not what it was when {base_url} was recorded: the weights, the settings or the "
                "version of valuescope have changed"
            )
        # Else Inspect makes the model a second time, without its arguments, to look it up in its list of known ones.
        set_model_info(
            f"{PROVIDER}/{model_name}", ModelInfo(context_length=context_length(self._source.model))
        )

    @property
    def engine(self) -> Engine:
        """The engine, shared with all that ask the same model."""
        return self._source.shared.engine

    @property
    def identity(self) -> dict[str, Any]:
        """Everything beside prompt and GenerateConfig that an answer depends on."""
        return self._source.identity

    def close(self) -> None:
        """Let go of the engine; it ends when nobody else uses it."""
        if not self._closed:
            self._closed = True
            self._source.shared.release()

    def max_connections(self) -> int:
        """Twice the engine's rows (see `SharedEngine.connections`)."""
        return self._source.shared.connections

    def connection_key(self) -> str:
        """One pool for all that share the engine."""
        return f"{id(self.engine):x}"

    async def count_text_tokens(self, text: str) -> int:
        """By the model's own tokenizer."""
        return len(await self.tokenize(text))

    async def tokenize(self, text: str) -> list[int]:
        """The tokens of a text alone, without those that begin or end a prompt."""
        return list(self._source.model.tokenizer(text, add_special_tokens=False)["input_ids"])

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> tuple[ModelOutput, ModelCall]:
        """Answer a conversation.

        Raises ProviderError for what is asked and cannot be done, ChatError where the chat template refuses, and
        GenerationError where an edit is too strong to compute with.
        """
        if tools:
            raise ProviderError(
                f"valuescope models do not use tools, {len(tools)} were given: ask without tools"
            )
        require_supported(config)
        source = self._source
        prompt = render_messages(source.model, input, source.chat)
        ids = encode(source.model, [prompt])[0].input_ids
        limit = context_length(source.model)
        if limit is not None and len(ids) > limit:
            return no_room(self.model_name, len(ids), limit), ModelCall.create({"prompt": prompt}, None)
        # The last token of an answer is never read.
        room = None if limit is None else limit - len(ids) + 1
        settled = source.model.sampling.settled(self.model_name, config.temperature, config.top_p)
        draw = draw_for(config, prompt, current_epoch.get(1), room, settled)
        answers = await self._answers(ids, draw)
        metadata = {
            "seed": draw.sampling.seed,
            "keys": list(draw.keys),
            "edit": None if source.edit is None else source.edit.hash,
        }
        output = model_output(self.model_name, answers, draw.cut, metadata)
        request = {
            "prompt": prompt,
            **draw.sampling.to_dict(),
            **metadata,
            "stop": draw.stop,
            "on": source.on,
        }
        return output, ModelCall.create(request, {"answers": [answer.text for answer in answers]})

    async def _answers(self, ids: tuple[int, ...], draw: Draw) -> list[Answer]:
        """One answer per key, all in the engine at once; where one fails or the caller leaves, none goes on."""
        source = self._source
        futures = [
            self.engine.submit(
                Request(
                    prompt=ids,
                    edit=source.edit,
                    sampling=draw.sampling,
                    key=key,
                    stop=draw.stop,
                    top_logprobs=draw.top_logprobs,
                    on=source.on,
                    force=source.force,
                )
            )
            for key in draw.keys
        ]
        try:
            return await asyncio.gather(*map(asyncio.wrap_future, futures))
        finally:
            for future in futures:
                future.cancel()


def inspect_model(
    model: str | NeuronModel,
    edit: Edit | None = None,
    *,
    on: Scope = "both",
    force: bool = False,
    max_rows: int | None = None,
    chat: Chat | None = None,
    **config: Any,
) -> Model:
    """A model for Inspect's `eval`, `get_model` and graders: an id, a folder or a loaded model, with an edit or without.

    All models of one id, folder or loaded model share one engine, so evaluate base and edited ones together and their
    samples share batches. `config` are fields of Inspect's GenerateConfig (temperature=0, seed=1, ...);
    `max_connections` is twice the engine's `max_rows` unless given. `on` and `force` are those of `generate`.
    `chat`: how conversations are put to it (None: as the model has it).
    """
    # Inspect writes the arguments into its logs, so only those that say something.
    args: dict[str, Any] = {} if max_rows is None else {"max_rows": max_rows}
    args |= {} if on == "both" else {"on": on}
    args |= {"force": True} if force else {}
    args |= {} if chat is None else {"chat": asdict(chat)}
    source = source_of(model, edit, read_model_args(args))
    try:
        return get_model(
            model_name(model, edit),
            config=GenerateConfig(**{"max_connections": source.shared.connections, **config}),
            base_url=source.handle,
            memoize=False,
            **args,
        )
    finally:
        source.shared.release()  # the model that was made has taken its own share


def cache_policy(model: Model, *, expiry: str | None = None, per_epoch: bool = True) -> CachePolicy:
    """Inspect's cache for answers of a valuescope model: without an end, and kept apart by everything that they depend
    on (weights, edit, version, ...), which the name alone does not say."""
    if not isinstance(model.api, ValuescopeAPI):
        raise ProviderError(f"{model} is no valuescope model: use Inspect's own CachePolicy(...)")
    return CachePolicy(
        expiry=expiry,
        per_epoch=per_epoch,
        scopes={name: str(value) for name, value in model.api.identity.items()},
    )
