"""Which source suits a model, and texts that a model could only read as noise."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import transformers as hf
from run_samples import grammar_tokenizer, save_tiny_model
from tokenizers import Tokenizer, models

from valuescope.cli.main import main
from valuescope.cli.model_options import SourceOptions
from valuescope.lab.material import require_marks
from valuescope.lab.strict import SpecError


def model_with(tokenizer: Any) -> Any:
    return SimpleNamespace(tokenizer=tokenizer, identity=SimpleNamespace(id="chat-model"))


def other_tokenizer() -> hf.PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({"<unk>": 0, "hello": 1}, "<unk>"))
    return hf.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>")


def test_the_organisms_texts_are_refused_for_a_model_that_does_not_know_their_marks() -> None:
    with pytest.raises(
        SpecError, match=re.escape("<|user|>, which the tokenizer of chat-model does not know")
    ):
        require_marks("organism", model_with(other_tokenizer()))
    require_marks("starter", model_with(other_tokenizer()))
    require_marks("organism", model_with(grammar_tokenizer()))


@pytest.mark.parametrize(
    ("asked", "model", "source"),
    [
        (None, "organism", "organism"),
        (None, "organism-social", "organism"),
        (None, "some/chat-model", "starter"),
        ("conva", "organism", "conva"),
        ("organism", "some/chat-model", "organism"),
    ],
)
def test_a_source_that_is_not_named_is_the_one_that_suits_the_model(
    asked: str | None, model: str, source: str
) -> None:
    assert SourceOptions(source=asked, data_parameters=[]).named(model) == source


def test_locate_says_what_it_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["locate", str(save_tiny_model(tmp_path / "model")), "--method", "neva", "--source", "organism"]
    command += [
        "-d",
        "pairs=8",
        "-d",
        "texts=2",
        "-p",
        "accuracy=0.0",
        "--only",
        "power",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "source organism: 16 texts read of 2 text, " in printed
    assert re.search(
        r"power: best probe \d\.\d\d \[\d\.\d\d, \d\.\d\d\] of \d+ texts, layers kept: 1, 2, 3", printed
    )
