"""A written set on disk: its files, what was rejected, its card, and the store that all of them are made from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from valuescope.files import remove_parts, write_json_atomic, write_text_atomic
from valuescope.input_files import InputError, read_json
from valuescope.judge.asked_model import resolve_model
from valuescope.judge.asking import Asker
from valuescope.lock import sole_use
from valuescope.progress import Progress
from valuescope.write.card import card_of, card_text, settings_of
from valuescope.write.job import Job
from valuescope.write.kinds import KINDS
from valuescope.write.outcome import SetOutcome
from valuescope.write.writer import Writer
from valuescope.write.writer_prompt import WriteError

if TYPE_CHECKING:
    from inspect_ai.model import Model

# In a hidden folder, so that whoever reads the set's folder does not take the calls for data.
REPLIES = Path(".calls", "replies.jsonl")
SETTINGS = Path(".calls", "settings.json")


def write_set(
    job: Job,
    model: str | Model,
    folder: Path,
    *,
    base_url: str | None = None,
    model_args: Mapping[str, Any] | None = None,
    max_connections: int | None = None,
    retries: int = 4,
    timeout: int = 300,
    progress: Progress = lambda stage, done, total: None,
    say: Callable[[str], None] = lambda line: None,
) -> SetOutcome:
    """Write a set into a folder, or go on with it; files are made anew from all replies each time.

    Args:
        job: what to write.
        model: a name that Inspect knows, or a Model.
        folder: gets `<system>/<part>/<value>.jsonl`, `rejected.jsonl`, `card.json`, `card.md` and `.calls/replies.jsonl`.
        base_url, model_args, max_connections, retries, timeout: see `valuescope.judge.asking.Asker`.
        progress: told (stage, calls done, calls in all).
        say: told one line after every round.

    Raises:
        WriteError: the folder holds a set that was asked for otherwise.
        InUseError: another process writes into it.
        AskError: the model is unknown, or cannot be asked at all.
    """
    asked = _with_top_p(resolve_model(model, base_url, model_args), job.top_p)
    settings = settings_of(job, str(asked))
    with sole_use(folder / REPLIES.parent):
        _require_same(folder, settings)
        remove_parts(folder)
        write_json_atomic(folder / SETTINGS, settings)
        asker = Asker(
            asked, store=folder / REPLIES, max_connections=max_connections, retries=retries, timeout=timeout
        )
        try:
            outcome = Writer(job, asker, progress, say).run()
        finally:
            asker.close()
        _write_files(outcome, folder, str(asked))
    return outcome


def _with_top_p(model: Model, top_p: float | None) -> Model:
    """The model with the job's top-p in its configuration, where it is part of what a call's hash is made of."""
    from inspect_ai.model import GenerateConfig, Model

    return Model(model.api, model.config.merge(GenerateConfig(top_p=top_p)), dict(model.model_args))


def _require_same(folder: Path, settings: Mapping[str, Any]) -> None:
    """A folder holds one set; it may grow, but its model, prompts and settings stay."""
    path = folder / SETTINGS
    if not path.is_file():
        return
    try:
        before = read_json(path)
    except InputError as error:
        raise WriteError(f"{error}; or delete it, the replies beside it are kept") from error
    if not isinstance(before, dict):
        raise WriteError(f"{path}: holds no settings; delete it, the replies beside it are kept")
    for name in sorted({**settings, **before}, key="prompts".__eq__):  # last: what changes them says more
        old, value = before.get(name), settings.get(name)
        if name in ("values", "parts"):
            changed = not set(old or ()) <= set(value or ())
        elif name == "per_value":
            now = _by_part(value, settings["parts"])
            changed = any(
                count > now[part] for part, count in _by_part(old, settings["parts"]).items() if part in now
            )
        elif name == "rounds":
            changed = isinstance(old, int) and isinstance(value, int) and old > value
        elif isinstance(value, dict) and isinstance(
            old, dict
        ):  # parts that are new bring entries of their own
            changed = any(value.get(key) != entry for key, entry in old.items())
        else:
            changed = old != value
        if changed:
            raise WriteError(
                f"{folder} holds a set with {name} {old!r}, and {value!r} is asked for; give the old one, or another --out"
            )


def _by_part(per_value: Any, parts: Sequence[str]) -> dict[str, int]:
    """Items per value of each part, where a card gives one number for all or one for each."""
    if isinstance(per_value, dict):
        return per_value
    return dict.fromkeys(parts, per_value) if isinstance(per_value, int) else {}


def _write_files(outcome: SetOutcome, folder: Path, model: str) -> None:
    system = KINDS[outcome.job.kind].system
    for one in outcome.parts:
        if one.part.name == "topics":
            continue
        for value in outcome.job.values:
            rows = [each.row for each in one.items if each.slot.value == value]
            _write_lines(folder / system / one.part.name / f"{value}.jsonl", rows)
    rejected = [asdict(each) for one in outcome.parts for each in one.rejections]
    _write_lines(folder / "rejected.jsonl", rejected)
    card = card_of(outcome, model)
    write_json_atomic(folder / "card.json", card)
    write_text_atomic(folder / "card.md", card_text(card))


def _write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """JSON lines; where there are none, no file, since an empty one would be a damaged data file."""
    if rows:
        write_text_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    else:
        path.unlink(missing_ok=True)
