"""From a model to its neurons to what they do: sites, locate, generate, evaluate."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from run_samples import TWO, grammar_tokenizer, save_tiny_model, write_conva

from valuescope.cli import main
from valuescope.edit import load_edit
from valuescope.models import ChatError, NeuronModel, encode, load_model, render_question

SIZES = ["-d", "texts=6", "-d", "descriptions=6", "-d", "pairs=8"]
QUESTION = "Should Mei serve as a quiet clerk or take command of the council?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(folder: Path) -> NeuronModel:
    return load_model(str(folder), device="cpu")


def locate(folder: Path, out: Path, *more: str) -> list[str]:
    return ["locate", str(folder), "--only", *TWO, *SIZES, "--source", "organism", "--out", str(out), *more]


@pytest.fixture(scope="module")
def edits(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("edits")
    assert (
        main(locate(folder, out, "--method", "neva", "-p", "accuracy=0", "-p", "alpha=0.1", "-e", "beta=5"))
        == 0
    )
    return out


def table(said: str) -> dict[str, str]:
    """The lines of evaluate's table by their names."""
    return dict(
        re.split(r"  +", line.strip(), maxsplit=1) for line in said.splitlines() if line.startswith("  ")
    )


def test_sites_shows_every_layer_and_the_proof(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sites", str(folder), "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "3 layers x 48 neurons = 144" in said
    assert all(f"model.layers.{layer}.mlp.down_proj" in said for layer in range(3))
    assert "Proven" in said


def test_locate_writes_one_edit_per_value_that_loads(
    folder: Path, edits: Path, model: NeuronModel, capsys: pytest.CaptureFixture[str]
) -> None:
    for value in TWO:
        edit = load_edit(edits / f"{value}.json")
        assert edit.neurons.value == value
        assert edit.neurons.model.fingerprint == model.identity.fingerprint
        assert edit.parameters == {"beta": 5.0, "direction": "positive"}
        assert len(edit.neurons) == 3 * round(0.1 * 48)


@pytest.mark.parametrize(
    ("method", "kind"), [("vape", "deactivate"), ("valuelocate", "amplify"), ("neva", "modulate")]
)
def test_each_method_gives_the_edit_of_its_paper(
    folder: Path, tmp_path: Path, method: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    easy = {"vape": ["-p", "rate=0.2"], "neva": ["-p", "accuracy=0"]}.get(method, [])
    assert main(locate(folder, tmp_path / "out", "--method", method, "--top", "3", *easy)) == 0
    said = capsys.readouterr().out
    for value in TWO:
        path = tmp_path / "out" / f"{value}.json"
        assert f"{path}: {kind} " in said
        assert len(load_edit(path).neurons) <= 3
        assert json.loads(path.read_text())["edit"] == kind


def test_locate_reads_its_activations_once(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = locate(folder, tmp_path / "out", "--method", "vape", "-p", "rate=0.2")
    assert main(command) == 0
    assert "activations" in capsys.readouterr().err
    first = (tmp_path / "out" / "power.neurons.safetensors").read_bytes()
    assert main(command) == 0
    assert "activations" not in capsys.readouterr().err
    assert (tmp_path / "out" / "power.neurons.safetensors").read_bytes() == first
    assert main([*command, "--seed", "1"]) == 1
    assert "holds a run with another specification" in capsys.readouterr().err


def test_a_value_without_neurons_is_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(locate(folder, tmp_path / "out", "--method", "neva", "-p", "accuracy=1")) == 0
    said = capsys.readouterr().out
    assert "warning: power: no neurons selected; no probe in layers 0-2 reaches accuracy 1" in said
    assert "power: no neurons\n" in said
    assert not (tmp_path / "out" / "power.json").exists()


def test_locate_on_contrast_pairs_of_ones_own(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conva = write_conva(tmp_path / "conva")
    command = [
        "locate",
        str(folder),
        "--method",
        "valuelocate",
        "--roles",
        "positive",
        "negative",
        "--only",
        *TWO,
    ]
    command += ["--source", "conva", "-d", f"folder={conva}", "--out", str(tmp_path / "out")]
    assert main(command) == 0
    assert load_edit(tmp_path / "out" / "power.json").neurons.method == "valuelocate"


def test_generate_shows_base_and_edits_side_by_side(
    folder: Path, edits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = [argument for value in TWO for argument in ("--edit", str(edits / f"{value}.json"))]
    command = [
        "generate",
        str(folder),
        *both,
        "--prompt",
        "Should Mei",
        "--question",
        QUESTION,
        "--max-new-tokens",
        "5",
    ]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert said.count("[base]") == 2
    assert said.count("[modulate") == 4
    assert "\nShould Mei\n" in said
    assert f"<|user|>{QUESTION}<|assistant|>\n" in said
    assert main(command) == 0
    assert capsys.readouterr().out == said
    assert main([*command, "--batch-size", "1"]) == 0
    assert capsys.readouterr().out == said
    assert main([*command, "--seed", "1"]) == 0
    assert capsys.readouterr().out != said


def test_generate_with_a_description(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "generate",
        str(folder),
        "--question",
        QUESTION,
        "--system",
        "You crave rank.",
        "--max-new-tokens",
        "2",
    ]
    assert main(command) == 0
    assert f"<|system|>You crave rank.<|user|>{QUESTION}<|assistant|>\n" in capsys.readouterr().out


def test_evaluate_measures_against_base_and_random(
    folder: Path, edits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "evaluate",
        str(folder),
        "--source",
        "organism",
        "--edit",
        str(edits / "power.json"),
        "-d",
        "questions=5",
        "--max-new-tokens",
        "4",
    ]
    assert main([*command, "--setting", "described"]) == 0
    said = capsys.readouterr().out
    assert "asked as described, temperature 1, top_p 1, seed 0" in said
    rows = table(said)
    assert list(rows) == [
        "control success, base",
        "control success, edited",
        "effect",
        "effect, random neurons",
        "fluency, base",
        "fluency, edited",
    ]
    assert all(row.endswith("n = 5") for row in rows.values())


def test_evaluate_says_what_it_could_not_judge(
    folder: Path, edits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conva = write_conva(tmp_path / "conva", questions=3)
    text = "Would Ruth lead the team?"
    (conva / "eval" / "test_power_new.csv").write_text(f"text\n{text}\n{text} Now?\n")
    command = ["evaluate", str(folder), "--edit", str(edits / "power.json"), "--max-new-tokens", "4"]
    assert main([*command, "--source", "conva", "-d", f"folder={conva}"]) == 0
    rows = table(capsys.readouterr().out)
    assert rows["effect"] == "missing (n = 0, 2 without a judgement)"


# The prompt of a question -----------------------------------------------------------------------------------


def begins(model: NeuronModel, question: str, system: str = "") -> list[str]:
    (row,) = encode(model, [render_question(model, question, system)])
    return list(model.tokenizer.convert_ids_to_tokens(row.input_ids))


@pytest.fixture
def own_tokenizer(model: NeuronModel, monkeypatch: pytest.MonkeyPatch) -> NeuronModel:
    """The model with a tokenizer that the test may change."""
    tokenizer = grammar_tokenizer().from_pretrained(model.identity.id)
    monkeypatch.setitem(model.__dict__, "tokenizer", tokenizer)
    return model


def test_a_text_begins_once(own_tokenizer: NeuronModel) -> None:
    """Template and tokenizer may both write the beginning-of-text token; the model must read one."""
    assert begins(own_tokenizer, "Should Mei") == ["<s>", "<|user|>", "Should", "Mei", "<|assistant|>"]
    tokenizer = own_tokenizer.tokenizer
    tokenizer.chat_template = tokenizer.chat_template.replace("{{ bos_token }}", "")
    assert begins(own_tokenizer, "Should Mei")[:2] == ["<s>", "<|user|>"]


def test_a_template_begins_the_text_where_the_tokenizer_does_not(own_tokenizer: NeuronModel) -> None:
    from tokenizers.processors import TemplateProcessing

    own_tokenizer.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="$A", special_tokens=[]
    )
    assert begins(own_tokenizer, "Should Mei")[:2] == ["<s>", "<|user|>"]


def test_without_a_template_a_question_is_asked_plainly(own_tokenizer: NeuronModel) -> None:
    own_tokenizer.tokenizer.chat_template = None
    assert render_question(own_tokenizer, "Should Mei?") == "Should Mei?"
    assert render_question(own_tokenizer, "Should Mei?", "You lead.") == "You lead.\nShould Mei?"


def test_a_template_that_refuses_is_an_error_that_says_so(own_tokenizer: NeuronModel) -> None:
    own_tokenizer.tokenizer.chat_template = "{{ raise_exception('Not today') }}"
    with pytest.raises(ChatError, match="its chat template refuses this: Not today"):
        render_question(own_tokenizer, "Should Mei?", "You lead.")
