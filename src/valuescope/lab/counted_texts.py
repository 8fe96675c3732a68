"""The texts that a run counts neurons on, as they are or with the answers of the persons described, and the one pass over them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import cycle, islice

from valuescope.activations import Activations
from valuescope.data import LabelledText, Material, Question, label
from valuescope.lab.answers import Answers, prompt_of
from valuescope.lab.counting import count_texts
from valuescope.lab.folder import RunFolder
from valuescope.lab.material import timed
from valuescope.lab.null import null_dealings
from valuescope.lab.roles import identify_of
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.strict import SpecError
from valuescope.models import NeuronModel
from valuescope.progress import Progress, silent

COUNTING = "activations/cost.json"
"""How many seconds the one pass over the texts took."""
PROBING = ("neva", "neva-exclusive")
"""The locators that read residuals."""


@dataclass(frozen=True)
class CountedTexts:
    """Texts, and by text the ids of its answer as they were drawn (None: the answer is text, or empty)."""

    texts: tuple[LabelledText, ...]
    drawn: tuple[tuple[int, ...] | None, ...]


def read_texts(spec: ComparisonSpec, material: Material) -> tuple[LabelledText, ...]:
    """The texts in the roles that the methods read; the pass leaves out all others."""
    reading = [method for method in spec.methods.values() if method.reads_texts]
    roles = {role for method in reading for role in method.read_roles}
    if any(method.numbers == "delta" for method in spec.methods.values()):
        roles |= {"for", "against"}
    wanted = {label(value, role) for role in roles for value in material.values}
    return tuple(text for text in material.texts if text.label in wanted)


def needs_residuals(spec: ComparisonSpec) -> bool:
    """Whether any method trains probes. Residuals grow with the number of texts, counters do not."""
    return any(
        method.locator in PROBING or (method.intervention is not None and method.reads_texts)
        for method in spec.methods.values()
    )


def require_answers(spec: ComparisonSpec, material: Material) -> None:
    """Raise SpecError where nobody is described who could answer, or where answers count and texts have none."""
    texts, identify = read_texts(spec, material), identify_of(spec)
    if identify is not None and not any(text.persona for text in texts):
        raise SpecError(
            f"identify: no text of source {material.source} that a method reads describes somebody and asks a question; take "
            "descriptions and situational questions (source starter with level dimension), or leave identify out"
        )
    if spec.activations.scope != "answer":
        return
    mute = {text.label for text in texts} - {
        text.label for text in texts if text.answer or (identify is not None and text.persona)
    }
    counting = [
        method for method in spec.methods.values() if method.locator and method.locator not in PROBING
    ]
    wanted = {
        label(value, role) for method in counting for value in material.values for role in method.read_roles
    }
    if silenced := sorted(mute & wanted):
        raise SpecError(
            f"activations.scope is answer, and the texts {', '.join(silenced[:4])} have none; give identify: {{}} to have "
            "described persons answer, or scope all"
        )


def counted_texts(
    spec: ComparisonSpec,
    folder: RunFolder,
    model: NeuronModel,
    material: Material,
    progress: Progress = silent,
) -> CountedTexts:
    """What neurons are counted on; answers are asked for once, and kept in the run's folder batch by batch."""
    texts, identify = read_texts(spec, material), identify_of(spec)
    if identify is None:
        return CountedTexts(texts, (None,) * len(texts))
    ask, done = identify.ask(spec, texts), 0

    def tell(rows: int) -> None:
        nonlocal done
        done += rows
        progress("identify", done, len(ask.items))

    with timed(folder, "identify"):
        rows = Answers(model, folder).of(ask, tell)
    answers = iter(zip(ask.items, rows, strict=True))

    def answered(text: LabelledText) -> tuple[LabelledText, tuple[int, ...] | None]:
        if text.persona is None:
            return text, None
        question, row = next(answers)
        prompt = prompt_of(model.prompts, question)
        return replace(text, prompt=prompt, answer=row["text"]), tuple(row["tokens"])

    pairs = [answered(text) for text in texts]
    return CountedTexts(tuple(text for text, _ in pairs), tuple(drawn for _, drawn in pairs))


def planned_texts(spec: ComparisonSpec, material: Material) -> tuple[LabelledText, ...]:
    """The texts of `counted_texts` before anything is answered: an answer is taken to be as long as it may become."""
    texts, identify = read_texts(spec, material), identify_of(spec)
    if identify is None:
        return texts
    questions = iter(identify.ask(spec, texts).items)

    def planned(text: LabelledText) -> LabelledText:
        if text.persona is None:
            return text
        question = next(questions)
        assert isinstance(question, Question)
        words = islice(cycle(text.prompt.split()), identify.max_new_tokens)
        return replace(text, prompt=question.asked, answer=" " + " ".join(words))

    return tuple(planned(text) for text in texts)


def read_activations(
    spec: ComparisonSpec, folder: RunFolder, model: NeuronModel, material: Material, progress: Progress
) -> Activations | None:
    """Counters of all texts that the methods read, and residuals where one trains probes; None where none reads texts."""
    how = spec.activations
    if not read_texts(spec, material):
        return None
    counted = counted_texts(spec, folder, model, material, progress)
    start = time.monotonic()
    with timed(folder, "activations"):
        activations = count_texts(
            folder.path / "activations",
            model,
            counted.texts,
            drawn=counted.drawn,
            batch_size=how.rows,
            part=how.part,
            scope=how.scope,
            residuals=needs_residuals(spec),
            relabellings=null_dealings(spec, material.values, counted.texts),
            progress=lambda done, total: progress("activations", done, total),
        )
    if folder.read_json(COUNTING) is None:
        folder.write_json(COUNTING, {"seconds": round(time.monotonic() - start, 2)})
    return activations
