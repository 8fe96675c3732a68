"""Reads summary.json's content into the dataclasses of `summary`: strict on types, easy on absence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from valuescope.metrics import Estimate
from valuescope.report.fields import Fields, ReportError, as_count, as_number, wrong
from valuescope.report.judging import read_judging
from valuescope.report.summary import (
    ArmAnswer,
    DosePoint,
    Example,
    Leakage,
    Matrix,
    Method,
    Probes,
    Search,
    Setting,
    Summary,
    Trial,
    ValueEffect,
)

FORMAT = 1


def read_summary(raw: Mapping[str, Any]) -> Summary:
    """The typed form of a summary, which does not depend on the order of keys in its mappings.

    Raises:
        ReportError: another format, a field of the wrong type, or a matrix that does not fit its values.
    """
    top = Fields.of(raw, "")
    order = [
        *top.texts("values"),
        *(top.texts("method_order") or top.object("methods").raw),
        *(top.texts("group_order") or top.object("groups").raw),
    ]
    raw = _in_order(raw, {name: rank for rank, name in enumerate(order)})
    top = Fields.of(raw, "")
    if top.raw.get("format") != FORMAT:
        raise ReportError(
            f"summary: format is {top.raw.get('format')!r}; this version reads format {FORMAT}. "
            "Run the measuring stage again with this version"
        )
    return Summary(
        name=top.text("name"),
        seed=top.count("seed"),
        version=top.text("valuescope"),
        model=top.object("model").raw,
        organism=bool(top.flag("bundled_organism")),
        values=top.texts("values"),
        value_names=_texts(top.object("value_names")),
        groups={group: top.object("groups").texts(group) for group in top.object("groups").raw},
        group_names=_texts(top.object("group_names")),
        data=top.object("data").raw,
        measure=top.object("measure").raw,
        base_by_value=_base(top.object("base")),
        base_fluency=top.object("base").estimate("fluency"),
        methods=tuple(
            _method(name, top.object("methods").object(name)) for name in top.object("methods").raw
        ),
        leakage=_leakage(top.object("leakage")) if top.present("leakage") else None,
        probes=_probes(top.object("probes")) if top.present("probes") else None,
        examples=tuple(_example(Fields.of(item, path)) for path, item in top.items("examples")),
        missing=top.object("missing").raw,
        judging=read_judging(top.object("judging")) if top.present("judging") else None,
        seconds=top.object("seconds_by_stage").raw,
        raw=raw,
    )


def _in_order(content: Any, rank: Mapping[str, int]) -> Any:
    """The content with every mapping's keys in order of rank, then by name: JSON files do not keep their order."""
    if isinstance(content, Mapping):
        keys = sorted(content, key=lambda key: (rank.get(key, len(rank)), key))
        return {key: _in_order(content[key], rank) for key in keys}
    if isinstance(content, list | tuple):
        return [_in_order(item, rank) for item in content]
    return content


def _texts(fields: Fields) -> dict[str, str]:
    return {name: fields.text(name) for name in fields.raw}


def _base(fields: Fields) -> dict[str, dict[str, Estimate]]:
    kinds = fields.object("by_value")
    found: dict[str, dict[str, Estimate]] = {}
    for kind in kinds.raw:
        estimates = {value: kinds.object(kind).estimate(value) for value in kinds.object(kind).raw}
        found[kind] = {value: estimate for value, estimate in estimates.items() if estimate is not None}
    return found


def _scores(fields: Fields) -> dict[str, float | None]:
    return {name: fields.number(name) for name in fields.raw}


def _method(name: str, fields: Fields) -> Method:
    settings = tuple(_setting(Fields.of(item, path)) for path, item in fields.items("settings"))
    direction = fields.count("direction")
    if direction not in (1, -1, None):
        raise wrong(
            fields.at("direction"), direction, "1 (the edit should raise the value), -1 (lower) or null"
        )
    dose, by_value, layers = (
        fields.object("dose"),
        fields.object("by_value"),
        fields.object("neurons_per_layer"),
    )
    return Method(
        id=name,
        locator=fields.text("locator") or name,
        edit=fields.text("edit"),
        asked=fields.text("asked"),
        direction=direction,
        headline=fields.text("setting"),
        settings=settings or (_headline_only(fields),),
        average_precision=fields.number("average_precision"),
        chance_precision=fields.number("chance_precision"),
        by_value={value: _value_effect(by_value.object(value)) for value in by_value.raw},
        neurons_per_layer={value: layers.counts(value) for value in layers.raw if layers.present(value)},
        dose_name=dose.text("name"),
        dose=tuple(_dose_point(Fields.of(item, path)) for path, item in dose.items("points")),
        search=_search(fields.object("search")) if fields.present("search") else None,
    )


def _setting(fields: Fields) -> Setting:
    roles = fields.object("roles")
    return Setting(
        name=fields.text("name"),
        locator_parameters=fields.object("locator_parameters").raw,
        edit_parameters=fields.object("edit_parameters").raw,
        neurons=_counts(fields.object("neurons")),
        effect=fields.estimate("effect"),
        random=fields.estimate("random"),
        random_matched=fields.estimate("random_matched"),
        fluency=fields.estimate("fluency"),
        base_fluency=fields.estimate("base_fluency"),
        average_precision=_scores(fields.object("average_precision")),
        recall=_scores(fields.object("recall")),
        precision=_scores(fields.object("precision")),
        roles={role: _found_of(roles.object(role)) for role in roles.raw},
        warnings=fields.texts("warnings"),
        diagnostics=fields.object("diagnostics").raw,
    )


def _headline_only(fields: Fields) -> Setting:
    """The one setting of a method that lists none, from the method's own numbers."""
    return _setting(
        Fields({**fields.raw, "name": fields.text("setting"), "average_precision": None}, fields.path)
    )


def _counts(fields: Fields) -> dict[str, int]:
    counts = {name: as_count(item, fields.at(name)) for name, item in fields.raw.items()}
    return {name: count for name, count in counts.items() if count is not None}


def _found_of(fields: Fields) -> tuple[int, int]:
    found, of = fields.count("found"), fields.count("of")
    if found is None or of is None:
        raise wrong(fields.path, dict(fields.raw), '{"found": n, "of": n}')
    return found, of


def _value_effect(fields: Fields) -> ValueEffect:
    return ValueEffect(*(fields.estimate(name) for name in ("base", "edited", "effect", "random")))


def _dose_point(fields: Fields) -> DosePoint:
    strength = fields.number("strength")
    if strength is None:
        raise wrong(fields.at("strength"), None, "a number")
    return DosePoint(strength, *(fields.estimate(name) for name in ("effect", "random", "fluency")))


def _search(fields: Fields) -> Search:
    tried = []
    for path, item in fields.items("tried"):
        trial = Fields.of(item, path)
        tried.append(
            Trial(
                trial.object("locator_parameters").raw,
                trial.object("edit_parameters").raw,
                trial.estimate("effect"),
                trial.estimate("fluency"),
                bool(trial.flag("chosen")),
            )
        )
    return Search(fields.count("questions"), fields.text("rule"), tuple(tried))


def _leakage(fields: Fields) -> Leakage:
    values, groups = fields.texts("values"), fields.object("group_leakage")
    distances = []
    for path, item in fields.items("by_distance"):
        entry = Fields.of(item, path)
        steps, mean = entry.count("distance"), entry.estimate("mean")
        if steps is not None and mean is not None:
            distances.append((steps, mean))
    return Leakage(
        method=fields.text("method"),
        setting=fields.text("setting"),
        values=values,
        n=fields.count("n"),
        base=fields.numbers("base"),
        delta=_square(fields, "delta", len(values)),
        low=_square(fields, "delta_low", len(values)),
        high=_square(fields, "delta_high", len(values)),
        nlr=_square(fields, "nlr", len(values)),
        nlr_mean=fields.number("nlr_mean"),
        nlr_mean_ci=fields.interval("nlr_mean_ci"),
        nlr_median=fields.number("nlr_median"),
        undefined=fields.texts("undefined"),
        gain_floor=fields.number("gain_floor"),
        groups=groups.texts("groups"),
        group_matrix=_group_matrix(groups),
        by_distance=tuple(distances),
        random_delta=_square(fields.object("random"), "delta", len(values)),
    )


def _group_matrix(groups: Fields) -> Matrix:
    """The matrix with the receiving group in rows; `rows` = "steered" says that it stands the other way."""
    matrix = _square(groups, "matrix", len(groups.texts("groups")))
    rows = groups.text("rows") or "receiving"
    if rows not in ("receiving", "steered"):
        raise wrong(groups.at("rows"), rows, '"receiving" or "steered"')
    return matrix if rows == "receiving" else tuple(zip(*matrix, strict=True))


def _square(fields: Fields, name: str, size: int) -> Matrix:
    """A matrix of `size` rows and columns with null rows filled, or () where it is absent."""
    rows = fields.matrix(name)
    if not rows:
        return ()
    if len(rows) != size or any(len(row) not in (0, size) for row in rows):
        shape = f"{len(rows)} rows of {sorted({len(row) for row in rows})} cells"
        raise ReportError(f"summary: {fields.at(name)} has {shape}; it must be {size} by {size}")
    return tuple(row or (None,) * size for row in rows)


def _probes(fields: Fields) -> Probes:
    layers, accuracy, kept = fields.counts("layers"), fields.object("accuracy"), fields.object("kept")
    curves = {value: accuracy.numbers(value) for value in accuracy.raw}
    for value, curve in curves.items():
        if curve and len(curve) != len(layers):
            raise ReportError(
                f"summary: {accuracy.at(value)} has {len(curve)} entries; it must have one for each of the "
                f"{len(layers)} layers"
            )
    return Probes(
        layers=layers,
        accuracy=curves,
        kept={value: kept.counts(value) for value in kept.raw},
        bag_of_words=_baseline(fields, "bag_of_words"),
        shuffled=_baseline(fields, "shuffled"),
        n_train=fields.count("n_train"),
        n_validation=fields.count("n_validation"),
    )


def _baseline(fields: Fields, name: str) -> dict[str, float | None]:
    baseline = fields.object(name)
    return {value: as_number(score, baseline.at(value)) for value, score in baseline.raw.items()}


def _example(fields: Fields) -> Example:
    answers = []
    for path, item in fields.items("answers"):
        answer = Fields.of(item, path)
        answers.append(
            ArmAnswer(answer.text("arm"), answer.text("text"), answer.flag("success"), answer.flag("fluent"))
        )
    return Example(fields.text("value"), fields.text("question"), fields.text("system"), tuple(answers))
