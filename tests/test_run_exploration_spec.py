"""ValueExploration's specification: strict, complete, and with errors that say where and what instead."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from valuescope.generate import GenerationError
from valuescope.lab.exploration import ExplorationSpec
from valuescope.run import SpecError, estimate, estimator, make_spec, read_spec
from valuescope.run.exploration import plan
from valuescope.run.plan import planned_asks
from valuescope.run.registry import asked_parts

MINIMAL: dict[str, Any] = {"name": "small", "experiment": "valueexploration"}
SPECS = Path(__file__).resolve().parents[1] / "specs"


def refused(**changes: Any) -> str:
    with pytest.raises(SpecError) as caught:
        make_spec({**MINIMAL, **changes}, "test.yaml")
    assert str(caught.value).startswith("test.yaml: ")
    return str(caught.value)


def test_the_defaults_are_the_papers():
    spec = make_spec(MINIMAL, "test.yaml")
    assert isinstance(spec, ExplorationSpec)
    assert spec.selections["vape"].parameters_in("en") == {"rate": 0.015}
    assert spec.selections["vape"].parameters_in("zh") == {"rate": 0.02}
    assert (spec.edit.name, spec.highlighted, spec.values.system) == ("deactivate", 4, "chinese-social")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"experiment": "valueexploratoin"}, "is unknown; known: methods, valueexploration"),
        ({"selection": {}}, "selection: unknown key"),
        ({"data": {"source": "startre"}}, "did you mean 'starter'"),
        ({"data": {"source": "files"}}, "needs the parameter"),
        ({"selections": {"vape": {"locator": "vaep"}}}, "no locator 'vaep'"),
        ({"selections": {"vape": {"parameters": {"rate": 0.1}}}}, "give the rate per language"),
        ({"selections": {"vape": {"parameters": {"bra": 0.1}}}}, "did you mean 'bar'"),
        ({"selections": {"vape": {"rate": {"en": 0.1}}}}, "zh"),
        ({"main": "vap"}, "did you mean 'vape'"),
        ({"languages": ["en", "en"]}, "give each once"),
        ({"languages": ["fr"]}, "languages"),
        ({"sizes": [5, 2]}, "rising numbers"),
        ({"edit": {"name": "amplify", "parameters": {"gama": 1.0}}}, "did you mean 'gamma'"),
        ({"support": {"measures": []}}, "support.measures"),
        ({"replacement": {"equality": {}}}, "paths"),
    ],
)
def test_what_cannot_run_is_refused(changes: dict[str, Any], said: str):
    assert said in refused(**changes)


def test_what_changes_a_result_changes_the_hash():
    hashes = {
        make_spec({**MINIMAL, **changes}, "t").hash
        for changes in (
            {},
            {"seed": 1},
            {"support": {"brief": True}},
            {"edit": {"on": "response"}},
            {"sizes": [3]},
        )
    }
    assert len(hashes) == 5


def test_sizes_beyond_the_data_and_foreign_values_are_refused_before_any_work():
    for changes, said in (
        ({"sizes": [5, 21]}, "sizes: 21 is more than the 20 activation dilemmas"),
        ({"replacement": {"power": {"paths": ["x"]}}}, "'power' is not among the run's values"),
    ):
        with pytest.raises(SpecError, match=said):
            estimate(make_spec({**MINIMAL, **changes, "model": {"id": "organism"}}, "t"))


def test_the_planned_asks_are_counted_once_per_measure():
    spec = make_spec(
        {
            **MINIMAL,
            "languages": ["zh"],
            "data": {"evaluation": 2},
            "selections": {"vape": {}, "specificity": {"locator": "specificity"}},
            "sizes": [2, 4],
            "controls": {"draws": 2, "matched": True},
        },
        "t",
    )
    assert isinstance(spec, ExplorationSpec)
    asks = {ask.hash: ask for ask in planned_asks(asked_parts(spec), plan(spec))}.values()
    rows = Counter[str]()
    for ask in asks:
        item = ask.items[0]
        answered = not item.key.endswith(("/0", "/1"))
        rows["generated" if answered else "letters" if item.letters else "stated"] += len(ask.items)
    arm = 12 * 2 * 2  # values, dilemmas, orders
    # Base, the main selection and four controls by both; another selection, generating and two sizes by letters.
    assert rows == {"stated": arm * (1 + 12 * 5), "letters": arm * (1 + 12 * 9), "generated": 12 * 20}


def test_the_whole_set_as_a_size_is_asked_only_once():
    spec = make_spec({**MINIMAL, "data": {"activation": 4}, "sizes": [2, 4], "generating": None}, "t")
    with_sizes = {ask.hash for ask in planned_asks(asked_parts(spec), plan(spec))}
    spec = make_spec({**MINIMAL, "data": {"activation": 4}, "generating": None}, "t")
    without = {ask.hash for ask in planned_asks(asked_parts(spec), plan(spec))}
    assert without < with_sizes
    assert len(with_sizes - without) == 2  # one for each language


def test_the_organisms_own_specification_is_timed():
    cost = estimate(read_spec(SPECS / "valueexploration-organism.yaml", **{"data.evaluation": 2}))
    assert cost.answers > 1000
    assert cost.seconds is not None
    assert 0 < cost.seconds.low < cost.seconds.high


def test_the_shipped_specification_is_priced_where_only_a_configuration_is(monkeypatch: pytest.MonkeyPatch):
    spec = read_spec(SPECS / "valueexploration.yaml", **{"model.id": "organism"})
    with pytest.raises(GenerationError, match="that needs 448 positions and organism has 256"):
        estimate(spec)  # what the run would refuse once it asks is refused here
    monkeypatch.setattr(estimator, "weights_are_here", lambda model: False)
    cost = estimate(spec)
    assert cost.answers > 1000
    assert cost.seconds is None
