"""Options that several commands share: the model and how it is loaded, edits, and the source of texts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from valuescope.cli.command import NamedSetting, argument, option, settings

if TYPE_CHECKING:
    from valuescope.edit import Edit
    from valuescope.lab.model_spec import ModelSpec
    from valuescope.models import Chat, NeuronModel

SOURCES = ("organism", "starter", "files", "conva")


@dataclass(frozen=True)
class ModelOptions:
    """MODEL and how it is loaded."""

    model: str = argument(
        'hub id, folder, FILE.gguf, HUB-ID:FILE.gguf, "organism", "organism-social" or "smollm2"', "MODEL"
    )
    revision: str | None = option(None, "branch, tag or commit on the hub")
    dtype: str = option("auto", "auto (as saved; a GGUF: float32), float32, bfloat16 or float16")
    device: str | None = option(None, "where the whole model goes, such as cpu or cuda:0")
    device_map: str | None = option(None, "passed to transformers, such as auto (needs the extra multi-gpu)")
    attn_implementation: str | None = option(None, "passed to transformers, such as eager or sdpa")
    trust_remote_code: bool = option(False, "run code that comes with the model", "--trust-remote-code")

    def spec(self) -> ModelSpec:
        """The model as a specification says it."""
        from valuescope.lab.model_spec import ModelSpec

        content = asdict(self)
        return ModelSpec(id=content.pop("model"), **content)

    def load(self) -> NeuronModel:
        """The model, loaded."""
        return self.spec().load()


@dataclass(frozen=True)
class ChatOptions:
    """How conversations are put to the model."""

    system: str = option(
        "template",
        "the system message of questions that bring none: none, template (the chat template's own, if it writes one) or a text",
        "TEXT",
    )
    template_variable: list[NamedSetting] = settings("of the chat template, as enable_thinking=false")
    date: str | None = option(None, "for chat templates that write today's", "YYYY-MM-DD")

    def settings(self) -> Chat:
        """As the model takes them."""
        from valuescope.models import Chat

        return Chat(self.system, dict(self.template_variable), self.date)

    def on(self, model: NeuronModel) -> NeuronModel:
        """The model, spoken to by these options; a date that its template asks for is fixed now."""
        model = model.with_chat(self.settings())
        return model.with_chat(model.prompts.fixed())


@dataclass(frozen=True)
class EditOptions:
    """The edits that are compared with the base model."""

    edit: list[Path] = option([], "an edit file", "FILE")
    force: bool = option(False, "apply edits that were made for another model", "--force")

    def base_and_edits(self) -> list[Edit | None]:
        """None for the base model, then the edits."""
        from valuescope.edit import load_edit

        return [None, *map(load_edit, self.edit)]


@dataclass(frozen=True)
class SourceOptions:
    """Where texts and questions come from."""

    source: str | None = option(
        None,
        "where the texts come from (default: organism for the bundled models, else starter)",
        names=SOURCES,
    )
    data_parameters: list[NamedSetting] = settings("of the source", "-d", "--data-parameter")

    def named(self, model: str) -> str:
        """The source asked for, or the one that suits a model: the organism's texts mean nothing to any other."""
        from valuescope.lab.truth import known_truth

        return self.source or ("organism" if known_truth(model) else "starter")
