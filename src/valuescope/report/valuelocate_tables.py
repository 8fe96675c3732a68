"""The numbers of ValueLocate's sections as CSV; a file only where the run has its part."""

from __future__ import annotations

from collections.abc import Iterator

from valuescope.metrics import Estimate
from valuescope.report.csv_tables import Row, csv_text
from valuescope.report.fields import Fields
from valuescope.report.numbers import parameters
from valuescope.report.summary import Summary

_ESTIMATE = ["mean", "low", "high", "n", "missing"]


def valuelocate_tables(summary: Summary) -> dict[str, str]:
    """File name -> content: locators, scores, sweeps, ratings of questionnaires, sensitivity."""
    tables = {
        "locators.csv": (
            ["method", "locator", "edit", "site", *_ESTIMATE, "seconds", "peak_growth", "peak_estimate"],
            list(_locators(summary)),
        ),
        "scores.csv": (
            [
                "model",
                "questions",
                "method",
                "direction",
                "measure",
                "value",
                "arm",
                *_ESTIMATE,
                "runs",
                "variance",
            ],
            list(_scores(summary)),
        ),
        "sweeps.csv": (
            ["method", "parameter", "strength", "direction", "measure", "value", "arm", *_ESTIMATE],
            list(_sweeps(summary)),
        ),
        "questionnaires.csv": (
            ["questionnaire", "inventory", "method", "direction", "measure", *_ESTIMATE],
            list(_ratings(summary)),
        ),
        "sensitivity.csv": (
            ["choice", "method", "default", "alternative", "measure", *_ESTIMATE, "changes"],
            list(_sensitivity(summary)),
        ),
    }
    return {name: csv_text(columns, rows) for name, (columns, rows) in tables.items() if rows}


def _estimate(found: Estimate | None) -> Row:
    values = (None,) * 5 if found is None else (found.mean, found.low, found.high, found.n, found.missing)
    return dict(zip(_ESTIMATE, values, strict=True))


def _of(fields: Fields) -> Estimate | None:
    return Fields({"it": fields.raw}, fields.path).estimate("it") if fields.raw else None


def _locators(summary: Summary) -> Iterator[Row]:
    for path, item in Fields.of(summary.raw.get("compare"), "compare").items("rows"):
        row = Fields.of(item, path)
        yield {
            **{name: row.text(name) for name in ("method", "locator", "edit", "site")},
            **_estimate(row.estimate("precision")),
            **{name: row.number(name) for name in ("seconds", "peak_growth", "peak_estimate")},
        }


def _scores(summary: Summary) -> Iterator[Row]:
    top = Fields(summary.raw, "")
    sources = [
        (
            "run",
            {name: top.object("methods").object(name).object("ways") for name in top.object("methods").raw},
        )
    ]
    for path, item in top.items("questionnaires"):
        block = Fields.of(item, path)
        asked = block.object("prompts").object("methods")
        sources.append((block.text("name"), {name: asked.object(name) for name in asked.raw}))
    for questions, methods in sources:
        for method, ways in methods.items():
            for way in ways.raw:
                for measure in ways.object(way).raw:
                    found = ways.object(way).object(measure)
                    for value in ("", *found.object("by_value").raw):
                        block = found.object("by_value").object(value) if value else found
                        for arm in ("base", "edited", "random", "effect", "random_effect", "matched_effect"):
                            one = block.object(arm)
                            if not one.raw:
                                continue
                            yield {
                                "model": str(summary.model.get("id") or ""),
                                "questions": questions,
                                "method": method,
                                "direction": way,
                                "measure": measure,
                                "value": value or "all",
                                "arm": arm,
                                **_estimate(_of(one)),
                                "runs": one.count("runs"),
                                "variance": one.number("variance"),
                            }


def _sweeps(summary: Summary) -> Iterator[Row]:
    methods = Fields(summary.raw, "").object("methods")
    for method in methods.raw:
        if not methods.object(method).present("ways"):
            continue
        for path, item in methods.object(method).items("sweeps"):
            sweep = Fields.of(item, path)
            for place, raw in sweep.items("points"):
                point = Fields.of(raw, place)
                for way in point.object("ways").raw:
                    for measure in point.object("ways").object(way).raw:
                        block = point.object("ways").object(way).object(measure)
                        for value in ("", *block.object("by_value").raw):
                            own = block.object("by_value").object(value) if value else block
                            for arm in ("edited", "random"):
                                yield {
                                    "method": method,
                                    "parameter": sweep.text("name"),
                                    "strength": point.number("strength"),
                                    "direction": way,
                                    "measure": measure,
                                    "value": value or "all",
                                    "arm": arm,
                                    **_estimate(own.estimate(arm)),
                                }


def _ratings(summary: Summary) -> Iterator[Row]:
    for path, item in Fields(summary.raw, "").items("questionnaires"):
        block = Fields.of(item, path)
        for place, raw in block.items("likert"):
            one = Fields.of(raw, place)
            for method in one.object("methods").raw:
                ways = one.object("methods").object(method)
                for way in ways.raw:
                    for measure in ("edited_raw", "random_raw", "edited_centred", "random_centred"):
                        yield {
                            "questionnaire": block.text("name"),
                            "inventory": one.text("title"),
                            "method": method,
                            "direction": way,
                            "measure": measure,
                            **_estimate(ways.object(way).estimate(measure)),
                        }


def _sensitivity(summary: Summary) -> Iterator[Row]:
    for path, item in Fields.of(summary.raw.get("sensitivity"), "sensitivity").items("rows"):
        row = Fields.of(item, path)
        measures = {
            "effect of default": row.object("default").estimate("effect"),
            "effect of alternative": row.object("alternative").estimate("effect"),
            "difference of effects": row.estimate("difference"),
            "difference of average precision": row.estimate("precision_difference"),
        }
        for measure, found in measures.items():
            yield {
                "choice": row.text("choice"),
                "method": row.text("method"),
                "default": parameters(row.object("was").raw),
                "alternative": parameters(row.object("becomes").raw),
                "measure": measure,
                **_estimate(found),
                "changes": row.flag("changes"),
            }
