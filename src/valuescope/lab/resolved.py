"""A specification with what its model decides written out: how answers are drawn, and the date that its prompts carry."""

from __future__ import annotations

from typing import Any, TypeVar

from valuescope.lab.roles import ROLE_KEYS
from valuescope.lab.spec import RunSpec
from valuescope.models import Prompts, SamplingDefaults

AnySpec = TypeVar("AnySpec", bound=RunSpec)


def resolved(
    spec: AnySpec, prompts: Prompts, sampling: SamplingDefaults, first_day: str | None = None
) -> AnySpec:
    """The specification for a model that is spoken to by `prompts` and asks for `sampling`.

    `generate.temperature` and `generate.top_p` become numbers. `model.chat.date` becomes `first_day`, the day on which the
    run began (None: today), where the chat template asks for a date; else it plays no part and stays as it is. The form of
    a role becomes chat or bare.
    """
    changed = dict[str, Any]()
    chat = spec.model.chat.model_copy(update={"date": prompts.fixed(first_day).date})
    changed["model"] = spec.model.model_copy(update={"chat": chat})
    how = getattr(spec, "generate", None)
    if how is not None:
        temperature, top_p = sampling.settled(prompts.name, how.temperature, how.top_p)
        changed["generate"] = how.model_copy(update={"temperature": temperature, "top_p": top_p})
    for key in ROLE_KEYS:
        if (role := getattr(spec, key, None)) is not None:
            changed[key] = role.settled(key, prompts)
    return spec.model_copy(update=changed)
