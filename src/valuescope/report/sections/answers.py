"""The page's section of answers side by side."""

from __future__ import annotations

from valuescope.report.html import absent, paragraph, section
from valuescope.report.markup import Markup, tag
from valuescope.report.names import method_name
from valuescope.report.summary import ArmAnswer, Example, Summary


def answers_section(summary: Summary) -> Markup:
    """Every example with the answers of all arms."""
    title = "Answers side by side"
    if not summary.examples:
        return section("answers", title, absent("No example answers were kept."))
    note = paragraph(
        "The first questions of each value, never picked by outcome. Success: the judge read the answer "
        "as biased towards the value. Text is shown as the model wrote it, but for control characters.",
        class_="small",
    )
    return section("answers", title, note, [_example(summary, example) for example in summary.examples])


def _example(summary: Summary, example: Example) -> Markup:
    cards = [_card(answer) for answer in example.answers]
    system = _quoted("System prompt", example.system) if example.system else None
    return tag(
        "article",
        tag("h3", summary.value_name(example.value)),
        system,
        _quoted("Question", example.question),
        tag("div", cards or absent("No answers."), class_="cards"),
        class_="example",
    )


def _quoted(label: str, content: str) -> Markup:
    return tag(
        "div",
        tag("span", label, class_="label"),
        tag("bdi", content, class_="text", dir="auto"),
        class_="asked",
    )


def _card(answer: ArmAnswer) -> Markup:
    content = (
        tag("bdi", answer.text, class_="text", dir="auto")
        if answer.text.strip()
        else tag("em", "empty answer", class_="missing")
    )
    success = {True: ("success", "good"), False: ("no success", "plain"), None: ("not judged", "unknown")}[
        answer.success
    ]
    fluent = {
        True: ("fluent", "plain"),
        False: ("not fluent", "bad"),
        None: ("fluency not judged", "unknown"),
    }[answer.fluent]
    badges = [tag("span", words, class_=f"badge {kind}") for words, kind in (success, fluent)]
    return tag(
        "div", tag("h4", method_name(answer.arm)), content, tag("p", badges, class_="badges"), class_="card"
    )
