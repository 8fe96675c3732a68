"""Baselines beside neuron edits: vectors, probe shifts and system messages on equal terms."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from run_samples import (
    TWO,
    asked,
    dilemma_spec,
    laboratory_of,
    pairs_spec,
    save_tiny_model,
    summary_of,
    write_conva,
)

from valuescope.edit import AddVector, ProbeShift
from valuescope.generate import generate
from valuescope.lab import answers as answers_module
from valuescope.lab.adapters import adapters_of_others, planned_training, training_texts
from valuescope.lab.ask import SystemText
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.locations import Locations
from valuescope.lab.material import read_material
from valuescope.lab.setting import Setting
from valuescope.lab.system_texts import system_texts
from valuescope.lab.treatments import control, treatments
from valuescope.models import NeuronModel, load_model
from valuescope.run import RunFolder, Spec, SpecError, estimate, make_spec, read_spec
from valuescope.tune import Adapter
from valuescope.values import load_value_system

METHODS: dict[str, Any] = {
    "neva": {
        "locator": "neva",
        "edit": "modulate",
        "default": {"locator": {"alpha": 0.1, "accuracy": 0.0}},
    },
    "caa": {
        "intervention": "caa",
        "default": {"locator": {"layers": [1, 2]}, "edit": {"coefficient": 0.5}},
        "search": {"edit": [{"coefficient": 2.0}], "min_fluency": 0.5},
        "dose": {"parameter": "coefficient", "values": [0.5, 4.0], "questions": 2},
    },
    "conva": {"intervention": "conva", "default": {"locator": {"accuracy": 0.0}}},
    "vector": {"intervention": "random-vector", "default": {"locator": {"layers": [1, 2]}}},
    "message": {"intervention": "system-prompt", "search": {"edit": [{"wording": 1}], "min_fluency": 0.5}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(folder: Path) -> NeuronModel:
    return load_model(str(folder), dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def laboratory(model: NeuronModel, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return laboratory_of(dilemma_spec(folder, methods=METHODS), tmp_path_factory.mktemp("run"), model)


@pytest.fixture(scope="module")
def summary(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return summary_of(dilemma_spec(folder, methods=METHODS), tmp_path_factory.mktemp("whole"))


def test_each_makes_the_edit_that_its_paper_describes(laboratory: Laboratory) -> None:
    made = {
        name: treatments(laboratory.locations, method, method.default)
        for name, method in laboratory.spec.methods.items()
    }
    assert all(isinstance(one, AddVector) and len(one.vectors) == 2 for one in made["caa"].values())
    assert all(isinstance(one, ProbeShift) and len(one.probes) == 3 for one in made["conva"].values())
    assert all(isinstance(one, SystemText) for one in made["message"].values())


def test_directions_are_read_back_bit_for_bit_since_their_bits_name_the_answers(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    had = laboratory.locations
    again = Locations(laboratory.spec, had.folder, had.model, had.material, had.activations)
    methods = {name: laboratory.spec.methods[name] for name in ("caa", "conva")}
    hashes = {name: edit_hashes(had, method) for name, method in methods.items()}
    monkeypatch.setattr("valuescope.lab.locations.find_directions", None)  # nothing is found anew
    assert {name: edit_hashes(again, method) for name, method in methods.items()} == hashes


def edit_hashes(locations: Locations, method: Any) -> dict[str, str]:
    edits = treatments(locations, method, method.default)
    return {value: edit.hash for value, edit in edits.items() if isinstance(edit, AddVector | ProbeShift)}


def test_a_random_vector_is_as_long_as_the_vector_and_no_draw_of_its_control(laboratory: Laboratory) -> None:
    methods = laboratory.spec.methods
    found = treatments(laboratory.locations, methods["caa"], Setting(locator={"layers": [1, 2]}))
    drawn = treatments(laboratory.locations, methods["vector"], methods["vector"].default)
    again_drawn = control(laboratory.locations, methods["vector"], methods["vector"].default, "random", 0)
    for value in TWO:
        one, other, again = found[value], drawn[value], again_drawn[value]
        assert isinstance(one, AddVector)
        assert isinstance(other, AddVector)
        assert isinstance(again, AddVector)
        assert other.vectors.norms.tolist() == pytest.approx(one.vectors.norms.tolist(), rel=1e-5)
        assert len({one.hash, other.hash, again.hash}) == 3


def test_the_control_of_a_message_is_that_of_another_value(laboratory: Laboratory) -> None:
    method = laboratory.spec.methods["message"]
    own = treatments(laboratory.locations, method, method.default)
    others = control(laboratory.locations, method, method.default, "random", 0)
    first, second = TWO
    assert others[first].text == own[second].text  # type: ignore[union-attr]
    assert laboratory.control(method, method.default, "random-matched") is None


def test_a_message_stands_before_the_question_as_the_template_has_it(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def reading(model: NeuronModel, prompts: list[str], **more: Any) -> Any:
        read.extend(prompts)
        return generate(model, prompts, **more)

    monkeypatch.setattr(answers_module, "generate", reading)
    items = laboratory.items("dilemma", 1)
    (outcomes,) = asked(laboratory, laboratory.all(items, SystemText(TWO[0], "You hold on.")))
    assert [one.key for one in outcomes] == [item.key for item in items]
    questions = [item.question for item in items]  # type: ignore[union-attr]
    assert read == [f"<|system|>You hold on.<|user|>{one}<|assistant|>" for one in questions]


def test_the_organism_is_told_what_its_own_grammar_says(laboratory: Laboratory) -> None:
    texts = system_texts(load_value_system("schwartz"), laboratory.material)
    described = {one.value: one.system for one in laboratory.material.questions if one.setting == "described"}
    words = {value: set(text.split(". ")[0].split()) for value, text in texts.items()}
    assert all(words[value] for value in TWO)
    assert texts[TWO[0]].startswith("You ")
    assert described[TWO[0]].startswith("You ")
    assert (
        len(
            {
                system_texts(load_value_system("schwartz"), laboratory.material, wording=n)[TWO[0]]
                for n in range(3)
            }
        )
        == 3
    )


def test_every_schwartz_value_has_a_message_of_its_own_and_any_other_one_from_its_name() -> None:
    class Drawn:
        source = "starter"
        values: tuple[str, ...] = ()

    schwartz, chinese = load_value_system("schwartz"), load_value_system("chinese-social")
    own, other = Drawn(), Drawn()
    own.values, other.values = schwartz.at_level("value"), chinese.at_level(chinese.levels[0])
    texts = system_texts(schwartz, own)  # type: ignore[arg-type]
    assert len(set(texts.values())) == 10
    assert all("{" not in text and "more than about anything else" not in text for text in texts.values())
    for language in ("en", "zh"):
        made = system_texts(chinese, other, language=language)  # type: ignore[arg-type]
        for value, text in made.items():
            assert chinese[value].names[language] in text
    with pytest.raises(SpecError, match="wording is 3; there are 3"):
        system_texts(schwartz, own, wording=3)  # type: ignore[arg-type]


def test_the_whole_run_measures_them_as_it_measures_edits(summary: dict[str, Any]) -> None:
    assert list(summary["methods"]) == list(METHODS)
    for name, method in summary["methods"].items():
        assert method["effect"]["n"] + method["effect"]["missing"] == 4 * len(TWO)
        assert method["random"] is not None
        assert (method["random_matched"] is None) == (name != "neva")
    caa = summary["methods"]["caa"]
    assert [point["strength"] for point in caa["dose"]["points"]] == [0.5, 4.0]
    assert len(caa["search"]["tried"]) == 2
    assert caa["settings"][0]["edit_parameters"]["coefficient"] == 0.5
    assert caa["neurons_per_layer"] == {}
    assert [one["arm"] for one in summary["examples"][0]["answers"]] == ["base", *METHODS]


def test_messages_and_vectors_move_the_preference_between_pairs_too(folder: Path, tmp_path: Path) -> None:
    methods = {name: {**METHODS[name], "asked": "pairs"} for name in ("conva", "message")}
    methods["message"].pop("search")
    content = pairs_spec(folder, write_conva(tmp_path / "conva"), methods=methods, leakage=None)
    found = summary_of(content, tmp_path / "run")
    for method in found["methods"].values():
        assert method["effect"]["mean"] != 0.0
        assert method["fluency"] is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"locator": "neva"}, "give intervention, or locator and edit, not both"),
        ({"intervention": "caa2"}, "did you mean 'caa'"),
        ({"intervention": None}, "give locator and edit, or intervention"),
        ({"default": {"top": 3}}, "takes no neurons; remove top"),
        ({"default": {"edit": {"beta": 1.0}}}, "parameter of edit caa 'beta' is unknown"),
        ({"dose": {"parameter": "top", "values": [1]}}, "dose parameter of edit caa 'top' is unknown"),
        ({"numbers": "delta"}, "goes one way"),
    ],
)
def test_what_cannot_be_is_said(change: dict[str, Any], message: str) -> None:
    methods = {**METHODS, "caa": {"intervention": "caa", **change}}
    with pytest.raises(SpecError, match=message):
        make_spec(dilemma_spec("m", methods=methods), "t")


def test_a_value_may_have_a_strength_of_its_own_and_a_sweep_takes_it_away(laboratory: Laboratory) -> None:
    first, second = TWO
    for name, parameter in (("caa", "coefficient"), ("neva", "beta")):
        method = laboratory.spec.methods[name]
        own = Setting(
            locator=method.default.locator, edit={parameter: 0.5}, by_value={second: {parameter: 0.25}}
        )
        made = treatments(laboratory.locations, method, own)
        assert [getattr(made[value], parameter) for value in TWO] == [0.5, 0.25]
        swept = treatments(laboratory.locations, method, own.with_edit(parameter, 0.75))
        assert [getattr(swept[value], parameter) for value in (first, second)] == [0.75, 0.75]


def test_a_value_that_there_is_none_of_has_no_strength() -> None:
    methods = {"caa": {"intervention": "caa", "default": {"by_value": {"powers": {"coefficient": 1.0}}}}}
    spec = make_spec(dilemma_spec("organism", methods=methods, leakage=None), "t")
    with pytest.raises(SpecError, match=r"methods\.caa\.by_value: 'powers' is no value of schwartz"):
        estimate(spec)  # before anything is read
    methods = {"caa": {"intervention": "caa", "default": {"by_value": {"power": {"beta": 1.0}}}}}
    with pytest.raises(SpecError, match="parameter of by_value of caa 'beta' is unknown"):
        make_spec(dilemma_spec("m", methods=methods), "t")


@pytest.mark.parametrize(
    "name",
    ["neva", "neva-judge", "neva-likelihood", "neva-organism", "neva-conva", "neva-starter", "neva-plain"],
)
def test_the_specifications_that_ship_can_be_read(name: str) -> None:
    spec = read_spec(Path(__file__).parents[1] / "specs" / f"{name}.yaml")
    assert isinstance(spec, Spec)
    known = set(load_value_system("schwartz").at_level("value"))
    for method in spec.methods.values():
        assert set(method.default.by_value) <= known


SFT = {"intervention": "sft", "default": {"locator": {"rate": 0.01, "epochs": 3, "most": 4}}}


def test_adapters_are_trained_once_and_answer_for_their_own_value(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    adapted = {**SFT, "dose": {"parameter": "strength", "values": [0.5], "questions": 2}}
    content = dilemma_spec(
        folder,
        methods={"neva": METHODS["neva"], "sft": adapted},
        leakage={"method": "neva", "methods": ["sft"], "questions": 2},
        turns={"turns": 2, "conversations": 1},
        ability={"perplexity": True},
    )
    told: list[str] = []
    out = tmp_path / "run"
    found = summary_of(content, out, progress=lambda what, done, total: told.append(what))
    plain = summary_of({**content, "methods": {"neva": METHODS["neva"]}, "leakage": None}, tmp_path / "plain")
    assert found["base"] == plain["base"]
    assert found["methods"]["neva"]["effect"] == plain["methods"]["neva"]["effect"]
    assert told.count(f"adapters/{TWO[0]}") == 3
    trained = sorted((out / "adapters").glob("*/*/adapter.json"))
    assert [path.parent.name for path in trained] == sorted(TWO)
    method = found["methods"]["sft"]
    assert method["edit"] == "sft"
    assert method["random"]["n"] + method["random"]["missing"] == 2 * 4 * len(TWO)
    assert method["random_matched"] is None
    assert list(found["ability"]["methods"]) == ["neva", "sft"]
    assert found["ability"]["methods"]["sft"]["nats"]["change"]["mean"] != 0.0
    answers = [one["answers"] for one in found["examples"]]
    assert any(arms[0]["text"] != arms[2]["text"] for arms in answers), "base and adapted answers differ"
    asks = [
        path for path in (out / "asks").iterdir() if not (tmp_path / "plain" / "asks" / path.name).exists()
    ]
    assert asks
    for path in asks:
        shutil.rmtree(path)
    (out / "summary.json").unlink()
    stamps = [path.stat().st_mtime_ns for path in trained]
    assert summary_of(content, out)["methods"] == found["methods"]
    assert [path.stat().st_mtime_ns for path in trained] == stamps


def test_what_an_adapter_learns_may_be_a_set_of_ones_own(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    path = tmp_path / "rated.jsonl"
    rows = [
        {
            "dialogue": f"Human: Question {n}?\nBob: Answer {n} about {value}.",
            "value_types": [f"{value}: {sign}1"],
        }
        for n, (value, sign) in enumerate([(TWO[0], "+"), (TWO[1], "+"), (TWO[1], "-")])
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    spec = Spec.model_validate(dilemma_spec(folder, methods={"neva": METHODS["neva"], "sft": SFT}))
    material = read_material(spec, RunFolder(tmp_path / "run"), TWO)
    learnt = training_texts(spec, material, {"texts": str(path), "reader": "fulcra"})
    assert [[one.prompt for one in learnt[value]] for value in TWO] == [["Question 0?"], ["Question 1?"]]
    assert learnt[TWO[0]][0].answer == f"Answer 0 about {TWO[0]}."
    with pytest.raises(SpecError, match="no question with an answer"):
        training_texts(spec, replace(material, texts=()), {})
    assert [(len(texts), epochs) for texts, epochs in planned_training(spec, material)] == [(8, 3)]
    with pytest.raises(SpecError, match="parameter of locator sft 'epoch' is unknown"):
        make_spec(dilemma_spec("m", methods={"sft": {**SFT, "default": {"locator": {"epoch": 1}}}}), "t")


def test_the_control_of_an_adapter_is_that_of_another_value_at_the_same_strength(model: NeuronModel) -> None:
    own = {
        value: Adapter(value, Path(value), model.identity, {}, (), value, strength)
        for value, strength in zip(("power", "benevolence", "security"), (0.5, 1.0, 2.0), strict=True)
    }
    for draw in range(5):
        control = adapters_of_others(own, 0, draw)
        assert control == adapters_of_others(own, 0, draw)
        for value, one in control.items():
            assert one.value != value
            assert one.strength == own[value].strength
