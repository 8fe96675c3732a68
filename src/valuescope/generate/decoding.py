"""The decoding loop: left-padded batches, KV cache, and noise that belongs to rows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from valuescope.edit import Edit, EditSession, Scope, edited
from valuescope.generate.answer import Answer
from valuescope.generate.noise import row_noise
from valuescope.generate.sampling import Sampling, choose
from valuescope.models import Batch, Encoded, NeuronModel, encode, forward_inputs, left_pad


class GenerationError(RuntimeError):
    """Answers that cannot be generated as asked."""


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
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Answer]:
    """Answer every prompt; answers come in the order of the prompts.

    `edits` is one edit for all prompts, or a sequence with one edit or None per prompt. `on` limits edits
    to the tokens of the prompt or of the answer (from the first generated token on). `keys` name the rows'
    noise (default: "0", "1", ... by position): runs with the same seed and keys share it, so give a question
    the same key in a base and an edited run, and equal prompts different keys for different draws. Batches
    are formed in the given order: runs over the same prompts have the same batch shapes. `stop_ids` default
    to the model's end-of-text tokens; an empty collection never stops early. `progress(done, total)` is
    called after each batch.

    Raises GenerationError (lengths that do not match, no room for the answer, logits that are not finite),
    and what `edited` raises.
    """
    sampling = sampling or Sampling()
    if batch_size < 1:
        raise GenerationError(f"batch_size is {batch_size}, it must be at least 1")
    row_edits = None if edits is None or isinstance(edits, Edit) else list(edits)
    keys = [str(number) for number in range(len(prompts))] if keys is None else keys
    for name, given in (("edits", row_edits), ("keys", keys)):
        if given is not None and len(given) != len(prompts):
            raise GenerationError(f"{len(prompts)} prompts but {len(given)} {name}: give one per prompt")
    encoded = encode(model, prompts, add_special_tokens=add_special_tokens)
    _require_room(model, encoded, sampling)
    stop = default_stop_ids(model) if stop_ids is None else frozenset(stop_ids)

    answers: list[Answer] = []
    for start in range(0, len(prompts), batch_size):
        rows = slice(start, start + batch_size)
        batch = left_pad(model, encoded[rows])
        noise = torch.stack([row_noise(sampling.seed, key, sampling.max_new_tokens) for key in keys[rows]])
        here = edits if row_edits is None else row_edits[rows]
        with torch.inference_mode(), edited(model, here, on=on, force=force) as session:
            drawn = _decode(model, session, batch, noise, sampling, stop)
        answers.extend(_answer(model, tokens, stop) for tokens in drawn.tolist())
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


def _decode(
    model: NeuronModel,
    session: EditSession,
    batch: Batch,
    noise: Tensor,
    sampling: Sampling,
    stop: frozenset[int],
) -> Tensor:
    """Drawn tokens [rows, steps]; what follows a row's stop token is padding."""
    ids = batch.input_ids
    noise = noise.to(device=ids.device, dtype=torch.float32 if ids.device.type == "mps" else torch.float64)
    stop_ids = torch.tensor(sorted(stop), dtype=ids.dtype, device=ids.device)
    done = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    answer = torch.zeros_like(ids, dtype=torch.bool)
    inputs: dict[str, Any] = {**forward_inputs(model, batch), "use_cache": sampling.use_cache}
    if "logits_to_keep" in inspect.signature(type(model.model).forward).parameters:
        inputs["logits_to_keep"] = 1
    drawn: list[Tensor] = []
    for step in range(sampling.max_new_tokens):
        session.response_mask = answer
        output = model.model(**inputs)
        logits = output.logits[:, -1]
        broken = ~logits.amax(dim=-1).isfinite() & ~done
        token = choose(logits, noise[:, step], sampling).masked_fill(done, model.tokenizer.pad_token_id)
        done = done | torch.isin(token, stop_ids)
        drawn.append(token)
        # The one wait for the device in each step.
        all_done, any_broken = torch.stack([done.all(), broken.any()]).tolist()
        if any_broken:
            raise GenerationError(
                f"the logits of batch row {int(broken.nonzero()[0])} are not finite at answer token {step}: "
                f"an edit this strong overflows {logits.dtype}; lower its strength, or load the model in "
                "bfloat16 or float32"
            )
        if all_done:
            break
        answer = _append_token(inputs, answer, token.unsqueeze(-1), output.past_key_values)
    return torch.stack(drawn, dim=1)


def _append_token(inputs: dict[str, Any], answer: Tensor, token: Tensor, cache: Any) -> Tensor:
    """Put token [rows, 1] into `inputs`, alone where the cache holds the rest; returns the response mask."""
    alone: bool = inputs["use_cache"]

    def appended(old: Tensor, new: Tensor) -> Tensor:
        return new if alone else torch.cat([old, new], dim=1)

    one = torch.ones_like(token)
    inputs["input_ids"] = appended(inputs["input_ids"], token)
    inputs["attention_mask"] = torch.cat([inputs["attention_mask"], one], dim=1)
    if "position_ids" in inputs:
        inputs["position_ids"] = appended(inputs["position_ids"], inputs["position_ids"][:, -1:] + 1)
    if alone:
        inputs["past_key_values"] = cache
    return appended(answer, one.bool())


def _answer(model: NeuronModel, tokens: Sequence[int], stop: frozenset[int]) -> Answer:
    end = next((place for place, token in enumerate(tokens) if token in stop), None)
    kept = tuple(tokens[:end])
    text: str = model.tokenizer.decode(list(kept), skip_special_tokens=True)
    return Answer(text=text, tokens=kept, finished=end is not None)


def _require_room(model: NeuronModel, encoded: Sequence[Encoded], sampling: Sampling) -> None:
    limit = getattr(model.model.config.get_text_config(), "max_position_embeddings", None)
    longest = max((len(row.input_ids) for row in encoded), default=0)
    # The last drawn token is never fed back.
    needed = longest + sampling.max_new_tokens - 1
    if limit is not None and needed > limit:
        raise GenerationError(
            f"the longest prompt has {longest} tokens and max_new_tokens is {sampling.max_new_tokens}: that "
            f"needs {needed} positions and {model.identity.id} has {limit}; shorten the prompt or lower "
            "max_new_tokens"
        )
