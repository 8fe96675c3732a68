"""Sets of multiple-choice questions: BBQ, SafetyBench, MMLU and QRNCA's queries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from valuescope.data.checks.words import language_of
from valuescope.data.readers.rows import DataRow, DataTable, Format, Parsed, Shape, gather, stem, value_id
from valuescope.data.readers.table_files import KEY, read_tables
from valuescope.data.records import MultipleChoice, Record

LETTERS = "ABCDEFGH"


def _target(row: DataRow) -> int | None:
    """The option that names the stereotyped group: given, or the only one whose group is among the stereotyped."""
    if "target_loc" in row.fields:
        return row.integer("target_loc", 0, 2)
    metadata = row.inner("additional_metadata", row.mapping("additional_metadata"))
    groups = {group.lower() for group in metadata.texts("stereotyped_groups")}
    info = row.inner("answer_info", row.mapping("answer_info"))
    named = [
        number
        for number in range(3)
        if groups & {text.lower() for text in info.texts(f"ans{number}")} - {"unknown"}
    ]
    if len(named) != 1:
        fix = "name the group of one option only, or give target_loc"
        raise row.error("answer_info", f"{len(named)} options name a stereotyped group", fix)
    return named[0]


def _bbq(row: DataRow) -> Iterator[Record]:
    """BBQ; `target` is derived, since not every release states it."""
    options = tuple(row.text(f"ans{number}") for number in range(3))
    category = row.text("category")
    further = [row.text(name, optional=True) for name in ("context_condition", "question_polarity")]
    yield MultipleChoice(
        f"{value_id(category)}/{row.text('example_id', optional=True) or row.place.number}",
        "equality",
        row.text("question"),
        options,
        answer=row.integer("label", 0, 2),
        context=row.text("context"),
        target=_target(row),
        topic="/".join(part for part in (category, *further) if part),
    )


def _safetybench(table: DataTable) -> Parsed:
    """SafetyBench's questions; the answers lie in the file beside them, test_answers_... for test_..."""
    place = Path(table.file)
    beside = place.with_name(place.name.replace("test_", "test_answers_", 1))
    answers = dict[str, DataRow]()
    if beside != place and beside.is_file():
        (held,) = read_tables(beside)
        table.problems += held.problems
        answers = {str(row.fields.get(KEY)): row for row in held.rows}

    def parse(row: DataRow) -> Iterator[Record]:
        options, number, answer = tuple(row.texts("options")), row.text("id"), None
        if answers:
            if number not in answers:
                raise row.error("id", f"has no answer in {beside.name}", "add it there or drop the row")
            answer = answers[number].integer("answer", 0, len(options) - 1)
        question, category = row.text("question"), row.text("category")
        key, language = f"{value_id(category)}/{number}", language_of(question)
        yield MultipleChoice(key, "rule-of-law", question, options, answer, language=language, topic=category)

    return gather(table.rows, parse, table.problems)


def _mmlu(row: DataRow) -> Iterator[Record]:
    """MMLU as CSV; the subject and the split are in the file's name."""
    subject = re.sub(r"_(dev|val|test)$", "", stem(row.place))
    options = tuple(_verbatim(row, f"choice{number}") for number in range(4))
    yield _choice(row, f"{stem(row.place)}/{row.place.number}", subject, options)


def _mmlu_list(row: DataRow) -> Iterator[Record]:
    """MMLU as the hub has it."""
    subject, entries = row.text("subject"), row.entries("choices")
    options = tuple(_verbatim(DataRow(row.place, {"choices": option}), "choices") for option in entries)
    yield _choice(row, f"{subject}/{row.place.number}", subject, options)


def _verbatim(row: DataRow, name: str) -> str:
    """An option as it stands, spaces around it too: they are part of the prompt that others score."""
    option, cell = row.text(name), row.fields[name]
    return cell if isinstance(cell, str) else option


def _choice(row: DataRow, key: str, topic: str, options: tuple[str, ...]) -> MultipleChoice:
    answer = row.integer("answer", 0, len(options) - 1)
    return MultipleChoice(key, "", row.text("question"), options, answer=answer, topic=topic)


_QUERY = re.compile(r":\n(?P<question>.*?)\n A\. (?P<options>.*)\n\n[\w ]*[Rr]esponse:\s*$", re.DOTALL)


def _qrnca(row: DataRow) -> Iterator[Record]:
    """One query in several wordings and orders of its options; they must agree on question and answer."""
    texts, letters = row.texts("sentences"), row.texts("obj_label")
    if len(texts) != len(letters):
        rule = f"holds {len(letters)} letters for {len(texts)} wordings"
        raise row.error("obj_label", rule, "give one for each")
    wordings = list[tuple[str, tuple[str, ...], int]]()
    for text, letter in zip(texts, letters, strict=True):
        match = _QUERY.search(text)
        options = tuple(re.split(r"\n [B-H]\. ", match["options"])) if match else ()
        if not match or letter not in LETTERS[: len(options)]:
            fix = "write instruction, question and options A to D, then 'Response:', and the letter of the answer"
            raise row.error("sentences", "is not a multiple-choice query with its answer", fix)
        wordings.append((match["question"], options, LETTERS.index(letter)))
    question, options, answer = wordings[0]
    if len({(asked, given[right]) for asked, given, right in wordings}) > 1:
        raise row.error("sentences", "the wordings differ in question or answer", "make them one query")
    key, topic = str(row.fields.get(KEY, row.place.number)), row.text("relation_name", optional=True)
    yield MultipleChoice(key, "", question, options, answer=answer, topic=topic)


BBQ = Format(
    "bbq",
    "BBQ: questions about social bias, ambiguous and disambiguated (value equality, after ValueExploration)",
    (Shape(("context", "question", "ans0", "ans1", "ans2", "label"), _bbq),),
)
SAFETYBENCH = Format(
    "safetybench",
    "SafetyBench: safety questions with options, answers in a file beside them (value rule-of-law)",
    (
        Shape(("id", "category", "question", "options"), parse_table=_safetybench),
        Shape((KEY, "category", "answer")),  # answers, read with their questions
    ),
)
MMLU = Format(
    "mmlu",
    "MMLU: knowledge questions with four options, a file per subject and split",
    (
        Shape(("question", "choice0", "choice1", "choice2", "choice3", "answer"), _mmlu),
        Shape(("question", "subject", "choices", "answer"), _mmlu_list),
    ),
)
QRNCA = Format(
    "qrnca",
    "QRNCA's queries: a multiple-choice question in several wordings",
    (Shape(("sentences", "obj_label"), _qrnca),),
)
