"""Adding a part is adding one file: it has a key in the specification, is counted, measured, written down and shown."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from run_samples import dilemma_spec, read_summary, save_tiny_model

import valuescope.parts
from valuescope.run import SpecError, estimate, make_spec, read_result, registry, run, spec_file

PART = '''
"""How many answers are short."""

from valuescope.lab.part import Part
from valuescope.lab.strict import Found, Strict
from valuescope.report.blocks import Section


class ShortSpec(Strict):
    words: int = 3


class ShortFound(Found):
    share: float


class ShortAnswers(Part[ShortSpec]):
    key, Spec = "short_answers", ShortSpec
    place, order, Found = "short_answers", 45, ShortFound

    @classmethod
    def check(cls, spec, run):
        if spec.words < 1:
            raise ValueError("short_answers.words must be 1 or more")

    def asks(self, design):
        yield design.base(design.items("dilemma", 3))

    def measure(self, lab):
        (ask,) = self.asks(lab)
        texts = [outcome.text for outcome in lab.outcomes(ask)]
        return ShortFound(share=sum(len(text.split()) < self.spec.words for text in texts) / len(texts))

    @classmethod
    def view(cls, found, result):
        return Section("short-answers", "Short answers", (f"{found.share:.0%} of the answers are short.",))
'''


@pytest.fixture
def _added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The parts with one more, in a folder of its own."""
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "short_answers.py").write_text(PART, encoding="utf-8")
    fresh = cache(registry.specifications.__wrapped__)
    with monkeypatch.context() as patch:
        patch.setattr(valuescope.parts, "__path__", [*valuescope.parts.__path__, str(folder)])
        patch.setattr(registry, "all_parts", cache(registry.all_parts.__wrapped__))
        patch.setattr(registry, "specifications", fresh)
        patch.setattr(spec_file, "specifications", fresh)
        yield
    sys.modules.pop("valuescope.parts.short_answers")


@pytest.mark.usefixtures("_added")
def test_a_file_among_the_parts_is_a_part(tmp_path: Path) -> None:
    content = dilemma_spec(save_tiny_model(tmp_path / "model"), leakage=None)
    content["methods"] = {"neva": {**content["methods"]["neva"], "dose": None}}
    plain, asking = (make_spec({**content, **more}, "t") for more in ({}, {"short_answers": {"words": 1000}}))
    assert plain.short_answers is None  # type: ignore[attr-defined]
    assert estimate(asking).answers == estimate(plain).answers + 3 * 2
    with pytest.raises(SpecError, match=r"short_answers\.word: unknown key; .*\(known keys: words\)"):
        make_spec({**content, "short_answers": {"word": 1}}, "t")
    with pytest.raises(SpecError, match=r"short_answers\.words must be 1 or more"):
        make_spec({**content, "short_answers": {"words": 0}}, "t")
    result = run(asking, tmp_path / "run")
    assert read_summary(tmp_path / "run")["short_answers"] == {"share": 1.0}
    assert read_result(tmp_path / "run") == result
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert '<section id="short-answers"' in page
    assert "100% of the answers are short." in page


def test_no_part_is_left_over_and_none_is_named_twice() -> None:
    assert "short_answers" not in registry.specifications()["methods"].model_fields
    names = [part.name() for part in registry.all_parts()]
    assert len(names) == len(set(names)) > 20
    places = [(part.experiment, part.place) for part in registry.all_parts() if part.place]
    assert len(places) == len(set(places))
