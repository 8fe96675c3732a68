"""The model of a specification: which it is, how it is loaded, and how conversations are put to it."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from valuescope.judge.asked_model import secrets_in
from valuescope.lab.strict import Strict
from valuescope.models import Chat, NeuronModel, load_model
from valuescope.models.chat import Scalar


class ChatSpec(Strict):
    """How conversations are put to the model (`Chat`): the system turn of those that bring none, variables of the chat
    template, and the date that a template gets which asks for today's (None: the first day of the run)."""

    system: str = "template"
    variables: dict[str, Scalar] = Field(default_factory=dict)
    date: Annotated[
        str | None, BeforeValidator(lambda day: day.isoformat() if isinstance(day, date) else day)
    ] = None

    @model_validator(mode="after")
    def _valid(self) -> ChatSpec:
        self.settings()
        for place in secrets_in(self.variables):
            raise ValueError(f"variables.{place} looks like a secret and would be written down; leave it out")
        return self

    def settings(self) -> Chat:
        """As the model takes them."""
        return Chat(self.system, self.variables, self.date)


class ModelSpec(Strict):
    """Which model (`id`: hub id, folder, GGUF file or name, see `find_checkpoint`), and how it is loaded (`load_model`)
    and spoken to."""

    id: str = "organism"
    revision: str | None = None
    dtype: str = "auto"
    device: str | None = None
    device_map: str | None = None
    attn_implementation: str | None = None
    trust_remote_code: bool = False
    chat: ChatSpec = ChatSpec()

    def load(self) -> NeuronModel:
        """The model, loaded as it says."""
        model = load_model(self.id, **self.model_dump(exclude={"id", "chat"}))
        return model.with_chat(self.chat.settings())
