"""The material of a run, kept on disk, and what it must hold for the methods of the run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from valuescope.data import SOURCES, Material, label
from valuescope.lab.folder import RunFolder
from valuescope.lab.spec import ComparisonSpec, DataSpec, RunSpec, SourceSpec
from valuescope.lab.strict import SpecError
from valuescope.models import NeuronModel
from valuescope.organism.grammar import USER
from valuescope.values import ValueSystem, load_value_system


@contextmanager
def timed(folder: RunFolder, stage: str) -> Iterator[None]:
    """Add the time spent in the block to the stage's seconds."""
    start = time.monotonic()
    try:
        yield
    finally:
        folder.add_seconds(stage, time.monotonic() - start)


def chosen_values(spec: RunSpec) -> tuple[ValueSystem, tuple[str, ...]]:
    """The value system of a specification and the values it asks for.

    Raises:
        SpecError: for a value that is not at the level asked for.
    """
    system = load_value_system(spec.values.system)
    known = system.at_level(spec.values.level)
    values = known if spec.values.only is None else spec.values.only
    for value in values:
        if value not in known:
            raise SpecError(
                f"values.only: {value!r} is not among the values at level {spec.values.level!r}: {', '.join(known)}"
            )
    if system.circle and set(values) <= set(system.circle):
        values = tuple(value for value in system.circle if value in values)
    return system, values


def read_material(spec: ComparisonSpec, folder: RunFolder, values: tuple[str, ...]) -> Material:
    """Draw or read the data, once per run."""
    known = folder.read("data/material.json", Material.from_dict)
    if known is not None:
        return known
    with timed(folder, "data"):
        material = draw_material(spec.data, values, spec.seed)
        require_texts(spec, material)
        folder.write_json("data/material.json", material.to_dict())
    return material


def draw_material(data: DataSpec, values: tuple[str, ...], seed: int) -> Material:
    """What a specification uses of a source's material, its questions and pairs replaced by another's where the data say so.

    Raises:
        SpecError: a parameter of the wrong type.
        DataError: what is asked stands in what is read.
    """
    material = _drawn("data", data, values, seed)
    if data.measured_on is not None:
        material = material.evaluated_on(_drawn("data.measured_on", data.measured_on, values, seed))
    return material.first(data.activation, data.evaluation)


def _drawn(place: str, data: SourceSpec, values: tuple[str, ...], seed: int) -> Material:
    try:
        return SOURCES[data.source](values, seed=seed, **data.parameters)
    except TypeError as error:
        raise SpecError(f"{place}.parameters: {error}") from error


def require_marks(source: str, model: NeuronModel) -> None:
    """Raise SpecError for the organism's texts and a model that does not know their marks: it would read them as noise."""
    tokenizer = model.tokenizer
    if source == "organism" and tokenizer.convert_tokens_to_ids(USER) in (None, tokenizer.unk_token_id):
        raise SpecError(
            f"source organism: its texts carry the mark {USER}, which the tokenizer of {model.identity.id} does not know; they "
            "are for the bundled models only: take source starter, or data of your own (source files)"
        )


def require_settings(spec: ComparisonSpec, system: ValueSystem) -> None:
    """Raise SpecError for a setting of a value that the system does not have."""
    for name, method in spec.methods.items():
        for value in (value for setting in method.settings() for value in setting.by_value):
            if value not in system:
                raise SpecError(
                    f"methods.{name}.by_value: {value!r} is no value of {system.id}; its values are "
                    f"{', '.join(system.at_level(spec.values.level))}"
                )


def require_texts(spec: ComparisonSpec, material: Material) -> None:
    """Raise SpecError where the material has no texts in a role that a method reads."""
    labels = {text.label for text in material.texts}
    for name, method in spec.methods.items():
        if not method.reads_texts:
            continue
        roles = {*method.read_roles, *(("for", "against") if method.numbers == "delta" else ())}
        wanted = {label(value, role) for value in material.values for role in roles}
        if wanted - labels:
            raise SpecError(
                f"methods.{name}: source {material.source} yields no texts {', '.join(sorted(wanted - labels))}; "
                "ask it for more, or give the method other roles"
            )


def require_questions(spec: ComparisonSpec, material: Material) -> None:
    """Raise SpecError where the material has nothing that a method asks, or what the judge cannot read, or where questions
    cannot be put as `answer` says."""
    if spec.answer is not None and any(question.prompt for question in material.questions):
        raise SpecError(
            f"answer: the questions of source {material.source} bring prompts of their own, which nothing is put around; leave "
            "answer out"
        )
    if spec.judge == "stance" or spec.yes_or_no:
        answered = (*material.questions, *material.tuning)
        unknown = [question.key for question in answered if not question.yes_is]
        if unknown or not answered:
            which = (
                f"{len(unknown)} of its {len(answered)} questions, such as {unknown[0]}, do not"
                if unknown
                else "it has none"
            )
            raise SpecError(
                f"data.source: judge stance and yes_or_no are for questions that say whether yes is for or against the value "
                f"(yes_is), and of source {material.source} {which}; take source starter with parameters {{tier: plain}} and "
                "Schwartz's ten values, or another judge"
            )
    asked = {question.setting for question in material.questions} | ({"pairs"} if material.pairs else set())
    tuning = {question.setting for question in material.tuning}
    for name, method in spec.methods.items():
        if method.asked not in asked:
            found = ", ".join(sorted(asked)) or "nothing"
            raise SpecError(
                f"methods.{name}.asked: source {material.source} yields {found}, not {method.asked}"
            )
        tuned = "dilemma" if method.asked == "pairs" else method.asked
        if method.chooses and tuned not in tuning:
            kind = "search" if method.search else "automatic"
            raise SpecError(
                f"methods.{name}.{kind}: source {material.source} yields no tuning questions asked as {tuned}; ask it for "
                f"some (data.parameters.tuning), or drop {kind}"
            )
