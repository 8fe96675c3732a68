"""The core loads, reads, locates, edits and generates where packages of other stages are not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BESIDE = (
    *("inspect_ai", "openai", "fastapi", "starlette", "uvicorn", "matplotlib", "pandas", "sklearn", "peft"),
    *("datasets", "openpyxl", "gguf", "accelerate", "lm_eval", "playwright"),
)
"""Packages of extras, and the one that draws."""
BLOCKED = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {BESIDE} and sys._getframe(1).f_code.co_name == "_find_spec":
            raise ModuleNotFoundError("absent: " + name, name=name)

for name in {BESIDE}:
    sys.modules[name] = None  # importlib.util.find_spec answers None, as transformers asks
sys.meta_path.insert(0, Absent())
"""
CORE = """
import valuescope
from valuescope import *
from valuescope.edit import edited
from valuescope.generate import generate

model = load_model("organism")
texts = [LabelledText(id=f"{value}-{number}", text=f"Mei {verb} the rival firm {number} times .", value=value)
         for value, verb in (("power", "buys"), ("benevolence", "helps")) for number in range(4)]
"""


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a process that has none of the packages."""
    command = [sys.executable, "-c", BLOCKED + code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
