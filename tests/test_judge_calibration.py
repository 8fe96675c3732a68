"""Known answers: what a judge says of them, the numbers of it, and that a judge they speak against is refused."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")

from inspect_ai.model import GenerateConfig, ModelAPI, ModelOutput, modelapi
from judge_stubs import output, scripted
from run_samples import read_summary

from valuescope.cli import main
from valuescope.judge import JudgeError, calibration, known_answers
from valuescope.judge.answer_judge import AnswerJudge
from valuescope.judge.asking import Asker
from valuescope.judge.calibration import Calibration, calibrate, calibrate_stance
from valuescope.judge.known_answers import KnownAnswer, agreement, known_items
from valuescope.models import NeuronModel, load_model
from valuescope.run import make_spec, run, terminal_text

LABELS = ("for", "against", "no side", "refusal")


def known(number: int, **changes: Any) -> KnownAnswer:
    """A known answer whose text says its label, so that a stub can read it."""
    label = LABELS[number % 4] if number % 2 else "for"
    fields = {
        "key": f"en/{number:03d}",
        "question": f"There is a chair, number {number}. Should I take the chair?",
        "value": "power",
        "yes_is": "for",
        "answer": f"{'Yes' if label == 'for' else 'No' if label == 'against' else 'Well'}, this answer is {label} {number}.",
        "language": "en",
        "model": "tiny",
        "arm": "base",
        "temperature": 0.0,
        "label_1": label,
        "label_2": label,
        "fluent_1": True,
        "fluent_2": True,
    }
    return KnownAnswer(**{**fields, **changes})


SET = (
    *(known(number) for number in range(48)),
    known(100, label_2="no side"),  # the readers differ, so nobody is asked it
    known(101, label_1="refusal", label_2="against"),
    known(
        102, fluent_1=False, fluent_2=False, answer="chair chair chair", label_1="against", label_2="against"
    ),
    known(103, fluent_2=False),
)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (calibration, known_answers):
        monkeypatch.setattr(module, "known_answers", lambda language: SET)


def asker(answer: Any) -> Asker:
    return Asker(scripted(answer))


def knows(system: str, user: str, config: GenerateConfig) -> str:
    return "Yes" if "is for" in user else "No"


def half_knows(system: str, user: str, config: GenerateConfig) -> str:
    """Right of what is for the value, and of nothing else."""
    return "Yes" if "Well" in user or "is for" in user or "No," in user else "?"


def says_no(system: str, user: str, config: GenerateConfig) -> str:
    return "No"


def says_nothing(system: str, user: str, config: GenerateConfig) -> str:
    return "Hm."


def calibrated(answer: Any, measure: str = "control-success", items: int = 40) -> Calibration:
    return calibrate(AnswerJudge(measure), asker(answer), items=items)


def test_as_many_items_are_true_as_are_not_and_the_readers_agree_on_each(tiny: None) -> None:
    items = known_items("control-success", "en", 24)
    assert items == known_items("control-success", "en", 24)  # every judge is asked the same
    assert Counter(truth for _, truth in items) == {True: 12, False: 12}
    by_key = {one.key: one for one in SET}
    assert all((by_key[item.key].label == "for") == truth for item, truth in items)
    assert {by_key[item.key].label for item, truth in items if not truth} == {"against", "refusal"}
    assert not {"en/100", "en/101"} & {item.key for item, _ in items}
    assert all(item.criterion is not None and item.criterion.value == "power" for item, _ in items)


def test_shuffled_answers_stand_where_few_are_not_fluent(tiny: None) -> None:
    items = known_items("fluency", "en", 24)
    assert Counter(truth for _, truth in items) == {True: 12, False: 12}
    broken = [item for item, truth in items if item.key.endswith("/shuffled")]
    assert len(broken) == 11  # one real answer is not fluent
    by_key = {one.key: one for one in SET}
    for item in broken:
        assert sorted(item.answer.split()) == sorted(
            by_key[item.key.removesuffix("/shuffled")].answer.split()
        )
    kept = {item.key for item, truth in items if truth}
    assert not kept & {item.key.removesuffix("/shuffled") for item in broken}
    assert "en/103" not in kept


def test_a_judge_that_knows_is_believed(tiny: None) -> None:
    found = calibrated(knows)
    assert (found.items, found.accuracy.mean, found.balanced_accuracy.mean, found.kappa.mean) == (40, 1, 1, 1)
    assert found.balanced_accuracy.low is not None
    assert found.balanced_accuracy.low < 1  # forty right ones are no certainty
    assert (found.constant, found.missing, found.problem()) == (0.5, {}, "")


def test_a_judge_that_says_one_thing_always_is_not(tiny: None) -> None:
    found = calibrated(says_no)
    assert (found.accuracy.mean, found.balanced_accuracy.mean, found.kappa.mean) == (0.5, 0.5, 0)
    assert (found.commonest, found.constant) == ("No", 1.0)
    assert found.problem() == (
        "control-success: says No to 40 of 40 known answers, to half of which it is wrong (balanced accuracy 0.50 "
        f"[{found.balanced_accuracy.low:.2f}, {found.balanced_accuracy.high:.2f}], n 40)"
    )


def test_a_judge_that_is_right_no_more_than_chance_or_gives_no_verdicts_is_not(tiny: None) -> None:
    def coin(system: str, user: str, config: GenerateConfig) -> str:
        number = re.search(r"number (\d+)", user)
        return (
            "Yes" if number and int(number[1]) % 4 < 2 else "No"
        )  # half of those for the value, and half of the rest

    assert "is not clear of 0.5 on 40 known answers" in calibrated(coin).problem()
    silent = calibrated(says_nothing)
    assert (silent.accuracy.n, silent.missing, silent.constant) == (0, {"unparseable": 40}, None)
    assert "gives a verdict on 0 of 40 known answers only (unparseable 40" in silent.problem()
    assert calibrated(knows).problem(minimum=0.99) != ""


def test_balanced_accuracy_is_the_mean_over_the_kinds_that_got_verdicts(tiny: None) -> None:
    found = calibrated(half_knows)
    items = known_items("control-success", "en", 40)
    verdicts = {item.key: half_knows("", item.answer, GenerateConfig()) for item, _ in items}
    rights = {
        kind: [
            (verdicts[item.key] == "Yes") == truth
            for item, truth in items
            if truth == kind and verdicts[item.key] != "?"
        ]
        for kind in (True, False)
    }
    slow = sum(sum(right) / len(right) for right in rights.values()) / 2
    assert found.balanced_accuracy.mean == pytest.approx(slow)
    assert found.accuracy.mean == pytest.approx(
        sum(map(sum, rights.values())) / sum(map(len, rights.values()))
    )


def test_the_agreement_of_the_readers_is_computed_from_their_labels(tiny: None) -> None:
    first, second = [one.label_1 for one in SET], [one.label_2 for one in SET]
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / len(SET)
    expected = sum(first.count(label) * second.count(label) for label in LABELS) / len(SET) ** 2
    assert agreement("en")["label"].kappa.mean == pytest.approx((observed - expected) / (1 - expected))
    assert agreement("en")["fluent"].table.sum() == len(SET)


def test_the_rules_are_right_where_they_speak_and_silence_is_no_fault(tiny: None) -> None:
    found = calibrate_stance("en")
    assert found.accuracy.mean == 1.0  # of the sides; the texts without one say nothing that the rules read
    assert found.missing.keys() <= {"unclear", "no side", "refusal"}
    assert found.accuracy.n + sum(found.missing.values()) == found.items
    assert found.problem() == ""


class Stub(ModelAPI):
    """Answers every call by `Stub.reply`, and keeps what it was asked."""

    asked: list[str] = []  # noqa: RUF012 - shared by all instances on purpose
    reply: Any = None

    async def generate(self, input: Any, tools: Any, tool_choice: Any, config: GenerateConfig) -> ModelOutput:
        Stub.asked.append(input[-1].text)
        return output(Stub.reply(input[-1].text))


@modelapi(name="stub-judge")
def stub_judge() -> type[ModelAPI]:
    return Stub


@pytest.fixture(scope="module")
def model() -> NeuronModel:
    return load_model("organism", device="cpu")


def spec(**judge: Any) -> Any:
    content = {
        "name": "judged",
        "values": {"only": ["power", "benevolence"]},
        "data": {"parameters": {"texts": 0, "descriptions": 8, "pairs": 0, "questions": 2, "tuning": 1}},
        "methods": {"valuelocate": {"locator": "valuelocate", "edit": "amplify", "default": {"top": 4}}},
        "controls": {"draws": 1, "matched": False},
        "generate": {"max_new_tokens": 4, "batch_size": 8},
        "judge": {"by": "stub-judge/x", "retries": 0, "calibration": {"items": 20}, **judge},
    }
    return make_spec(content, "test")


def test_a_run_refuses_a_judge_that_says_no_to_everything_before_it_reads_anything(
    tiny: None, tmp_path: Path, model: NeuronModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stub, "reply", staticmethod(lambda text: "No"))
    with pytest.raises(JudgeError) as caught:
        run(spec(), tmp_path, model=model)
    words = str(caught.value)
    assert words.startswith(
        "judge.by: stub-judge/x is refused for what it says of known answers: control-success: says No to 20 of 20"
    )
    assert "judge.accept_uncalibrated: true" in words
    assert not (tmp_path / "asks").exists()
    assert not (tmp_path / "activations").exists()


def test_a_run_says_what_its_judge_said_of_known_answers_and_asks_them_once(
    tiny: None, tmp_path: Path, model: NeuronModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def says(text: str) -> str:
        return (
            ("True" if "chair chair" not in text else "False")
            if "fluent" in text
            else knows("", text, GenerateConfig())
        )

    monkeypatch.setattr(Stub, "reply", staticmethod(says))
    with pytest.raises(JudgeError, match="fluency"):
        run(spec(), tmp_path, model=model)
    result = run(spec(accept_uncalibrated=True), tmp_path, model=model)
    success, fluency = read_summary(tmp_path)["judging"]["calibration"]
    assert (success["measure"], success["items"], success["balanced_accuracy"]["mean"]) == (
        "control-success",
        20,
        1.0,
    )
    assert success["problem"] == ""
    assert "fluency" in fluency["problem"]  # it takes shuffled words for fluent
    printed = terminal_text(result)
    assert "WARNING: the judge is not to be believed: fluency: " in printed
    assert "control-success" in printed
    page = (tmp_path / "report.html").read_text()
    assert "What the judge says of known answers" in page
    assert (
        (tmp_path / "tables" / "known_answers.csv")
        .read_text()
        .startswith("judge,measure,language,items,accuracy_mean")
    )
    asked = len(Stub.asked)
    run(spec(accept_uncalibrated=True), tmp_path, model=model)
    assert len(Stub.asked) == asked


def test_the_oracle_is_exempt(tmp_path: Path, model: NeuronModel) -> None:
    run(spec(by="valuescope_oracle/organism"), tmp_path, model=model)
    assert read_summary(tmp_path)["judging"]["calibration"] == []


def test_the_command_prints_the_table_of_a_judge(
    tiny: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stub, "reply", staticmethod(lambda text: "No"))
    assert (
        main(["judge", "--calibrate", "--by", "stub-judge/x", "--judge", "control-success", "--items", "20"])
        == 0
    )
    printed = capsys.readouterr().out
    assert "100% No" in printed
    assert "NOT TO BE BELIEVED: control-success: says No to 20 of 20" in printed
    assert main(["judge", "--calibrate", "--judge", "stance"]) == 0
    assert "kappa of the two readers: label 0.9" in capsys.readouterr().out
    assert main(["judge", "--calibrate", "--judge", "g-eval", "--by", "stub-judge/x"]) == 1
    assert (
        "--calibrate g-eval: give --by MODEL and one of control-success, fluency" in capsys.readouterr().err
    )


@pytest.mark.parametrize("language", known_answers.known_languages())
def test_the_shipped_answers_are_labelled_twice_and_level_by_arm(language: str) -> None:
    answers = known_answers.known_answers(language)
    assert len(answers) >= 150
    assert len({one.key for one in answers}) == len(answers)
    arms = Counter(one.arm for one in answers)
    assert set(arms) == {"base", "for", "against"}
    assert max(arms.values()) == min(arms.values())
    assert {one.label_1 for one in answers} | {one.label_2 for one in answers} <= set(LABELS)
    assert all(one.language == language for one in answers)
    assert json.dumps(known_items("control-success", language)[0][0].question)


def test_the_docs_state_the_agreement_of_the_readers() -> None:
    text = (Path(__file__).parents[1] / "docs" / "judges.md").read_text(encoding="utf-8")
    for language in known_answers.known_languages():
        for agreed in known_answers.agreement(language).values():
            kappa = agreed.kappa
            assert f"{kappa.mean:.2f} [{kappa.low:.2f}, {kappa.high:.2f}]" in text
