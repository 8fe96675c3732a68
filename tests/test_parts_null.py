"""The null beside every location, against locating in texts that were relabelled and read one pass each."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from run_samples import TWO, dilemma_spec, report_files, summary_bytes, summary_of
from scipy.stats import spearmanr

from valuescope.activations import Activations, collect
from valuescope.data import LabelledText, Material
from valuescope.lab.counted_texts import read_texts
from valuescope.lab.method import MethodSpec
from valuescope.lab.null import NullSpec, exchange_of
from valuescope.lab.setting import Setting
from valuescope.locate import Evidence, Location, locate
from valuescope.locate.relabelling import Exchange, first_half
from valuescope.models import NeuronModel, load_model
from valuescope.parts.null import Null, NullShare, SplitHalf
from valuescope.run import estimate, make_spec, read_result, run
from valuescope.run.experiment import EXPERIMENTS, planned_asks, terminal_text
from valuescope.run.registry import asked_parts

NULLS = {"shuffles": 2, "halves": 2}
METHODS: dict[str, dict[str, Any]] = {
    "vape": {"locator": "vape", "edit": "deactivate", "default": {"locator": {"rate": 0.05, "bar": 0.5}}},
    "two-proportion": {"locator": "two-proportion", "edit": "deactivate"},
    "valuelocate": {"locator": "valuelocate", "edit": "amplify", "default": {"top": 40}},
    "valuelocate-all": {"locator": "valuelocate", "edit": "amplify"},
    "others": {
        "locator": "valuelocate",
        "edit": "amplify",
        "default": {"locator": {"contrast": "others", "site": "product", "statistic": "token"}},
    },
    "neva": {"locator": "neva", "edit": "modulate", "default": {"locator": {"accuracy": 0.7}}},
    "caa": {"intervention": "caa", "default": {"edit": {"coefficient": 1.0}}},
}
LPIP = {"locator": "lpip", "edit": "modulate", "default": {"locator": {"top": 10, "texts": 3}}}


def content(**changes: Any) -> dict[str, Any]:
    base = dilemma_spec("organism")
    data = {
        "source": "organism",
        "parameters": {"texts": 12, "descriptions": 12, "pairs": 14, "questions": 2, "tuning": 1},
    }
    rest = {"methods": METHODS, "data": data, "leakage": None, "nulls": NULLS}
    return {**base, **rest, "controls": {"draws": 1, "matched": False}, **changes}


@pytest.fixture(scope="module")
def model() -> NeuronModel:
    return load_model("organism", dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def finished(model: NeuronModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("null") / "run"
    run(make_spec(content(), "t"), out, model=model)
    return out


class Slow:
    """The obvious way: every dealing is a set of texts with other labels, read in a pass of its own."""

    def __init__(self, model: NeuronModel, folder: Path, name: str):
        self.spec = make_spec(content(), "t")
        self.model, self.method = model, self.spec.methods[name]
        material = Material.from_dict(json.loads((folder / "data" / "material.json").read_text()))
        self.texts = read_texts(self.spec, material)
        exchange = exchange_of(self.method, self.method.default, TWO)
        assert exchange is not None
        self.exchange = exchange

    def located(self, labels: list[str]) -> Location:
        texts = [replace(text, label=label) for text, label in zip(self.texts, labels, strict=True) if label]
        positive, negative = self.method.read_roles
        known = {text.label for text in texts}
        found = collect(self.model, texts, batch_size=8)
        evidence = Evidence(
            Activations(found.counters, found.residuals),
            TWO,
            {value: f"{value}|{positive}" for value in TWO},
            {value: f"{value}|{negative}" for value in TWO if f"{value}|{negative}" in known},
        )
        location = locate(self.method.locator, self.model, evidence, **self.method.default.locator)
        top = self.method.default.top
        if top is None:
            return location
        chosen = np.zeros_like(location.selected.numpy())
        for row, value in enumerate(TWO):
            neurons = location.neuron_set(value)
            order = np.argsort(-np.abs(neurons.scores.numpy()), kind="stable")[:top]
            chosen[row, neurons.layers[order], neurons.indices[order]] = True
        return replace(location, selected=location.selected.new_tensor(chosen))

    def shuffled(self, draw: int) -> list[str]:
        return list(self.exchange.dealt(self.texts, seed=0, draw=draw))

    def halves(self, labels: list[str], draw: int) -> tuple[list[str], list[str]]:
        first = first_half(self.texts, seed=0, draw=draw)
        return tuple(
            [label if inside == side else "" for label, inside in zip(labels, first, strict=True)]
            for side in (True, False)
        )


def share(both: np.ndarray, either: np.ndarray) -> float:
    return float(both.sum() / either.sum())


@pytest.mark.parametrize(
    "name", ["vape", "two-proportion", "valuelocate", "valuelocate-all", "others", "neva"]
)
def test_every_number_is_that_of_texts_that_were_relabelled_and_read_again(
    finished: Path, model: NeuronModel, name: str
) -> None:
    found = read_result(finished).of(Null)[name]
    slow = Slow(model, finished, name)
    labels = [text.label for text in slow.texts]
    real = slow.located(labels)
    dealt = [slow.located(slow.shuffled(draw)) for draw in range(2)]
    cuts = [tuple(map(slow.located, slow.halves(labels, draw))) for draw in range(2)]
    dealt_cuts = [tuple(map(slow.located, slow.halves(slow.shuffled(draw), draw))) for draw in range(2)]
    assert (found.shuffles, found.halves, found.missing) == (2, 2, ())
    shares, halves = [], []
    for row, value in enumerate(TWO):
        null = found.by_value[value]
        chosen, scores = real.selected[row].numpy(), real.scores[row].numpy()
        assert null.neurons == chosen.sum() > 0
        null_sets = [(location.selected[row].numpy(), location.scores[row].numpy()) for location in dealt]
        assert null.shuffled == fmean(int(also.sum()) for also, _ in null_sets)
        reached = [float((also & (its >= scores[chosen].min())).sum()) for also, its in null_sets]
        assert null.null_share == pytest.approx(fmean(reached) / chosen.sum())
        means = [its[also].mean() for also, its in null_sets if also.any()]
        if means:
            assert null.score_ratio == pytest.approx(float(np.mean(means) / scores[chosen].mean()), rel=1e-4)
        else:
            assert null.score_ratio is None
        assert null.overlap == pytest.approx(
            fmean(share(chosen & also, chosen | also) for also, _ in null_sets)
        )
        for split, pairs in ((null.halves, cuts), (null.shuffled_halves, dealt_cuts)):
            sets = [tuple(side.selected[row].numpy() for side in pair) for pair in pairs]
            jaccards = [share(one & other, one | other) for one, other in sets if (one | other).any()]
            assert split.jaccard == (pytest.approx(fmean(jaccards)) if jaccards else None)
            numbers = [tuple(side.signed[row].flatten().numpy() for side in pair) for pair in pairs]
            rhos = [float(spearmanr(*pair).statistic) for pair in numbers if all(map(np.any, pair))]
            assert split.correlation == (pytest.approx(fmean(rhos), abs=1e-6) if rhos else None)
        shares.append(null.null_share)
        halves.append(null.halves.jaccard)
    assert found.null_share == pytest.approx(fmean(shares))
    assert found.split_half == pytest.approx(fmean(halves))


def test_planted_neurons_stand_clear_of_their_null(finished: Path) -> None:
    summary = json.loads((finished / "summary.json").read_text())["methods"]
    for name in ("vape", "valuelocate"):
        block = summary[name]
        assert block["null_share"] < 0.5
        for null in block["null"]["by_value"].values():
            assert null["halves"]["jaccard"] > 2 * null["halves"]["chance"]
    # The threshold alone passes as many neurons whatever the labels say.
    assert summary["valuelocate-all"]["null_share"] > 0.5


def test_summary_has_plain_numbers_and_what_has_no_null_is_null(finished: Path) -> None:
    summary = json.loads((finished / "summary.json").read_text())["methods"]
    for name in METHODS:
        block = summary[name]
        if name == "caa":
            assert block["null"] is block["null_share"] is block["split_half"] is None
        else:
            assert block["null"]["exchanged"] == (
                "sides" if name.startswith(("valuelocate", "n")) else "values"
            )
            assert block["null_share"] == block["null"]["null_share"]
            assert block["split_half"] == block["null"]["split_half"]
    probes = summary["neva"]["null"]["by_value"][TWO[0]]
    assert probes["kept_layers"] > probes["shuffled_kept_layers"]
    assert probes["accuracy"] > probes["shuffled_accuracy"]
    result = read_result(finished)
    assert result.of(NullShare)["vape"].root == summary["vape"]["null_share"]
    assert result.of(SplitHalf)["vape"].root == summary["vape"]["split_half"]


def test_page_table_and_terminal(finished: Path) -> None:
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert "By chance" in page
    assert (finished / "figures" / "null.svg").is_file()
    rows = (finished / "tables" / "null.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith(
        "selection,exchanged,percent,shuffled_percent,null_share,score_ratio,overlap,split_half"
    )
    assert len(rows) == 1 + len(METHODS) - 1
    assert len((finished / "tables" / "null_by_value.csv").read_text().splitlines()) == 1 + 2 * (
        len(METHODS) - 1
    )
    printed = terminal_text(read_result(finished))
    assert "null of" in printed
    assert "exchanged halves" in printed


def test_a_run_with_nulls_asks_and_finds_what_one_without_does(
    finished: Path, model: NeuronModel, tmp_path: Path
) -> None:
    with_them, without = make_spec(content(), "t"), make_spec(content(nulls=None), "t")
    plans = [
        [ask.hash for ask in planned_asks(asked_parts(spec), EXPERIMENTS["methods"].plan(spec))]
        for spec in (with_them, without)
    ]
    assert plans[0] == plans[1]
    plain = summary_of(content(nulls=None), tmp_path / "plain", model=model)
    nulled = json.loads((finished / "summary.json").read_text())
    for block in nulled["methods"].values():
        for name in ("null", "null_share", "split_half"):
            block[name] = None
    for name in ("spec_hash", "seconds", "seconds_by_stage"):
        del plain[name], nulled[name]
    assert nulled == plain


def test_what_is_lost_is_made_again_alike(finished: Path, model: NeuronModel, tmp_path: Path) -> None:
    spec, out = make_spec(content(), "t"), tmp_path / "again"

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "null" and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(spec, out, model=model, progress=stop)
    kept = {path.name: path.stat().st_mtime_ns for path in (out / "locate").glob("*.null.json")}
    assert 0 < len(kept) < 6
    run(spec, out, model=model)
    assert {name: (out / "locate" / name).stat().st_mtime_ns for name in kept} == kept
    assert summary_bytes(out) == summary_bytes(finished)
    assert report_files(out) == report_files(finished)


def test_locators_that_read_texts_run_again_where_that_is_asked_for(
    model: NeuronModel, tmp_path: Path
) -> None:
    methods = {"lpip": LPIP, "vape": METHODS["vape"]}
    without = summary_of(content(methods=methods), tmp_path / "without", model=model)["methods"]
    assert without["lpip"]["null"] is None
    assert without["vape"]["null"] is not None
    asked = content(methods={"lpip": LPIP}, nulls={"reading": True, "shuffles": 1})
    summary = summary_of(asked, tmp_path / "reading", model=model)["methods"]["lpip"]
    assert summary["null"]["shuffles"] == 1
    assert all(null["neurons"] == null["shuffled"] == 10 for null in summary["null"]["by_value"].values())
    assert 0 <= summary["null_share"] <= 1
    assert summary["null"]["by_value"][TWO[0]]["score_ratio"] > 0


def test_too_few_texts_are_said_and_leave_no_number(model: NeuronModel, tmp_path: Path) -> None:
    data = {
        "source": "organism",
        "parameters": {"texts": 2, "descriptions": 2, "pairs": 3, "questions": 2, "tuning": 1},
    }
    asked = content(methods={"neva": METHODS["neva"]}, data=data)
    block = summary_of(asked, tmp_path / "few", model=model)["methods"]["neva"]
    assert block["split_half"] is None
    assert any("too few to train and validate" in reason for reason in block["null"]["missing"])


def test_what_is_exchanged() -> None:
    def exchange(locator: str, roles: tuple[str, str] | None = None, **parameters: Any) -> Exchange | None:
        setting = Setting(locator=parameters)
        method = MethodSpec(locator=locator, edit="deactivate", roles=roles, default=setting)
        return exchange_of(method, setting, TWO)

    sides = exchange("valuelocate")
    assert sides is not None
    assert sides.pools == tuple((f"{value}|for", f"{value}|against") for value in TWO)
    others = exchange("valuelocate", contrast="others")
    assert others is not None
    assert others.pools == (tuple(f"{value}|for" for value in TWO),)
    between = exchange("vape", ("for", "against"))
    assert between == others
    assert exchange("random", count=3) is None


def test_the_dry_run_counts_the_memory_and_a_specification_without_locators_is_refused(
    tmp_path: Path,
) -> None:
    costs = [estimate(make_spec(content(nulls=nulls), "t")) for nulls in (None, {"shuffles": 3, "halves": 1})]
    # Exchanges: sides of for and against, of positive and negative, values in the roles text and for.
    times = 1 + NullSpec(shuffles=3).counted(4)
    assert times == 1 + 1 + 4 * (3 + 1)
    labels = costs[1].counter_bytes - costs[0].counter_bytes
    assert labels > 0
    assert labels % (times - 1) == 0
    message = "nulls are of locators, and no method has one"
    with pytest.raises(Exception, match=message):
        make_spec(content(methods={"caa": METHODS["caa"]}), "t")


def test_texts_of_a_reading_carry_the_dealt_labels() -> None:
    from valuescope.lab.null import Reading

    texts = [LabelledText("a", "one"), LabelledText("b", "two")]
    reading = Reading(("b", ""), None)  # type: ignore[arg-type]
    assert reading.texts(texts) == (LabelledText("b", "one"),)
