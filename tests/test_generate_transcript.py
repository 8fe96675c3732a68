"""Text that grows token by token: pieces join to the text, stop texts are found wherever tokens break."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
import transformers as hf
from edit_samples import PROMPTS
from engine_samples import GREEDY, LONG, SAMPLED, WAIT, plugged
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import EOS, PAD, VOCABULARY, tiny_hf_model, tiny_model, tiny_tokenizer
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE

from valuescope.generate import Engine, Request, Sampling, TokenLogprob, generate
from valuescope.generate.row import RunningRow
from valuescope.generate.transcript import Transcript, text_of
from valuescope.models import NeuronModel, load_model, wrap_model

TEXTS = (
    "Plain words, and more of them.",
    "Ein größeres Wörterbuch für Übungen",
    "值观 价值 与 人 (Chinese 中文) 。",
    "Emoji 👩‍👩‍👧‍👦 family 🇩🇪 flag 👍🏽 thumb 🙂",
    "tabs\tand\n\nlines  and   spaces ",
    "END. EEND E ENDE",
)


@cache
def byte_level() -> Any:
    """One token per byte: every character but ASCII is several tokens."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("E", "N"), ("EN", "D"), ("Ġ", "a"), ("END", "å")]
    words = [*letters, "EN", "END", "Ġa", "ENDå", "<end>"]
    core = Tokenizer(BPE({word: number for number, word in enumerate(words)}, merges))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return hf.PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<end>")


@cache
def byte_fallback() -> Any:
    """As Llama 2: words begin with a mark for a space, the first of them is taken off, unknown characters are bytes."""
    words = [f"<0x{number:02X}>" for number in range(256)]
    words += ["▁", *"abcdefghijklmnopqrstuvwxyzEND.,()", "▁a", "▁and", "EN", "END", "<end>"]
    merges = [("▁", "a"), ("E", "N"), ("EN", "D")]
    vocabulary = {word: number for number, word in enumerate(words)}
    vocabulary["▁and"] = vocabulary.pop("▁and")
    core = Tokenizer(BPE(vocabulary, merges, byte_fallback=True))
    core.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first")
    core.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return hf.PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<end>")


@cache
def organism() -> NeuronModel:
    return load_model("organism", dtype="float32", check=False)


TOKENIZERS = {
    "byte level": byte_level,
    "byte fallback": byte_fallback,
    "words": tiny_tokenizer,
    "organism": lambda: organism().tokenizer,
}


def tell(tokenizer: Any, ids: Sequence[int], stops: Sequence[str] = ()) -> tuple[list[str], Transcript]:
    """The pieces that a transcript gives out, and it."""
    transcript, pieces = Transcript(tokenizer, stops), []
    for token in ids:
        pieces.append(transcript.add(token))
        given = len("".join(pieces))
        assert transcript.tokens_given() <= len(transcript._ids)
        assert given <= len(transcript.text)
        if transcript.stop is not None:
            break
    pieces.append(transcript.rest())
    return pieces, transcript


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("text", TEXTS)
def test_pieces_join_to_what_is_decoded_at_once(name: str, text: str) -> None:
    tokenizer = TOKENIZERS[name]()
    ids = tokenizer(text, add_special_tokens=False)["input_ids"] * 3
    pieces, transcript = tell(tokenizer, ids)
    assert "".join(pieces) == transcript.text == tokenizer.decode(ids, skip_special_tokens=True)
    assert transcript.tokens_of_text() == len(ids)
    if name == "byte level":
        # Nothing that is half a character is ever shown.
        assert "\N{REPLACEMENT CHARACTER}" not in "".join(pieces)
        assert len([piece for piece in pieces if piece]) > len(ids) // 6


@pytest.mark.parametrize("name", ["byte level", "words", "organism"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_tokens_join_to_what_is_decoded_at_once(name: str, data: st.DataObject) -> None:
    """Bytes that are no text, special tokens in the middle, anything."""
    tokenizer = TOKENIZERS[name]()
    ids = data.draw(st.lists(st.integers(0, len(tokenizer) - 1), max_size=15))
    pieces, transcript = tell(tokenizer, ids)
    assert "".join(pieces) == transcript.text == tokenizer.decode(ids, skip_special_tokens=True)


@pytest.mark.parametrize(
    ("name", "marks"),
    [("byte fallback", "\N{REPLACEMENT CHARACTER}" * 2), ("byte level", "\N{REPLACEMENT CHARACTER}")],
)
def test_half_a_character_takes_nothing_back(name: str, marks: str) -> None:
    """The tokenizer makes marks of the whole character too, where the bytes behind it are half of another."""
    tokenizer = TOKENIZERS[name]()
    ids = tokenizer("a🙂", add_special_tokens=False)["input_ids"]
    half = [*ids, *tokenizer("🙂", add_special_tokens=False)["input_ids"][-4:-2]]
    begin = tokenizer.decode(ids)
    assert begin.endswith("a🙂")
    for stops in ((), ("zz",)):
        pieces, transcript = tell(tokenizer, half, stops)
        assert "".join(pieces) == transcript.text == text_of(tokenizer, half) == begin + marks


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_one_text_however_it_is_asked_for(name: str, data: st.DataObject) -> None:
    """Whole, streamed, and watched for a stop text that does not come."""
    tokenizer = TOKENIZERS[name]()
    some = st.integers(0, len(tokenizer) - 1)
    emoji = tokenizer("🙂值é", add_special_tokens=False)["input_ids"]
    ids = data.draw(st.lists(st.one_of(some, st.sampled_from(emoji)), max_size=40))
    pieces, transcript = tell(tokenizer, ids)
    watched, _ = tell(tokenizer, ids, ("\x00never",))
    assert "".join(pieces) == transcript.text == "".join(watched) == text_of(tokenizer, ids)


def test_bytes_that_never_become_text_do_not_slow_the_rest_down() -> None:
    """Whatever follows can change them only for a while, so they are given out and not decoded again and again."""
    tokenizer = byte_level()
    first_byte = tokenizer("值", add_special_tokens=False)["input_ids"][0]
    longest = 0

    class Watched:
        def decode(self, ids: list[int], **more: Any) -> str:
            nonlocal longest
            longest = max(longest, len(ids))
            return str(tokenizer.decode(ids, **more))

    pieces, transcript = tell(Watched(), [first_byte] * 300)
    assert "".join(pieces) == transcript.text == tokenizer.decode([first_byte] * 300)
    assert longest < 60


def cut(text: str, stops: Sequence[str]) -> str:
    """The text before the first of the stops."""
    return text[: min([len(text), *(text.find(stop) for stop in stops if stop in text)])]


@pytest.mark.parametrize("name", ["byte level", "byte fallback", "organism"])
@pytest.mark.parametrize(
    "stops", [("END",), ("E END",), (". E", "END"), ("中文",), ("🇩",), ("zz", "."), ("\n\n",), ("👧‍👦 f",)]
)
def test_stop_texts_are_found_across_tokens(name: str, stops: tuple[str, ...]) -> None:
    tokenizer = TOKENIZERS[name]()
    for text in TEXTS:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        whole = tokenizer.decode(ids, skip_special_tokens=True)
        pieces, transcript = tell(tokenizer, ids, stops)
        assert "".join(pieces) == transcript.text == cut(whole, stops)
        assert (transcript.stop is None) == (not any(stop in whole for stop in stops))
        if transcript.stop is not None:
            assert whole.startswith(transcript.text + transcript.stop)
            kept = transcript.tokens_of_text()
            said = tokenizer.decode(ids[:kept], skip_special_tokens=True)
            assert said.startswith(transcript.text) or "\N{REPLACEMENT CHARACTER}" in said
            fewer = tokenizer.decode(ids[: max(0, kept - 1)], skip_special_tokens=True)
            assert not kept or not fewer.startswith(transcript.text)


def test_a_beginning_that_comes_to_nothing_is_given_out_late() -> None:
    tokenizer = byte_level()
    ids = [number for letter in "EE EN.EEND" for number in tokenizer(letter)["input_ids"]]
    transcript = Transcript(tokenizer, ["EEND", "N.x"])
    pieces = [transcript.add(token) for token in ids]
    assert pieces == ["", "", "EE ", "", "E", "", "N.", "", "", ""]
    assert transcript.stop == "EEND"
    assert transcript.rest() == ""
    assert transcript.text == "EE EN."


@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED])
def test_streamed_answers_are_the_answers(sampling: Sampling) -> None:
    """Pieces join to the text; log-probabilities come once each, in order, with the piece that their tokens complete."""
    model = organism()
    questions = [f"{prompt} {n}?" for n, prompt in enumerate(PROMPTS * 4)]
    stops = [(), (" and",), ("e", "qq"), (" the ",)] * 4
    requests = [
        Request(
            question,
            None,
            Sampling(24, sampling.temperature, seed=3),
            str(n),
            stop,
            top_logprobs=n % 3 or None,
        )
        for n, (question, stop) in enumerate(zip(questions, stops, strict=True))
    ]
    heard: list[list[tuple[str, tuple[TokenLogprob, ...]]]] = [[] for _ in requests]
    with Engine(model) as engine:
        with plugged(engine):
            futures = [
                engine.submit(request, on_text=lambda *piece, list=list: list.append(piece))  # type: ignore[misc]
                for request, list in zip(requests, heard, strict=True)
            ]
        answers = [future.result(WAIT) for future in futures]
        with plugged(engine):
            again = [engine.submit(request) for request in requests]
        assert [future.result(WAIT) for future in again] == answers
    plain = generate(model, questions, sampling=Sampling(24, sampling.temperature, seed=3))
    for request, answer, pieces, whole in zip(requests, answers, heard, plain, strict=True):
        assert "".join(piece for piece, _ in pieces) == answer.text == cut(whole.text, request.stop)
        assert answer.tokens == whole.tokens[: len(answer.tokens)]
        told = [one for _, logprobs in pieces for one in logprobs]
        assert tuple(told) == (answer.logprobs or ())
        assert len(told) == (0 if request.top_logprobs is None else len(answer.tokens))
        assert (
            (answer.stop in request.stop)
            if any(s in whole.text for s in request.stop)
            else answer.stop is None
        )
        assert answer.finished == (whole.finished or answer.stop is not None)
        text = ""
        for piece, logprobs in pieces[:-1]:
            text += piece
            assert (
                not logprobs or text.endswith(logprobs[-1].text.strip()) or logprobs[-1].text.strip() in piece
            )
    assert {answer.stop for answer in answers} >= {None, " and"} or {answer.stop for answer in answers} >= {
        None,
        "e",
    }


def test_logprobs_of_held_back_text_wait_for_it() -> None:
    """A token is told when all that it says is: else more would be told than the answer has."""
    tokenizer = byte_level()
    ids = [number for letter in "EEEND" for number in tokenizer(letter)["input_ids"]]
    transcript = Transcript(tokenizer, ["EEND"])
    given = []
    for token in ids:
        transcript.add(token)
        given.append(transcript.tokens_given())
    assert given == [0, 0, 1, 1, 1]
    assert (transcript.text, transcript.tokens_of_text()) == ("E", 1)
    half = Transcript(tokenizer, ["ab"])
    assert half.add(tokenizer.convert_tokens_to_ids("Ġa")) == " "
    assert half.tokens_given() == 0
    assert half.add(tokenizer.convert_tokens_to_ids("c")) == "ac"
    assert half.tokens_given() == 2


def test_a_stop_text_in_the_last_bytes_is_a_stop() -> None:
    """The limit cuts in the middle of a character, and the token that waits for the rest of it holds the stop text."""
    tokenizer = byte_level()
    a, mixed = (tokenizer.convert_tokens_to_ids(word) for word in ("a", "ENDå"))
    heard: list[str] = []
    request = Request("x", sampling=Sampling(2), stop=("END",), top_logprobs=0)
    model: Any = SimpleNamespace(tokenizer=tokenizer)
    row = RunningRow(model, request, (a,), (), lambda piece, _: heard.append(piece))
    row.take(a, TokenLogprob(a, "a", -1.0))
    assert not row.done
    row.take(mixed, TokenLogprob(mixed, "", -2.0))
    assert row.done
    answer = row.answer()
    assert (answer.text, answer.stop, answer.finished) == ("a", "END", True)
    assert "".join(heard) == "a"
    assert answer.tokens == (a,)
    assert [one.token for one in answer.logprobs or ()] == [a]


def test_an_answer_may_hold_special_tokens() -> None:
    """They are tokens of the answer and no text; only the stop tokens end it."""
    bare = tiny_hf_model("llama")
    bare.generation_config.eos_token_id = [EOS]
    model = wrap_model(bare, tiny_tokenizer(), check=False)
    requests = [
        Request(
            PROMPTS[n % 4],
            sampling=Sampling(60, temperature=3.0, seed=n),
            key=str(n),
            top_logprobs=0,
            stop=("zz",),
        )
        for n in range(12)
    ]
    heard: list[list[str]] = [[] for _ in requests]
    with Engine(model) as engine:
        futures = [
            engine.submit(request, on_text=lambda piece, _, list=list: list.append(piece))  # type: ignore[misc]
            for request, list in zip(requests, heard, strict=True)
        ]
        answers = [future.result(WAIT) for future in futures]
    assert any(PAD in answer.tokens for answer in answers)
    assert any(answer.finished for answer in answers)
    for answer, pieces in zip(answers, heard, strict=True):
        assert EOS not in answer.tokens
        assert (
            answer.text == "".join(pieces) == model.tokenizer.decode(answer.tokens, skip_special_tokens=True)
        )
        assert len(answer.logprobs or ()) == len(answer.tokens)
        assert answer.finished or len(answer.tokens) == 60
    assert max(max(answer.tokens) for answer in answers) < VOCABULARY


def test_text_that_cannot_be_decoded_fails_its_row_alone() -> None:
    model = tiny_model("llama")
    drawn = generate(model, [PROMPTS[0]], sampling=LONG)[0].tokens[3]
    decode = model.tokenizer.decode

    def broken(ids: list[int], **more: Any) -> str:
        if ids[-1:] == [drawn] and len(ids) < 60:
            raise IndexError("piece id is out of range")
        return str(decode(ids, **more))

    model.tokenizer.decode = broken
    try:
        with Engine(model) as engine:
            with plugged(engine):
                bad = engine.submit(Request(PROMPTS[0], sampling=LONG, stop=("zz",)))
                good = engine.submit(Request(PROMPTS[0], sampling=LONG))
            assert "IndexError('piece id is out of range')" in str(bad.exception(WAIT))
            assert len(good.result(WAIT).tokens) > 3
            assert engine.stats.failed == 1
    finally:
        model.tokenizer.decode = decode
