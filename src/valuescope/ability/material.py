"""What ability is measured on: MMLU's questions as prompts, and a neutral text of our own.

A prompt is five examples of the subject, then the question (Hendrycks et al. 2021, section 3). The format is that of the `mmlu` task of EleutherAI's lm-evaluation-harness, character by character, so that scores can
be compared: a line about the subject, the first examples of the dev split with their letters, and the question up to
"Answer:". The letters are scored with a space in front.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from valuescope.data import MultipleChoice, read_data

LETTERS = ("A", "B", "C", "D")
SHOTS = 5


class AbilityError(ValueError):
    """Questions or texts that ability cannot be measured with."""


@dataclass(frozen=True)
class MmluQuestion:
    """One question as it is asked. `prompt` ends with "Answer:"; `answer` is the right option's place from 0 on."""

    key: str
    subject: str
    prompt: str
    answer: int


def read_mmlu(
    path: str | Path,
    dev: str | Path | None = None,
    *,
    number: int | None = None,
    shots: int = SHOTS,
    seed: int = 0,
) -> list[MmluQuestion]:
    """The questions of MMLU's published files, with the examples of their subjects.

    Args:
        path: a folder with the folders `dev` and `test`; or, with `dev`, a file, folder or hub id of test questions.
        dev: a file, folder or hub id of the examples, such as "hf:cais/mmlu[all]:dev".
        number: how many questions to draw (None: all); see `draw_questions`.
        shots: examples before each question, the first ones of the subject.
        seed: of the draw.

    Raises:
        DataError: nothing to read there, or a malformed row: a score over the rest could not be compared.
        AbilityError: see `mmlu_questions`.
    """
    if dev is None:
        path, dev = Path(path) / "test", Path(path) / "dev"
    test, examples = (_questions(source) for source in (path, dev))
    return mmlu_questions(test, examples, number=number, shots=shots, seed=seed)


def mmlu_questions(
    test: Sequence[MultipleChoice],
    dev: Sequence[MultipleChoice],
    *,
    number: int | None = None,
    shots: int = SHOTS,
    seed: int = 0,
) -> list[MmluQuestion]:
    """Questions with their prompts, `number` of them (None: all), in the order of subjects.

    Raises:
        AbilityError: a subject with fewer than `shots` examples, a question without four options or an answer, or
            `number` or `shots` out of range.
    """
    examples = {subject: questions[:shots] for subject, questions in _by_subject(dev).items()}
    drawn = draw_questions(test, len(test) if number is None else number, seed)
    for subject in _by_subject(drawn):
        there = len(examples.get(subject, ()))
        if shots < 0 or there < shots:
            raise AbilityError(
                f"subject {subject!r} has {there} examples in the dev split and shots is {shots}: add examples, or ask "
                "with fewer"
            )
    return [
        MmluQuestion(
            question.key,
            question.topic,
            mmlu_prompt(question, examples[question.topic] if shots else ()),
            _answer(question),
        )
        for question in drawn
    ]


def draw_questions(questions: Sequence[MultipleChoice], number: int, seed: int) -> list[MultipleChoice]:
    """A systematic sample over subjects: each question has the same chance, and each subject gets its share of the
    draw, rounded up or down. So the plain mean over the sample estimates the mean over all questions, as the harness
    weights subjects by their size.

    Raises:
        AbilityError: `number` is not between 1 and the number of questions.
    """
    if not 1 <= number <= len(questions):
        raise AbilityError(
            f"number is {number}; there are {len(questions)} questions, so give 1 to that many"
        )
    rng = random.Random(f"mmlu-{seed}")
    shuffled = list[MultipleChoice]()
    for _, subject in sorted(_by_subject(questions).items()):
        shuffled += subject if number == len(questions) else rng.sample(subject, len(subject))
    begin = rng.random()
    # The places are whole numbers only where all questions are drawn; then each is its own.
    return [shuffled[int((begin + turn) * len(questions) / number)] for turn in range(number)]


def mmlu_prompt(question: MultipleChoice, examples: Sequence[MultipleChoice]) -> str:
    """The prompt of one question behind examples of its subject.

    Raises:
        AbilityError: a question without four options, or an example without an answer.
    """
    subject = " ".join(question.topic.split("_"))
    head = f"The following are multiple choice questions (with answers) about {subject}.\n\n"
    answered = "".join(f"{_asked(example)} {LETTERS[_answer(example)]}\n\n" for example in examples)
    return head + answered + _asked(question)


def neutral_texts(language: str = "en") -> tuple[str, ...]:
    """Short paragraphs to measure perplexity on, everyday facts and instructions that no value speaks for, in English
    ("en", about 600 words) or Chinese ("zh", about 600 characters).

    Raises:
        AbilityError: another language.
    """
    texts = _texts()
    if language not in texts:
        raise AbilityError(f"no neutral text in {language!r}; there are {', '.join(texts)}")
    return texts[language]


def _asked(question: MultipleChoice) -> str:
    if len(question.options) != len(LETTERS):
        raise AbilityError(f"question {question.key!r} has {len(question.options)} options; MMLU's have four")
    options = [f"{letter}. {option}" for letter, option in zip(LETTERS, question.options, strict=True)]
    return "\n".join([question.question.strip(), *options, "Answer:"])


def _questions(source: str | Path) -> list[MultipleChoice]:
    records = read_data(source, "mmlu", strict=True).records
    return [record for record in records if isinstance(record, MultipleChoice)]


def _answer(question: MultipleChoice) -> int:
    if question.answer is None:
        raise AbilityError(f"question {question.key!r} does not say which option is right; add its answer")
    return question.answer


def _by_subject(questions: Iterable[MultipleChoice]) -> Mapping[str, list[MultipleChoice]]:
    subjects: dict[str, list[MultipleChoice]] = {}
    for question in questions:
        subjects.setdefault(question.topic, []).append(question)
    return subjects


@cache
def _texts() -> dict[str, tuple[str, ...]]:
    content = files("valuescope.ability").joinpath("neutral_text.json").read_text(encoding="utf-8")
    return {language: tuple(texts) for language, texts in json.loads(content).items()}
