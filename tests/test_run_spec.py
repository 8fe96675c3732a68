"""Specifications: strict, complete, and with errors that say where and what instead."""

from __future__ import annotations

import copy
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from run_samples import dilemma_spec, pairs_spec

from valuescope.cli import main
from valuescope.run import Spec, SpecError, make_spec, read_spec, read_yaml

METHOD = {"locator": "neva", "edit": "modulate"}
MINIMAL: dict[str, Any] = {"name": "small", "methods": {"neva": METHOD}}
FULL: dict[str, Any] = {
    **MINIMAL,
    "methods": {
        "neva": {**METHOD, "default": {}, "search": {}, "dose": {"parameter": "beta", "values": [1]}},
    },
    **{
        part: {}
        for part in ("model", "values", "data", "activations", "controls", "generate", "leakage", "bootstrap")
    },
}


def with_at(content: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """A copy of a specification with one key set."""
    changed = copy.deepcopy(content)
    *above, last = place.split(".")
    here = changed
    for part in above:
        here = here[part]
    here[last] = value
    return changed


def refused(content: dict[str, Any]) -> str:
    with pytest.raises(SpecError) as caught:
        make_spec(content, "test.yaml")
    message = str(caught.value)
    assert message.startswith("test.yaml: ")
    assert "\n" not in message
    return message.removeprefix("test.yaml: ")


def written(tmp_path: Path, content: dict[str, Any] | str) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


# Unknown keys ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "known"),
    [
        ("", "name, seed, model"),
        ("model.", "id, revision, dtype"),
        ("values.", "system, level, only"),
        ("data.", "source, parameters"),
        ("activations.", "batch_size, part, scope"),
        ("methods.neva.", "locator, roles, edit, asked"),
        ("methods.neva.default.", "locator, edit, top"),
        ("methods.neva.search.", "locator, edit, top, min_fluency"),
        ("methods.neva.dose.", "parameter, values, questions"),
        ("controls.", "draws, matched"),
        ("generate.", "max_new_tokens, temperature"),
        ("leakage.", "method, questions"),
        ("bootstrap.", "resamples, confidence"),
    ],
)
def test_an_unknown_key_is_named_with_its_place_and_the_known_ones(place: str, known: str) -> None:
    message = refused(with_at(FULL, f"{place}colour", 3))
    assert message.startswith(
        f"{place}colour: unknown key; remove it or check its spelling (known keys: {known}"
    )


@pytest.mark.parametrize("name", ["default", "search", "dose", "edit", "methods"])
def test_a_method_may_be_called_like_a_key(name: str) -> None:
    assert make_spec({**MINIMAL, "methods": {name: METHOD}}, "t").methods[name].locator == "neva"
    message = refused({**MINIMAL, "methods": {name: {**METHOD, "colour": 3}}})
    assert message.startswith(f"methods.{name}.colour: unknown key; ")
    assert "known keys: locator, roles, edit" in message


def test_all_mistakes_are_reported_at_once() -> None:
    message = refused(with_at(with_at(FULL, "model.colour", 1), "generate.temperature", "hot"))
    assert "model.colour: unknown key" in message
    assert "generate.temperature" in message


# Numbers --------------------------------------------------------------------------------------------------

NO_NUMBERS = (True, "3", "1:2:3", [3], {}, float("nan"), float("inf"), -float("inf"), 10**400, -(10**400))
WHOLE = {
    "seed": "0 to 9223372036854775807",
    "data.activation": "1 to 2147483647",
    "controls.draws": "1 to 2147483647",
    "leakage.questions": "1 to 2147483647",
    "generate.batch_size": "1 to 2147483647, or auto",
    "methods.neva.default.top": "1 to 2147483647",
    "examples": "0 to 2147483647",
}
REAL = {
    "generate.temperature": "a number from 0 on",
    "generate.top_p": "a number above 0 to 1",
    "bootstrap.confidence": "a number above 0 and below 1",
    "methods.neva.search.min_fluency": "a number above 0 to 1",
}
PARAMETERS = {
    ("data.parameters", "texts"): "whole number from 0 to 2147483647",
    ("methods.neva.default.locator", "alpha"): "number above 0 to 1",
    ("methods.neva.default.locator", "margin"): "whole number from 0 to 2147483647",
    ("methods.neva.default.locator", "c"): "number above 0",
    ("methods.neva.default.edit", "beta"): "number",
    ("methods.neva.default.edit", "strength"): "number",
}


@pytest.mark.parametrize("value", [*NO_NUMBERS, 3.0, 2.5, -1])
@pytest.mark.parametrize("place", WHOLE)
def test_what_is_no_whole_number_is_refused_with_the_range(place: str, value: Any) -> None:
    message = refused(with_at(FULL, place, value))
    assert message.startswith(f"{place}: give a whole number from {WHOLE[place]} (given: ")
    assert len(message) < 300


@pytest.mark.parametrize("value", [*NO_NUMBERS, -0.5])
@pytest.mark.parametrize("place", REAL)
def test_what_is_no_number_is_refused_with_the_range(place: str, value: Any) -> None:
    message = refused(with_at(FULL, place, value))
    assert message.startswith(f"{place}: give {REAL[place]} (given: ")
    assert len(message) < 300


@pytest.mark.parametrize("value", [*NO_NUMBERS, -1])
@pytest.mark.parametrize(("place", "name"), PARAMETERS)
def test_a_parameter_out_of_its_range_is_refused_with_the_range(place: str, name: str, value: Any) -> None:
    whole = with_at(FULL, "methods.neva.default", {"locator": {}, "edit": {}})
    message = refused(with_at(whole, place, {name: value}))
    assert name in message
    assert PARAMETERS[place, name] in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("locator", "name", "value"),
    [
        *(
            ("vape", "rate", 1.0),
            ("vape", "bar", 0),
            ("two-proportion", "q", 0),
            ("valuelocate", "threshold", 0),
        ),
        *(
            ("valuelocate", "top", 0),
            ("qrnca", "common", 0),
            ("qrnca", "threshold", 1),
            ("lpip", "numbers", 0),
        ),
        *(
            ("neva", "accuracy", 1.1),
            ("neva", "layers", [0]),
            ("neva", "layers", [0, True]),
            ("cgvst", "top", 0),
        ),
        *(
            ("neva-exclusive", "penalty", -1),
            ("lpip", "texts", 0),
            ("qrnca", "steps", 0),
            ("neva", "layers", 3),
        ),
    ],
)
def test_every_locator_says_its_ranges_before_any_work(locator: str, name: str, value: Any) -> None:
    method = {"locator": locator, "edit": "deactivate", "default": {"locator": {name: value}}}
    message = refused({"name": "t", "methods": {"m": method}})
    assert f"parameter {name!r} of locator {locator} must be " in message
    assert f"it is {value!r}" in message


def test_a_sweep_of_a_locators_parameter_stays_in_its_range() -> None:
    message = refused(with_at(FULL, "methods.neva.dose", {"parameter": "alpha", "values": [0.1, 2]}))
    assert "dose values of alpha must be a number above 0 to 1, one is 2.0" in message


def test_a_dry_run_checks_numbers_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "name: t\nseed: 1:2:3\nmethods: {neva: {locator: neva, edit: modulate}}\n")
    assert main(["run", str(path), "--dry-run"]) == 1
    error = capsys.readouterr().err
    assert f"{path}: seed: give a whole number from 0 to 9223372036854775807 (given: '1:2:3')" in error
    assert len(error.splitlines()) == 1


def test_numbers_are_read_as_yaml_1_2_has_them() -> None:
    known = {"010": 10, "0o17": 15, "0x1F": 31, "1:30": "1:30", "1_000": "1_000", "0b11": "0b11", "-3": -3}
    assert {text: read_yaml(text) for text in known} == known
    with pytest.raises(yaml.YAMLError, match="a number of 5000 digits; at most 1000 are read"):
        read_yaml("9" * 5000)


# Unknown names and parameters -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (
            "methods.neva.locator",
            "nava",
            "there is no locator 'nava'; the locators are vape, ",
        ),
        ("methods.neva.edit", "modulat", "edit 'modulat' is unknown; did you mean 'modulate'?"),
        (
            "methods.neva.roles",
            ["positve", "negative"],
            "role 'positve' is unknown; did you mean 'positive'?",
        ),
        (
            "methods.neva.default",
            {"locator": {"alpah": 1}},
            "locator neva 'alpah' is unknown; did you mean 'alpha'?",
        ),
        (
            "methods.neva.default",
            {"edit": {"gamma": 1.0}},
            "edit modulate 'gamma' is unknown; known: beta, direction",
        ),
        (
            "methods.neva.search",
            {"locator": [{"acuracy": 0}]},
            "'acuracy' is unknown; did you mean 'accuracy'?",
        ),
        (
            "methods.neva.search",
            {"edit": [{"bet": 0.1}]},
            "edit modulate 'bet' is unknown; did you mean 'beta'?",
        ),
        (
            "methods.neva.dose",
            {"parameter": "gama", "values": [1]},
            "'gama' is unknown; known: accuracy, alpha, beta, c, strength, top, validation",
        ),
        (
            "methods.neva.dose",
            {"parameter": "direction", "values": [1]},
            "'direction' is unknown; known: accuracy, alpha, beta, c, strength, top, validation",
        ),
        ("data.source", "organsim", "source 'organsim' is unknown; did you mean 'organism'?"),
        (
            "data.parameters",
            {"question": 3},
            "source organism 'question' is unknown; did you mean 'questions'?",
        ),
        ("data.parameters", {"seed": 3}, "parameter of source organism 'seed' is unknown"),
        ("judge", "orcale", "judge 'orcale' is unknown; did you mean 'oracle'?"),
        ("leakage.method", "nava", "leakage.method 'nava' is unknown; did you mean 'neva'?"),
    ],
)
def test_an_unknown_name_comes_with_what_was_meant(place: str, value: Any, message: str) -> None:
    assert message in refused(with_at(FULL, place, value))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (
            "methods.neva.default",
            {"locator": {"alpha": "high"}},
            "'alpha' of locator neva must be a number above 0 to 1, it is 'high'",
        ),
        (
            "methods.neva.default",
            {"locator": {"alpha": True}},
            "'alpha' of locator neva must be a number above 0 to 1, it is True",
        ),
        (
            "methods.neva.default",
            {"edit": {"beta": None}},
            "'beta' of edit modulate must be a number, it is None",
        ),
        (
            "methods.neva.default",
            {"edit": {"direction": 1}},
            "'direction' of edit modulate must be one of positive, negative, it is 1",
        ),
        (
            "methods.neva.search",
            {"edit": [{"beta": [1]}]},
            "'beta' of edit modulate must be a number, it is [1]",
        ),
        (
            "data.parameters",
            {"texts": "many"},
            "'texts' of source organism must be a whole number from 0 to 2147483647, it is 'many'",
        ),
        ("data.parameters", {"texts": 2.5}, "a whole number from 0 to 2147483647, it is 2.5"),
        ("data", {"source": "conva"}, "source conva needs the parameter 'folder'"),
        (
            "methods.neva.dose",
            {"parameter": "top", "values": [0, 2]},
            "dose values of top must be whole numbers",
        ),
        (
            "methods.neva.dose",
            {"parameter": "top", "values": [1.5]},
            "dose values of top must be whole numbers",
        ),
    ],
)
def test_a_parameter_of_the_wrong_kind_is_found_before_any_work(place: str, value: Any, message: str) -> None:
    assert message in refused(with_at(FULL, place, value))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("seed", "one"),
        ("name", 3),
        ("methods", []),
        ("methods.neva.asked", "nicely"),
        ("methods.neva.direction", "left"),
        ("methods.neva.default.top", 0),
        ("methods.neva.dose.values", []),
        ("methods.neva.search.min_fluency", 0),
        ("model", "organism"),
        ("values.only", "power"),
        ("activations.part", 0),
        ("activations.scope", "some"),
        ("controls.draws", 0),
        ("generate.temperature", "hot"),
        ("generate.temperature", -1),
        ("generate.top_p", 0),
        ("generate.batch_size", 0),
        ("generate.on", "neither"),
        ("bootstrap.confidence", 1),
        ("examples", -1),
    ],
)
def test_a_wrong_value_is_named_with_its_place_and_what_was_given(place: str, value: Any) -> None:
    message = refused(with_at(FULL, place, value))
    assert message.startswith(f"{place}")
    assert f"(given: {value!r})" in message


def test_what_is_missing_is_named() -> None:
    nothing = "there is nothing to measure: give methods, or instrument for the unedited model alone"
    assert refused({"name": "x"}) == refused({**MINIMAL, "methods": {}}) == nothing
    assert refused({"methods": {"neva": METHOD}}) == "name: Field required"
    assert refused({**MINIMAL, "methods": {"m": {"locator": "neva"}}}) == (
        "methods.m: give locator and edit, or intervention"
    )
    assert refused(with_at(FULL, "methods.neva.roles", ["for"])) == "methods.neva.roles.1: Field required"


def test_what_does_not_go_together_is_refused() -> None:
    pairs = {**METHOD, "asked": "pairs"}
    assert "ask one kind" in refused({**MINIMAL, "methods": {"a": METHOD, "b": pairs}})
    assert "search needs tuning questions" in refused({**MINIMAL, "methods": {"a": {**pairs, "search": {}}}})
    assert "judge likelihood reads fluency and no values" in refused({**MINIMAL, "judge": "likelihood"})
    matched = {"locator": "random-matched", "edit": "deactivate"}
    assert "locator random-matched has no default roles" in refused({**MINIMAL, "methods": {"m": matched}})


# Reading ---------------------------------------------------------------------------------------------------


def test_a_minimal_file_becomes_complete(tmp_path: Path) -> None:
    spec = read_spec(written(tmp_path, MINIMAL))
    assert spec.methods["neva"].read_roles == ("positive", "negative")
    assert (spec.seed, spec.model.id, spec.judge, spec.controls.draws) == (0, "organism", "oracle", 2)
    assert spec.methods["neva"].settings() == [spec.methods["neva"].default]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- a\n- b\n", "a specification is a mapping of names to settings, found list"),
        ("", "the file is empty"),
        ("# nothing", "a specification is a mapping of names to settings, found NoneType"),
        ("name: [1,\n", "not YAML"),
        ("name: a\nname: b\n", "the key 'name' stands twice"),
        ("name: a\nmethods:\n  m: {edit: x}\n  m: {edit: y}\n", "the key 'm' stands twice"),
    ],
)
def test_a_file_that_is_no_specification_is_named(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        read_spec(written(tmp_path, content))
    assert "spec.yaml: " in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"nosuch\.yaml: no such file; check the path"):
        read_spec(tmp_path / "nosuch.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"name: \xff")
    with pytest.raises(SpecError, match=r"bytes\.yaml: line 1: not UTF-8 \(found byte 0xff\)"):
        read_spec(tmp_path / "bytes.yaml")


def test_words_and_numbers_mean_what_they_say() -> None:
    """YAML 1.1 reads `on` as true and `1e-3` as a text."""
    assert read_yaml("on: off") == {"on": "off"}
    assert read_yaml("[yes, no, y, n, true, False]") == ["yes", "no", "y", "n", True, False]
    assert read_yaml("[1e-3, 1E5, -2.5e-1, .5, 3., 1_0.5]") == [1e-3, 1e5, -0.25, 0.5, 3.0, "1_0.5"]
    assert read_yaml("[3, -4, 0x10, 1.5, e3, 1e, null, ~, .inf]") == [
        3,
        -4,
        16,
        1.5,
        "e3",
        "1e",
        None,
        None,
        float("inf"),
    ]
    assert read_yaml("a: &x {b: 1}\nc: {<<: *x, d: 2}") == {"a": {"b": 1}, "c": {"b": 1, "d": 2}}


def test_the_key_on_and_a_power_of_ten_can_be_written_plainly(tmp_path: Path) -> None:
    text = "name: x\ngenerate: {on: prompt}\nmethods: {neva: {locator: neva, edit: modulate, default: {locator: {alpha: 3e-2}}}}"
    spec = read_spec(written(tmp_path, text))
    assert spec.generate.on == "prompt"
    assert spec.methods["neva"].default.locator == {"alpha": 0.03}


def test_overrides_reach_every_depth(tmp_path: Path) -> None:
    changes = {
        "seed": 7,
        "model.id": "elsewhere",
        "methods.neva.default": {"edit": {"beta": 0.5}},
        "values.only": ["power"],
        "generate.on": "response",
    }
    spec = read_spec(written(tmp_path, MINIMAL), **changes)
    assert (spec.seed, spec.model.id, spec.generate.on) == (7, "elsewhere", "response")
    assert spec.methods["neva"].default.edit == {"beta": 0.5}
    assert spec.values.only == ("power",)


def test_an_override_can_take_a_setting_back(tmp_path: Path) -> None:
    path = written(tmp_path, {**MINIMAL, "model": {"device": "cuda"}, "values": {"only": ["power"]}})
    spec = read_spec(path, **{"model.device": None, "values.only": None})
    assert spec.model.device is None
    assert spec.values.only is None


@pytest.mark.parametrize("name", ["path", "colour", "model.colour", "methods.neva.colour"])
def test_an_unknown_override_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecError, match=rf"spec\.yaml: {name}: unknown key"):
        read_spec(written(tmp_path, MINIMAL), **{name: 1})


def test_an_override_below_a_plain_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"seed\.x: seed is 3 and has no settings below it; set it whole"):
        read_spec(written(tmp_path, {**MINIMAL, "seed": 3}), **{"seed.x": 1})
    with pytest.raises(SpecError, match=r"leakage\.method: leakage is None and has no settings below it"):
        read_spec(written(tmp_path, {**MINIMAL, "leakage": None}), **{"leakage.method": "neva"})


# Whole specifications -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *sorted(Path(str(files("valuescope.run").joinpath("recipes"))).glob("*.yaml")),
        *sorted((Path(__file__).resolve().parents[1] / "specs").rglob("*.yaml")),
    ],
    ids=lambda path: path.name,
)
def test_shipped_specifications_are_valid_and_survive_being_written_out(path: Path, tmp_path: Path) -> None:
    spec = read_spec(path)
    again = read_spec(written(tmp_path, spec.to_yaml()))
    assert again == spec
    assert again.hash == spec.hash


@pytest.mark.parametrize("content", [dilemma_spec("m"), pairs_spec("m", Path("f"))], ids=["dilemma", "pairs"])
def test_the_resolved_specification_is_the_specification(content: dict[str, Any], tmp_path: Path) -> None:
    spec = Spec.model_validate(content)
    assert read_spec(written(tmp_path, spec.to_yaml())) == spec


def test_the_hash_knows_every_setting_and_no_order(tmp_path: Path) -> None:
    spec = Spec.model_validate(FULL)
    assert Spec.model_validate(dict(reversed(FULL.items()))).hash == spec.hash
    for place, value in (
        ("seed", 1),
        ("generate.top_p", 0.5),
        ("methods.neva.default", {"edit": {"beta": 0.8}}),
    ):
        assert Spec.model_validate(with_at(FULL, place, value)).hash != spec.hash


def test_a_search_tries_all_combinations_after_the_default() -> None:
    search = {
        "locator": [{"alpha": 0.1}, {"alpha": 0.2}],
        "edit": [{"beta": 1.0}, {"beta": 2.0}],
        "top": [None, 5],
    }
    default = {"locator": {"alpha": 0.1}, "edit": {"beta": 1.0}}
    method = make_spec(
        {**MINIMAL, "methods": {"m": {**METHOD, "default": default, "search": search}}}, "t"
    ).methods["m"]
    tried = [(one.locator["alpha"], one.edit["beta"], one.top) for one in method.settings()]
    assert tried[0] == (0.1, 1.0, None)
    assert sorted(tried, key=str) == sorted(
        [(alpha, beta, top) for alpha in (0.1, 0.2) for beta in (1.0, 2.0) for top in (None, 5)], key=str
    )
