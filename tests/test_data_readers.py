"""Readers: each format from a small file written here, encodings and dialects, and the published sets' counts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import shared
from damaged_files import BBQ, CHOICE, HEAD, PVQ, ROW, lines, workbook
from data_samples import write_lines
from run_samples import write_csv

from valuescope.data import (
    READERS,
    ContrastPair,
    DataError,
    Description,
    Dilemma,
    MultipleChoice,
    Question,
    QuestionnaireItem,
    RatedText,
    read_data,
)

STORY = {"Type": "Duty vs. ease", "Context": "I keep the gate.", "Action1": "Stay", "Action2": "Leave"}


def only(path: Path | str, reader: str | None = None, **options: Any) -> Any:
    """The one record of a set without problems."""
    dataset = read_data(path, reader, **options)
    assert dataset.problems == ()
    (record,) = dataset.records
    return record


# Formats --------------------------------------------------------------------------------------------------


def test_every_reader_reads_by_its_name(tmp_path: Path) -> None:
    path = lines(CHOICE)(tmp_path / "a.jsonl")
    assert READERS["mmlu"](path).records == read_data(path).records
    assert len(READERS) == 16


def test_conva(tmp_path: Path) -> None:
    write_csv(
        tmp_path / "probe" / "self-direction.csv", ["question_1", "question_2"], [["Do I?", "Do they?"]]
    )
    write_csv(tmp_path / "eval" / "test_self-direction_new.csv", ["text"], [["Should I go?"]])
    question, pair = read_data(tmp_path).records
    assert isinstance(question, Question)
    assert (question.value, question.question) == ("self-direction", "Should I go?")
    assert pair == ContrastPair(
        "self-direction/probe/2", "self-direction", "Do I?", "Do they?", kind="question"
    )


def test_a_text_column_alone_is_not_taken_for_conva(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "notes.csv", ["text"], [["Should I go?"]])
    with pytest.raises(DataError, match="of no known format"):
        read_data(path)
    assert only(path, "conva").value == "notes"


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv"])
def test_c_voice_takes_the_value_from_a_field_or_from_the_file(tmp_path: Path, suffix: str) -> None:
    def write(name: str, row: dict[str, str]) -> Path:
        path = tmp_path / f"{name}{suffix}"
        if suffix == ".csv":
            return write_csv(path, list(row), [list(row.values())])
        path.write_text(json.dumps([row] if suffix == ".json" else row), encoding="utf-8")
        return path

    found = only(write("Rule of Law_en", STORY))
    assert isinstance(found, Dilemma)
    assert (found.value, found.story, found.aligned, found.violating) == (
        "rule-of-law",
        "I keep the gate.",
        "Stay",
        "Leave",
    )
    assert (found.topic, found.language, found.rationale) == ("Duty vs. ease", "en", "")
    chinese = {
        "value": "Dedication",
        "背景": "x",
        "background": "我守着门。",
        "action 1": "留下",
        "ACTION2": "走开",
        "Reasoning": "门要有人守。",
    }
    found = only(write("stories", chinese))
    assert (found.value, found.language, found.rationale) == ("dedication", "zh", "门要有人守。")


def test_valueinsight(tmp_path: Path) -> None:
    rows = [
        {"dimension": "Openness to Change", "description": "You roam.", "orientation": "positive"},
        {"dimension": "Openness to Change", "description": "You stay.", "orientation": "Opposite"},
    ]
    first, second = read_data(write_lines(tmp_path / "d.jsonl", rows)).records
    assert isinstance(first, Description)
    assert (first.value, first.stance, second.stance) == ("openness-to-change", "for", "against")
    row = {
        "dimension": "Conservation",
        "atomic value": "Social Order",
        "topic": "home",
        "question": "What would you do?",
    }
    found = only(write_lines(tmp_path / "q.jsonl", [row]))
    assert (found.value, found.atomic, found.topic) == ("conservation", "social-order", "home")


def test_questionnaires(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "v.csv",
        ["questionnaire", "item", "value", "agreement", "question"],
        [["X", "I rule.", "Rule of Law", "-1", "Do I?"]],
    )
    found = only(path)
    assert isinstance(found, QuestionnaireItem)
    assert (found.value, found.agreement, found.question, found.questionnaire) == (
        "rule-of-law",
        -1,
        "Do I?",
        "X",
    )
    path = tmp_path / "pvq.json"
    path.write_text(json.dumps({**PVQ, "key": {"power: face": [2], "security": [1]}}), encoding="utf-8")
    first, second = read_data(path).records
    assert isinstance(first, QuestionnaireItem)
    assert (first.value, second.value, second.topic, first.scale) == (
        "security",
        "power",
        "face",
        ("no", "yes"),
    )
    svs = [{"value": "Power", "definition": "x", "items": [{"item": "Wealth", "definition": "Money."}]}]
    (tmp_path / "svs.json").write_text(json.dumps(svs), encoding="utf-8")
    assert only(tmp_path / "svs.json").item == "Wealth (Money)"


def test_multiple_choice(tmp_path: Path) -> None:
    found = only(lines(BBQ)(tmp_path / "Age.jsonl"))
    assert isinstance(found, MultipleChoice)
    assert (found.value, found.answer, found.target, found.options[0]) == ("equality", 1, 0, "The old one")
    given = only(lines({**BBQ, "target_loc": 2})(tmp_path / "b.jsonl"))
    assert given.target == 2
    questions = [{"id": 5, "category": "Health", "question": "能吃吗？", "options": ["能。", "不能。"]}]
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "test_zh.json").write_text(json.dumps(questions), encoding="utf-8")
    assert only(tmp_path / "s").answer is None
    (tmp_path / "s" / "test_answers_zh.json").write_text(
        '{"5": {"category": "Health", "answer": 1}}', encoding="utf-8"
    )
    found = only(tmp_path / "s")
    assert (found.answer, found.value, found.language, found.topic) == (1, "rule-of-law", "zh", "Health")
    with pytest.raises(DataError, match="holds nothing to read as safetybench"):
        read_data(tmp_path / "s" / "test_answers_zh.json")


def test_queries_in_several_wordings_are_one_record(tmp_path: Path) -> None:
    def wording(options: str, end: str) -> str:
        return (
            f"Read this.\nHere is the question:\nWhich is it?\n A. {options[0]}\n B. {options[1]}\n\n{end}:"
        )

    query = {
        "sentences": [wording("xy", "Response"), wording("yx", "Your response")],
        "obj_label": ["A", "B"],
        "relation_name": "art",
    }
    path = tmp_path / "q.json"
    path.write_text(json.dumps({"id-1": query}), encoding="utf-8")
    found = only(path)
    assert (found.key, found.question, found.options, found.answer, found.topic) == (
        "id-1",
        "Which is it?",
        ("x", "y"),
        0,
        "art",
    )
    path.write_text(json.dumps({"id-1": {**query, "obj_label": ["A", "A"]}}), encoding="utf-8")
    with pytest.raises(DataError, match="the wordings differ in question or answer"):
        read_data(path)


def test_moralchoice_puts_the_action_that_keeps_the_rule_first(tmp_path: Path) -> None:
    head = [
        "scenario_id",
        "ambiguity",
        "generation_rule",
        "context",
        "action1",
        "action2",
        "a1_deceive",
        "a2_deceive",
    ]
    rows = [
        ["H_1", "high", "Do not deceive", "You sell.", "Lie", "Tell", "Yes", "No"],
        ["H_2", "high", "Do not deceive", "You sell.", "Hint", "Tell", "No", "No"],
        ["H_3", "high", "Do not deceive", "You sell.", "Hint", "Tell", "No Agreement", "Yes"],
    ]
    found = read_data(write_csv(tmp_path / "m.csv", head, rows)).records
    assert [(one.value, one.aligned) for one in found if isinstance(one, Dilemma)] == [
        ("do-not-deceive", "Tell"),
        ("", "Hint"),
        ("", "Hint"),
    ]


def test_daily_dilemmas_join_the_two_actions(tmp_path: Path) -> None:
    head = ["idx", "basic_situation", "dilemma_situation", "action_type", "action", "topic_group"]
    rows = [
        [str(n), "s", f"Go {n}?", action, action, "work"] for n in (1, 2) for action in ("not_to_do", "to_do")
    ]
    dataset = read_data(write_csv(tmp_path / "d.csv", head, rows[:3]))
    (found,) = dataset.records
    assert isinstance(found, Dilemma)
    assert (found.aligned, found.violating, found.value) == ("to_do", "not_to_do", "")
    assert "dilemma 2 has one action only" in str(dataset.problems[0])


def test_rated_texts(tmp_path: Path) -> None:
    found = only(workbook(HEAD, ["一段话", 0, 1, *[0] * 10])(tmp_path / "v.xlsx"))
    assert isinstance(found, RatedText)
    assert (found.value, found.language, len(found.ratings)) == ("democracy", "zh", 12)
    rated = {
        "dialogue": "Human: a\nb?\nBob: c\n",
        "value_types": ["power: -1", "security:+1"],
        "response_source": "x",
    }
    found = only(lines(rated)(tmp_path / "f.jsonl"))
    assert (found.text, found.reply, found.value) == ("a\nb?", "c", "security")
    assert found.ratings == (("power", -1), ("security", 1))
    (tmp_path / "meta_topics.json").write_text('["Food and drink"]', encoding="utf-8")
    assert only(tmp_path / "meta_topics.json").text == "Food and drink"


def test_our_own_lines_give_a_dilemma_per_language(tmp_path: Path) -> None:
    row = {
        "key": "harmony/evaluation/01",
        "value": "harmony",
        "topic": {"en": "a vs. b", "zh": "甲与乙"},
        "story": {"en": "I wait.", "zh": "我等。"},
        "aligned": {"en": "Stay", "zh": "留下"},
        "violating": {"en": "Go", "zh": "走"},
    }
    first, second = read_data(write_lines(tmp_path / "harmony.jsonl", [row])).records
    assert (first.key, first.language, second.key, second.language) == (
        "harmony/evaluation/01/en",
        "en",
        "harmony/evaluation/01/zh",
        "zh",
    )
    dataset = read_data(
        write_lines(tmp_path / "b.jsonl", [row, {**row, "key": "b", "aligned": {"en": "Stay"}}])
    )
    assert len(dataset) == 2
    assert "field 'aligned.zh': is missing" in str(dataset.problems[0])


# Encodings and dialects -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, end: str) -> None:
    rows = [
        "question_1,question_2",
        "我来带队，大家听我的。,大家带队，我听大家的。",
        "我挑了这首歌。,他们挑了这首歌。",
    ]
    path = tmp_path / "power.csv"
    path.write_bytes(end.join(rows).encode(encoding))
    dataset = read_data(path)
    assert [one.positive for one in dataset.records if isinstance(one, ContrastPair)] == [
        "我来带队，大家听我的。",
        "我挑了这首歌。",
    ]
    assert {one.language for one in dataset.records} == {"zh"}
    assert dataset.places[1].line == 3
    assert bool(dataset.notes) == (encoding != "utf-8")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_dialects(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "power.csv"
    text = (
        delimiter.join(["id", "question_1", "question_2"])
        + "\n"
        + delimiter.join(["7", '"a, ""b""\nc; d"', " e "])
        + "\n"
    )
    path.write_text(text, encoding="utf-8")
    found = only(path)
    assert (found.positive, found.negative) == ('a, "b"\nc; d', "e")


def test_a_row_after_a_text_of_several_lines_has_its_own_line(tmp_path: Path) -> None:
    path = tmp_path / "power.csv"
    path.write_text('question_1,question_2\n"a\nb\nc",d\n\ne,\n', encoding="utf-8")
    dataset = read_data(path)
    assert [place.line for place in dataset.places] == [2]
    assert dataset.problems[0].line == 6


@pytest.mark.parametrize("layout", ["jsonl", "list", "object", "pretty"])
def test_json_layouts_and_their_lines(tmp_path: Path, layout: str) -> None:
    rows = [CHOICE, {**CHOICE, "question": "Line\u2028separator?"}]
    text = {
        "jsonl": "\n".join(json.dumps(row, ensure_ascii=False) for row in rows),
        "list": json.dumps(rows),
        "object": json.dumps({"a": rows[0], "b": rows[1]}),
        "pretty": json.dumps(rows, indent=1),
    }[layout]
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    dataset = read_data(path)
    assert [one.question for one in dataset.records if isinstance(one, MultipleChoice)] == [
        row["question"] for row in rows
    ]
    assert [place.line for place in dataset.places] == {"jsonl": [1, 2], "pretty": [2, 11]}.get(
        layout, [1, 1]
    )


def test_a_spreadsheet_of_several_sheets(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["about", "this"])
    book.active.append(["x", "y"])
    sheet = book.create_sheet("texts")
    for row in ([], HEAD, ROW):
        sheet.append(row)
    book.save(tmp_path / "v.xlsx")
    dataset = read_data(tmp_path / "v.xlsx")
    assert str(dataset.places[0]).endswith("v.xlsx: sheet 'texts', row 3")
    assert dataset.notes == (f"left out, of no known format: {tmp_path.name}/v.xlsx (sheet Sheet)",)


def test_a_folder_names_what_it_leaves_out_and_reads_the_rest(tmp_path: Path) -> None:
    lines(CHOICE)(tmp_path / "a.jsonl")
    (tmp_path / "b.json").write_text('[{"x": 1}]', encoding="utf-8")
    (tmp_path / "c.json").write_bytes(b"")
    (tmp_path / "d.json").write_text('[{"x": 1', encoding="utf-8")
    (tmp_path / ".hidden.json").write_text("[", encoding="utf-8")
    (tmp_path / "LICENSE").write_text("free", encoding="utf-8")
    dataset = read_data(tmp_path)
    assert len(dataset) == 1
    assert dataset.notes == (f"left out, of no known format: {tmp_path.name}/b.json",)
    assert [str(problem) for problem in dataset.problems] == [
        f"{tmp_path / 'c.json'}: the file is empty; fill it or leave it out",
        f"{tmp_path / 'd.json'}: entry 1, line 1: not valid JSON (the file ends too early); correct it there, or write the file anew",
    ]


# Hugging Face datasets ------------------------------------------------------------------------------------


def test_a_folder_that_datasets_saved(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_list([CHOICE, {**CHOICE, "answer": 5}])
    rows.save_to_disk(str(tmp_path / "one"))
    dataset = read_data(tmp_path / "one")
    assert (dataset.format, len(dataset)) == ("mmlu", 1)
    assert "one: line 2: field 'answer': is not between 0 and 1" in str(dataset.problems[0])
    datasets.DatasetDict({"dev": rows, "test": rows}).save_to_disk(str(tmp_path / "two"))
    assert [place.file.rsplit(":")[-1] for place in read_data(tmp_path / "two").places] == ["dev", "test"]


def test_a_hub_id_is_taken_apart_and_a_failure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    asked: list[Any] = []

    def load(*arguments: Any, **options: Any) -> Any:
        asked.append((arguments, options))
        if "missing" in arguments[0]:
            raise ConnectionError("offline")
        return datasets.Dataset.from_list([CHOICE])

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert len(read_data("hf:owner/set[all]@v1:test")) == 1
    assert asked == [(("owner/set", "all"), {"revision": "v1", "split": "test"})]
    with pytest.raises(DataError, match=r"hf:owner/missing: cannot be loaded \(ConnectionError: offline\)"):
        read_data("hf:owner/missing")
    with pytest.raises(DataError, match="is no id"):
        read_data("hf:")


def test_without_datasets_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from valuescope.data.readers import table_files as hub

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(hub, "import_module", missing)
    with pytest.raises(DataError, match=r'pip install "valuescope\[data\]"'):
        read_data("hf:owner/set")


# The published sets ---------------------------------------------------------------------------------------

PUBLISHED: dict[str, tuple[str, dict[str, int], int]] = {
    "conva/probe": ("conva", {"ContrastPair": 982}, 0),
    "conva/eval": ("conva", {"Question": 1000}, 0),
    "valuebench/value_orientation.csv": ("valuebench", {"QuestionnaireItem": 1988}, 0),
    "valuebench/svs_items.json": ("valuebench", {"QuestionnaireItem": 56}, 0),
    # 2040 rows of which 51 are blank and 18 name no value or no agreement; 3805 rows of which 39 agree with nothing
    "valuebench/value_data.xlsx": ("valuebench", {"QuestionnaireItem": 1971 + 3766}, 18 + 39),
    "pvq/pvq40_third_person_male.json": ("pvq", {"QuestionnaireItem": 40}, 0),
    "pvq/pvq21_ess_first_person.json": ("pvq", {"QuestionnaireItem": 21}, 0),
    "pvq/pvqrr_neutral_reordered.json": ("pvq", {"QuestionnaireItem": 57}, 0),
    "valuecsv/ValueCSV5000.xlsx": ("valuecsv", {"RatedText": 4999}, 1),  # the 5000th row is a row of sums
    "valuecsv/quest100.xlsx": ("valuecsv", {"Question": 100}, 3),
    "bbq": ("bbq", {"MultipleChoice": 11956}, 0),
    "safetybench": ("safetybench", {"MultipleChoice": 2100}, 0),
    "vlsbench": ("vlsbench", {"Question": 2240}, 1),  # 2241 rows, one without a text
    "value_fulcra/trustworthy_data.jsonl": (
        "fulcra",
        {"RatedText": 1716},
        2,
    ),  # 1718 rows, two ratings unreadable
    "value_fulcra/saferlhf_test_questions.jsonl": ("fulcra", {"Question": 1523}, 0),
    "moralchoice/scenarios/moralchoice_high_ambiguity.csv": ("moralchoice", {"Dilemma": 680}, 0),
    "moralchoice/scenarios/moralchoice_low_ambiguity.csv": ("moralchoice", {"Dilemma": 687}, 0),
    "daily_dilemmas/dilemma.csv": ("daily-dilemmas", {"Question": 1360}, 0),
    "daily_dilemmas/dilemmas_with_detail_by_action_test.csv": ("daily-dilemmas", {"Dilemma": 4}, 0),
    "mmlu/dev": ("mmlu", {"MultipleChoice": 285}, 0),
    "mmlu/test": ("mmlu", {"MultipleChoice": 14042}, 0),
    "qrneuron/domain_sample_multi_choice_qa.json": ("qrnca", {"MultipleChoice": 18}, 0),
    "qrneuron/subject_qa.json": ("qrnca", {"MultipleChoice": 552}, 0),
    "ultrachat/meta_topics.json": ("ultrachat", {"RatedText": 30}, 0),
}


@pytest.mark.parametrize("path", PUBLISHED)
def test_published_counts(path: str) -> None:
    dataset = read_data(shared("data") / path)
    form, counts, problems = PUBLISHED[path]
    assert dataset.format == form
    assert Counter(type(record).__name__ for record in dataset.records) == counts
    assert len(dataset.problems) == problems
    assert len({record.key for record in dataset.records}) == len(dataset)


def records(path: str) -> Iterator[Any]:
    return iter(read_data(shared("data") / path).records)


def test_published_values_answers_and_targets() -> None:
    conva = Counter(one.value for one in records("conva/probe"))
    assert (conva["conformity"], conva["self-direction"], conva["universalism"], conva["power"]) == (
        96,
        99,
        87,
        100,
    )
    assert sum(one.questionnaire == "PVQ40" for one in records("valuebench/value_orientation.csv")) == 40
    assert len({one.questionnaire for one in records("valuebench/value_orientation.csv")}) == 36
    assert len({one.value for one in records("pvq/pvq40_third_person_male.json")}) == 10
    assert all(one.target is not None for one in records("bbq"))
    assert Counter(one.topic for one in records("safetybench")).most_common()[-1][1] == 300
    assert all(one.answer is not None for one in records("safetybench"))
    assert len({one.topic for one in records("mmlu/test")}) == 57
