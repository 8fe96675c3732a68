"""ValueExploration end to end on the social organism: equal to a slow computation, resumed, batched in any way."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import signal
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from conftest import shared
from run_samples import report_files, summary_bytes
from test_run_kill import run_until_killed, run_whole

from valuescope.activations import collect
from valuescope.cli import main
from valuescope.data.dilemma_set import DilemmaSet, feeding_texts
from valuescope.edit import Deactivate, edited
from valuescope.judge.reply import parse_percentages
from valuescope.judge.support import SupportRate
from valuescope.lab.folder import RunFolder
from valuescope.lab.identification import Identification
from valuescope.locate import Location
from valuescope.models import NeuronModel, load_model, render_question
from valuescope.progress import silent
from valuescope.run import make_spec, read_result, run
from valuescope.run.registry import parts_of

VALUES = ("justice", "freedom", "integrity")
SPEC: dict[str, Any] = {
    "name": "small",
    "experiment": "valueexploration",
    "model": {"id": "organism-social", "dtype": "float32", "device": "cpu"},
    "values": {"system": "chinese-social", "only": list(VALUES)},
    "data": {"source": "organism-social", "parameters": {"activation": 6, "evaluation": 2}},
    "selections": {
        "vape": {"rate": {"en": 0.01, "zh": 0.01}},
        "specificity": {"locator": "specificity", "rate": {"en": 0.01, "zh": 0.01}},
    },
    "activations": {"part": 7},
    "support": {"brief": True, "max_new_tokens": 40, "batch_size": 9},
    "generating": {"max_new_tokens": 24},
    "sizes": [2, 6],
    "permutations": 100,
    "bootstrap": {"resamples": 100},
}
KILLS = {
    "data": ("data/dilemmas.json", True),
    "activations, a later part": ("activations/en/feeding-000002/counters-0001.json", True),
    "locate": ("locate/en/vape-feeding.safetensors", True),
    "base": ("asks/*/000009.json", False),
    "perturbed": ("asks/*/000027.json", True),
    "generating": ("activations/en/generating.json", True),
    "sizes": ("locate/zh/vape-size-2.safetensors", True),
    "report": ("report.html", False),
    "summary": ("summary.json", False),
}


@pytest.fixture(scope="module")
def model() -> NeuronModel:
    return load_model("organism-social", dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def finished(model: NeuronModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whole run."""
    out = tmp_path_factory.mktemp("exploration") / "out"
    run(make_spec(SPEC, "test"), out, model=model)
    return out


def summary_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return found


def dilemmas_of(out: Path) -> DilemmaSet:
    return DilemmaSet.from_dict(json.loads((out / "data" / "dilemmas.json").read_text(encoding="utf-8")))


def answer(model: NeuronModel, question: str) -> str:
    """The greedy answer to one question, token by token, without cache or batch."""
    ids = model.tokenizer(render_question(model, question), return_tensors="pt")["input_ids"]
    start = ids.shape[1]
    for _ in range(SPEC["support"]["max_new_tokens"]):
        with torch.no_grad():
            token = model.model(ids, use_cache=False).logits[0, -1].argmax()
        if int(token) == model.tokenizer.eos_token_id:
            break
        ids = torch.cat([ids, token.view(1, 1)], dim=1)
    return str(model.tokenizer.decode(ids[0, start:], skip_special_tokens=True))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_column_of_the_matrix_equals_asking_one_by_one(
    finished: Path, model: NeuronModel, language: str
) -> None:
    block = summary_of(finished)["languages"][language]
    change = block["selections"]["vape"]["matrices"]["percentages"]["change"]
    location = Location.load(finished / "locate" / language / "vape-feeding")
    neurons = location.neuron_set("freedom")
    assert len(neurons)
    rate = SupportRate("percentages", brief=True)
    for row, value in enumerate(VALUES):
        changes, missing = [], 0
        for dilemma in dilemmas_of(finished).of("evaluation", language, value):
            supports = []
            for edit in (None, Deactivate(neurons)):
                first, second = (call.user for call in rate.calls(dilemma))
                if edit is None:
                    replies = [answer(model, first), answer(model, second)]
                else:
                    with edited(model, edit):
                        replies = [answer(model, first), answer(model, second)]
                shares = [parse_percentages(reply).value for reply in replies]
                if None not in shares:
                    supports.append((shares[0][0] + shares[1][1]) / 2)
            if len(supports) == 2:
                changes.append(supports[1] - supports[0])
            else:
                missing += 1
        cell = change[row][VALUES.index("freedom")]
        assert cell["mean"] == (pytest.approx(sum(changes) / len(changes)) if changes else None)
        assert (cell["n"], cell["missing"]) == (len(changes), missing)


def test_letters_equal_the_models_own_probabilities(finished: Path, model: NeuronModel) -> None:
    """The base support by log-probabilities is P(A) / (P(A) + P(B)) right after the prompt."""
    rates = summary_of(finished)["languages"]["en"]["support"]["log-probabilities"]["rates"]
    rate, found = SupportRate("log-probabilities", brief=True), []
    letters = [model.tokenizer(letter, add_special_tokens=False)["input_ids"][-1] for letter in "AB"]
    for dilemma in dilemmas_of(finished).of("evaluation", "en", "justice"):
        shares = []
        for call in rate.calls(dilemma):
            ids = model.tokenizer(render_question(model, call.user), return_tensors="pt")["input_ids"]
            with torch.no_grad():
                shares.append(model.model(ids).logits[0, -1].double().softmax(-1)[letters])
        first, second = (one / one.sum() for one in shares)
        found.append(100 * float(first[0] + second[1]) / 2)
    assert rates["justice"]["mean"] == pytest.approx(sum(found) / len(found), abs=1e-3)


def test_a_size_is_the_beginning_of_the_set_and_the_whole_set_is_counted_as_one(
    finished: Path, model: NeuronModel
) -> None:
    spec, dilemmas = make_spec(SPEC, "test"), dilemmas_of(finished)
    identification = Identification(spec, RunFolder(finished), model, dilemmas, silent)
    for data, count in (("size-2", 2), ("feeding", 6)):
        texts = [
            text
            for value in VALUES
            for text in feeding_texts(dilemmas.of("activation", "zh", value)[:count], value, spec.seed)
        ]
        plain, found = collect(model, texts, residuals=False).counters, identification.counters("zh", data)
        assert torch.equal(plain.gate_active, found.gate_active)
        assert torch.equal(plain.tokens, found.tokens)
        assert plain.data_hash == found.data_hash


def test_batches_of_one_give_the_same_result(finished: Path, model: NeuronModel, tmp_path: Path) -> None:
    content = {**SPEC, "support": {**SPEC["support"], "batch_size": 1}, "languages": ["en"]}
    content |= {"generating": None, "sizes": [], "controls": {"matched": False}}
    run(make_spec(content, "test"), tmp_path / "out", model=model)
    many, single = (summary_of(out)["languages"]["en"] for out in (finished, tmp_path / "out"))
    for name in SPEC["selections"]:
        for measure, one in single["selections"][name]["matrices"].items():
            other = many["selections"][name]["matrices"][measure]
            for row, expected in zip(one["change"], other["change"], strict=True):
                assert [cell["mean"] for cell in row] == pytest.approx(
                    [cell["mean"] for cell in expected], abs=1e-3
                )


def test_a_run_that_lost_files_makes_them_again_alike(
    finished: Path, model: NeuronModel, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    for lost in (
        "locate/en",
        "activations/zh",
        *sorted(f"asks/{ask.name}" for ask in (out / "asks").iterdir())[::2],
    ):
        shutil.rmtree(out / lost)
    (out / "summary.json").unlink()
    run(make_spec(SPEC, "test"), out, model=model)
    assert summary_bytes(out) == summary_bytes(finished)
    assert report_files(out) == report_files(finished)


@pytest.mark.slow
def test_killed_in_stage_after_stage_it_arrives(finished: Path, tmp_path: Path) -> None:
    spec, out = tmp_path / "spec.yaml", tmp_path / "out"
    spec.write_text(yaml.safe_dump(SPEC, sort_keys=False), encoding="utf-8")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["valuescope.run", "test_run_kill"])
    for place, (pattern, written) in KILLS.items():
        process = context.Process(target=run_until_killed, args=(str(spec), str(out), pattern, written, 1))
        process.start()
        process.join(timeout=180)
        assert process.exitcode == -signal.SIGKILL, place
        assert not (out / "summary.json").exists()
    process = context.Process(target=run_whole, args=(str(spec), str(out)))
    process.start()
    process.join(timeout=180)
    assert process.exitcode == 0
    assert summary_bytes(out) == summary_bytes(finished)
    assert report_files(out) == report_files(finished)


def test_what_was_planned_is_what_was_asked_and_the_summary_is_read_back(finished: Path) -> None:
    summary, result = summary_of(finished), read_result(finished)
    assert summary["asks"]["planned"] == summary["asks"]["asked"] > summary["asks"]["answered"]
    again = result.to_dict([part.place for part in parts_of("valueexploration") if part.place])
    assert json.loads(json.dumps(again)) == summary


def test_values_without_neurons_stay_as_empty_columns(model: NeuronModel, tmp_path: Path) -> None:
    content = {**SPEC, "languages": ["en"], "generating": None, "sizes": [], "controls": {"matched": False}}
    content["selections"] = {"vape": {"rate": {"en": 0.0003}}}  # one neuron of 3,840
    run(make_spec(content, "test"), tmp_path / "out", model=model)
    found = summary_of(tmp_path / "out")["languages"]["en"]["selections"]["vape"]
    empty = [value for value, count in found["neurons"].items() if count == 0]
    assert empty
    assert list(found["neurons"]) == list(VALUES)
    for matrix in found["matrices"].values():
        assert matrix["without_neurons"] == empty
        for row in matrix["change"]:
            for value, cell in zip(VALUES, row, strict=True):
                assert (cell["mean"] is None) == (value in empty)
    assert any(empty[0] in warning for warning in found["warnings"])


def test_the_report_has_every_figure_and_table(finished: Path) -> None:
    figures = {path.stem for path in (finished / "figures").iterdir()}
    assert figures >= {
        *("support_rates", "agreement", "perturbation", "controls", "selections", "firing", "overlap"),
        *("layer_counts", "strategies", "data_size"),
    }
    rows = (finished / "tables" / "perturbation.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("language,neurons,measure,evaluated,neurons_off,mean")
    assert sum("en,vape,percentages" in row for row in rows) == len(VALUES) ** 2
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert "English, by percentages" in page
    assert "The model is an organism" in page


def test_the_command_runs_estimates_and_reports(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(yaml.safe_dump(SPEC, sort_keys=False), encoding="utf-8")
    assert main(["run", str(spec), "--dry-run"]) == 0
    assert "answers to write" in capsys.readouterr().out
    assert main(["run", str(spec), "--out", str(finished)]) == 0
    printed = capsys.readouterr().out
    assert "hit hardest" in printed
    assert "VAPE" in printed
    assert main(["report", str(finished)]) == 0
    other = ["run", str(spec), "--out", str(finished), "--set", "seed=1"]
    assert main(other) != 0
    assert "another specification" in capsys.readouterr().err


def test_replaced_texts_stand_for_their_values_only(model: NeuronModel, tmp_path: Path) -> None:
    sets = [str(shared(f"data/{name}")) for name in ("bbq", "vlsbench", "safetybench")]
    content = {
        **SPEC,
        "values": {"system": "chinese-social", "only": ["equality", "rule-of-law", "justice"]},
        "generating": None,
        "sizes": [],
        "controls": {"matched": False},
        "replacement": {
            "equality": {"paths": sets[:1], "texts": 10},
            "rule-of-law": {"paths": sets[1:], "texts": 10},
        },
    }
    run(make_spec(content, "test"), tmp_path / "out", model=model)
    found = summary_of(tmp_path / "out")["languages"]
    counts = {(one["set"], one["records"]) for one in found["en"]["replacement"]["counts"]}
    assert counts == {("bbq", 11956), ("vlsbench", 2240), ("safetybench", 2100)}
    assert found["en"]["replacement"]["texts"] == {"equality": 10, "rule-of-law": 10}
    assert found["zh"]["replacement"]["values"] == ["rule-of-law"]
    assert fnmatch(str(sorted((tmp_path / "out" / "locate" / "zh").iterdir())[0].name), "*.json")
