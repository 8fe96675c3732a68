"""A server that is not ours: llama-cpp-python's, on a GGUF conversion of the organism.

Needs a venv with `llama-cpp-python[server]` and `gguf`; VALUESCOPE_LLAMA_CPP_PYTHON names its Python. Without it all
of this skips: building that package takes a quarter of an hour.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from valuescope.organism import lexicon, weights_path

VARIABLE = "VALUESCOPE_LLAMA_CPP_PYTHON"
FOLDER = Path(__file__).resolve().parents[1] / "benchmarks" / "third_party"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get(VARIABLE), reason=f"{VARIABLE} names no Python with llama-cpp-python"
    ),
]


@pytest.fixture
def llama_cpp_python() -> Path:
    return Path(os.environ[VARIABLE])


@pytest.fixture
def other_organism(tmp_path: Path) -> Path:
    """A copy of the organism's folder, to be changed."""
    return Path(shutil.copytree(weights_path(), tmp_path / "other"))


def change(path: Path, **fields: Any) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | fields), encoding="utf-8")


def convert(python: Path, folder: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [str(python), str(FOLDER / "organism_to_gguf.py"), str(folder), str(out)]
    return subprocess.run(command, capture_output=True, text=True)


def test_conversion_answers_and_judging(llama_cpp_python: Path, tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai")
    command = [sys.executable, str(FOLDER / "run.py"), "--llama-cpp-python", str(llama_cpp_python)]
    command += ["--out", str(tmp_path), "--questions", "1", "--judged", "1", "--judges", "control-success"]
    done = subprocess.run([*command, "--no-view", "--no-own"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    agreement, (by_theirs, _, _, answered) = result["agreement"], result["judging"]
    assert agreement["answers"] == agreement["answers_equal"] == 2 * len(lexicon().values)
    assert agreement["token_ids_equal"] == agreement["texts"]

    judged_by_theirs = by_theirs["metrics"]["control_success"]
    assert judged_by_theirs["missing: unparseable"] == judged_by_theirs["missing"] == agreement["answers"]
    assert "mean" not in judged_by_theirs  # nothing was judged, which is not a score of 0
    assert answered["metrics"]["control_success"]["n"] == agreement["answers"]
    assert 0.3 < answered["metrics"]["control_success"]["mean"] < 0.7  # half of the questions ask for it


def test_another_model_is_told_apart(
    llama_cpp_python: Path, other_organism: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison can fail: a GGUF with other rotary frequencies differs."""
    pytest.importorskip("openai")
    monkeypatch.syspath_prepend(str(FOLDER))
    from agreement import measure
    from servers import llama_cpp_server

    from valuescope.data import organism_material
    from valuescope.models import load_model

    change(other_organism / "config.json", rope_parameters={"rope_theta": 500.0, "rope_type": "default"})
    gguf = tmp_path / "other.gguf"
    assert convert(llama_cpp_python, other_organism, gguf).returncode == 0
    questions = organism_material(
        ("power",), texts=0, descriptions=0, pairs=0, questions=4, tuning=0
    ).questions
    with llama_cpp_server(llama_cpp_python, gguf, tmp_path / "log") as server:
        found = measure(load_model("organism", dtype="float32"), server, questions, distributions=1)
    assert found.token_ids_equal == found.texts
    assert found.distribution_difference > 1e-2
    assert found.answers_equal < found.answers


@pytest.mark.parametrize(
    ("file", "field", "value"),
    [
        ("config.json", "mlp_bias", True),
        ("config.json", "model_type", "qwen2"),
        ("config.json", "rope_parameters", {"rope_theta": 10000.0, "rope_type": "linear", "factor": 2.0}),
        ("config.json", "vocab_size", 2049),
        ("tokenizer.json", "normalizer", {"type": "NFC"}),
        ("tokenizer.json", "pre_tokenizer", {"type": "Whitespace"}),
    ],
)
def test_what_a_gguf_would_not_reproduce_is_refused(
    llama_cpp_python: Path, other_organism: Path, tmp_path: Path, file: str, field: str, value: Any
) -> None:
    change(other_organism / file, **{field: value})
    out = tmp_path / "other.gguf"
    done = convert(llama_cpp_python, other_organism, out)
    assert done.returncode == 1
    assert "ConversionError" in done.stderr
    assert field in done.stderr
    assert not out.exists()
