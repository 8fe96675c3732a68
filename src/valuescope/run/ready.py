"""Before anything is read: a specification with what its model decides, its bands of layers, and one prompt of every form
that it will ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from valuescope.data import ContrastPair, Question
from valuescope.lab.answers import prompt_of
from valuescope.lab.ask import Ask, SupportQuestion
from valuescope.lab.folder import RunFolder
from valuescope.lab.method import SYSTEM_PROMPT, MethodSpec
from valuescope.lab.part import Part
from valuescope.lab.resolved import AnySpec, resolved
from valuescope.lab.strict import SpecError
from valuescope.lab.treatments import messages_of
from valuescope.locate import LocateError, band_of
from valuescope.models import ChatError, NeuronModel, Prompts
from valuescope.models.load import layer_count, read_manners
from valuescope.run.plan import EXPERIMENTS, planned_asks
from valuescope.run.registry import asked_parts


def ready(spec: AnySpec, folder: RunFolder | None = None, model: NeuronModel | None = None) -> AnySpec:
    """The `resolved` specification of a run (in `folder`, begun or not), its prompts tried. Without a model in memory
    tokenizer and generation_config are read, and no weights.

    Raises:
        SpecError: as `require_bands` and `require_prompts`.
    """
    source, chat = spec.model, spec.model.chat.settings()
    require_bands(
        spec,
        lambda: (
            model.layers
            if model is not None
            else layer_count(source.id, revision=source.revision, trust_remote_code=source.trust_remote_code)
        ),
    )
    if model is None:
        prompts, sampling = read_manners(
            source.id, chat, revision=source.revision, trust_remote_code=source.trust_remote_code
        )
    else:
        prompts, sampling = model.with_chat(chat).prompts, model.sampling
    spec = resolved(spec, prompts, sampling, None if folder is None else folder.first_day)
    known = folder.facts if folder else None
    begun = (
        folder if known and known.get("spec_hash") == spec.hash else None
    )  # its data may be gone elsewhere
    design, parts = EXPERIMENTS[spec.experiment].plan(spec, begun), asked_parts(spec)
    require_prompts(
        replace(prompts, chat=spec.model.chat.settings()), design, parts, planned_asks(parts, design)
    )
    return spec


def require_bands(spec: Any, layers: Callable[[], int]) -> None:
    """Refuse a band of layers that the model does not have; `layers` counts them, and is asked only where one is given.

    Raises:
        SpecError: names the method, the band and the model.
    """
    for name, method in getattr(spec, "methods", {}).items():
        for setting in method.settings():
            for given, _ in setting.located_alike(("", *setting.by_value), method.located):
                band = {key: given[key] for key in ("layers", "margin") if given.get(key)}
                try:
                    if band and method.located:
                        band_of(f"methods.{name}", layers(), band.get("layers"), band.get("margin", 0))
                except LocateError as error:
                    raise SpecError(f"{error} (the layers of {spec.model.id})") from error


def require_prompts(prompts: Prompts, design: Any, parts: Iterable[Part[Any]], asks: Iterable[Ask]) -> None:
    """Render each method's question, alone and with its system messages; each form of what is asked; and conversations.

    Raises:
        SpecError: names who asks, the model, and what its chat template says.
    """
    for name, method in getattr(design.spec, "methods", {}).items():
        for item, system in _of_method(design, method):
            told = "with its system message" if system else "alone"
            _require(f"methods.{name}, a question {told}", prompts, item, system)
    for who, form in _forms(asks):
        _require(who, prompts, form)
    for part in parts if prompts.template else ():  # without one a part says itself that it cannot converse
        for messages in part.conversations(design):
            try:
                prompts.conversation(messages)
            except ChatError as error:
                roles = ", ".join(message["role"] for message in messages)
                raise SpecError(f"part {part.name()}, a conversation of {roles}: {error}") from error


def _require(who: str, prompts: Prompts, item: Any, system: str = "") -> None:
    try:
        prompt_of(prompts, item, system)
    except ChatError as error:
        raise SpecError(f"{who}: {error}") from error


def _of_method(design: Any, method: MethodSpec) -> Iterator[tuple[Question, str]]:
    """Beside pairs questions are asked too, for fluency."""
    for item in design.items("dilemma" if method.asked == "pairs" else method.asked, 1)[:1]:
        if method.intervention != SYSTEM_PROMPT:
            yield item, ""
            continue
        for setting in method.settings():
            yield item, messages_of(design.system, design.material, setting)[item.value]


def _forms(asks: Iterable[Ask]) -> Iterator[tuple[str, Question | SupportQuestion]]:
    """The first item of every form."""
    seen = set[tuple[str, bool, bool]]()
    for items in {id(ask.items): ask.items for ask in asks}.values():
        for item in items:
            if isinstance(item, ContrastPair):
                break  # a pair is read as it is
            if isinstance(item, SupportQuestion):
                who, form = "the question of support", (item.letters, bool(item.call.system))
            else:
                who, form = f"a question asked as {item.setting}", (bool(item.prompt), bool(item.system))
            if (who, *form) not in seen:
                seen.add((who, *form))
                yield who, item
