"""What a run's measure can see: told for and against, and no verdict where it sees nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from run_samples import TWO, dilemma_spec, pairs_spec, save_tiny_model, write_conva

from valuescope.lab.strict import SpecError
from valuescope.metrics import Estimate
from valuescope.parts.exploration_instrument import ExplorationInstrument
from valuescope.parts.instrument import Instrument
from valuescope.parts.method import methods_of
from valuescope.parts.sight import InstrumentFound, SightFound, recommended, sees, sight_words
from valuescope.parts.support import UneditedSupport
from valuescope.run import Result, make_spec, read_result, run


def asked(model: Path | str, out: Path, **changes: Any) -> Result:
    spec = dilemma_spec(model, instrument={"questions": 2}, **changes)
    methods = {
        name: {"locator": "vape", "edit": "deactivate", "default": {"locator": {"rate": 0.1}}}
        for name in ("vape",)
    }
    return run(make_spec({**spec, "methods": methods, "leakage": None}, "tiny"), out)


@pytest.fixture(scope="module")
def organism(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("organism")
    return folder, asked("organism", folder, generate={"max_new_tokens": 24, "batch_size": 50})


def test_the_organism_follows_what_it_is_told_and_its_measure_sees_it(organism: tuple[Path, Result]) -> None:
    folder, result = organism
    found: InstrumentFound = result.of(Instrument)
    block = found.root["answers"]
    assert block.told_for.mean == 1.0  # the grammar's own descriptions decide its answers
    assert block.told_against.mean == 0.0
    assert block.for_minus_against.mean == 1.0
    assert block.for_minus_against.n == 4  # two questions of two values
    assert set(block.by_value) == {"power", "benevolence"}
    assert sees(block.for_minus_against) is True
    assert read_result(folder).of(Instrument) == found
    content = json.loads((folder / "summary.json").read_text())
    assert content["instrument"]["answers"]["for_minus_against"]["mean"] == 1.0
    assert content["methods"]["vape"]["ceiling_share"] is not None
    page = (folder / "report.html").read_text()
    assert "What the measures can see" in page
    assert "the measure can tell" in page
    assert (folder / "figures" / "instrument.svg").is_file()


def test_a_share_of_the_ceiling_is_of_the_same_items(tmp_path: Path) -> None:
    spec = dilemma_spec(
        "organism", instrument={"questions": None}, generate={"max_new_tokens": 24, "batch_size": 50}
    )
    methods = {"vape": {"locator": "vape", "edit": "deactivate", "default": {"locator": {"rate": 0.1}}}}
    result = run(make_spec({**spec, "methods": methods, "leakage": None}, "tiny"), tmp_path)
    told, method = result.of(Instrument).root["answers"].for_minus_base, methods_of(result)["vape"]
    assert told.low is not None
    if told.low > 0:
        assert method.ceiling_share == pytest.approx(method.effect.mean / told.mean)
    else:
        assert method.ceiling_share is None


def test_where_the_measure_sees_nothing_no_method_is_judged(tmp_path: Path) -> None:
    result = asked(save_tiny_model(tmp_path / "model"), tmp_path / "run")
    block = result.of(Instrument).root["answers"]
    assert block.for_minus_against.mean == 0.0  # a random model says nothing that could be judged as biased
    page = (tmp_path / "run" / "report.html").read_text()
    assert "no method is judged by it" in page
    assert "the measure cannot tell here" in page
    assert "clear of random</span>" not in page


@pytest.mark.parametrize(
    ("estimate", "seen"),
    [
        (None, None),
        (Estimate(0.2, None, None, 1), None),
        (Estimate(0.2, 0.01, 0.4, 9), True),
        (Estimate(0.2, 0.0, 0.4, 9), False),
        (Estimate(-0.5, -0.6, -0.4, 9), False),
    ],
)
def test_a_measure_sees_what_lies_above_nothing_with_its_whole_interval(
    estimate: Estimate | None, seen: bool | None
) -> None:
    assert sees(estimate) is seen


def test_its_questions_are_counted_from_one() -> None:
    with pytest.raises(SpecError, match=r"instrument\.questions"):
        make_spec(dilemma_spec("organism", instrument={"questions": 0}), "tiny")


def sight(mean: float, low: float, *, behaviour: bool = False) -> SightFound:
    seen = Estimate(mean, low, 2 * mean - low, 9)
    return SightFound(
        behaviour=behaviour,
        unit="share",
        items=9,
        missing=0,
        base=seen,
        told_for=seen,
        told_against=seen,
        for_minus_against=seen,
        for_minus_base=seen,
        against_minus_base=seen,
    )


def test_behaviour_is_recommended_before_likelihood_and_the_clearest_of_a_kind() -> None:
    faint, clear, blind = sight(0.1, 0.05), sight(0.1, 0.09), sight(0.1, -0.1)
    assert recommended({"letters": faint, "preference": clear}) == "preference"
    assert recommended({"answers": sight(0.1, 0.01, behaviour=True), "preference": clear}) == "answers"
    assert recommended({"answers": sight(0.1, -0.1, behaviour=True), "letters": faint}) == "letters"
    assert recommended({"letters": blind}) is None
    assert "none can judge a method" in sight_words({"letters": blind})
    assert "says nothing about what the model does" in sight_words({"preference": clear})


def test_the_unedited_model_alone_is_measured_without_any_method(tmp_path: Path) -> None:
    content = dilemma_spec("organism", methods={}, leakage=None, instrument={"questions": 2})
    generate = {"max_new_tokens": 24, "batch_size": 50}
    result = run(make_spec({**content, "generate": generate}, "tiny"), tmp_path)
    assert list(result.of(Instrument).root) == ["answers"]
    assert not (tmp_path / "activations").exists()
    assert "Use answers to open questions." in (tmp_path / "report.html").read_text()
    with pytest.raises(SpecError, match="nothing to measure: give methods, or instrument"):
        make_spec(dilemma_spec("organism", methods={}, leakage=None), "tiny")


def test_pairs_are_read_as_preferences_and_as_letters_in_both_orders(tmp_path: Path) -> None:
    folder, model = write_conva(tmp_path / "conva"), save_tiny_model(tmp_path / "model")
    content = pairs_spec(model, folder, methods={}, leakage=None, instrument={"questions": 3})
    result = run(make_spec(content, "tiny"), tmp_path / "run")
    sights = result.of(Instrument).root
    assert list(sights) == ["preference", "letters"]  # the judge reads no answers
    assert sights["preference"].items == 3 * len(TWO)
    assert sights["preference"].missing == 0
    letters = sights["letters"]
    assert letters.items == 2 * 3 * len(TWO)
    assert (
        letters.missing == 3 * letters.items
    )  # a model without the letters has no mass on them: missing, never 0
    assert letters.base.mean is None
    assert letters.position_gap is not None
    assert letters.position_gap.mean is None
    assert "cannot be said" in (tmp_path / "run" / "report.html").read_text()
    chosen = run(
        make_spec({**content, "instrument": {"questions": 3, "measures": ["letters"]}}, "tiny"),
        tmp_path / "again",
    )
    assert list(chosen.of(Instrument).root) == ["letters"]


def test_valueexploration_measures_its_support_under_instructions(tmp_path: Path) -> None:
    content = {
        "name": "tiny",
        "experiment": "valueexploration",
        "model": {"id": "organism-social", "dtype": "float32", "device": "cpu"},
        "values": {"system": "chinese-social", "only": ["justice", "freedom"]},
        "languages": ["en"],
        "data": {"source": "organism-social", "parameters": {"activation": 4, "evaluation": 2}},
        "support": {"brief": True, "max_new_tokens": 40, "batch_size": 30},
        "generating": None,
        "permutations": 100,
        "bootstrap": {"resamples": 50},
        "instrument": {"dilemmas": None},
    }
    result = run(make_spec(content, "tiny"), tmp_path)
    sights, support = result.of(ExplorationInstrument)["en"].root, result.of(UneditedSupport)["en"].support
    assert [sights[name].behaviour for name in ("percentages", "log-probabilities")] == [True, False]
    for name, seen in sights.items():
        assert seen.items == 4
        assert seen.base.mean == pytest.approx(support[name].overall.mean)
        assert seen.position_gap is not None
        assert seen.position_gap.mean == pytest.approx(support[name].position_gap.mean)
        means = (seen.told_for.mean, seen.told_against.mean)
        assert None not in means
        assert seen.for_minus_against.mean == pytest.approx(means[0] - means[1])
    assert read_result(tmp_path).of(ExplorationInstrument)["en"].root == sights
