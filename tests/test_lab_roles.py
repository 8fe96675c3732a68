"""ValueLocate's roles: prompts in both forms, neurons counted while a described person answers, and answers that are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from chat_templates import PLAIN
from run_samples import grammar_tokenizer, laboratory_of, rows_in, save_tiny_model, summary_bytes
from tiny_models import tiny_tokenizer

from valuescope.activations import Counters
from valuescope.activations.collect import special_ids
from valuescope.data import LabelledText, Material, Persona, Question
from valuescope.lab.answers import prompt_of
from valuescope.lab.counted_texts import counted_texts, planned_texts
from valuescope.lab.locations import Locations
from valuescope.lab.resolved import resolved
from valuescope.lab.roles import AnswerSpec, IdentifySpec
from valuescope.models import NeuronModel, Prompts, SamplingDefaults, load_model
from valuescope.run import SpecError, make_spec, read_result, run
from valuescope.run.plan import plan_of

INSTRUCTION = "Be them. {description} Say: {question}"
QUESTION = Question("power/01", "power", "dilemma", "what would you do")
TEXT = LabelledText("power|for", "read", group="power/01", persona=Persona("You lead.", "what would you do"))


def content_of(model: Path, **changes: Any) -> dict[str, Any]:
    """ValueLocate on few texts of the starter set, answered by a random model."""
    return {
        "name": "roles",
        "model": {"id": str(model), "dtype": "float32", "device": "cpu"},
        "values": {"level": "dimension", "only": ["conservation", "self-enhancement"]},
        "data": {"source": "starter", "parameters": {"texts": 3, "questions": 1, "tuning": 0}},
        "activations": {"batch_size": 4, "part": 5, "scope": "answer"},
        "identify": {"max_new_tokens": 7},
        "answer": {},
        "methods": {"valuelocate": {"locator": "valuelocate", "edit": "amplify", "default": {"top": 5}}},
        "nulls": {"shuffles": 1, "halves": 1},
        "controls": {"draws": 1, "matched": False},
        "generate": {"max_new_tokens": 3, "batch_size": 5, "temperature": 1.0, "top_p": 1.0},
        "judge": {"by": "valuescope_oracle/organism"},
        "bootstrap": {"resamples": 20},
        **changes,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"), positions=1024)


@pytest.fixture(scope="module")
def model(folder: Path) -> NeuronModel:
    return load_model(str(folder), dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def finished(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    run(make_spec(content_of(folder), "t"), out)
    return out


def prompts_with(template: str | None) -> Prompts:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = template
    return Prompts(tokenizer, "tiny")


@pytest.mark.parametrize(
    ("template", "form", "expected"),
    [
        (PLAIN, "auto", "<user> Be them. You lead. Say: what would you do </s><assistant>"),
        (PLAIN, "bare", "Be them. You lead. Say: what would you do\nAnswer:"),
        (None, "auto", "Be them. You lead. Say: what would you do\nAnswer:"),
    ],
)
def test_a_persona_is_told_by_the_template_or_as_bare_text(
    template: str | None, form: Any, expected: str
) -> None:
    prompts = prompts_with(template)
    role = IdentifySpec(instruction=INSTRUCTION, form=form, cue="Answer:").settled("identify", prompts)
    (item,) = role.ask(make_spec({"name": "t", "methods": {}, "instrument": {}}, "t"), [TEXT]).items
    assert prompt_of(prompts, item) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (PLAIN, "<system> be brief </s><user> As yourself: what would you do </s><assistant>"),
        (None, "be brief\nAs yourself: what would you do\nResponse:"),
    ],
)
def test_the_evaluation_has_an_instruction_and_a_system_message_of_its_own(
    template: str | None, expected: str
) -> None:
    prompts = prompts_with(template)
    role = AnswerSpec(instruction="As yourself: {question}", system="be brief").settled("answer", prompts)
    item = role.worded(QUESTION)
    assert prompt_of(prompts, item) == expected
    assert item.question == QUESTION.question  # what the judge reads


def test_a_system_message_of_a_treatment_stands_before_bare_text() -> None:
    role = AnswerSpec(instruction="As yourself: {question}", form="bare")
    expected = "you love power\nAs yourself: what would you do\nResponse:"
    assert prompt_of(prompts_with(PLAIN), role.worded(QUESTION), "you love power") == expected


def test_the_words_of_the_file_hold_their_fields_and_the_limit() -> None:
    for role in (IdentifySpec(), AnswerSpec()):
        assert "300 words" in role.instruction
        assert all(role.instruction.count(field) == 1 for field in role.needed)


def test_an_instruction_without_its_field_and_a_template_that_is_missing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\{description\} stands in it 0 times"):
        IdentifySpec(instruction="{question}")
    with pytest.raises(SpecError, match=r"answer\.form is chat, and tiny has no chat template"):
        AnswerSpec(form="chat").settled("answer", prompts_with(None))


def test_material_keeps_what_a_text_is_made_of() -> None:
    plain = LabelledText("power|for", "read")
    material = Material("s", ("power",), (TEXT, plain), (QUESTION,))
    assert Material.from_dict(json.loads(json.dumps(material.to_dict()))) == material
    assert "persona" not in material.to_dict()["texts"][1]


def slow_counts(model: NeuronModel, prompt: str, drawn: list[int], scope: str) -> tuple[torch.Tensor, int]:
    """One text at a time, without padding: per (layer, neuron) how many counted tokens have a > 0, and their number."""
    ids = [*model.tokenizer(prompt)["input_ids"], *drawn]
    start = len(ids) - len(drawn) if scope == "answer" else 0
    counted = [at for at in range(start, len(ids)) if ids[at] not in special_ids(model.tokenizer)]
    seen: list[torch.Tensor] = []
    handles = [
        model.activation(layer).register_forward_hook(
            lambda _, __, out: seen.append(out.reshape(len(ids), -1))
        )
        for layer in range(model.layers)
    ]
    with torch.no_grad():
        model.model(torch.tensor([ids]), use_cache=False)
    for handle in handles:
        handle.remove()
    return torch.stack([(layer[counted] > 0).sum(dim=0) for layer in seen]), len(counted)


@pytest.mark.parametrize("scope", ["answer", "all"])
def test_counts_over_answers_equal_a_slow_reference(
    folder: Path, model: NeuronModel, tmp_path: Path, scope: str
) -> None:
    content = content_of(folder, activations={"batch_size": 4, "part": 5, "scope": scope})
    lab = laboratory_of(content, tmp_path, model)
    texts = counted_texts(lab.spec, lab.folder, model, lab.material)
    assert lab.locations.activations is not None
    counters = lab.locations.activations.counters
    for row, label in enumerate(counters.labels):
        about = [at for at, text in enumerate(texts.texts) if text.label == label]
        assert len(about) == 3
        slow = [
            slow_counts(model, texts.texts[at].prompt, list(texts.drawn[at] or ()), scope) for at in about
        ]
        assert torch.equal(counters.gate_active[row], torch.stack([each for each, _ in slow]).sum(dim=0))
        assert int(counters.tokens[row]) == sum(tokens for _, tokens in slow)


def test_answers_are_kept_and_shown(finished: Path, folder: Path) -> None:
    found = read_result(finished).found["identify"]
    spec = make_spec(content_of(folder), "t")
    assert [each.answers for each in found.labels] == [3] * 4
    kept = {row["key"]: row for row in rows_in(finished) if "|" in row["key"]}
    assert len(kept) == 12
    for each in found.labels:
        assert each.examples[0].answer == kept[f"{each.label}/0001"]["text"]
        assert "Portrait: You" in each.examples[0].prompt
        tokens = [len(kept[f"{each.label}/{number:04d}"]["tokens"]) for number in (1, 2, 3)]
        assert each.tokens == pytest.approx(sum(tokens) / 3)
    assert len(planned_texts(spec, plan_of(spec).design.material)) == 12
    assert "Identification while the model answers" in (finished / "report.html").read_text(encoding="utf-8")


def test_nobody_judges_the_answers_of_described_persons(finished: Path) -> None:
    replies = (finished / "judge" / "replies.jsonl").read_text(encoding="utf-8")
    assert replies
    assert "Portrait:" not in replies
    assert len({row["key"] for row in rows_in(finished) if "|" not in row["key"]}) == 2


@pytest.mark.parametrize("killed_at", ["identify", "activations"])
def test_a_run_that_was_killed_while_it_identified_ends_the_same(
    finished: Path, folder: Path, tmp_path: Path, killed_at: str
) -> None:
    spec = make_spec(content_of(folder), "t")

    def kill(stage: str, done: int, total: int) -> None:
        if stage == killed_at and 5 <= done < total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(spec, tmp_path, progress=kill)
    assert not (tmp_path / "summary.json").is_file()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "asks").glob("*/*.json")}
    assert before
    run(spec, tmp_path)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())  # asked once
    assert summary_bytes(tmp_path) == summary_bytes(finished)
    (counters,) = (tmp_path / "activations").glob("counters-*.json")
    whole = Counters.load(finished / "activations" / counters.stem)
    assert torch.equal(Counters.load(counters.with_suffix("")).gate_active, whole.gate_active)


def test_locators_that_read_texts_get_the_answered_ones(
    folder: Path, model: NeuronModel, tmp_path: Path
) -> None:
    lpip = {
        "locator": "lpip",
        "edit": "amplify",
        "numbers": "delta",
        "default": {"locator": {"top": 4, "texts": 2, "token": "target"}},
    }
    lab = laboratory_of(content_of(folder, methods={"lpip": lpip}), tmp_path, model)
    assert isinstance(lab.locations, Locations)
    method = lab.spec.methods["lpip"]
    evidence = lab.locations.evidence(method)
    assert evidence.texts[0].prompt.startswith("<|user|>")
    assert all(size for size in lab.locations.of(method, method.default).sizes().values())


def test_answers_count_only_where_somebody_answers(folder: Path) -> None:
    with pytest.raises(SpecError, match=r"activations.scope is answer, and the texts .*identify: \{\}"):
        plan_of(make_spec(content_of(folder, identify=None), "t"))
    organism = {"source": "organism", "parameters": {"texts": 4, "descriptions": 4, "questions": 2}}
    content = content_of(folder, data=organism, values={"only": ["power"]}, answer=None)
    with pytest.raises(SpecError, match="identify: no text of source organism"):
        plan_of(make_spec(content, "t"))
    with pytest.raises(SpecError, match=r"activations\.scope is prompt"):
        make_spec(content_of(folder, activations={"scope": "prompt"}), "t")


def test_the_form_is_settled_by_the_model(folder: Path) -> None:
    spec = make_spec(content_of(folder), "t")
    prompts = Prompts(grammar_tokenizer(), "tiny")
    settled = resolved(spec, prompts, SamplingDefaults())
    assert (settled.identify.form, settled.answer.form) == ("chat", "chat")
