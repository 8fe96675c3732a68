"""The tables of keys in the docs are those of the code, and every key has a meaning that somebody wrote."""

from __future__ import annotations

import pytest
import spec_docs
from pydantic import Field
from spec_docs import DocsError, default_words, main, rewritten

from valuescope.lab.model_spec import ModelSpec
from valuescope.lab.spec import BootstrapSpec
from valuescope.lab.strict import Strict

HEAD = "<!-- fields: BootstrapSpec -->\n| key | default | meaning |\n|---|---|---|\n"
ROWS = "| `resamples` | `2000` | of questions |\n| `confidence` | `0.95` | of the interval, `a` \\| `b` |\n"


def test_the_docs_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--check"])
    assert code == 0, capsys.readouterr().err


def test_keys_and_defaults_are_the_codes_and_meanings_stay() -> None:
    stale = (
        "before\n"
        + HEAD
        + "| `confidence` | old | of the interval, `a` \\| `b` |\n| `resamples` | | of questions |\n\nafter"
    )
    assert rewritten(stale, "specs.md") == f"before\n{HEAD}{ROWS}\nafter"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HEAD + ROWS + "| `draws` | 1 | gone |\n",
            r"specs.md, fields: BootstrapSpec: 'draws' has a meaning and is no key",
        ),
        (HEAD + ROWS.splitlines()[0] + "\n", "'confidence' has no row"),
        (HEAD + ROWS + "| `confidence` | | |\n", "'confidence' has no meaning"),
        (HEAD.replace("BootstrapSpec", "Bootstrap"), "no specification has a class 'Bootstrap'"),
        (
            HEAD.replace("fields: BootstrapSpec", "parameters: loc"),
            "nothing has parameters by the name 'loc'",
        ),
    ],
)
def test_what_cannot_be_written_is_named(text: str, message: str) -> None:
    with pytest.raises(DocsError, match=message):
        rewritten(text, "specs.md")


def test_a_class_without_a_table_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Spin(Strict):
        speed: float = 1.0

    classes = spec_docs.classes()
    monkeypatch.setattr(spec_docs, "classes", lambda: {**classes, "Spin": Spin})
    assert main(["--check"]) == 2
    assert "no table of Spin" in capsys.readouterr().err


def test_a_table_may_leave_out_what_another_class_has() -> None:
    class Base(Strict):
        seed: int = 0
        draws: int = 2

    class More(Base):
        draws: int = 1
        model: ModelSpec | None = None

    assert spec_docs.field_cells(More, Base) == {"draws": ("`1`",), "model": ("none",)}


def test_defaults_are_written_as_a_specification_gives_them() -> None:
    class Holder(Strict):
        floors: tuple[float, ...] = (0.97, 0.9)
        rate: dict[str, float] = Field(default_factory=lambda: {"en": 0.015})
        bootstrap: BootstrapSpec = BootstrapSpec(resamples=50)
        model: ModelSpec = ModelSpec()
        matched: bool = True
        name: str

    assert {key: cells[0] for key, cells in spec_docs.field_cells(Holder).items()} == {
        "floors": "`[0.97, 0.9]`",
        "rate": "`{en: 0.015}`",
        "bootstrap": "`{resamples: 50}`",
        "model": "see below",
        "matched": "`true`",
        "name": "required",
    }
    assert default_words("oracle") == "`oracle`"
