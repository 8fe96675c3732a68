"""Where ValueExploration's dilemmas come from: the starter set, a user's files, or the social organism's grammar."""

from __future__ import annotations

from collections.abc import Callable

from valuescope.data.dilemma_set import DilemmaSet, make_dilemma_set
from valuescope.data.findings import DataError
from valuescope.data.material import of_kind, without_repeats
from valuescope.data.readers import read_data
from valuescope.data.records import Dilemma
from valuescope.data.social_organism import social_organism
from valuescope.data.starter_set import read_part


def starter_dilemmas(values: tuple[str, ...], languages: tuple[str, ...], *, seed: int = 0) -> DilemmaSet:
    """The starter set's 20 activation and 20 evaluation dilemmas of each Chinese social value, in en and zh.

    Raises:
        DataError: other values or languages.
    """
    splits = [
        of_kind(read_part(f"chinese-social/{split}", values), Dilemma)
        for split in ("activation", "evaluation")
    ]
    return make_dilemma_set("starter", values, languages, *splits, seed=seed)


def file_dilemmas(
    values: tuple[str, ...],
    languages: tuple[str, ...],
    *,
    activation: str,
    evaluation: str,
    reader: str | None = None,
    strict: bool = False,
    seed: int = 0,
) -> DilemmaSet:
    """Dilemmas from a user's files, one path (file, folder or hub id) for each split.

    Args:
        activation: dilemmas with a rationale.
        evaluation: dilemmas; a rationale is not read.
        reader: the set's format; None: found by its columns.
        strict: refuse malformed rows instead of leaving them out.

    Raises:
        DataError: a path that holds no dilemmas, or none about a value in a language.
    """
    splits, notes = list[list[Dilemma]](), list[str]()
    for path in (activation, evaluation):
        dataset = read_data(path, reader, strict=strict)
        found = of_kind(dataset.records, Dilemma)
        if not found:
            raise DataError(f"{path}: holds no dilemmas; they have a story and two actions (docs/data.md)")
        if dataset.problems:
            notes.append(f"{len(dataset.problems)} malformed rows left out, the first: {dataset.problems[0]}")
        splits.append(without_repeats(found))
    bare = sum(not one.rationale for one in splits[0])
    if bare:
        notes.append(f"activation: {bare} of {len(splits[0])} dilemmas have no rationale")
    return make_dilemma_set("files", values, languages, *splits, seed=seed, notes=notes)


def organism_dilemmas(
    values: tuple[str, ...],
    languages: tuple[str, ...],
    *,
    activation: int = 60,
    evaluation: int = 20,
    seed: int = 0,
) -> DilemmaSet:
    """Dilemmas of the social organism's own grammar, `activation` and `evaluation` per value and language.

    Raises:
        DataError: a value, language or number that the grammar does not have.
    """
    try:
        drawn, asked = social_organism(
            values, languages=languages, activation=activation, evaluation=evaluation, seed=seed
        )
    except ValueError as error:
        raise DataError(f"source organism-social: {error}") from error
    return make_dilemma_set("organism-social", values, languages, drawn, asked, seed=seed)


DILEMMA_SOURCES: dict[str, Callable[..., DilemmaSet]] = {
    "starter": starter_dilemmas,
    "files": file_dilemmas,
    "organism-social": organism_dilemmas,
}
"""name -> function(values, languages, *, seed, ...) that reads or draws the dilemmas of a run."""
