"""The parts of a comparison on its page: files, determinism, escaping, what is missing, and what is wrong."""

from __future__ import annotations

import copy
import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from summary_sample import VALUES, result_of, sample_summary

from valuescope.run import SpecError, read_result, terminal_text, write_report

HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>]]>&amp;<!--\x00\x1b[31m\u202e\ud800"
NAMESPACE = "http://www.w3.org/2000/svg"
FIGURES = {
    *(
        "effects",
        "by_value",
        "dose",
        "neurons_per_layer",
        "leakage",
        "nlr",
        "leakage_by_distance",
        "profile",
        "probes",
    ),
}
TABLES = {"methods", "by_value", "dose", "leakage_delta", "neurons_per_layer", "answers"}
BLOCKS = [
    *("leakage", "probes", "examples", "missing", "seconds_by_stage", "base"),
    *("groups", "group_names", "versions", "data"),
]


class Outline(HTMLParser):
    """Collects the elements, attributes and ids of a page, and checks that they nest."""

    VOID = frozenset({"meta", "br", "input"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def write(summary: dict[str, Any], folder: Path) -> str:
    path = write_report(result_of(summary), folder)
    assert path == folder / "report.html"
    return path.read_text(encoding="utf-8")


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows_of(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / "tables" / f"{table}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def hostile_summary() -> dict[str, Any]:
    summary = sample_summary()
    summary["name"] = summary["model"]["id"] = summary["data"]["source"] = HOSTILE
    summary["data"]["notes"] = [HOSTILE]
    summary["measure"] |= {"name": HOSTILE, "judge": HOSTILE, "explanation": HOSTILE}
    summary["value_names"] = dict.fromkeys(VALUES, HOSTILE)
    summary["group_names"] = dict.fromkeys(summary["groups"], HOSTILE)
    summary["versions"] = {HOSTILE: HOSTILE}
    method = summary["methods"].pop("neva")
    method |= {"locator": HOSTILE, "edit": HOSTILE, "asked": HOSTILE, "setting": HOSTILE}
    method["dose"]["name"] = method["search"]["rule"] = HOSTILE
    method["settings"][1] |= {
        "name": HOSTILE,
        "warnings": [HOSTILE],
        "locator_parameters": {HOSTILE: HOSTILE},
    }
    method["settings"][1]["roles"] = {HOSTILE: {"found": 1, "of": 2}}
    summary["methods"][HOSTILE] = method
    summary["leakage"]["method"] = HOSTILE
    for example in summary["examples"]:
        example |= {"question": HOSTILE, "system": HOSTILE}
        for answer in example["answers"]:
            answer["text"] = HOSTILE
    return summary


def test_every_file_is_there_and_whole(tmp_path: Path) -> None:
    write(sample_summary(), tmp_path)
    figures, tables = ({f"figures/{name}.svg" for name in FIGURES}, {f"tables/{name}.csv" for name in TABLES})
    assert set(files_of(tmp_path)) == {"report.html", *figures, *tables}


def test_same_summary_gives_same_bytes(tmp_path: Path) -> None:
    summary = sample_summary()
    before = copy.deepcopy(summary)
    write(summary, tmp_path / "a")
    write(json.loads(json.dumps(summary)), tmp_path / "b")
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    assert summary == before


def test_page_is_self_contained_and_accessible(tmp_path: Path) -> None:
    page = write(sample_summary(), tmp_path)
    assert re.findall(r"https?:|//[a-z]|@import|url\((?!#)|data:[a-z]+/", page) == []
    outline = Outline(page)
    names = [name for name, _ in outline.seen]
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base"} & set(names)
    ids = [attributes["id"] for _, attributes in outline.seen if "id" in attributes]
    assert len(ids) == len(set(ids))
    for name, attributes in outline.seen:
        assert not any(key.startswith("on") for key in attributes)
        if name == "a":
            assert (attributes["href"] or "").removeprefix("#") in ids
        if name == "svg":
            assert attributes["role"] == "img"
            assert set((attributes["aria-labelledby"] or "").split()) <= set(ids)
        if name == "th":
            assert attributes.get("scope") in {"col", "row"}


@pytest.mark.parametrize("build", [sample_summary, hostile_summary])
def test_svg_files_are_well_formed_and_refer_to_nothing(tmp_path: Path, build: Any) -> None:
    write(build(), tmp_path)
    for name in FIGURES:
        text = (tmp_path / "figures" / f"{name}.svg").read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
        assert root.tag == f"{{{NAMESPACE}}}svg"
        assert [child.tag.split("}")[1] for child in root[:2]] == ["title", "desc"]
        assert text.count("http") == text.count(NAMESPACE) == 1
        for element in root.iter():
            assert element.tag.removeprefix(f"{{{NAMESPACE}}}") not in {
                "script",
                "image",
                "a",
                "foreignObject",
            }
            assert not any(key.startswith("on") or "href" in key for key in element.attrib)
        assert "nan" not in re.sub(r"<(title|desc|text)[^>]*>[^<]*", "", text).lower()


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    page = write(hostile_summary(), tmp_path)
    outline = Outline(page)
    assert not {"script", "img"} & {name for name, _ in outline.seen}
    assert "<!--" not in page
    assert "\x00" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(" in page
    shown = [attributes for name, attributes in outline.seen if name == "bdi"]
    assert shown
    assert all(attributes["dir"] == "auto" for attributes in shown)
    answer = rows_of(tmp_path, "answers")[0]["text"]
    assert answer.startswith("<script>alert('x')</script>")
    assert not {"\x1b", "\u202e", "\ud800"} & set(terminal_text(result_of(hostile_summary())))


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("how", ["null", "absent"])
def test_any_block_may_be_missing(tmp_path: Path, block: str, how: str) -> None:
    summary = sample_summary()
    summary[block] = None
    if how == "absent":
        del summary[block]
    Outline(write(summary, tmp_path))


@pytest.mark.parametrize(
    "part", ["settings", "by_value", "neurons_per_layer", "dose", "search", "average_precision", "effect"]
)
def test_any_part_of_a_method_may_be_missing(tmp_path: Path, part: str) -> None:
    summary = sample_summary()
    for method in summary["methods"].values():
        method[part] = None
    Outline(write(summary, tmp_path))
    if part != "settings":
        assert "VAPE" in terminal_text(result_of(summary))


def test_an_empty_run_says_that_nothing_was_measured_and_has_no_empty_sections(tmp_path: Path) -> None:
    page = write({"format": 1, "name": "empty", "methods": {}}, tmp_path)
    assert "This run measured no method." in page
    assert re.findall(r'<section id="([^"]+)"', page) in ([], ["provenance"])
    assert not (tmp_path / "figures").exists()
    assert terminal_text(result_of({"format": 1, "methods": {}})) == "no method was measured"


def test_figures_of_an_earlier_report_do_not_linger(tmp_path: Path) -> None:
    summary = sample_summary()
    write(summary, tmp_path)
    write({**summary, "leakage": None}, tmp_path)
    assert not (tmp_path / "figures" / "leakage.svg").exists()
    assert (tmp_path / "figures" / "effects.svg").exists()


def test_two_or_twelve_values_with_long_names(tmp_path: Path) -> None:
    summary = sample_summary()
    summary["value_names"] = {value: f"{name} " * 12 + "价值" for value, name in VALUES.items()}
    summary["values"] = list(VALUES)[:2]
    Outline(write(summary, tmp_path))
    summary["values"] = [*VALUES, "eleventh", "twelfth"]
    page = write(summary, tmp_path)
    assert "twelfth: missing" in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 3}, "format is 3; this version reads formats 1 and 2"),
        ({"format": None}, "format is None; this version reads formats 1 and 2"),
        ({"methods": {"vape": {"effect": "much"}}}, "methods.vape.effect: an estimate has a mean and a ci"),
        ({"methods": {"vape": {"effect": {"mean": "a"}}}}, "methods.vape.effect: an estimate has a mean"),
        (
            {"methods": {"vape": {"direction": 0}}},
            "methods.vape.direction: Input should be 1 or -1 (given: 0)",
        ),
        ({"methods": {"vape": {"dose": {"points": []}}}}, "methods.vape.dose.name: Field required"),
        ({"methods": 3}, "value_names, groups or methods are not as format 1 has them"),
        ({"values": "power"}, "values: Input should be a valid tuple (given: power)"),
        ({"leakage": {"values": ["a", "b"], "delta": [[1.0]]}}, "leakage: delta must have 2 rows of 2"),
        ({"leakage": {"group_leakage": {"rows": "both"}}}, "leakage.group_leakage.rows: Input should be"),
        ({"probes": {"layers": [1], "accuracy": {"a": [0.5, 0.6]}}}, "probes: accuracy of a has 2 entries"),
        (
            {"base": {"by_value": {"dilemma": {"a": {"mean": 0.1, "ci": [0.1]}}}}},
            "base.by_value.dilemma.a: an estimate has a mean and a ci of [low, high]",
        ),
    ],
)
def test_a_wrong_field_is_named_with_the_file(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "summary.json"
    path.write_text(json.dumps({**sample_summary(), **change}), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        read_result(tmp_path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "no such file; the run is not finished"), ("{", "Expecting"), ("[]", "format is None")],
)
def test_a_file_that_is_no_summary_is_named(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "summary.json").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=rf"summary\.json: {message}"):
        read_result(tmp_path)


def test_csv_holds_the_numbers(tmp_path: Path) -> None:
    summary = sample_summary()
    summary["leakage"]["delta"][1][2] = None
    write(summary, tmp_path)
    methods = rows_of(tmp_path, "methods")
    assert [(row["method"], row["setting"], row["headline"]) for row in methods[:2]] == [
        ("vape", "default", "false"),
        ("vape", "found", "true"),
    ]
    found = summary["methods"]["vape"]["settings"][1]
    assert float(methods[1]["effect_mean"]) == found["effect"]["mean"]
    assert [float(methods[1][f"random_{end}"]) for end in ("low", "high")] == found["random"]["ci"]
    assert methods[1]["random_missing"] == "3"
    assert json.loads(methods[1]["edit_parameters"]) == found["edit_parameters"]
    assert float(methods[1]["average_precision"]) == pytest.approx(
        summary["methods"]["vape"]["average_precision"]
    )
    power = next(
        row for row in rows_of(tmp_path, "by_value") if row["method"] == "neva" and row["value"] == "power"
    )
    assert power["precision"] == ""
    assert float(power["edited_mean"]) == summary["methods"]["neva"]["by_value"]["power"]["edited"]["mean"]
    leak = rows_of(tmp_path, "leakage_delta")
    assert len(leak) == 100
    assert leak[12]["delta"] == ""
    assert (leak[3]["steered"], leak[3]["evaluated"]) == ("self-direction", "achievement")
    assert float(leak[3]["delta"]) == summary["leakage"]["delta"][0][3]
    layers = rows_of(tmp_path, "neurons_per_layer")
    assert [int(row["neurons"]) for row in layers[:6]] == summary["methods"]["vape"]["neurons_per_layer"][
        "self-direction"
    ]
    assert [row["layer_from_1"] for row in layers[:6]] == list("123456")
    assert len(rows_of(tmp_path, "dose")) == 15
    answers = rows_of(tmp_path, "answers")
    assert len(answers) == sum(len(example["answers"]) for example in summary["examples"])
    assert (answers[0]["arm"], answers[0]["success"]) == ("base", "false")
