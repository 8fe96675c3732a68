"""Small runs for tests: a saved tiny Llama that reads the organism's words, contrast data, and specifications."""

from __future__ import annotations

import csv
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from valuescope.data import organism_material
from valuescope.lab.ask import Ask, Outcomes
from valuescope.lab.laboratory import Laboratory
from valuescope.models import NeuronModel
from valuescope.organism.grammar import ASSISTANT, SYSTEM, USER
from valuescope.progress import silent
from valuescope.run import RunFolder, make_spec, run
from valuescope.run.plan import EXPERIMENTS

SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", SYSTEM, USER, ASSISTANT]
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
VALUES = ("power", "benevolence", "universalism")
TWO = VALUES[:2]
TIMES = ("seconds", "seconds_by_stage")


@lru_cache(maxsize=1)
def grammar_tokenizer() -> hf.PreTrainedTokenizerFast:
    """One token per word and mark of the organism's grammar, with `<s>` in front."""
    splitter = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    material = organism_material(VALUES, texts=800, descriptions=60, pairs=300, questions=100, tuning=0)
    texts = [text.prompt + text.answer for text in material.texts]
    plain = [text.replace(mark, " ") for text in texts for mark in (SYSTEM, USER, ASSISTANT) if mark in text]
    found = {word for text in [*plain, *texts] for word, _ in splitter.pre_tokenize_str(text)}
    core = Tokenizer(
        models.WordLevel(
            {word: n for n, word in enumerate([*SPECIAL, *sorted(found - set(SPECIAL))])}, "<unk>"
        )
    )
    core.add_special_tokens(SPECIAL)
    core.pre_tokenizer, core.decoder = splitter, decoders.WordPiece(prefix="##")
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer = hf.PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def save_tiny_model(folder: Path, seed: int = 0, positions: int = 256, **changes: Any) -> Path:
    """A random Llama with 3 layers of 48 neurons, saved with its tokenizer; `positions`: of its context."""
    tokenizer = grammar_tokenizer()
    config = hf.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=positions,
        initializer_range=0.3,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        **changes,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = hf.LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_conva(folder: Path, values: tuple[str, ...] = TWO, pairs: int = 12, questions: int = 6) -> Path:
    """Contrast pairs and questions in ConVA's layout, from the organism's grammar."""
    material = organism_material(
        values, texts=1, descriptions=1, pairs=pairs, questions=questions, tuning=0, seed=5
    )
    for value in values:
        sides = {
            role: [text.prompt for text in material.texts if text.label == f"{value}|{role}"]
            for role in ("positive", "negative")
        }
        asked = [q.question for q in material.questions if q.value == value and q.setting == "dilemma"]
        rows = zip(sides["positive"], sides["negative"], strict=True)
        write_csv(folder / "probe" / f"{value}.csv", ["question_1", "question_2"], rows)
        write_csv(folder / "eval" / f"test_{value}_new.csv", ["text"], [[text] for text in asked])
    return folder


def write_csv(path: Path, columns: list[str], rows: Any) -> Path:
    """A CSV file with a header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def dilemma_spec(model: Path | str, **changes: Any) -> dict[str, Any]:
    """Three methods on the organism's questions, judged by the oracle; a search, doses and leakage too."""
    return {
        "name": "tiny",
        "model": {"id": str(model), "dtype": "float32", "device": "cpu"},
        "values": {"only": list(TWO)},
        "data": {
            "source": "organism",
            "parameters": {"texts": 6, "descriptions": 6, "pairs": 8, "questions": 4, "tuning": 2},
        },
        "activations": {"batch_size": 8, "part": 24},
        "methods": {
            "vape": {
                "locator": "vape",
                "edit": "deactivate",
                "asked": "described",
                "direction": "down",
                "default": {"locator": {"rate": 0.1}},
                "dose": {"parameter": "top", "values": [1, 3], "questions": 2},
            },
            "valuelocate": {
                "locator": "valuelocate",
                "edit": "amplify",
                "default": {"edit": {"gamma": 2.0}},
                "search": {"edit": [{"gamma": 4.0}], "top": [5, 10], "min_fluency": 0.5},
            },
            "neva": {
                "locator": "neva",
                "edit": "modulate",
                "default": {"locator": {"alpha": 0.1, "accuracy": 0.0}, "edit": {"beta": 0.9}},
                "dose": {"parameter": "beta", "values": [0.5], "questions": 2},
            },
        },
        "controls": {"draws": 2, "matched": True},
        "generate": {"max_new_tokens": 6, "batch_size": 5},
        "leakage": {"method": "neva", "questions": 2},
        "bootstrap": {"resamples": 50},
        **changes,
    }


def pairs_spec(model: Path | str, folder: Path, **changes: Any) -> dict[str, Any]:
    """One method on contrast pairs, measured by log-probabilities."""
    return {
        "name": "tiny-pairs",
        "model": {"id": str(model), "dtype": "float32", "device": "cpu"},
        "values": {"only": list(TWO)},
        "data": {"source": "conva", "parameters": {"folder": str(folder), "held_out": 0.4}},
        "activations": {"batch_size": 4, "part": 10},
        "methods": {
            "neva": {
                "locator": "neva",
                "edit": "modulate",
                "asked": "pairs",
                "default": {"locator": {"alpha": 0.1, "accuracy": 0.0}, "edit": {"beta": 0.9}},
                "dose": {"parameter": "beta", "values": [0.5], "questions": 2},
            }
        },
        "controls": {"draws": 1, "matched": True},
        "generate": {"max_new_tokens": 6, "batch_size": 4},
        "judge": "likelihood",
        "leakage": {"method": "neva", "questions": 2},
        "answers_per_value": 2,
        "bootstrap": {"resamples": 50},
        **changes,
    }


def summary_bytes(folder: Path) -> str:
    """summary.json without its times, its keys in order."""
    content = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert all(name in content for name in TIMES)
    return json.dumps({name: part for name, part in content.items() if name not in TIMES})


def report_files(folder: Path) -> dict[str, str]:
    """The report's page without its table of times, its figures and its tables."""
    paths = [folder / "report.html", *(folder / "figures").iterdir(), *(folder / "tables").iterdir()]
    found = {path.name: path.read_text(encoding="utf-8") for path in paths}
    page, times = re.subn(
        r"<summary>Seconds by stage</summary>.*?</details>", "", found["report.html"], flags=re.DOTALL
    )
    assert times == 1
    return {**found, "report.html": page}


def summary_of(content: dict[str, Any], out: Path, **more: Any) -> dict[str, Any]:
    """Run a specification, and read its summary.json back."""
    run(make_spec(content, "t"), out, **more)
    return read_summary(out)


def read_summary(folder: Path) -> dict[str, Any]:
    """The content of a run's summary.json; a number that is none would be an error."""
    content: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return content


def laboratory_of(content: dict[str, Any], out: Path, model: NeuronModel) -> Laboratory:
    """The laboratory of a comparison, its material and activations made."""
    spec = make_spec(content, "t")
    lab = EXPERIMENTS["methods"].open(spec, RunFolder(out), model, silent)
    assert isinstance(lab, Laboratory)
    return lab


def asked(lab: Laboratory, *asks: Ask) -> list[Outcomes]:
    """The outcomes of asks, as a part that planned them reads them."""
    with lab.bench.part("test", asks, ()):
        return [lab.outcomes(ask) for ask in asks]


def rows_in(folder: Path) -> list[dict[str, Any]]:
    """Every row that a run's answers hold."""
    paths = sorted((folder / "asks").glob("*/*.json"))
    return [row for path in paths for row in json.loads(path.read_text(encoding="utf-8"))]
