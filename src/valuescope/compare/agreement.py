"""In what runs differ: which settings must agree for their numbers to stand in one table, and which may be each model's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import combinations
from typing import Any

from valuescope.compare.runs import ComparedRun, CompareError
from valuescope.files import sha256_of, sha256_of_file
from valuescope.lab.strict import Found
from valuescope.report.numbers import listing, plain_value

DECISIVE: Mapping[str, str] = {
    "values": "values",
    "values.*": "values",
    "seed": "seed",
    "data": "data",
    "data.*": "data",
    "languages": "data",
    "measure": "measure",
    "bootstrap.confidence": "measure",
    "judge": "judge",
    "judge.*": "judge",
    "scores": "judge",
    "scores.*": "judge",
    "support.*": "prompts",
    "yes_or_no": "prompts",
    "methods.*.asked": "prompts",
    "methods.*.direction": "measure",
    "model.chat.*": "prompts",
    "generate.max_new_tokens": "prompts",
}
"""Keys that must agree, as patterns, in the order in which a difference is named, and what they decide."""
WHERE_BOTH: Mapping[str, str] = {
    "ability.number": "data",
    "ability.shots": "prompts",
    "questionnaires.sets.*": "data",
    "model.chat.date": "prompts",
}
"""Keys that must agree among the runs that have them: a run without that part has missing cells, and a chat template that asks
for no date has none."""
OWN = ("name", "model.*", "*.batch_size", "activations.part")
"""Keys that say nothing of what was measured."""
ABSENT = "absent"
_LONGEST = 80


class Difference(Found):
    """A key whose values differ. `decides` says what it decides: data, prompts, judge ...; empty where numbers may be compared
    in spite of it. `values` are by model, in words."""

    key: str
    decides: str = ""
    values: dict[str, str]


def differences(runs: Sequence[ComparedRun]) -> list[Difference]:
    """Every key whose values differ, the decisive ones first, in the order of `DECISIVE`."""
    settings = {run.label: dict(_settings(run)) for run in runs}
    hashes = {known.get("data.hash") for known in settings.values()}
    if len(hashes) == 1 and None not in hashes:  # the same texts, wherever their files were
        for known in settings.values():
            for key in [key for key in known if key.startswith("data.")]:
                del known[key]
    keys = list(dict.fromkeys(key for known in settings.values() for key in known))
    found = [difference for key in keys if (difference := _difference(key, settings))]
    order = ["", *dict.fromkeys(DECISIVE.values())]
    return sorted(found, key=lambda entry: order.index(entry.decides) or len(order))


def require_agreement(runs: Sequence[ComparedRun], found: Sequence[Difference]) -> None:
    """Raise CompareError for the first decisive difference, with the key and both values, and for two runs of one model."""
    decisive = [difference for difference in found if difference.decides]
    if decisive:
        first = decisive[0]
        (one, mine), (other, yours) = next(
            pair for pair in combinations(first.values.items(), 2) if pair[0][1] != pair[1][1]
        )
        folders = {run.label: run.folder for run in runs}
        rest = listing(difference.key for difference in decisive[1:5])
        more = f" (they differ in {rest}{' and more' if len(decisive) > 5 else ''}, too)" if rest else ""
        raise CompareError(
            f"{folders[one]} and {folders[other]} differ in {first.decides}: {first.key} is {mine} in the first and {yours} in the "
            f"second{more}; run one of them again with the other's setting, or give --side-by-side"
        )
    for one_run, other_run in combinations(runs, 2):
        if one_run.fingerprint and one_run.fingerprint == other_run.fingerprint:
            raise CompareError(
                f"{one_run.folder} and {other_run.folder} are runs of the same model: model.fingerprint is {one_run.fingerprint} in "
                "both; leave one out, or give --side-by-side to set two runs of one model beside each other"
            )


def require_one_scale(runs: Sequence[ComparedRun]) -> None:
    """Raise CompareError for runs that no table or chart can hold together: other experiments, other units."""
    first = runs[0]
    for run in runs[1:]:
        for key, mine, yours in (
            ("experiment", first.head.experiment, run.head.experiment),
            ("measure.unit", first.head.measure.unit, run.head.measure.unit),
        ):
            if mine != yours:
                raise CompareError(
                    f"{first.folder} and {run.folder} share no scale: {key} is {mine} in the first and {yours} in the second; "
                    "compare runs of one kind"
                )


def _difference(key: str, settings: Mapping[str, Mapping[str, Any]]) -> Difference | None:
    """The difference in a key, if there is one; a part that some run has not is told by the keys below it."""
    decides, both = _decides(key)
    values = {label: known[key] for label, known in settings.items() if key in known}
    below = any(other.startswith(f"{key}.") for known in settings.values() for other in known)
    if below and not any(values.values()):
        return None
    if both:
        values = {label: value for label, value in values.items() if value is not None}
    distinct = {sha256_of([value]) for value in values.values()}
    if len(distinct) < 2 and (both or len(values) == len(settings)):
        return None
    if not decides and any(fnmatchcase(key, pattern) for pattern in OWN):
        return None
    words = {label: _words(values[label]) if label in values else ABSENT for label in settings}
    return Difference(key=key, decides=decides, values=words)


def _decides(key: str) -> tuple[str, bool]:
    """What a key decides, and whether only among the runs that have it."""
    for pattern, what in WHERE_BOTH.items():
        if fnmatchcase(key, pattern):
            return what, True
    of_method = key.startswith("methods.")  # which some run may not have: its cells are missing there
    for pattern, what in DECISIVE.items():
        if fnmatchcase(key, pattern) and not key.endswith("batch_size"):
            return what, of_method
    return "", of_method


def _settings(run: ComparedRun) -> Iterator[tuple[str, Any]]:
    """Every setting of a run under its dotted key, and what its head says besides."""
    head, content = run.head, run.spec.model_dump(mode="json", exclude=run.spec.left_out() or None)
    yield from _flat(content, "")
    yield "values", head.values
    yield "methods", sorted(getattr(run.spec, "methods", ()))
    yield "judge", getattr(run.spec, "judge_name", None)
    yield "measure", head.measure.name or list(getattr(head, "measures", ()))
    yield "data.source", head.data.get("source")
    yield "data.hash", head.data.get("hash") or _dilemmas_hash(run)
    yield "data.counts", head.data.get("counts")
    yield "valuescope", head.valuescope
    for name, version in head.versions.items():
        yield f"versions.{name}", version


def _dilemmas_hash(run: ComparedRun) -> str | None:
    """sha256 of the dilemmas that a run was made with; None where its folder has them no longer."""
    path = run.folder / "data" / "dilemmas.json"
    return sha256_of_file(path) if path.is_file() else None


def _flat(content: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _words(value: Any) -> str:
    """A value in one short line."""
    words = " ".join(plain_value(value).split()) or "empty"
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"
