"""ValueExploration's page from what its parts found: the words and marks of its figures, its tables, hostile names."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from valuescope.lab.result import Result
from valuescope.metrics import Bootstrap, Estimate, diagonal_test, neuron_overlap, perturbation_matrix
from valuescope.parts.controls import Controls
from valuescope.parts.exploration_opening import exploration_opening
from valuescope.parts.exploration_sources import PlantedNeurons, Sources
from valuescope.parts.generating import Generating
from valuescope.parts.overlap import AcrossFound, AcrossLanguagesFound, Overlap, OverlapFound
from valuescope.parts.perturbation import (
    ControlFound,
    ControlsFound,
    ExplorationHead,
    MissingSupports,
    NeuronTruth,
    PerturbationFound,
    SelectionFound,
    SelectionsFound,
)
from valuescope.parts.replacement import DatasetReplacement, ReplacementFound
from valuescope.parts.selections import Selections
from valuescope.parts.sizes import SizeFound, Sizes, SizesFound
from valuescope.parts.support import AgreementFound, LanguageFound, SupportFound, UneditedSupport
from valuescope.report.blocks import Section, every
from valuescope.report.document import page
from valuescope.report.figure import Figure
from valuescope.report.table import Table
from valuescope.run import terminal_text

VALUES = tuple(f"value-{place}" for place in range(12))
EMPTY = 5
NEURONS = 3072
HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>]]>&amp;\x00\x1b[31m\u202e\ud800"


def matrix(drop: float, seed: int = 0) -> PerturbationFound:
    """A matrix with this drop on the diagonal; the sixth value has no neurons."""
    rng = np.random.default_rng(seed)
    about = [value for value in VALUES for _ in range(30)]
    base = rng.uniform(40, 80, len(about))
    off = {
        value: None
        if place == EMPTY
        else list(np.clip(base - drop * (np.array(about) == value) + rng.normal(-1, 5, len(about)), 0, 100))
        for place, value in enumerate(VALUES)
    }
    how = Bootstrap(resamples=100)
    found = perturbation_matrix(list(base), off, about, order=VALUES, how=how)
    test = diagonal_test(found, permutations=100)
    missing = MissingSupports(asked=90, missing=2)
    return PerturbationFound.model_validate(
        {
            **found.to_dict(),
            "largest_drops": found.largest_drops(),
            "test": test.to_dict(),
            "missing": missing,
        }
    )


def overlap(kind: Any, *, across: bool, **more: str) -> Any:
    """Overlaps of sets that share a common core, within one language or across two."""
    rng = np.random.default_rng(1)
    common = [(int(k) // 512, int(k) % 512) for k in rng.choice(NEURONS, 20, False)]
    sets = [
        {
            value: set() if place == EMPTY else {*common[: 5 + place], *((0, 400 + 7 * place), (side, place))}
            for place, value in enumerate(VALUES)
        }
        for side in range(2)
    ]
    found = neuron_overlap(sets[0], sets[1] if across else None, neurons=NEURONS)
    return kind.model_validate({**found.to_dict(), **more})


def result_of(name: str = "Value") -> Result:
    """A run in two languages with every part."""
    rng = np.random.default_rng(2)
    head = ExplorationHead(
        name=f"a run of {name}",
        values=VALUES,
        value_names={value: f"{name} {place}" for place, value in enumerate(VALUES)},
        groups={"national": VALUES[:6], "personal": VALUES[6:]},
        group_names={"national": f"{name} national", "personal": f"{name} personal"},
        main="vape",
        measures=("percentages", "log-probabilities"),
        compared_by="log-probabilities",
        bundled_organism=True,
    )
    neurons = {
        "locator": "vape",
        "neurons": {value: 40 + place for place, value in enumerate(VALUES)},
        "neurons_per_layer": {value: (20, 20 + place) for place, value in enumerate(VALUES)},
        "warnings": (f"{name}: few neurons",),
        "diagnostics": {
            "firing_profile": {
                "bars": [0.8],
                "rates": [9, 5, 1],
                "eligible_entropies": [4, 9, 0],
                "kept_entropies": [4, 1, 0],
                "maximum_entropy": 2.48,
                "mean_kept_entropy": 1.2,
            }
        },
        "truth": NeuronTruth(average_precision={"a": 0.5, "b": 0.75}, chance=0.01, roles={"core": {"found": 3, "of": 4}}),
    }  # fmt: skip
    both = {measure: matrix(8) for measure in head.measures}
    letters = {"log-probabilities": matrix(4, seed=3)}
    rates = {value: Estimate(40.0 + place, 38.0, 60.0, 30) for place, value in enumerate(VALUES)}
    support = SupportFound(
        rates=rates,
        overall=Estimate(60.0, 58.0, 62.0, 360),
        missing=MissingSupports(asked=360, missing=90, warning=f"25% missing of {name}"),
    )
    points = [
        (float(x), None if place == 3 else float(x) + 2) for place, x in enumerate(rng.uniform(0, 90, 40))
    ]
    agreement = AgreementFound(pearson=Estimate(0.81, 0.77, 0.85, 39, 1), points=tuple(points))
    score = Estimate(0.4, 0.3, 0.5, 11, 1)
    sizes = (
        SizeFound(size=100, found=5, values=12, score=score),
        SizeFound(size=400, found=9, values=12, drop=31.5, score=replace(score, mean=0.8)),
    )
    drawn = {measure: (matrix(0, seed=1),) for measure in head.measures}
    found: dict[str, Any] = {
        "": LanguageFound(n=360, support=dict.fromkeys(head.measures, support), agreement=agreement),
        ".selections": SelectionsFound(
            {
                "vape": SelectionFound(**neurons, matrices=both),
                name: SelectionFound(**neurons, matrices=letters),
            }
        ),
        ".controls": ControlsFound({"random-matched": ControlFound(matrices=drawn)}),
        ".overlap": overlap(OverlapFound, across=False),
        ".generating": SelectionFound(**neurons, matrices=letters),
        ".sizes": SizesFound(sizes),
        ".replacement": ReplacementFound(**neurons, matrices=letters, values=VALUES[:1]),
    }
    blocks = {f"languages.*{place}": {"en": block, "zh": block} for place, block in found.items()}
    across = overlap(AcrossFound, across=True, rows_language="en", columns_language="zh")
    return Result(head, {**blocks, "across_languages": AcrossLanguagesFound((across,))})


PARTS = (
    *(UneditedSupport, Controls, Selections, Overlap, Generating, Sizes, DatasetReplacement),
    *(PlantedNeurons, Sources),
)


@pytest.fixture(scope="module")
def result() -> Result:
    return result_of()


def section(part: Any, result: Result) -> Section:
    shown = part.shown(result)
    assert isinstance(shown, Section)
    return shown


def figures(result: Result) -> dict[str, Figure]:
    blocks = [block for part in PARTS for block in every(section(part, result).blocks)]
    return {block.name: block for block in blocks if isinstance(block, Figure)}


def said(figure: Figure, place: int = 0) -> str:
    return figure.panels[place].words


def test_every_figure_and_table_is_there(result: Result) -> None:
    assert set(figures(result)) == {
        *("support_rates", "agreement", "perturbation", "controls", "selections", "firing", "layer_counts"),
        *("overlap", "overlap_jaccard", "strategies", "data_size", "replacement"),
    }
    blocks = [block for part in PARTS for block in every(section(part, result).blocks)]
    tables = {block.name: block for block in blocks if isinstance(block, Table) and block.name}
    assert set(tables) == {"support", "perturbation", "diagonal_tests", "neurons_per_layer"}
    assert tables["perturbation"].csv().count("\n") == 1 + 2 * 144 * (2 + 1 + 1 + 1 + 2)


def test_names_are_text_wherever_they_come_from() -> None:
    hostile = result_of(HOSTILE)
    sections = [section(part, hostile) for part in PARTS]
    whole = page("title", exploration_opening(hostile), sections)
    assert not re.search(r"<script>alert|<img src=x", whole)
    assert "&lt;script&gt;" in whole
    assert not {"\x00", "\x1b", "\u202e", "\ud800"} & set(whole + terminal_text(hostile))


def test_the_heat_map_marks_frames_and_hatches(result: Result) -> None:
    figure = figures(result)["perturbation"]
    assert "Hatched: Value 5 had no neurons found" in figure.description
    assert "4 largest drops" in figure.description
    assert "n = 30 for each cell" in figure.description
    words = said(figure)
    first = matrix(8).change[0][0]
    assert f"Value 0 with the neurons of Value 0 off: −{abs(first.mean or 0):.1f} [" in words
    assert words.count("no neurons found") == 12
    marked = sum(len(rows) for rows in matrix(8).largest_drops if rows)
    assert words.count("n = 30, among the largest drops") == marked == 44


def test_rows_of_the_heat_map_are_the_evaluated_values(result: Result) -> None:
    change = matrix(8).change[0][1].mean
    assert change is not None
    assert f"Value 0 with the neurons of Value 1 off: {'+' if change > 0 else '−'}{abs(change):.1f}" in said(
        figures(result)["perturbation"]
    )


def test_overlaps_stand_beside_chance(result: Result) -> None:
    figure = figures(result)["overlap"]
    assert [panel.title for panel in figure.panels[-2:]] == [
        "English and Chinese: shared neurons",
        "English and Chinese: expected by chance",
    ]
    assert "Value 0: 7 neurons" in said(figure)
    assert re.search(r"Value 0 and Value 1: 5 shared, 0\.018\d? by chance, p = \d", said(figure))
    assert "3\u202f072 neurons" in figure.description
    assert "Value 0 and Value 1: Jaccard 0.50" not in said(figure)
    assert "Value 0 and Value 0: Jaccard 1.00" in said(figures(result)["overlap_jaccard"])


def test_variants_stand_beside_the_main_selection(result: Result) -> None:
    for name, labels in (
        ("strategies", ("feeding", "generating")),
        ("replacement", ("own dilemmas", "replaced")),
    ):
        words = said(figures(result)[name])
        for label, drop in zip(labels, (matrix(8), matrix(4, seed=3)), strict=True):
            assert f"Value 0, {label}: −{abs(drop.own[0].mean or 0):.1f} [" in words
        assert "Value 0, " + labels[0] in words
        assert ", starred" in words


def test_the_curve_says_what_the_score_is_made_of(result: Result) -> None:
    figure = figures(result)["data_size"]
    assert "n = 360" in figure.description
    for words in ("5/12, 9/12", "?, 31.5", "0.40 [0.30, 0.50]"):
        assert words in said(figure)


def test_what_is_missing_is_said_loudly_and_the_result_in_words(result: Result) -> None:
    opening = exploration_opening(result)
    assert sum(note.warning for note in opening.notes) == 4
    assert opening.result is not None
    assert "in 4 of 4 measurements." in opening.result.words
    assert "Own values are hit hardest." in opening.result.items[0][1][0]
    assert opening.hero is not None
    assert "English, by percentages, own value: −" in said(opening.hero)
    printed = terminal_text(result)
    assert "WARNING: en, percentages: 25% missing of Value" in printed
    assert (
        "support in en by percentages: 60.0 [58.0, 62.0] percent, "
        "360 dilemmas in both orders, 90 missing" in printed
    )
    assert re.search(r"en +VAPE +percentages +-\d+\.\d \[.*0\.625 +40-51", printed)
