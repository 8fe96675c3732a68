"""Multiple-choice questions whose answer is one letter: made from texts about values, or given as texts."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import torch

from valuescope.activations import text_key
from valuescope.data.records import LabelledText
from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.parameters import generator
from valuescope.models import ChatError, Encoded, NeuronModel, encode, render_question

_MARK = "valuescope"
_GAPS = (" ", "\n", "")


@dataclass(frozen=True)
class Choice:
    """One prompt up to its answer letter's token, which is `target`.

    Prompts of one `query` ask the same in other words or another order. `cell` is 2 v for a text for the value
    v of the evidence, 2 v + 1 for one against it.
    """

    encoded: Encoded
    target: int
    query: int
    cell: int


def value_choices(
    model: NeuronModel, evidence: Evidence, *, orders: int, texts: int | None, seed: int, method: str
) -> list[Choice]:
    """Every text of the evidence as a query of `orders` prompts: the text, a question, and four options.

    The options say that the value, and another one drawn by seed and text, is or is not important; right is the
    one that the text's side stands for. Each prompt of a query has the options in a further rotation, so that no letter
    goes with an answer. The question stands before the opening of the assistant's turn where a text ends with
    it, and behind the text otherwise.
    """
    words = _words()
    if not 1 <= orders <= len(words["letters"]):
        raise LocateError(f"{method}: orders is {orders}; there are 1 to {len(words['letters'])}")
    opening = _reply_opening(model)
    prompts, right, places = list[tuple[str, bool]](), list[int](), list[tuple[int, int]]()
    query = 0
    for row, value in enumerate(evidence.values):
        sides = (evidence.positive[value], evidence.negative[value])
        for side, label in enumerate(sides):
            for text in evidence.texts_of([label], method, texts):
                options = _options(evidence, value, text, seed)
                random = generator(method, seed, value, side, text_key(text))
                order = torch.randperm(len(options), generator=random).tolist()
                for turn in range(orders):
                    turned = [order[(place + turn) % len(order)] for place in range(len(order))]
                    prompts.append(_prompt(text, [options[index] for index in turned], opening))
                    right.append(turned.index(side))
                    places.append((query, 2 * row + side))
                query += 1
    return [
        Choice(encoded, ids[answer], *place)
        for (encoded, ids), answer, place in zip(_cut(model, prompts), right, places, strict=True)
    ]


def given_choices(model: NeuronModel, evidence: Evidence, *, texts: int | None, method: str) -> list[Choice]:
    """The texts as they are: the prompt is the question, the answer its letter; texts of a group are one query."""
    chosen = list[tuple[LabelledText, int]]()
    for row, value in enumerate(evidence.values):
        for side, label in enumerate((evidence.positive[value], evidence.negative[value])):
            chosen += [(text, 2 * row + side) for text in evidence.texts_of([label], method, texts)]
    rows = encode(model, [text.prompt for text, _ in chosen], [text.answer for text, _ in chosen])
    queries: dict[tuple[int, str], int] = {}
    choices = []
    for index, ((text, cell), whole) in enumerate(zip(chosen, rows, strict=True)):
        cut = whole.prompt_length
        if not 1 <= cut < len(whole.input_ids):
            raise LocateError(
                f"{method}: the text {text.prompt[:40]!r} has no answer; give its letter as the answer, "
                "or let prompts='choice' make questions of texts"
            )
        query = queries.setdefault((cell, text.group or f"text {index}"), len(queries))
        choices.append(Choice(Encoded(whole.input_ids[:cut], cut), whole.input_ids[cut], query, cell))
    return choices


@cache
def _words() -> dict[str, Any]:
    name = "multiple_choice.toml"
    return tomllib.loads(files("valuescope.locate").joinpath(name).read_text(encoding="utf-8"))


def _options(evidence: Evidence, value: str, text: LabelledText, seed: int) -> list[str]:
    """For and against the value, then another value (where there is one)."""
    others = [name for name in evidence.values if name != value]
    random = generator("other value", seed, value, text_key(text))
    drawn = [others[int(torch.randint(len(others), (1,), generator=random))]] if others else []
    words = _words()
    return [
        words[side].format(value=name.replace("_", " ").replace("-", " "))
        for name in (value, *drawn)
        for side in ("for", "against")
    ]


def _prompt(text: LabelledText, options: Sequence[str], opening: str) -> tuple[str, bool]:
    """The prompt up to the letter, and whether it ends with the opening of the assistant's turn."""
    words = _words()
    listed = [
        words["option"].format(letter=letter, text=option)
        for letter, option in zip(words["letters"], options, strict=False)
    ]
    asked = "\n".join(["", "", words["question"], *listed])
    if opening and not text.answer and text.prompt.endswith(opening):
        return text.prompt.removesuffix(opening) + asked + opening, True
    return text.prompt + text.answer + asked + words["lead"], False


def _reply_opening(model: NeuronModel) -> str:
    """What the chat template writes behind a question to open the assistant's turn; "" without a template."""
    try:
        return render_question(model, _MARK).partition(_MARK)[2]
    except ChatError:
        return ""


def _cut(model: NeuronModel, prompts: Sequence[tuple[str, bool]]) -> list[tuple[Encoded, list[int]]]:
    """Each prompt's tokens up to the first that differs between letters, and that token of every letter.

    Behind a lead the letter follows a space, or a line break where a tokenizer writes some letters as one token with
    the space and others as two.
    """
    letters = _words()["letters"]
    for gap in _GAPS:
        gaps = ["" if chat else gap for _, chat in prompts]
        versions = [
            encode(model, [text for text, _ in prompts], [gap + letter for gap in gaps]) for letter in letters
        ]
        cuts = [cut for row in zip(*versions, strict=True) if (cut := _first_difference(row)) is not None]
        if len(cuts) == len(prompts):
            return cuts
    raise LocateError(
        f"{model.identity.id}: its tokenizer does not tell the letters {', '.join(letters)} apart"
    )


def _first_difference(row: Sequence[Encoded]) -> tuple[Encoded, list[int]] | None:
    """What the versions of a prompt begin with, and the next token of each; None where two have the same."""
    ids = [version.input_ids for version in row]
    cut = next((i for i, tokens in enumerate(zip(*ids, strict=False)) if len(set(tokens)) > 1), 0)
    tokens = [version[cut] for version in ids]
    return (Encoded(ids[0][:cut], cut), tokens) if cut and len(set(tokens)) == len(ids) else None
