"""Sets of multiple-choice questions: BBQ, SafetyBench, MMLU and QRNCA's queries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from valuescope.data.checks.words import language_of
from valuescope.data.readers.formats import Format, Parsed, Shape, by_row, stem, value_id
from valuescope.data.readers.rows import Row, Table, gather
from valuescope.data.readers.tables import KEY, read_tables
from valuescope.data.records import MultipleChoice, Record

LETTERS = "ABCDEFGH"


def _bbq(row: Row) -> Iterator[Record]:
    """BBQ; `target` is derived, since not every release states it."""
    options = tuple(row.text(f"ans{number}") for number in range(3))
    category, condition = row.text("category"), row.text("context_condition", optional=True)
    polarity = row.text("question_polarity", optional=True)
    yield MultipleChoice(
        f"{value_id(category)}/{row.text('example_id', optional=True) or row.place.line}",
        "equality",
        row.text("question"),
        options,
        answer=row.integer("label", 0, 2),
        context=row.text("context"),
        target=_target(row),
        topic="/".join(part for part in (category, condition, polarity) if part),
    )


def _target(row: Row) -> int | None:
    """The option that names the stereotyped group: given, or the only one whose group is among the stereotyped."""
    if "target_loc" in row.fields:
        return row.integer("target_loc", 0, 2)
    groups = {
        group.lower()
        for group in row.inner("additional_metadata", row.mapping("additional_metadata")).texts(
            "stereotyped_groups"
        )
    }
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


def _safetybench(table: Table) -> Parsed:
    """SafetyBench's questions; the answers lie in the file beside them, test_answers_... for test_..."""
    place = Path(table.file)
    answers = place.with_name(place.name.replace("test_", "test_answers_", 1))
    right = dict[str, Row]()
    if answers != place and answers.is_file():
        (held,) = read_tables(answers)
        table.problems += held.problems
        right = {str(row.fields.get(KEY)): row for row in held.rows}

    def parse(row: Row) -> Iterator[Record]:
        options = tuple(row.texts("options"))
        number = row.text("id")
        answer = None
        if right:
            if number not in right:
                raise row.error("id", f"has no answer in {answers.name}", "add it there or drop the row")
            answer = right[number].integer("answer", 0, len(options) - 1)
        question, category = row.text("question"), row.text("category")
        yield MultipleChoice(
            f"{value_id(category)}/{number}",
            "rule-of-law",
            question,
            options,
            answer=answer,
            language=language_of(question),
            topic=category,
        )

    return gather(table.rows, parse, table.problems)


def _mmlu(row: Row) -> Iterator[Record]:
    """MMLU as CSV; the subject and the split are in the file's name."""
    subject = re.sub(r"_(dev|val|test)$", "", stem(row.place))
    options = tuple(_verbatim(row, f"choice{number}") for number in range(4))
    yield _choice(row, f"{stem(row.place)}/{row.place.line}", subject, options)


def _mmlu_list(row: Row) -> Iterator[Record]:
    """MMLU as the hub has it."""
    subject = row.text("subject")
    options = tuple(_verbatim(Row(row.place, {"choices": one}), "choices") for one in row.entries("choices"))
    yield _choice(row, f"{subject}/{row.place.line}", subject, options)


def _verbatim(row: Row, name: str) -> str:
    """An option as it stands, spaces around it too: they are part of the prompt that others score."""
    option, found = row.text(name), row.fields[name]
    return found if isinstance(found, str) else option


def _choice(row: Row, key: str, topic: str, options: tuple[str, ...]) -> MultipleChoice:
    answer = row.integer("answer", 0, len(options) - 1)
    return MultipleChoice(key, "", row.text("question"), options, answer=answer, topic=topic)


_QUERY = re.compile(r":\n(?P<question>.*?)\n A\. (?P<options>.*)\n\n[\w ]*[Rr]esponse:\s*$", re.DOTALL)


def _qrnca(row: Row) -> Iterator[Record]:
    """One query in several wordings and orders of its options; they must agree on question and answer."""
    texts, labels = row.texts("sentences"), row.texts("obj_label")
    if len(texts) != len(labels):
        raise row.error(
            "obj_label", f"holds {len(labels)} letters for {len(texts)} wordings", "give one for each"
        )
    found = list[tuple[str, tuple[str, ...], int]]()
    for text, letter in zip(texts, labels, strict=True):
        match = _QUERY.search(text)
        options = tuple(re.split(r"\n [B-H]\. ", match["options"])) if match else ()
        if not match or letter not in LETTERS[: len(options)]:
            fix = "write instruction, question and options A to D, then 'Response:', and the letter of the answer"
            raise row.error("sentences", "is not a multiple-choice query with its answer", fix)
        found.append((match["question"], options, LETTERS.index(letter)))
    question, options, answer = found[0]
    if len({(asked, given[right]) for asked, given, right in found}) > 1:
        raise row.error("sentences", "the wordings differ in question or answer", "make them one query")
    topic = row.text("relation_name", optional=True)
    yield MultipleChoice(
        str(row.fields.get(KEY, row.place.line)), "", question, options, answer=answer, topic=topic
    )


BBQ = Format(
    "bbq",
    "BBQ: questions about social bias, ambiguous and disambiguated (value equality, after ValueExploration)",
    (Shape(("context", "question", "ans0", "ans1", "ans2", "label"), by_row(_bbq)),),
)
SAFETYBENCH = Format(
    "safetybench",
    "SafetyBench: safety questions with options, answers in a file beside them (value rule-of-law)",
    (
        Shape(("id", "category", "question", "options"), _safetybench),
        Shape((KEY, "category", "answer"), lambda table: ([], [])),  # answers, read with their questions
    ),
)
MMLU = Format(
    "mmlu",
    "MMLU: knowledge questions with four options, a file per subject and split",
    (
        Shape(("question", "choice0", "choice1", "choice2", "choice3", "answer"), by_row(_mmlu)),
        Shape(("question", "subject", "choices", "answer"), by_row(_mmlu_list)),
    ),
)
QRNCA = Format(
    "qrnca",
    "QRNCA's queries: a multiple-choice question in several wordings",
    (Shape(("sentences", "obj_label"), by_row(_qrnca)),),
)
