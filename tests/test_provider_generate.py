"""One call of an Inspect model: equal to the engine's own answer, everything unsupported refused, engines shared."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from edit_samples import some_neurons
from run_samples import save_tiny_model
from tiny_models import tiny_hf_model, tiny_model, tiny_tokenizer
from transformers import GenerationConfig

pytest.importorskip("inspect_ai", reason='needs the extra: pip install "valuescope[inspect]"')

import anyio
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ContentImage,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    Model,
    ModelOutput,
    get_model,
    get_model_info,
)
from inspect_ai.tool import ToolCall, ToolInfo
from provider_samples import QUESTIONS, planted, secluded

from valuescope.edit import Edit, Modulate
from valuescope.generate import Answer, EngineClosed, GenerationError, Request, Sampling, generate
from valuescope.locate import NeuronSetError
from valuescope.models import (
    Chat,
    ChatError,
    NeuronModel,
    load_model,
    render_chat,
    render_question,
    wrap_model,
)
from valuescope.provider import ProviderError, cache_policy, inspect_model, model_name, source, unload

__all__ = ["secluded"]  # a fixture

Result = TypeVar("Result")


@pytest.fixture(scope="module")
def organism() -> NeuronModel:
    """In float32: in its own bfloat16 a greedy choice between near ties depends on the shape of the batch."""
    return load_model("organism", dtype="float32")


@pytest.fixture(scope="module")
def power(organism: NeuronModel) -> Edit:
    return planted(organism, "power")


@pytest.fixture(scope="module")
def plain() -> NeuronModel:
    """A model without chat template, whose context is 128 tokens."""
    return tiny_model("llama")


def run(work: Awaitable[Result]) -> Result:
    async def whole() -> Result:
        return await work

    return asyncio.run(whole())


def ask(model: Model, messages: str | list[ChatMessage] = QUESTIONS[0], **config: Any) -> ModelOutput:
    return run(model.generate(messages, config=GenerateConfig(**config)))


def stats(model: Model) -> Any:
    return model.api.engine.stats  # type: ignore[attr-defined]


def test_answers_are_those_of_the_python_api(organism: NeuronModel, power: Edit) -> None:
    prompts = [render_question(organism, question) for question in QUESTIONS]
    edits: list[Edit | None] = [None, power, power.scaled(0.5)]
    models = [inspect_model(organism, edit, temperature=0, max_tokens=30) for edit in edits]

    async def all_at_once() -> list[ModelOutput]:
        return await asyncio.gather(*(m.generate(question) for m in models for question in QUESTIONS))

    outputs = run(all_at_once())
    wanted = [
        answer
        for edit in edits
        for answer in generate(organism, prompts, edits=edit, sampling=Sampling(30, temperature=0))
    ]
    assert [output.completion for output in outputs] == [answer.text for answer in wanted]
    assert len({output.completion for output in outputs}) > len(QUESTIONS)  # the edits say something else
    for output, answer in zip(outputs, wanted, strict=True):
        assert output.stop_reason == ("stop" if answer.finished else "max_tokens")
        assert output.usage is not None
        assert output.usage.output_tokens == len(answer.tokens)
        assert output.usage.total_tokens == output.usage.input_tokens + len(answer.tokens)
    assert outputs[0].usage is not None
    assert outputs[0].usage.input_tokens == len(organism.tokenizer(prompts[0])["input_ids"])
    assert {"stop", "max_tokens"} >= {output.stop_reason for output in outputs}
    # one engine for the three, and rows of all three in its batches
    assert stats(models[0]) == stats(models[2])
    assert stats(models[0]).answered == len(outputs)
    assert stats(models[0]).largest_batch > len(QUESTIONS)


def test_a_draw_can_be_repeated_from_what_its_output_says(organism: NeuronModel) -> None:
    model = inspect_model(organism, max_tokens=25, temperature=3)  # so hot that no two draws are the same
    first, second = ask(model), ask(model)
    assert first.completion != second.completion  # no seed: a fresh one each time
    assert first.metadata is not None
    assert second.metadata is not None
    assert first.metadata["seed"] != second.metadata["seed"]
    assert ask(model, seed=first.metadata["seed"]).completion == first.completion
    answer = generate(
        organism,
        [render_question(organism, QUESTIONS[0])],
        sampling=Sampling(25, temperature=3, seed=second.metadata["seed"]),
        keys=second.metadata["keys"],
    )[0]
    assert answer.text == second.completion


def test_base_and_edited_models_share_noise_and_questions_do_not(organism: NeuronModel, power: Edit) -> None:
    base, edited = inspect_model(organism, seed=3), inspect_model(organism, power.scaled(0), seed=3)
    one, same = ask(base), ask(edited)
    assert one.completion == same.completion  # an edit of strength 0 changes nothing
    assert one.metadata is not None
    assert same.metadata is not None
    assert one.metadata["keys"] == same.metadata["keys"]
    other = ask(base, QUESTIONS[1])
    assert other.metadata is not None
    assert other.metadata["keys"] != one.metadata["keys"]


def test_choices_are_drawn_apart(organism: NeuronModel) -> None:
    model = inspect_model(organism, max_tokens=20)
    output = ask(model, num_choices=5, seed=1)
    texts = [choice.message.text for choice in output.choices]
    assert len(texts) == 5
    assert len(set(texts)) > 1
    assert texts == [choice.message.text for choice in ask(model, num_choices=5, seed=1).choices]
    assert texts[0] == ask(model, seed=1).completion
    assert output.usage is not None
    assert output.usage.output_tokens > 20
    assert stats(model).largest_batch == 5


@pytest.mark.parametrize("top", [None, 0, 4])
def test_logprobs_are_those_of_the_engine(organism: NeuronModel, power: Edit, top: int | None) -> None:
    model = inspect_model(organism, power)
    output = ask(model, temperature=0, max_tokens=12, logprobs=True, top_logprobs=top)
    wanted = model.api.engine.submit(  # type: ignore[attr-defined]
        Request(
            render_question(organism, QUESTIONS[0]),
            power,
            Sampling(12, temperature=0),
            top_logprobs=top or 0,
        )
    ).result()
    assert isinstance(wanted, Answer)
    assert wanted.logprobs
    logprobs = output.choices[0].logprobs
    assert logprobs is not None
    assert len(logprobs.content) == len(wanted.logprobs)
    for told, token in zip(logprobs.content, wanted.logprobs, strict=True):
        assert told.token == token.text
        assert told.logprob == pytest.approx(token.logprob, abs=1e-5)
        assert told.bytes == list(token.text.encode())
        assert told.top_logprobs is not None
        assert [(one.token, one.logprob) for one in told.top_logprobs] == [
            (text, pytest.approx(logprob, abs=1e-5)) for _, text, logprob in token.top
        ]
        assert len(told.top_logprobs) == (top or 0)
        if top:
            assert told.top_logprobs[0].logprob == told.logprob  # greedy
    assert ask(model, max_tokens=3).choices[0].logprobs is None


def test_an_answer_ends_before_a_stop_text(organism: NeuronModel) -> None:
    model = inspect_model(organism, temperature=0, max_tokens=40)
    whole = ask(model).completion
    word = whole.split()[4]
    output = ask(model, stop_seqs=[word, "nothing like this"])
    assert output.completion == whole[: whole.index(word)]
    assert output.stop_reason == "stop"


def test_a_conversation_is_rendered_and_a_begun_answer_goes_on(tmp_path: Path) -> None:
    model = inspect_model(str(save_tiny_model(tmp_path / "model")), temperature=0, max_tokens=5)
    loaded = model.api.engine.model  # type: ignore[attr-defined]
    messages = [
        ChatMessageSystem(content="You value power."),
        ChatMessageUser(content=[ContentText(text="Should Mei"), ContentText(text="lead?")]),
        ChatMessageAssistant(content="Mei should"),
        ChatMessageUser(content="Why?"),
    ]
    said = [
        {"role": "system", "content": "You value power."},
        {"role": "user", "content": "Should Mei\nlead?"},
        {"role": "assistant", "content": "Mei should"},
        {"role": "user", "content": "Why?"},
    ]
    for length, begun in ((4, False), (3, True)):
        prompt = render_chat(loaded, said[:length], continue_last=begun)
        wanted = generate(loaded, [prompt], sampling=Sampling(5, temperature=0))[0]
        output = ask(model, messages[:length])
        assert output.completion == wanted.text
        assert output.usage is not None
        assert output.usage.input_tokens == len(loaded.tokenizer(prompt)["input_ids"])


def test_conversations_are_put_to_a_model_as_its_arguments_say(tmp_path: Path) -> None:
    folder = str(save_tiny_model(tmp_path / "model"))
    loaded = load_model(folder, check=False)
    told = Chat("You value power.")
    prompt = render_question(loaded, "Should Mei lead?", chat=told)
    assert "You value power." in prompt
    wanted = generate(loaded, [prompt], sampling=Sampling(6, temperature=0))[0].text
    by_argument = inspect_model(folder, chat=told, temperature=0, max_tokens=6)
    in_memory = inspect_model(loaded.with_chat(told), temperature=0, max_tokens=6)
    by_name = get_model(f"valuescope/{folder}", chat={"system": told.system}, memoize=False)
    for model in (by_argument, in_memory):
        assert ask(model, "Should Mei lead?").completion == wanted
    assert ask(by_name, "Should Mei lead?", temperature=0, max_tokens=6).completion == wanted
    plainly = inspect_model(folder, temperature=0, max_tokens=6)
    assert plainly.api.base_url != by_argument.api.base_url  # Inspect's cache keeps them apart
    for wrong, match in (
        ({"system": ""}, "give none for no system message"),
        ({"sytem": "x"}, "it must be a mapping of system, variables, date"),
        ("none", "it must be a mapping"),
    ):
        with pytest.raises(ProviderError, match=match):
            get_model(f"valuescope/{folder}", chat=wrong, memoize=False)


def test_sampling_is_the_models_own_where_nothing_is_set(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "model")
    GenerationConfig(do_sample=True, temperature=0.5, top_p=0.6).save_pretrained(folder)
    model = inspect_model(str(folder), seed=1, max_tokens=8)
    loaded = load_model(str(folder), check=False)
    output = ask(model, "Should Mei lead?")
    prompt = render_question(loaded, "Should Mei lead?")
    (wanted,) = generate(
        loaded,
        [prompt],
        sampling=Sampling(8, 0.5, 0.6, 1),
        keys=output.metadata["keys"],  # type: ignore[index]
    )
    assert output.completion == wanted.text


def test_without_chat_template_a_lone_question_is_its_own_prompt(plain: NeuronModel) -> None:
    model = inspect_model(plain, temperature=0, max_tokens=6)
    wanted = generate(plain, ["I help my friend"], sampling=Sampling(6, temperature=0))[0]
    assert ask(model, "I help my friend").completion == wanted.text
    with pytest.raises(ChatError, match="no chat template"):
        ask(model, [ChatMessageUser(content="I"), ChatMessageUser(content="you")])


def test_the_context_ends_an_answer_and_refuses_a_long_prompt(plain: NeuronModel) -> None:
    model = inspect_model(plain, temperature=0)
    limit = 128
    too_long = ask(model, "I " * limit)  # and one token that begins the text
    assert too_long.stop_reason == "model_length"
    assert too_long.completion == ""
    assert too_long.error is not None
    assert "129" in too_long.error
    assert "128" in too_long.error
    assert stats(model).answered == 0
    full = ask(model, "I " * (limit - 1))
    assert full.usage is not None
    assert (full.usage.input_tokens, full.usage.output_tokens) == (128, 1)
    room = limit - 101 + 1  # the last token is never read
    for tokens, cut in (
        (500, "model_length"),
        (room + 1, "model_length"),
        (room, "max_tokens"),
        (3, "max_tokens"),
    ):
        output = ask(model, "I " * 100, max_tokens=tokens)
        assert output.usage is not None
        assert (output.usage.output_tokens, output.stop_reason) == (min(tokens, room), cut)
    unset = ask(model, "I " * 100)  # as much as there is room for
    assert unset.usage is not None
    assert (unset.usage.output_tokens, unset.stop_reason) == (room, "model_length")


CALL = ToolCall(id="1", function="f", arguments={})


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([ChatMessageUser(content=[ContentImage(image="data:image/png;base64,aa")])], "image"),
        ([ChatMessageUser(content="a"), ChatMessageAssistant(content="b", tool_calls=[CALL])], "tools"),
        ([ChatMessageUser(content="a"), ChatMessageTool(content="b", tool_call_id="1")], "tools"),
    ],
)
def test_what_is_no_text_is_refused(organism: NeuronModel, messages: list[ChatMessage], told: str) -> None:
    with pytest.raises(ProviderError, match=told):
        ask(inspect_model(organism), messages)


def test_another_models_reasoning_is_refused_or_left_out_by_inspect(organism: NeuronModel) -> None:
    thought = ChatMessageAssistant(content=[ContentReasoning(reasoning="hm"), ContentText(text="Mei")])
    messages: list[ChatMessage] = [ChatMessageUser(content="a"), thought, ChatMessageUser(content="b")]
    model = inspect_model(organism, max_tokens=2)
    with pytest.raises(ProviderError, match="reasoning"):
        ask(model, messages, reasoning_history="all")
    ask(model, messages, reasoning_history="none")


def test_tools_are_refused(organism: NeuronModel) -> None:
    tool = ToolInfo(name="search", description="searches")
    with pytest.raises(ProviderError, match="tools"):
        run(inspect_model(organism).generate(QUESTIONS[0], tools=[tool]))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"top_k": 5}, "top_k is set to 5"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"logit_bias": {3: 5.0}}, "logit_bias"),
        ({"best_of": 2}, "best_of"),
        ({"prompt_logprobs": 1}, "prompt_logprobs"),
        ({"reasoning_effort": "low"}, "reasoning_effort"),
        ({"reasoning_tokens": 5}, "reasoning_tokens"),
        ({"extra_body": {"a": 1}}, "extra_body"),
        ({"modalities": ["image"]}, "modalities"),
        ({"batch": True}, "batch"),
        ({"verbosity": "low"}, "verbosity"),
        ({"top_logprobs": 3}, "logprobs is not set"),
        ({"num_choices": 0}, "num_choices is 0"),
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"temperature": -1.0}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
    ],
)
def test_settings_that_would_be_ignored_are_refused(
    organism: NeuronModel, config: dict[str, Any], told: str
) -> None:
    model = inspect_model(organism)
    with pytest.raises(ValueError, match=told):
        ask(model, **config)
    assert stats(model).answered == 0


def test_settings_that_change_nothing_and_those_of_inspect_are_taken(organism: NeuronModel) -> None:
    output = ask(
        inspect_model(organism, max_tokens=2, max_retries=1, attempt_timeout=60),
        frequency_penalty=0,
        presence_penalty=0.0,
        best_of=1,
        batch=False,
        parallel_tool_calls=False,
        cache_prompt=False,
        system_message="You value power.",
    )
    assert output.usage is not None
    assert output.usage.output_tokens <= 2


def test_a_call_that_is_given_up_leaves_the_engine(plain: NeuronModel) -> None:
    model = inspect_model(plain, temperature=0, num_choices=3)
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with plain.lock:  # the engine waits for it, so that no answer can be done before it is given up
            held.set()
            free.wait(20)

    async def give_up() -> None:
        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(20)
        with anyio.move_on_after(0.1) as scope:
            await model.generate("I help my friend")
        assert scope.cancelled_caught
        free.set()
        thread.join()
        await model.generate("peace", config=GenerateConfig(max_tokens=2, num_choices=1))

    run(give_up())
    assert stats(model).answered == 1
    assert stats(model).running == stats(model).queued == 0


def test_where_one_choice_fails_the_others_end(plain: NeuronModel, monkeypatch: pytest.MonkeyPatch) -> None:
    model = inspect_model(plain, temperature=0, num_choices=3)
    futures = []
    submit = model.api.engine.submit  # type: ignore[attr-defined]

    def failing(request: Request) -> Any:
        future = submit(request)
        futures.append(future)
        if len(futures) == 2:
            future.cancel()
            futures[1] = future = Future()
            future.set_exception(GenerationError("too strong"))
        return future

    monkeypatch.setattr(model.api.engine, "submit", failing)  # type: ignore[attr-defined]
    with plain.lock:
        pass
    with pytest.raises(GenerationError, match="too strong"):
        ask(model, "I help my friend")
    assert all(future.done() for future in futures)


def test_engines_are_shared_and_models_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []

    def counted(*args: Any, **kwargs: Any) -> NeuronModel:
        loads.append(args[0])
        return load_model(*args, **kwargs)

    monkeypatch.setattr(source, "load_model", counted)
    folder = save_tiny_model(tmp_path / "model")
    model = inspect_model(str(folder))
    edit = Modulate(some_neurons(model.api.engine.model, 1))  # type: ignore[attr-defined]
    edit.save(tmp_path / "edits" / "care.json")
    name = model_name(str(folder), edit)
    named = get_model(name, edits=str(tmp_path / "edits"))
    half = get_model(f"{name}:0.5", edits=[str(tmp_path / "edits" / "care.json")])
    engines = {id(one.api.engine) for one in (model, named, half, inspect_model(str(folder), edit))}  # type: ignore[attr-defined]
    assert len(engines) == len(loads) == 1
    info = get_model_info(str(named))  # Inspect would make the model again, without its arguments
    assert info is not None
    assert info.context_length == 256
    assert len(loads) == 1
    other = get_model(f"valuescope/{folder}", dtype="bfloat16")
    assert str(other.api.engine.model.dtype) == "torch.bfloat16"  # type: ignore[attr-defined]
    assert len(loads) == 2
    assert other.api.base_url != model.api.base_url
    with pytest.raises(ProviderError, match="already runs with 64 rows"):
        get_model(f"valuescope/{folder}", max_rows=8)


def test_an_engine_ends_with_its_last_user(plain: NeuronModel) -> None:
    async def whole() -> None:
        base = inspect_model(plain, max_tokens=2)
        async with inspect_model(plain, Modulate(some_neurons(plain, 1)), max_tokens=2) as edited:
            await edited.generate("peace")
        await base.generate("peace")
        engine = base.api.engine  # type: ignore[attr-defined]
        base.api.close()
        base.api.close()
        with pytest.raises(EngineClosed):
            await base.generate("peace")
        again = inspect_model(plain, max_tokens=2)
        assert again.api.engine is not engine  # type: ignore[attr-defined]
        await again.generate("peace")
        unload()
        with pytest.raises(EngineClosed):
            await again.generate("peace")

    run(whole())


def test_inspects_copies_of_a_model_find_its_engine(caplog: pytest.LogCaptureFixture) -> None:
    loaded = wrap_model(tiny_hf_model("llama"), tiny_tokenizer(), id="/in/memory")
    model = inspect_model(loaded, Modulate(some_neurons(loaded, 1)), temperature=0, max_tokens=8)
    copy = get_model(str(model), base_url=model.api.base_url, config=model.config, memoize=False)
    assert copy.api.engine is model.api.engine  # type: ignore[attr-defined]
    assert ask(copy, "peace").completion == ask(model, "peace").completion
    assert "not what it was" not in caplog.text
    with pytest.raises(ProviderError, match="no such folder"):  # as in another process
        get_model("valuescope//in/memory", base_url="valuescope:0", memoize=False)
    with caplog.at_level(logging.WARNING):
        get_model("valuescope/organism", base_url="valuescope:0", memoize=False)
    assert "not what it was" in caplog.text


def test_an_edit_of_another_model_is_refused(plain: NeuronModel, power: Edit, tmp_path: Path) -> None:
    with pytest.raises(NeuronSetError, match="organism"):
        inspect_model(plain, power)
    power.save(tmp_path / "power.json")
    folder = save_tiny_model(tmp_path / "model")
    with pytest.raises(ProviderError, match="organism"):
        get_model(model_name(str(folder), power), edits=str(tmp_path))
    foreign = Modulate(some_neurons(plain, 1))
    with torch.no_grad():
        other = tiny_hf_model("llama")
        other.model.layers[0].mlp.down_proj.weight.mul_(2)
    same_shape = wrap_model(other, tiny_tokenizer(), id="finer")
    with pytest.raises(NeuronSetError):
        inspect_model(same_shape, foreign)
    forced = inspect_model(same_shape, foreign, force=True, max_tokens=2)
    assert ask(forced, "peace").choices
    assert forced.model_args == {"force": True}


@pytest.mark.parametrize(
    ("name", "args", "told"),
    [
        ("organism@00000000", {}, "VALUESCOPE_EDITS"),
        ("organism@power", {}, "at least 8"),
        ("organism", {"dtpye": "float32"}, "dtpye"),
        ("organism", {"dtype": "float33"}, "float33"),
        ("organism", {"base_url": "http://localhost"}, "openai-api"),
        ("/no/such/folder", {}, "no such folder"),
    ],
)
def test_what_cannot_be_served_is_refused_when_the_model_is_made(
    name: str, args: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told) as error:
        get_model(f"valuescope/{name}", **args)
    assert isinstance(error.value, PrerequisiteError)  # which Inspect tells without a traceback


def test_connections_are_twice_the_rows_of_the_engine(plain: NeuronModel) -> None:
    model = inspect_model(plain, max_rows=7)
    assert model.api.max_connections() == model.config.max_connections == 14
    edited = inspect_model(plain, Modulate(some_neurons(plain, 1)), max_connections=3)
    assert edited.config.max_connections == 3
    assert edited.api.connection_key() == model.api.connection_key()


def test_tokens_are_counted_by_the_models_own_tokenizer(organism: NeuronModel) -> None:
    model = inspect_model(organism)
    tokens = run(model.api.tokenize(QUESTIONS[0]))
    assert organism.tokenizer.decode(tokens).split() == QUESTIONS[0].split() or tokens
    assert run(model.api.count_text_tokens(QUESTIONS[0])) == len(tokens)
    assert run(model.api.count_tokens([ChatMessageUser(content=QUESTIONS[0])])) == len(tokens)


def test_the_cache_policy_holds_all_that_an_answer_depends_on(plain: NeuronModel) -> None:
    edit = Modulate(some_neurons(plain, 1))
    models = [inspect_model(plain), inspect_model(plain, edit), inspect_model(plain, edit.scaled(0.5))]
    models.append(inspect_model(plain, edit, on="response"))
    policies = [cache_policy(model) for model in models]
    assert len({str(policy.scopes) for policy in policies}) == 4
    assert policies[1].scopes["edit"] == edit.hash
    assert policies[0].expiry is None
    assert cache_policy(models[0], expiry="1D", per_epoch=False).expiry == "1D"
    assert len({model.api.base_url for model in models}) == 4
    with pytest.raises(ProviderError, match="no valuescope model"):
        cache_policy(get_model("mockllm/model"))
