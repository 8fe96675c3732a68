"""Answers to many prompts in batches of fixed composition: what runs and comparisons use."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from valuescope.edit import Edit, EditBank, Scope
from valuescope.generate.answer import Answer
from valuescope.generate.batch import RunningBatch
from valuescope.generate.memory import is_out_of_memory, release_memory
from valuescope.generate.request import GenerationError, Request, require_known, require_room
from valuescope.generate.row import RunningRow
from valuescope.generate.sampling import Sampling
from valuescope.models import NeuronModel, encode
from valuescope.progress import StepProgress


def generate(
    model: NeuronModel,
    prompts: Sequence[str],
    *,
    edits: Edit | Sequence[Edit | None] | None = None,
    sampling: Sampling | None = None,
    keys: Sequence[str] | None = None,
    batch_size: int = 64,
    on: Scope = "both",
    add_special_tokens: bool = True,
    stop_ids: Collection[int] | None = None,
    top_logprobs: int | None = None,
    force: bool = False,
    progress: StepProgress | None = None,
) -> list[Answer]:
    """Answer every prompt; answers come in the order of the prompts.

    `edits` is one edit for all prompts, or a sequence with one edit or None per prompt. `on` limits edits
    to the tokens of the prompt or of the answer (from the first generated token on). `keys` name the rows'
    noise (default: "0", "1", ... by position): runs with the same seed and keys share it, so give a question
    the same key in a base and an edited run, and equal prompts different keys for different draws. Batches
    are formed in the given order: runs over the same prompts have the same batch shapes. A batch that does not fit
    into memory is halved. `stop_ids` default to the model's end-of-text tokens; an empty collection never stops
    early. `top_logprobs`: keep each token's log-probability and so many of the likeliest at its place (None: none).
    `progress(done, total)` is called after each batch.

    Raises GenerationError (lengths that do not match, no room for the answer, logits that are not finite),
    and what `edited` raises. For requests that arrive one by one, see `Engine`.
    """
    sampling = sampling or Sampling()
    if batch_size < 1:
        raise GenerationError(f"batch_size is {batch_size}, it must be at least 1")
    row_edits = [edits] * len(prompts) if edits is None or isinstance(edits, Edit) else list(edits)
    keys = [str(number) for number in range(len(prompts))] if keys is None else keys
    for name, given in (("edits", row_edits), ("keys", keys)):
        if len(given) != len(prompts):
            raise GenerationError(f"{len(prompts)} prompts but {len(given)} {name}: give one per prompt")
    encoded = encode(model, prompts, add_special_tokens=add_special_tokens)
    require_known(model, encoded)
    require_room(model, encoded, sampling)
    bank = EditBank(model, row_edits, force=force)
    stop = default_stop_ids(model) if stop_ids is None else frozenset(stop_ids)

    answers: list[Answer] = []
    for start in range(0, len(prompts), batch_size):
        here = range(start, min(start + batch_size, len(prompts)))
        requests = [
            Request(
                prompts[place], row_edits[place], sampling, keys[place], (), top_logprobs, on, force=force
            )
            for place in here
        ]
        rows = [
            RunningRow(model, request, encoded[place].input_ids, stop)
            for request, place in zip(requests, here, strict=True)
        ]
        _finish(model, rows, bank, use_cache=sampling.use_cache)
        answers += [row.answer() for row in rows]
        if progress is not None:
            progress(len(answers), len(prompts))
    return answers


def default_stop_ids(model: NeuronModel) -> frozenset[int]:
    """The end-of-text tokens: of the generation config, else of the config, else of the tokenizer."""
    for source in (model.model.generation_config, model.model.config, model.tokenizer):
        end = getattr(source, "eos_token_id", None)
        if end is not None:
            return frozenset([end] if isinstance(end, int) else end)
    return frozenset()


def _finish(model: NeuronModel, rows: Sequence[RunningRow], bank: EditBank, *, use_cache: bool) -> None:
    """Write the rows' answers to their ends, in one batch, or in halves where one does not fit."""
    batch: RunningBatch | None = None
    try:
        batch = RunningBatch(model, rows, bank, use_cache=use_cache)
        while not all(row.done for row in rows) and not any(row.failed for row in rows):
            batch.step()
        return
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error) or len(rows) == 1:
            raise
    # Outside of the handler, where the traceback no longer holds the failed batch.
    batch = None
    release_memory()
    half = len(rows) // 2
    for part in (rows[:half], rows[half:]):
        # A row goes on where it was: what it has drawn is read again.
        waiting = [row for row in part if not row.done]
        if waiting and not any(row.failed for row in rows):
            _finish(model, waiting, bank, use_cache=use_cache)
