"""One streaming pass over labelled texts that feeds every locator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from valuescope.activations.counters import (
    SCOPES,
    ActivationError,
    Counters,
    RunningCounts,
    add_hashes,
    text_hash,
)
from valuescope.activations.residuals import Activations, Residuals
from valuescope.data.records import LabelledText
from valuescope.models import Batch, Encoded, NeuronModel, encode, forward_inputs, left_pad, site_hooks
from valuescope.progress import StepProgress

# Texts are tokenised this many batches at a time, and sorted by length among themselves.
WINDOW = 64


def collect(
    model: NeuronModel,
    texts: Sequence[LabelledText],
    *,
    batch_size: int = 32,
    scope: str = "all",
    special_tokens: bool = False,
    residuals: bool = True,
    add_special_tokens: bool = True,
    relabellings: Mapping[str, Sequence[str]] | None = None,
    drawn: Sequence[tuple[int, ...] | None] | None = None,
    progress: StepProgress | None = None,
) -> Activations:
    """Read what every neuron does on every text: counters per label and last-token residuals.

    One forward pass of the backbone (no language-model head) per batch. Activations are never kept: memory
    grows with labels x layers x width for the counters and, unless `residuals` is False, with texts x
    layers x hidden. Batches are made of texts of similar length; the result does not depend on them, nor on
    padding.

    `scope`: the tokens that count: "all", those of the "prompt" or of the "answer". A token counts with the
    activation that it causes when it is read, so "answer" counts every token of the answer and not the
    prompt's last one, from which the answer's first token is drawn. A model's own answers (ValueExploration's
    generating strategy) are given as the answers of their prompts: this counts what uncached decoding would
    see at the drawn tokens, and the last drawn token too, which decoding never feeds. Where drawn ids and
    the ids of their text may differ, give the ids: `drawn` holds those of each text's answer (None: the answer is read as
    text), and `collect_encoded` takes whole texts. `special_tokens`: count
    special tokens too (the LAPE authors do); padding never counts. `add_special_tokens`: let the
    tokenizer add its own (a BOS); switch it off for texts from a chat template. `progress(done, total)` is
    called after each batch with numbers of texts. Residuals are always read at the text's last token.
    `relabellings`: by name another label for each text, empty where it is left out: its counters are those of a pass
    over the texts so labelled, for the memory of its labels and next to no time.
    """

    def window(start: int, end: int) -> list[Encoded]:
        part = texts[start:end]
        given = [None] * len(part) if drawn is None else drawn[start:end]
        answers = [text.answer if tokens is None else "" for text, tokens in zip(part, given, strict=True)]
        rows = encode(model, [text.prompt for text in part], answers, add_special_tokens=add_special_tokens)
        return [
            row if tokens is None else Encoded(row.input_ids + tokens, len(row.input_ids))
            for row, tokens in zip(rows, given, strict=True)
        ]

    source = _Source(
        window,
        labels=tuple(text.label for text in texts),
        groups=tuple(text.group for text in texts),
        keys=tuple(text_key(text) for text in texts),
    )
    return _collect(model, source, batch_size, scope, special_tokens, residuals, progress, relabellings or {})


def collect_encoded(
    model: NeuronModel,
    rows: Sequence[Encoded],
    labels: Sequence[str],
    *,
    groups: Sequence[str] | None = None,
    batch_size: int = 32,
    scope: str = "all",
    special_tokens: bool = False,
    residuals: bool = True,
    progress: StepProgress | None = None,
) -> Activations:
    """`collect` for texts that are token ids already, fed as they are; one label (and group) per row."""
    groups = [""] * len(rows) if groups is None else groups
    if not len(rows) == len(labels) == len(groups):
        raise ActivationError(
            f"{len(rows)} rows, {len(labels)} labels and {len(groups)} groups: give one of each per row"
        )
    keys = tuple(text_hash(row.prompt_length, *row.input_ids) for row in rows)
    source = _Source(lambda start, end: rows[start:end], tuple(labels), tuple(groups), keys)
    return _collect(model, source, batch_size, scope, special_tokens, residuals, progress)


def text_key(text: LabelledText) -> str:
    """The hash by which residuals know their text; label and group are not part of it."""
    return text_hash(text.prompt, text.answer)


def special_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids of special tokens, those of chat templates (added tokens marked special) included."""
    added = (token for token, content in tokenizer.added_tokens_decoder.items() if content.special)
    return sorted({*tokenizer.all_special_ids, *added})


@dataclass(frozen=True)
class _Source:
    """Texts: `window(start, end)` gives some as token ids; the label, split group and hash of each."""

    window: Callable[[int, int], Sequence[Encoded]]
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    keys: tuple[str, ...]


def _collect(
    model: NeuronModel,
    source: _Source,
    batch_size: int,
    scope: str,
    special_tokens: bool,
    residuals: bool,
    progress: StepProgress | None,
    relabellings: Mapping[str, Sequence[str]] = {},
) -> Activations:
    labels = source.labels
    if not labels:
        raise ActivationError("there are no texts; give at least one")
    if scope not in SCOPES:
        raise ActivationError(f"scope is {scope!r}; it is one of {', '.join(SCOPES)}")
    if batch_size < 1:
        raise ActivationError(f"batch_size is {batch_size}; it must be at least 1")
    names = tuple(sorted(set(labels)))
    of_text = torch.tensor([names.index(label) for label in labels])
    dealt = _Dealt(relabellings, len(labels))
    special = None if special_tokens else torch.tensor(special_ids(model.tokenizer), device=model.device)
    running = RunningCounts(len(names), model.layers, model.width, len(dealt.members))
    tokens = torch.zeros(len(labels), dtype=torch.int64)
    hidden = torch.empty(len(labels), model.layers, model.hidden) if residuals else None
    last: list[Tensor] = []

    def at_residual(_: int, h: Tensor) -> None:
        last.append(h[:, -1].to(torch.float32, copy=True))  # a view would keep all tokens in memory

    backbone, training, done = model.backbone(), model.model.training, 0
    model.model.eval()
    try:
        watching = site_hooks(
            model, gate=running.gate, product=running.product, residual=at_residual if residuals else None
        )
        with torch.no_grad(), watching:
            for positions, encoded in _batches(source, batch_size):
                batch = left_pad(model, encoded)
                counted = counted_tokens(batch, scope, special)
                running.begin(counted, of_text[positions], dealt.members[:, positions])
                tokens[positions] = counted.sum(dim=1).cpu()
                backbone(**forward_inputs(model, batch), use_cache=False)
                if hidden is not None:
                    hidden[positions] = torch.stack([layer.cpu() for layer in last], dim=1)
                    last.clear()
                done += len(positions)
                if progress is not None:
                    progress(done, len(labels))
    finally:
        model.model.train(training)
    totals = running.totals()
    _require_finite(totals["product_sum"], hidden)
    texts = torch.nn.functional.one_hot(of_text, len(names)).T

    def counters(rows: slice, names: tuple[str, ...], members: Tensor, labels: Sequence[str]) -> Counters:
        return Counters(
            labels=names,
            scope=scope,
            special_tokens=special_tokens,
            model=model.identity,
            tokens=members.long() @ tokens,
            prompts=members.long().sum(dim=1),
            data_hash=add_hashes(
                text_hash(label, key) for label, key in zip(labels, source.keys, strict=True) if label
            ),
            **{name: total[rows] for name, total in totals.items()},
        )

    relabelled, start = dict[str, Counters](), len(names)
    for name, known in dealt.names.items():
        rows = slice(start, start + len(known))
        members = dealt.members[start - len(names) : rows.stop - len(names)]
        relabelled[name], start = counters(rows, known, members, relabellings[name]), rows.stop
    whole = counters(slice(0, len(names)), names, texts, labels)
    kept = None if hidden is None else Residuals(model.identity, labels, source.groups, source.keys, hidden)
    return Activations(whole, kept, relabelled)


class _Dealt:
    """Relabellings as rows: `names`, by relabelling the labels of its rows, and `members`, bool [rows, texts]."""

    def __init__(self, relabellings: Mapping[str, Sequence[str]], texts: int):
        for name, labels in relabellings.items():
            if len(labels) != texts:
                raise ActivationError(f"relabelling {name!r} has {len(labels)} labels for {texts} texts")
        self.names = {name: tuple(sorted({*labels} - {""})) for name, labels in relabellings.items()}
        rows = [
            torch.tensor([label == known for label in labels])
            for name, labels in relabellings.items()
            for known in self.names[name]
        ]
        self.members = torch.stack(rows) if rows else torch.zeros(0, texts, dtype=torch.bool)


def counted_tokens(batch: Batch, scope: str, special: Tensor | None) -> Tensor:
    """The tokens of a batch that count, bool [B, T]: real ones in the scope, not among the special ids."""
    counted = batch.attention_mask.bool()
    if scope != "all":
        counted = counted & (batch.response_mask == (scope == "answer"))
    if special is not None:
        counted = counted & ~torch.isin(batch.input_ids, special)
    return counted


def _batches(source: _Source, batch_size: int) -> Iterator[tuple[Tensor, list[Encoded]]]:
    """Batches of texts of similar length, each with the texts' positions."""
    for start in range(0, len(source.labels), WINDOW * batch_size):
        encoded = source.window(start, start + WINDOW * batch_size)
        # The longest come first, so that a model too large for memory fails at once.
        order = sorted(range(len(encoded)), key=lambda row: -len(encoded[row].input_ids))
        for first in range(0, len(order), batch_size):
            rows = order[first : first + batch_size]
            yield torch.tensor(rows) + start, [encoded[row] for row in rows]


def _require_finite(product_sum: Tensor, hidden: Tensor | None) -> None:
    """Overflow (float16) would poison every statistic without a word; name the first layer instead."""
    bad = ~torch.isfinite(product_sum).all(dim=2).all(dim=0)
    if hidden is not None:
        bad = bad | ~torch.isfinite(hidden).all(dim=2).all(dim=0)
    if bool(bad.any()):
        raise ActivationError(
            f"layer {int(bad.nonzero()[0])}: activations overflow; load the model in bfloat16 or float32"
        )
