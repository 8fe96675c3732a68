"""Runs that a model judges: the same results as the oracle's, missing counted and said, resumed without asking twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")

from inspect_ai.model import GenerateConfig, ModelAPI, ModelOutput, modelapi
from judge_stubs import output
from run_samples import TIMES, read_summary, rows_in

from valuescope.cli import main
from valuescope.judge.asked_model import AskError
from valuescope.judge.oracle_model import OracleModel
from valuescope.models import NeuronModel, load_model
from valuescope.run import RunError, Spec, SpecError, estimate, make_spec, run, terminal_text

ORACLE = "valuescope_oracle/organism"


class Interrupted(ModelAPI):
    """The oracle behind a service that breaks down after `Interrupted.calls_left` calls and comes back later."""

    calls_left = 10**9
    made: list[str] = []  # noqa: RUF012 - shared by all instances on purpose

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - Inspect's own signature
    ):
        super().__init__(model_name, base_url, api_key, [], config)
        self.oracle = OracleModel("organism", base_url, api_key, config)

    async def generate(self, input: Any, tools: Any, tool_choice: Any, config: GenerateConfig) -> ModelOutput:
        if Interrupted.calls_left <= 0:
            raise ConnectionError("the service is down")
        Interrupted.calls_left -= 1
        Interrupted.made.append(input[-1].text)
        return await self.oracle.generate(input, tools, tool_choice, config)


@modelapi(name="interrupted")
def interrupted() -> type[ModelAPI]:
    return Interrupted


class Silent(ModelAPI):
    """Says nothing to questions about fluency, and Yes to the others."""

    async def generate(self, input: Any, tools: Any, tool_choice: Any, config: GenerateConfig) -> ModelOutput:
        return output("" if "fluent" in input[-1].text else "Yes")


@modelapi(name="silent")
def silent() -> type[ModelAPI]:
    return Silent


def content(judge: Any, **changes: Any) -> dict[str, Any]:
    """A small run on the organism's dilemmas."""
    return {
        "name": "judged",
        "model": {"device": "cpu"},
        "values": {"only": ["power", "benevolence"]},
        "data": {
            "source": "organism",
            "parameters": {"texts": 0, "descriptions": 8, "pairs": 0, "questions": 5, "tuning": 2},
        },
        "methods": {
            "valuelocate": {
                "locator": "valuelocate",
                "edit": "amplify",
                "default": {"edit": {"gamma": 2.0}, "top": 4},
                "search": {"edit": [{"gamma": 4.0}], "top": [8], "min_fluency": 0.5},
            }
        },
        "controls": {"draws": 1, "matched": False},
        "generate": {"max_new_tokens": 32, "batch_size": 4},
        "bootstrap": {"resamples": 50},
        "judge": judge,
        **changes,
    }


def spec_of(judge: Any, **changes: Any) -> Spec:
    return make_spec(content(judge, **changes), "test")


@pytest.fixture(scope="module")
def model() -> NeuronModel:
    return load_model("organism", device="cpu")


@pytest.fixture(scope="module")
def by_model(model: NeuronModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("by-model") / "out"
    run(spec_of({"by": ORACLE}), folder, model=model)
    return folder


def summary(folder: Path) -> dict[str, Any]:
    return {name: part for name, part in read_summary(folder).items() if name not in TIMES}


def test_a_run_by_a_model_equals_the_same_run_by_the_oracle(
    by_model: Path, model: NeuronModel, tmp_path: Path
) -> None:
    run(spec_of("oracle"), tmp_path / "out", model=model)
    one, other = summary(by_model), summary(tmp_path / "out")
    assert one["measure"].pop("judge") == ORACLE
    assert other["measure"].pop("judge") == "oracle"
    mine, theirs = one.pop("judging"), other.pop("judging")
    for found in (one, other):
        found.pop("spec_hash")
    assert one == other
    assert one["base"]["by_value"]["dilemma"]["power"]["n"] == 5
    assert mine["measures"] == theirs["measures"]
    asked = {"asked": len(rows_in(by_model)), "missing": 0, "share": 0.0, "by_kind": {}}
    assert mine["measures"] == {"control success": asked, "fluency": asked}
    assert (theirs["prompts"], theirs["tokens"], mine["warnings"]) == ([], None, [])
    assert [prompt.split()[0] for prompt in mine["prompts"]] == ["control-success/en", "fluency/en"]
    assert mine["tokens"] > 1000
    assert {"search", "base", "effects", "examples"} <= set(mine["parts"])
    assert mine["parts"] == theirs["parts"]


def test_the_same_run_again_asks_nobody(
    by_model: Path, model: NeuronModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = summary(by_model)

    def refuse(*_: Any) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr(OracleModel, "_reply", refuse)
    run(spec_of({"by": ORACLE, "max_connections": 2, "retries": 1, "timeout": 9}), by_model, model=model)
    assert summary(by_model) == before


def test_a_run_whose_judge_broke_down_goes_on_and_asks_nothing_twice(
    by_model: Path, model: NeuronModel, tmp_path: Path
) -> None:
    spec = spec_of({"by": "interrupted/organism", "retries": 0, "max_connections": 2, "calibration": None})
    Interrupted.calls_left, Interrupted.made = 9, []
    with pytest.raises(AskError, match="the service is down"):
        run(spec, tmp_path, model=model)
    assert not (tmp_path / "summary.json").exists()
    assert len(Interrupted.made) == 9
    Interrupted.calls_left = 10**9
    run(spec, tmp_path, model=model)
    assert len(Interrupted.made) == len(set(Interrupted.made))
    one, other = summary(tmp_path), summary(by_model)
    assert one["judging"].pop("judge") == one["measure"].pop("judge") == "interrupted/organism"
    assert other["judging"].pop("judge") == other["measure"].pop("judge") == ORACLE
    assert one.pop("spec_hash") != other.pop("spec_hash")
    assert one == other


def test_what_is_missing_is_counted_by_kind_and_said_loudly(model: NeuronModel, tmp_path: Path) -> None:
    judge = {"by": ORACLE, "model_args": {"refusal_rate": 0.2, "garble_rate": 0.1}, "missing_limit": 0.15}
    result = run(spec_of(judge), tmp_path, model=model)
    found = read_summary(tmp_path)
    measures, asked = found["judging"]["measures"], len(rows_in(tmp_path))
    for one in measures.values():
        assert one["asked"] == asked
        assert one["missing"] == sum(one["by_kind"].values())
        assert set(one["by_kind"]) == {"refusal", "unparseable"}
        assert one["share"] == pytest.approx(0.3, abs=0.18)
    assert measures["control success"]["by_kind"] != measures["fluency"]["by_kind"]
    assert [warning.split(":")[0] for warning in found["judging"]["warnings"]] == [
        "control success",
        "fluency",
    ]
    base = found["base"]["by_value"]["dilemma"]
    assert sum(one["missing"] for one in base.values()) > 0
    assert all(one["n"] + one["missing"] == 5 for one in base.values())
    table = terminal_text(result)
    assert (
        f"judge {ORACLE}: control success: {measures['control success']['missing']} of {asked} missing"
        in table
    )
    assert f"refusal {measures['fluency']['by_kind']['refusal']}" in table
    assert "WARNING: control success: " in table
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'role="alert"' in page
    assert f"{measures['fluency']['missing']} of {asked} missing" in page
    assert found["judging"]["prompts"][0] in page


def test_one_verdict_may_be_missing_without_the_other(model: NeuronModel, tmp_path: Path) -> None:
    changes = {"search": None, "default": {"top": 2}}
    methods = {"valuelocate": {**content("oracle")["methods"]["valuelocate"], **changes}}
    run(
        spec_of({"by": "silent/x", "missing_limit": 1.0, "calibration": None}, methods=methods),
        tmp_path,
        model=model,
    )
    found = read_summary(tmp_path)
    measures = found["judging"]["measures"]
    assert measures["control success"]["missing"] == 0
    assert measures["fluency"]["by_kind"] == {"empty": measures["fluency"]["asked"]}
    assert found["base"]["fluency"]["mean"] is None
    assert found["base"]["by_value"]["dilemma"]["power"]["mean"] == 1.0
    assert found["judging"]["warnings"] == []


def test_a_judge_that_cannot_be_asked_stops_the_run_before_any_answer(
    model: NeuronModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(AskError, match="OPENAI_API_KEY"):
        run(spec_of({"by": "openai/gpt-4o"}), tmp_path, model=model)
    assert not (tmp_path / "asks").exists()


def test_keys_are_written_nowhere(
    model: NeuronModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_API_KEY", "sk-this-is-a-secret")
    monkeypatch.setattr(Interrupted, "calls_left", 0)

    async def leak(self: Any, *_: Any) -> ModelOutput:
        raise ConnectionError("key sk-this-is-a-secret is wrong")

    monkeypatch.setattr(Interrupted, "generate", leak)
    with pytest.raises(AskError) as caught:
        run(spec_of({"by": "interrupted/organism", "retries": 0, "calibration": None}), tmp_path, model=model)
    assert "secret" not in str(caught.value)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "replies.jsonl" for path in written)
    assert not [path for path in written if b"this-is-a-secret" in path.read_bytes()]


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        ({"by": "gpt-4o"}, "judge: by 'gpt-4o' is no model; give provider and model"),
        ({"base_url": "http://localhost:1/v1"}, "judge.by: Field required"),
        ({"by": "openai/gpt-4o", "limit": 1}, "judge.limit: unknown key"),
        ({"by": "openai/gpt-4o", "limit": 1}, "known keys: by, base_url"),
        ({"by": "openai/gpt-4o", "missing_limit": 2}, "judge.missing_limit: give a number from 0 to 1"),
        (
            {"by": "openai/gpt-4o", "model_args": {"api_key": "x"}},
            "'api_key' looks like a secret and would be written down",
        ),
        ({"by": "openai/gpt-4o", "base_url": "http://me:secret@localhost/v1"}, "base_url holds a secret"),
        ({"by": "openai/gpt-4o", "base_url": "localhost"}, "is no address"),
        ("openai/gpt-4o", "write judge: {by: openai/gpt-4o}"),
        ("orcale", "did you mean 'oracle'?"),
        (3, "judge: "),
    ],
)
def test_a_judge_that_is_none_is_refused_with_its_place(judge: Any, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec_of(judge)
    assert said in str(caught.value)
    assert "judge:model" not in str(caught.value)


def test_how_calls_are_made_is_no_part_of_a_runs_identity(model: NeuronModel, by_model: Path) -> None:
    one = spec_of({"by": ORACLE})
    assert one.hash == spec_of({"by": ORACLE, "max_connections": 3, "retries": 9, "timeout": 5}).hash
    assert one.hash != spec_of({"by": ORACLE, "missing_limit": 0.2}).hash
    assert one.hash != spec_of({"by": "valuescope_oracle/other"}).hash
    with pytest.raises(RunError, match="another specification"):
        run(spec_of({"by": ORACLE, "language": "zh"}), by_model, model=model)


def test_a_dry_run_says_how_many_calls_a_judge_gets() -> None:
    lines = estimate(spec_of({"by": ORACLE})).lines()
    assert any("calls of the judge" in line and ORACLE in line for line in lines)
    assert not any("judge" in line for line in estimate(spec_of("oracle")).lines())


def test_evaluate_takes_a_model_as_its_judge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "edits"
    locate = ["locate", "organism", "--method", "valuelocate", "--top", "5", "--only", "power"]
    small = ["-d", "texts=0", "-d", "descriptions=8", "-d", "pairs=0", "-d", "questions=4", "-d", "tuning=0"]
    assert main([*locate, *small, "--out", str(out)]) == 0
    capsys.readouterr()
    command = ["evaluate", "organism", "--edit", str(out / "power.json"), *small]
    assert main(command) == 0
    by_oracle = capsys.readouterr().out
    replies = tmp_path / "replies.jsonl"
    by_model = ["--judge", ORACLE, "--judge-replies", str(replies)]
    assert main([*command, *by_model]) == 0
    assert capsys.readouterr().out == by_oracle
    asked = len(replies.read_text().splitlines())
    assert main([*command, *by_model]) == 0
    assert len(replies.read_text().splitlines()) == asked
    capsys.readouterr()
    assert main([*command, "--judge", ORACLE, "--judge-arg", "refusal_rate=1.0"]) == 0
    said = capsys.readouterr().out
    assert "WARNING: control success: 12 OF 12 JUDGEMENTS ARE MISSING" in said
    assert main([*command, "--judge", "orcale"]) == 2
    assert "neither oracle nor the name of a model" in capsys.readouterr().err
    assert main([*command, "--judge", ORACLE, "--judge-arg", "api_key=x"]) == 1
    assert "put the key into the environment" in capsys.readouterr().err
