"""The core loads, reads, locates, edits and generates where the packages of other stages are not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ABSENT = (
    *("inspect_ai", "openai", "fastapi", "starlette", "uvicorn", "matplotlib", "pandas", "sklearn", "peft"),
    *("datasets", "openpyxl", "gguf", "accelerate", "lm_eval", "playwright"),
)
"""The packages of all extras, and the one that draws."""
WITHOUT = f"""
import sys
sys.modules.update(dict.fromkeys({ABSENT}))  # None: importing it is an ImportError, and find_spec finds nothing
"""
EVERY_STEP = """
from pathlib import Path
import valuescope
from valuescope import *
from valuescope.generate import generate
from valuescope.locate import locate

assert all(getattr(valuescope, name) is not None for name in valuescope.__all__)
model = load_model("organism")
verbs = {"power": "buy out", "benevolence": "help out"}
texts = [LabelledText(value, f"Should {name} {verb} the rival firm?")
         for value, verb in verbs.items() for name in ("Mei", "Omar", "Ana")]
evidence = Evidence(collect(model, texts), tuple(verbs), {value: value for value in verbs}, texts=texts)
edit = Deactivate(locate("vape", model, evidence).neuron_set("power"))
same = load_edit(edit.save(Path("power.json")))
prompt = "<|user|>Should Mei share the territory or buy out the rival firm?<|assistant|>"
inside, = generate(model, [prompt], edits=[same], keys=["noise"])
with edited(model, edit):
    around, = generate(model, [prompt], keys=["noise"])
assert inside.text and inside.text == around.text
"""
COMMANDS = """
from valuescope.cli import main
for arguments in (["--help"], ["--version"], ["doctor", "--json"]):
    assert main(arguments) == 0, arguments
assert main(["serve", "organism"]) == 1
"""


@pytest.mark.slow
@pytest.mark.parametrize("code", [EVERY_STEP, COMMANDS], ids=["python", "commands"])
def test_the_core_needs_no_package_of_another_stage(code: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT + code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_absent_cannot_be_imported() -> None:
    command = [sys.executable, "-c", WITHOUT + "import matplotlib.figure"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr
