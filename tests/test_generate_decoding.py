"""Generation on every family: equal to transformers' own, whatever cache, edits, neighbours and padding."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache

import pytest
import torch
from conftest import shared
from edit_samples import PROMPTS, hooks_on, some_neurons
from tiny_models import EOS, FAMILIES, PAD, tiny_hf_model, tiny_model, tiny_tokenizer

from valuescope.edit import Amplify, Deactivate, Edit, EditError, Modulate
from valuescope.generate import Answer, GenerationError, Sampling, default_stop_ids, generate, row_noise
from valuescope.locate import NeuronSetError
from valuescope.models import NeuronModel, encode, left_pad, load_model, wrap_model

GREEDY = Sampling(max_new_tokens=12, temperature=0)
# Across batch shapes rounding may move a draw that lies within about 1e-7 of the border between two tokens
# (with seed 3 that befalls one of the 4,000 draws of these tests). In one shape answers are always equal.
SAMPLED = Sampling(max_new_tokens=12, temperature=0.9, top_p=0.95, seed=4)


@cache
def loaded(family: str) -> NeuronModel:
    return tiny_model(family)


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest) -> Iterator[NeuronModel]:
    model = loaded(request.param)
    yield model
    assert hooks_on(model) == []


def four_edits(model: NeuronModel) -> list[Edit | None]:
    return [
        Deactivate(some_neurons(model, 1)),
        None,
        Amplify(some_neurons(model, 2)),
        Modulate(some_neurons(model, 3), direction="negative"),
    ]


def theirs(model: NeuronModel, prompts: Sequence[str], new_tokens: int, stop: list[int]) -> list[list[int]]:
    """Greedy continuations by transformers' generate, cut at the first stop token."""
    batch = left_pad(model, encode(model, prompts))
    output = model.model.generate(
        input_ids=batch.input_ids,
        attention_mask=batch.attention_mask,
        do_sample=False,
        max_new_tokens=new_tokens,
        eos_token_id=stop or None,
        pad_token_id=PAD,
    )
    rows = output[:, batch.input_ids.shape[1] :].tolist()
    return [row[: next((at for at, token in enumerate(row) if token in stop), len(row))] for row in rows]


def tokens_of(answers: Sequence[Answer]) -> list[list[int]]:
    return [list(answer.tokens) for answer in answers]


def test_greedy_equals_transformers_generate(model: NeuronModel) -> None:
    free = generate(model, PROMPTS, sampling=GREEDY, stop_ids=())
    assert tokens_of(free) == theirs(model, PROMPTS, 12, [])
    assert not any(answer.finished for answer in free)
    # A word that the answers use ends them at different lengths: finished rows are padded, the others go on.
    stop = [free[0].tokens[2], free[1].tokens[5]]
    stopped = generate(model, PROMPTS, sampling=GREEDY, stop_ids=stop)
    assert tokens_of(stopped) == theirs(model, PROMPTS, 12, stop)
    assert stopped[0].finished
    assert len(stopped[0].tokens) <= 2
    for ours, whole in zip(stopped, free, strict=True):
        assert whole.tokens[: len(ours.tokens)] == ours.tokens
        assert ours.finished == bool(set(stop) & set(whole.tokens))
        assert not set(stop) & set(ours.tokens)


@pytest.mark.parametrize("on", ["both", "prompt", "response"])
@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_cache_padding_rows_and_edits_change_no_answer(
    model: NeuronModel, sampling: Sampling, on: str
) -> None:
    """One batch of four edits with a cache == the same without cache == every row alone, unpadded."""
    edits, keys = four_edits(model), ["a", "b", "c", "d"]
    together = generate(model, PROMPTS, edits=edits, sampling=sampling, keys=keys, on=on, stop_ids=())  # type: ignore[arg-type]
    slow = Sampling(
        sampling.max_new_tokens, sampling.temperature, sampling.top_p, sampling.seed, use_cache=False
    )
    uncached = generate(model, PROMPTS, edits=edits, sampling=slow, keys=keys, on=on, stop_ids=())  # type: ignore[arg-type]
    alone = [
        generate(model, [prompt], edits=edit, sampling=sampling, keys=[key], on=on, stop_ids=())[0]  # type: ignore[arg-type]
        for prompt, edit, key in zip(PROMPTS, edits, keys, strict=True)
    ]
    assert together == uncached
    assert together == alone
    base = generate(model, PROMPTS, sampling=sampling, keys=keys, stop_ids=())
    assert together[1] == base[1]
    if sampling is SAMPLED:
        assert together != base, "the edits must matter for this test to mean anything"


def test_order_and_neighbours_change_no_sampled_answer(model: NeuronModel) -> None:
    edits, keys = four_edits(model), ["a", "b", "c", "d"]
    straight = generate(model, PROMPTS, edits=edits, sampling=SAMPLED, keys=keys, stop_ids=())
    order = [2, 0, 3, 1]
    shuffled = generate(
        model,
        [PROMPTS[row] for row in order],
        edits=[edits[row] for row in order],
        sampling=SAMPLED,
        keys=[keys[row] for row in order],
        stop_ids=(),
    )
    assert [shuffled[order.index(row)] for row in range(4)] == straight
    others = ["we risk power", "never follow the rule of old money", "it was a calm day", PROMPTS[3]]
    for row in range(3):
        prompts = [PROMPTS[row] if row == at else others[at] for at in range(4)]
        changed = generate(
            model,
            prompts,
            edits=[edits[row] if row == at else None for at in range(4)],
            sampling=SAMPLED,
            keys=[keys[row] if row == at else f"other {at}" for at in range(4)],
            stop_ids=(),
        )
        assert changed[row] == straight[row]


def test_base_and_edited_runs_share_their_noise(model: NeuronModel) -> None:
    """An edit that changes almost nothing changes no answer, and one key is one answer."""
    faint = Modulate(some_neurons(model, 1), beta=1e-7)
    base = generate(model, PROMPTS, sampling=SAMPLED)
    assert generate(model, PROMPTS, edits=faint, sampling=SAMPLED) == base
    same = generate(model, [PROMPTS[0]] * 3, sampling=SAMPLED, keys=["k", "k", "other"])
    assert same[0] == same[1] != same[2]
    drawn = generate(model, [PROMPTS[0]] * 3, sampling=SAMPLED)
    assert len({answer.tokens for answer in drawn}) == 3, "default keys give different draws"


def test_an_answer_is_drawn_with_one_number_per_step(model: NeuronModel) -> None:
    """Against the obvious loop: the whole text through the model for every token, one row, no padding."""
    prompt, sampling = PROMPTS[1], Sampling(max_new_tokens=8, seed=5)
    ids = list(encode(model, [prompt])[0].input_ids)
    begin = len(ids)
    for number in row_noise(5, "row", 8).tolist():
        with torch.no_grad():
            logits = model.model(input_ids=torch.tensor([ids])).logits[0, -1]
        reached = logits.double().softmax(dim=-1).cumsum(dim=-1).tolist()
        ids.append(next(token for token, mass in enumerate(reached) if mass > number))
    answers = generate(model, [prompt, PROMPTS[3]], sampling=sampling, keys=["row", "x"], stop_ids=())
    assert list(answers[0].tokens) == ids[begin:]


def test_finished_rows_get_padding() -> None:
    model = loaded("llama")
    free = generate(model, PROMPTS, sampling=GREEDY, stop_ids=())
    fed: list[torch.Tensor] = []
    handle = model.model.get_input_embeddings().register_forward_pre_hook(
        lambda _, inputs: fed.append(inputs[0][:, -1])
    )
    try:
        stopped = generate(model, PROMPTS, sampling=GREEDY, stop_ids=[free[0].tokens[2]])
    finally:
        handle.remove()
    ended = len(stopped[0].tokens)
    after_stop = torch.stack(fed)[ended + 2 :, 0]
    assert stopped[0].finished
    assert len(after_stop)
    assert after_stop.tolist() == [PAD] * len(after_stop)


def test_batches_are_formed_in_the_given_order() -> None:
    model = loaded("llama")
    prompts, edits = list(PROMPTS) * 3, four_edits(model) * 3
    seen: list[tuple[int, int]] = []
    whole = generate(model, prompts, edits=edits, sampling=SAMPLED)
    parts = generate(
        model, prompts, edits=edits, sampling=SAMPLED, batch_size=5, progress=lambda *at: seen.append(at)
    )
    assert parts == whole
    assert seen == [(5, 12), (10, 12), (12, 12)]
    assert generate(model, []) == []


def test_an_answer_is_text_without_special_tokens() -> None:
    model = loaded("llama")
    answer = generate(model, [PROMPTS[0]], sampling=GREEDY, stop_ids=())[0]
    assert answer.text == model.tokenizer.decode(answer.tokens, skip_special_tokens=True)
    assert all(word not in answer.text for word in ("<s>", "</s>", "<pad>"))


def test_the_end_of_text_token_is_found() -> None:
    model = loaded("llama")
    assert default_stop_ids(model) == {EOS}
    several = wrap_model(tiny_hf_model("llama"), tiny_tokenizer(), check=False)
    several.model.generation_config.eos_token_id = [EOS, 7]
    assert default_stop_ids(several) == {EOS, 7}
    several.model.generation_config.eos_token_id = None
    several.model.config.eos_token_id = None
    assert default_stop_ids(several) == {EOS}


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2", "bloom"])
def test_bfloat16_edits_by_row_equal_edits_alone(family: str) -> None:
    """In the same batch shape; across shapes bfloat16 may round a near tie the other way."""
    model = tiny_model(family, torch.bfloat16)
    edits = four_edits(model)
    for sampling in (GREEDY, SAMPLED):
        together = generate(model, PROMPTS, edits=edits, sampling=sampling)
        for row, edit in enumerate(edits):
            assert generate(model, PROMPTS, edits=edit, sampling=sampling)[row] == together[row]


def test_falcon_with_alibi_generates_alike() -> None:
    """The older falcon takes its positions from the mask alone, as bloom does."""
    bare = tiny_hf_model("falcon", alibi=True, new_decoder_architecture=False, multi_query=True)
    model = wrap_model(bare, tiny_tokenizer(), id="tiny-falcon-alibi")
    answers = generate(model, PROMPTS, sampling=GREEDY, stop_ids=())
    assert tokens_of(answers) == theirs(model, PROMPTS, 12, [])
    assert answers == [generate(model, [prompt], sampling=GREEDY, stop_ids=())[0] for prompt in PROMPTS]


def test_calls_that_cannot_mean_anything_are_refused() -> None:
    model, other = loaded("llama"), loaded("gpt_neox")
    edit = Deactivate(some_neurons(model, 1))
    with pytest.raises(GenerationError, match="4 prompts but 3 edits"):
        generate(model, PROMPTS, edits=[edit, None, edit])
    with pytest.raises(GenerationError, match="4 prompts but 1 keys"):
        generate(model, PROMPTS, keys=["a"])
    with pytest.raises(GenerationError, match="batch_size is 0"):
        generate(model, PROMPTS, batch_size=0)
    with pytest.raises(GenerationError, match=r"14 tokens and max_new_tokens is 120.*133 positions.*128"):
        generate(model, PROMPTS, sampling=Sampling(max_new_tokens=120))
    with pytest.raises(EditError, match="on must be"):
        generate(model, PROMPTS, edits=edit, on="answer")  # type: ignore[arg-type]
    with pytest.raises(NeuronSetError, match="tiny-llama"):
        generate(other, PROMPTS, edits=edit)
    assert generate(other, PROMPTS, edits=edit, force=True, sampling=GREEDY)


def test_the_last_position_can_be_used() -> None:
    model = loaded("gpt2")
    prompt = len(encode(model, [PROMPTS[0]])[0].input_ids)
    answers = generate(
        model, [PROMPTS[0]], sampling=Sampling(max_new_tokens=129 - prompt, temperature=0), stop_ids=()
    )
    assert len(answers[0].tokens) == 129 - prompt


def test_logits_that_are_not_finite_are_an_error_not_a_token() -> None:
    model = tiny_model("llama", torch.float16)
    edit = Amplify(some_neurons(model, 1, sign=1), gamma=1e6)
    for sampling in (GREEDY, SAMPLED):
        with pytest.raises(GenerationError, match=r"row '1' are not finite.*float16"):
            generate(model, PROMPTS[:2], edits=[None, edit], sampling=sampling)


def test_a_real_llama_continues_as_recorded() -> None:
    recorded = json.loads(shared("models/stories260K_greedy.json").read_text())
    model = load_model(str(shared("models/stories260K")))
    begin, ids = recorded["prompt_ids"], recorded["greedy_ids"]
    assert list(encode(model, [""])[0].input_ids) == begin == ids[: len(begin)]
    sampling = Sampling(max_new_tokens=len(ids) - len(begin), temperature=0)
    assert list(generate(model, [""], sampling=sampling, stop_ids=())[0].tokens) == ids[len(begin) :]


def test_a_real_gpt2_continues_as_recorded() -> None:
    recorded = json.loads(shared("models/gpt2-tinystories-280k_greedy.json").read_text())
    model = load_model(str(shared("models/gpt2-tinystories-280k")))
    prompts = [record["prompt"] for record in recorded]
    answers = generate(model, prompts, sampling=Sampling(max_new_tokens=200, temperature=0))
    encoded = encode(model, prompts)
    for record, row, answer in zip(recorded, encoded, answers, strict=True):
        whole = model.tokenizer.decode([*row.input_ids, *answer.tokens], skip_special_tokens=True)
        # One record differs from its own port to transformers (`equal` is false): nothing to hold us to.
        assert whole.startswith(record["text"]) or not record["equal"]
    assert sum(record["equal"] for record in recorded) >= 2


@pytest.mark.parametrize("name", ["stories260K", "gpt2-tinystories-280k"])
def test_real_models_take_edits_by_row(name: str) -> None:
    model = load_model(str(shared(f"models/{name}")))
    texts = ["Once upon a time", "The dog was sad. He", "Lily", "One day, Tom and his mom went to the"]
    edits = four_edits(model)
    for drawing in (GREEDY, SAMPLED):
        base = generate(model, texts, sampling=drawing)
        together = generate(model, texts, edits=edits, sampling=drawing)
        alone = [
            generate(model, [text], edits=edit, sampling=drawing, keys=[str(row)])[0]
            for row, (text, edit) in enumerate(zip(texts, edits, strict=True))
        ]
        assert together == alone
        assert together[1] == base[1]
        assert together != base
        assert generate(model, texts, sampling=drawing) == base
