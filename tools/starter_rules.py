"""The rules of each kind of record as rows of the starter set's card: threshold, and the most extreme value found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from statistics import fmean
from typing import Any, NamedTuple, TypeVar

from valuescope.data.checks import (
    function_words,
    held_words,
    judging_words,
    key_words,
    name_words,
    size,
    telltale_words,
    word_differences,
    wording_accuracy,
    words,
)
from valuescope.data.checks.set_limits import (
    DESCRIPTION_LIMITS,
    DILEMMA_LIMITS,
    PairLimits,
    QuestionLimits,
    Range,
    SituationLimits,
)
from valuescope.data.checks.words import opening
from valuescope.data.records import ContrastPair, Description, Dilemma, Question, Record, compared_text, sides
from valuescope.data.starter import StarterPart
from valuescope.values import load_value_system

_Kind = TypeVar("_Kind", bound=Record)


class Rule(NamedTuple):
    """A rule, its threshold, and what is found: of numbers per file the most extreme."""

    rule: str
    threshold: str
    found: str


def rules(files: Sequence[Sequence[Record]], part: StarterPart) -> Iterator[Rule]:
    """The rules that a part's records of one language are held to, but for lengths and repeats; a file per value."""
    if dilemmas := _of(files, Dilemma):
        yield from _dilemmas(dilemmas, part.system)
    if pairs := _of(files, ContrastPair):
        yield from _pairs(pairs, part.pairs)
    if descriptions := _of(files, Description):
        yield from _descriptions(descriptions)
    if questions := _of(files, Question):
        situations = any(one.atomic for one in chain(*questions))
        yield from (
            _situations(questions, part.situations) if situations else _questions(questions, part.questions)
        )


def limited_fields(record: Record, part: StarterPart) -> Iterator[tuple[str, str, Range]]:
    """The fields of a record whose length is limited: name, text, least and most."""
    match record:
        case Dilemma():
            limits, chinese = DILEMMA_LIMITS, record.language == "zh"
            action = limits.action_zh if chinese else limits.action
            yield "story", record.story, limits.story_zh if chinese else limits.story
            yield from (("aligned", record.aligned, action), ("violating", record.violating, action))
            if record.rationale:
                yield "rationale", record.rationale, limits.rationale_zh if chinese else limits.rationale
        case ContrastPair():
            for kind in ("positive", "negative"):
                yield kind, getattr(record, kind), part.pairs.length
        case Description():
            yield record.stance, record.description, DESCRIPTION_LIMITS.length
        case Question():
            length = part.situations.length if record.atomic else part.questions.length
            yield "question", record.question, length


def _dilemmas(files: Sequence[Sequence[Dilemma]], system: str) -> Iterator[Rule]:
    limits, chinese = DILEMMA_LIMITS, files[0][0].language == "zh"
    most = limits.action_difference_zh if chinese else limits.action_difference
    mean = limits.mean_difference_zh if chinese else limits.mean_difference
    single, means = _differences(files)
    topics = {len({one.topic for one in held}) for held in files}
    yield _at_most("records that begin alike", limits.same_opening, _alike(files))
    yield _at_most("difference of the two actions' lengths", most, single)
    yield _at_most("difference of their means", mean, means)
    yield Rule("topics", str(limits.topics), ", ".join(map(str, sorted(topics))))
    yield _none("records that name the value", files, lambda one: _names_dilemma(one, system))


def _pairs(files: Sequence[Sequence[ContrastPair]], limits: PairLimits) -> Iterator[Rule]:
    single, means = _differences(files)
    both = [([one.positive for one in held], [one.negative for one in held]) for held in files]
    kind, vocabulary = ("function word", function_words()) if limits.function_words else ("word", None)
    differences = [word for one in both for word in word_differences(*one)]
    excess = max(abs(word.excess) for word in differences if vocabulary is None or word.word in vocabulary)
    accuracies = [found.accuracy for one in both if (found := wording_accuracy(*one, vocabulary=vocabulary))]
    least = min(_shared_opening(one) for one in chain(*files))
    yield _at_most("records that begin alike", limits.same_opening, _alike(files))
    yield Rule("words with which both sides begin", f"at least {limits.opening}", str(least))
    yield _at_most("difference of the sides' lengths", limits.difference, single)
    yield _at_most("difference of their means", limits.mean_difference, means)
    yield _none("records with a telltale word", files, _telltale)
    yield _none("records that hold the value's name or a key word", files, _names)
    yield _at_most(f"texts by which a {kind} is ahead on one side", limits.excess, excess)
    yield Rule(f"accuracy of a bag of {kind}s", f"under {limits.accuracy:g}", f"{max(accuracies):.3f}")
    yield _at_most("records of one scene", limits.same_scene, _same(files, "topic"))


def _questions(files: Sequence[Sequence[Question]], limits: QuestionLimits) -> Iterator[Rule]:
    yield _at_most("records that begin alike", limits.same_opening, _alike(files))
    yield _none("records that hold the value's name or a key word", files, _names)
    yield _at_most("records of one scene", limits.same_scene, _same(files, "topic"))
    if limits.polar:
        yield _none("records with a qualifier that judges", files, _judging)
        halves = [Counter(one.key.split("/")[-2] for one in held) for held in files]
        shown = sorted({f"{half['yes']} and {half['no']}" for half in halves})
        yield Rule("records to which yes and to which no is for the value", "as many", ", ".join(shown))


def _descriptions(files: Sequence[Sequence[Description]]) -> Iterator[Rule]:
    limits = DESCRIPTION_LIMITS
    yield _at_most("records that begin alike", limits.same_opening, _alike(files))
    yield _at_most("difference of the stances' mean lengths", limits.mean_difference, _differences(files)[1])
    yield _none("records that hold the value's name or a key word", files, _names)


def _situations(files: Sequence[Sequence[Question]], limits: SituationLimits) -> Iterator[Rule]:
    least = min(len({one.topic for one in held}) for held in files)
    yield _at_most("records that begin alike", limits.same_opening, _alike(files))
    yield _none("records that hold the value's name or a key word", files, _names)
    yield _none("records with a qualifier that judges", files, _judging)
    yield Rule("topics", f"at least {limits.topics}", str(least))
    yield _at_most("records of one topic", limits.same_topic, _same(files, "topic"))
    yield _at_most("records of one atomic value", limits.same_atomic, _same(files, "atomic"))


def _of(files: Sequence[Sequence[Record]], kind: type[_Kind]) -> list[Sequence[_Kind]]:
    """The records of one kind, file by file."""
    found = list[Sequence[_Kind]]()
    for file in files:
        if held := [one for one in file if isinstance(one, kind)]:
            found.append(held)
    return found


def _at_most(rule: str, threshold: float, found: float) -> Rule:
    return Rule(rule, f"at most {threshold:g}", str(found) if isinstance(found, int) else f"{found:.2f}")


def _none(rule: str, files: Iterable[Iterable[_Kind]], holds: Callable[[_Kind], object]) -> Rule:
    return Rule(rule, "none", str(sum(bool(holds(one)) for one in chain(*files))))


def _most(values: Iterable[Any]) -> int:
    """How often the most frequent one occurs."""
    return max(Counter(values).values())


def _same(files: Iterable[Iterable[Record]], field: str) -> int:
    return max(_most(getattr(one, field) for one in held) for held in files)


def _alike(files: Iterable[Iterable[Record]]) -> int:
    """Records of a file whose texts begin with the same words; of pairs the positive sides."""
    return max(_most(opening(compared_text(one)[1], one.language) for one in held) for held in files)


def _differences(files: Iterable[Sequence[Record]]) -> tuple[int, float]:
    """The largest difference of two sides' lengths, and of their means in a file."""
    single, means = 0, 0.0
    for held in files:
        if found := sides(held):
            language = held[0].language
            lengths = [[size(text, language) for text in side] for side in found[1:]]
            single = max(single, *(abs(one - other) for one, other in zip(*lengths, strict=True)))
            means = max(means, abs(fmean(lengths[0]) - fmean(lengths[1])))
    return single, means


def _shared_opening(pair: ContrastPair) -> int:
    both = zip(words(pair.positive), words(pair.negative), strict=False)
    return next((place for place, (one, other) in enumerate(both) if one != other), 0)


def _names_dilemma(one: Dilemma, system: str) -> list[str]:
    patterns = name_words(load_value_system(system), one.value, one.language)
    return held_words("\n".join((one.story, one.aligned, one.violating)), patterns, one.language)


def _names(one: Record) -> list[str]:
    patterns = key_words(load_value_system("schwartz"), one.value, one.language)
    return held_words(compared_text(one)[1], patterns, one.language)


def _telltale(pair: ContrastPair) -> list[str]:
    return held_words(f"{pair.positive}\n{pair.negative}", telltale_words(), pair.language)


def _judging(question: Question) -> list[str]:
    return held_words(question.question, judging_words(), question.language)
