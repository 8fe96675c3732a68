"""NeVA's evaluation as CSV: curves, leakage of every method, rates, ability, conversations and profiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from valuescope.metrics import Estimate
from valuescope.report.csv_tables import Row, csv_text
from valuescope.report.fields import Fields
from valuescope.report.summary import Summary

_PARTS = ("mean", "low", "high", "n", "missing")


def neva_tables(summary: Summary) -> dict[str, str]:
    """File name -> content of the tables that the run has data for."""
    top = Fields.of(summary.raw, "")
    return {
        f"{name}.csv": csv_text(columns, rows(top.object(block)))
        for name, (block, columns, rows) in TABLES.items()
        if top.present(block)
    }


def _columns(*names: str) -> list[str]:
    return [f"{name}_{part}" for name in names for part in _PARTS]


def _cells(**estimates: Estimate | None) -> Row:
    return {
        f"{name}_{part}": None if found is None else getattr(found, part)
        for name, found in estimates.items()
        for part in _PARTS
    }


_AT_STRENGTH = (
    "control",
    "fluency",
    "leakage",
    "leak_mean",
    "nlr_mean",
    "nlr_median",
    "random",
    "random_fluency",
)


def _pareto(block: Fields) -> Iterable[Row]:
    for name in block.texts("order"):
        own = block.object("methods").object(name)
        for path, item in own.items("points"):
            at = Fields.of(item, path)
            yield {
                "method": name,
                "parameter": own.text("parameter") or None,
                "strength": at.number("strength"),
                "undefined": at.count("undefined"),
                **_cells(**{what: at.estimate(what) for what in _AT_STRENGTH}),
            }


_AT_FLOOR = ("control", "leakage", "difference", "leakage_difference")


def _floors(block: Fields) -> Iterable[Row]:
    for name in block.texts("order"):
        for path, item in block.object("methods").object(name).items("at_floor"):
            at = Fields.of(item, path)
            yield {
                "method": name,
                "floor": at.number("floor"),
                "strength": at.number("strength"),
                "verdict": at.text("verdict") or None,
                **_cells(**{what: at.estimate(what) for what in _AT_FLOOR}),
            }


def _leakages(block: Fields) -> Iterable[Row]:
    for name in block.raw:
        own = block.object(name)
        values, delta, nlr = own.texts("values"), own.object("delta"), own.object("leakage").matrix("nlr")
        mean, low, high = (delta.matrix(what) for what in ("mean", "low", "high"))
        random = own.object("random").object("delta").matrix("mean")
        for i, steered in enumerate(values):
            for j, evaluated in enumerate(values):
                yield {
                    "method": name,
                    "steered": steered,
                    "evaluated": evaluated,
                    "delta": mean[i][j],
                    "low": low[i][j],
                    "high": high[i][j],
                    "nlr": nlr[i][j] if nlr and nlr[i] else None,
                    "random_delta": random[i][j],
                }


def _rates(block: Fields) -> Iterable[Row]:
    for arm in block.texts("order"):
        for value in block.object("success").object(arm).raw:
            found = {
                what: block.object(what).object(arm).estimate(value)
                for what in ("success", "fluency", "effect")
            }
            yield {"arm": arm, "value": value, **_cells(**found)}


def _ability(block: Fields) -> Iterable[Row]:
    for name in block.texts("order"):
        for what in ("mmlu", "nats"):
            one = block.object("methods").object(name).object(what)
            if one.raw:
                found = {part: one.estimate(part) for part in ("base", "edited", "change")}
                yield {"method": name, "measure": what, **_cells(**found)}


def _turns(block: Fields) -> Iterable[Row]:
    arms = {"base": block, **{name: block.object("methods").object(name) for name in block.texts("order")}}
    for arm, one in arms.items():
        for turn, (path, item) in enumerate(one.items("base" if arm == "base" else "success"), start=1):
            yield {"arm": arm, "turn": turn, **_cells(success=Fields({"cell": item}, path).estimate("cell"))}


def _profiles(block: Fields) -> Iterable[Row]:
    for name in block.texts("order"):
        one = block.object("profiles").object(name)
        for arm in one.object("arms").raw:
            effects = one.object("arms").object(arm).object("by_value")
            for value in effects.raw:
                yield {
                    "profile": name,
                    "arm": arm,
                    "value": value,
                    "target": one.object("targets").number(value),
                    **_cells(effect=effects.estimate(value)),
                }


TABLES: dict[str, tuple[str, list[str], Callable[[Fields], Iterable[Row]]]] = {
    "pareto": ("pareto", ["method", "parameter", "strength", "undefined", *_columns(*_AT_STRENGTH)], _pareto),
    "pareto_floors": ("pareto", ["method", "floor", "strength", "verdict", *_columns(*_AT_FLOOR)], _floors),
    "leakages": (
        "leakages",
        ["method", "steered", "evaluated", "delta", "low", "high", "nlr", "random_delta"],
        _leakages,
    ),
    "rates": ("rates", ["arm", "value", *_columns("success", "fluency", "effect")], _rates),
    "ability": ("ability", ["method", "measure", *_columns("base", "edited", "change")], _ability),
    "turns": ("turns", ["arm", "turn", *_columns("success")], _turns),
    "profiles": ("profiles", ["profile", "arm", "value", "target", *_columns("effect")], _profiles),
}
