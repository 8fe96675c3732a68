"""Scores by method and value, a table for each set of questions and direction (ValueLocate, tables 1 to 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from valuescope.lab.result import Head, Result
from valuescope.metrics import Estimate
from valuescope.report.blocks import Block, Details, Section, Words
from valuescope.report.names import measure_name, method_name
from valuescope.report.numbers import SHARES, Numbers, plain_value
from valuescope.report.table import Column, Table, records

WAYS = {"up": "after editing towards the value", "down": "after editing away from it"}
VARIANCE = Numbers(3)
TIE = 0.005  # less than the tables show
QUESTIONNAIRES = "questionnaires"
Ways = Mapping[str, Any]
"""A `WaysFound` for each method."""


def score_measure(head: Head) -> str:
    """What the run scores answers by: G-Eval where it has ratings, else success."""
    return "relevance" if head.scores else "success"


def quality_measure(head: Head) -> str:
    """What the run measures the writing by."""
    return "quality" if head.scores and head.scores.get("quality") else "fluent"


def scores_section(found: Ways, result: Result) -> Section:
    """The run's own questions, then the items of questionnaires that were put as questions."""
    blocks: list[Block | None] = [_explained(result.head)]
    for way, words in WAYS.items():
        if any(way in ways.root for ways in found.values()):
            title = f"Questions of the run, {words}"
            blocks += [_scores(found, title, way, result.head), _quality(found, title, way, result.head)]
    asked: Any = result.found.get(QUESTIONNAIRES)
    rows = list(_rows("run", found, result))
    for questionnaire in asked.root if asked else ():
        if questionnaire.prompts is None:
            continue
        rows += _rows(questionnaire.name, questionnaire.prompts.methods, result)
        for way, words in WAYS.items():
            methods = questionnaire.prompts.methods
            if any(way in ways.root for ways in methods.values()):
                title = f"{questionnaire.name}, items as questions, {words}"
                blocks.append(_scores(methods, title, way, result.head))
    blocks.append(
        records("scores", "model questions method direction measure value arm * runs variance", rows)
    )
    return Section("scores", "Scores by method and value", blocks, link="Scores")


def _explained(head: Head) -> Words:
    if head.scores and head.scores.get("mode") == "expected":
        how = "the rating that the judge's probabilities of 1 to 5 expect (G-Eval)"
    elif head.scores:
        samples = plain_value(head.scores.get("samples"))
        how = f"the mean of {samples} drawn ratings, since no probabilities are read"
    else:
        how = "the share of answers biased towards the value; no ratings were asked for"
    again = (
        f"Answers were drawn {head.runs} times with noise of their own; ± is the variance of the means of these runs."
        if head.runs > 1
        else "Answers were drawn once, so there is no variance over runs."
    )
    return Words(
        f"Score: {measure_name(score_measure(head))}, {how}. {again} Intervals are over questions. Best: the best method of a "
        "column in the direction of the edit, or those that share its score. Below each method: as many random neurons under "
        "its edit.",
        style="small",
    )


class ScoreArm(NamedTuple):
    """A row of a table: one arm of one method, or the base model. `group` sets the rows of several models apart; not `judged`: the measure
    sees nothing on the model, so that no method is its best."""

    label: str
    name: str
    arm: str
    ways: Any
    group: str = ""
    judged: bool = True

    def at(self, measure: str, way: str, value: str) -> Any:
        """Its score; None where it was not measured."""
        block = self.ways and self.ways.root.get(way, {}).get(measure)
        block = block and (block.by_value.get(value) if value else block)
        return block and getattr(block, self.arm)


def _scores(found: Ways, title: str, way: str, head: Head) -> Table[ScoreArm]:
    measure = score_measure(head)
    model = plain_value(head.model.get("id") or "model not named")
    rows = _arms(found, way, ("edited", "random"))
    return scores_table(f"{title}. Model: {model}. {measure_name(measure)}", rows, measure, way, head)


def _quality(found: Ways, title: str, way: str, head: Head) -> Details:
    measure = quality_measure(head)
    caption = f"{title}: {measure_name(measure)}"
    return Details(caption, (scores_table(caption, _arms(found, way, ("edited",)), measure, way, head),))


def _arms(found: Ways, way: str, arms: Sequence[str]) -> list[ScoreArm]:
    return score_arms({name: ways for name, ways in found.items() if way in ways.root}, arms)


def score_arms(methods: Mapping[str, Any], arms: Sequence[str], group: str = "") -> list[ScoreArm]:
    """The base model, then every method's arms; the `WaysFound` of a method is None where it was not measured."""
    base = next((ways for ways in methods.values() if ways), None)
    rows = [ScoreArm("Base model", "", "base", base, group)]
    for name, ways in methods.items():
        labels = {"edited": method_name(name), "random": "random neurons for it"}
        rows += [ScoreArm(labels[arm], name, arm, ways, group) for arm in arms]
    return rows


def scores_table(
    caption: str,
    rows: Sequence[ScoreArm],
    measure: str,
    way: str,
    head: Head,
    more: Sequence[Column[ScoreArm]] = (),
) -> Table[ScoreArm]:
    """Arms against values, best methods marked in each group; `more` columns stand before the values."""

    def column(value: str) -> Column[ScoreArm]:
        best = _best(rows, measure, way, value) if measure == score_measure(head) else set[tuple[str, str]]()

        def small(row: ScoreArm) -> tuple[str, ...]:
            scored = row.at(measure, way, value)
            spread = scored and scored.variance
            variance = "" if spread is None else f"± {VARIANCE.plain(spread)}"
            marked = (row.group, row.name) in best and row.arm == "edited"
            return tuple(filter(None, (variance, "best" if marked else "")))

        def cell(row: ScoreArm) -> Estimate | None:
            scored = row.at(measure, way, value)
            return scored and scored.estimate  # type: ignore[no-any-return]

        title = head.value_name(value) if value else "All values"
        return Column("", title, cell, SHARES, signed=False, small=small, estimate=True)

    names = [Column[ScoreArm]("", "Method", lambda row: row.label)]
    if any(row.group for row in rows):
        names.insert(0, Column("", "Model", lambda row: row.group))
    return Table("", caption, (*names, *more, *map(column, (*head.values, ""))), rows)


def _best(rows: Sequence[ScoreArm], measure: str, way: str, value: str) -> set[tuple[str, str]]:
    """By group the methods of the highest score of a column, or the lowest where the edit leads away."""
    means = dict[str, dict[str, float]]()
    for row in rows:
        score = row.at(measure, way, value) if row.arm == "edited" and row.judged else None
        if score and score.mean is not None:
            means.setdefault(row.group, {})[row.name] = score.mean
    best = max if way == "up" else min
    return {
        (group, name)
        for group, scores in means.items()
        for name, mean in scores.items()
        if len(scores) > 1 and abs(mean - best(scores.values())) < TIE
    }


def _rows(questions: str, found: Ways, result: Result) -> list[tuple[Any, ...]]:
    rows, model = [], str(result.head.model.get("id") or "")
    for method, ways in found.items():
        for way, measures in ways.root.items():
            for measure, block in measures.items():
                for value, arms in (("all", block), *block.by_value.items()):
                    for arm in ("base", "edited", "random", "effect", "random_effect", "matched_effect"):
                        scored = getattr(arms, arm)
                        if scored is not None:
                            rows.append(
                                (
                                    model,
                                    questions,
                                    method,
                                    way,
                                    measure,
                                    value,
                                    arm,
                                    scored if isinstance(scored, Estimate) else scored.estimate,
                                    getattr(scored, "runs", None),
                                    getattr(scored, "variance", None),
                                )
                            )
    return rows
