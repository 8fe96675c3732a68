"""ability and questionnaire: what edits cost in general ability, and what they do to a model's view of itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from valuescope.cli.command import argument, command, option
from valuescope.cli.model_options import ChatOptions, EditOptions, ModelOptions
from valuescope.cli.terminal import ProgressBars, estimate_text, mean_text

if TYPE_CHECKING:
    from valuescope.judge import SelfRating
    from valuescope.metrics import Estimate


PROMPTS = ("portrait", "self-description", "agreement")


@dataclass(frozen=True)
class CompareOptions(EditOptions):
    """The edits beside the base model, how they are asked and where all of it goes."""

    batch_size: int = option(16, "texts times edits at once")
    seed: int = option(0, "of everything that is drawn")
    out: Path | None = option(None, "write everything as JSON, item by item", "FILE")


@command(
    "measure what edits cost: perplexity on a neutral text, and MMLU by log-likelihood",
    "valuescope ability Qwen/Qwen2.5-7B-Instruct \\\n      --edit edits/neva/power.json --mmlu ../data/mmlu",
)
def ability(
    model: ModelOptions,
    options: CompareOptions,
    mmlu: str | None = option(None, "folder with MMLU's dev and test, or a hub id (with --dev)", "PATH"),
    dev: str | None = option(None, "where the examples lie, if not beside the questions", "PATH"),
    questions: int = option(200, "questions drawn over all subjects; 0: all"),
    shots: int = option(5, "examples before each question"),
    text: Path | None = option(
        None,
        "text, paragraphs apart by an empty line (default: a neutral one in English and Chinese)",
        "FILE",
    ),
) -> None:
    """`valuescope ability`."""
    from valuescope import ability as measures

    texts, asked = _texts(text), None
    if mmlu is not None:
        asked = measures.read_mmlu(mmlu, dev, number=questions or None, shots=shots, seed=options.seed)
    loaded, edits = model.load(), options.base_and_edits()
    how: dict[str, Any] = {"force": options.force, "batch_size": options.batch_size, "seed": options.seed}
    content, lines = dict[str, list[Any]](), list[str]()
    with ProgressBars() as bars:
        for language, paragraphs in texts.items():
            stage = f"perplexity {language}"
            results = measures.perplexity(loaded, paragraphs, edits, progress=partial(bars, stage), **how)
            content[stage] = [result.to_dict() for result in results]
            lines.append(f"perplexity, {language}, {results[0].nats.n} tokens in {len(paragraphs)} texts")
            for result in results:
                interval = "" if result.ci is None else " [{:.4g}, {:.4g}]".format(*result.ci)
                value = "missing" if result.perplexity is None else f"{result.perplexity:.4g}{interval}"
                lines.append(f"  {result.edit:40} {value}{_change(result.change, ' nats per token')}")
        if asked is not None:
            scores = measures.mmlu(loaded, asked, edits, progress=partial(bars, "mmlu"), **how)
            content["mmlu"] = [score.to_dict() for score in scores]
            lines.append(f"MMLU, {shots}-shot, {len(asked)} questions, seed {options.seed}")
            lines += [
                f"  {score.edit:40} {_accuracy(score.accuracy)}{_change(score.change)}" for score in scores
            ]
            if len(scores) > 2:
                mean = measures.mean_accuracy(scores[1:], seed=options.seed)
                lines.append(f"  {'mean over edits':40} {_accuracy(mean)}")
            lines += [f"WARNING: {note}" for note in dict.fromkeys(score.note for score in scores) if note]
    print("\n".join(lines))
    _write(options.out, content)


@command(
    "put a questionnaire to the base model and to edits, without a service in between",
    "valuescope questionnaire Qwen/Qwen2.5-7B-Instruct pvq40.json \\\n      --edit edits/neva/power.json",
)
def questionnaire(
    model: ModelOptions,
    options: CompareOptions,
    chat: ChatOptions,
    questionnaire: Path = argument("JSON: name, scale, key, items", "FILE"),
    prompt: str = option("portrait", "how items are put", names=PROMPTS),
    language: str = option("en", "of the prompt"),
    by: str = option("log-probabilities", "how ratings are read", names=("log-probabilities", "text")),
    lead_in: str = option("", "text behind the prompt, for a model without a chat template"),
    minimum_mass: float = option(0.5, "probability on the scale below which a rating is missing"),
) -> None:
    """`valuescope questionnaire`."""
    from valuescope.judge import load_questionnaire, rate_by_likelihood, rate_by_text
    from valuescope.judge.self_rating import QuestionnaireAsked

    asked = QuestionnaireAsked(load_questionnaire(questionnaire), prompt, language)
    loaded, edits, content = chat.on(model.load()), options.base_and_edits(), asked.questionnaire
    with ProgressBars() as bars:
        shared: dict[str, Any] = {
            "lead_in": lead_in,
            "batch_size": options.batch_size,
            "force": options.force,
            "progress": partial(bars, content.name),
        }
        if by == "text":
            ratings = rate_by_text(loaded, asked, edits, seed=options.seed, **shared)
        else:
            ratings = rate_by_likelihood(loaded, asked, edits, minimum_mass=minimum_mass, **shared)
    print(f"{content.name}, {len(content.items)} items, scale {content.low}..{content.high}, by {by}")
    for rating in ratings:
        print("\n".join(_rating_lines(rating)))
    _write(options.out, {"questionnaire": content.name, "results": [rating.to_dict() for rating in ratings]})


def _rating_lines(rating: SelfRating) -> list[str]:
    missing = rating.scores.missing
    kinds = ", ".join(f"{number} {kind}" for kind, number in missing.by_kind.items()) or "none"
    mass = "" if rating.mass is None else f", least probability on the scale {rating.mass:.2g}"
    lines = [f"{rating.edit}: {missing.total - missing.missing} items rated, missing: {kinds}{mass}"]
    for scale, score in rating.scores.scales.items():
        raw, centred = (
            "missing" if value is None else f"{value:.3f}" for value in (score.raw, score.centred)
        )
        lines.append(f"  {scale:32} {raw:>8}  centred {centred:>8}  n = {score.n} of {score.items}")
    return lines


def _texts(path: Path | None) -> dict[str, tuple[str, ...]]:
    from valuescope.ability import neutral_texts
    from valuescope.input_files import read_text

    if path is None:
        return {language: neutral_texts(language) for language in ("en", "zh")}
    pieces = (piece.strip() for piece in read_text(path).split("\n\n"))
    return {path.name: tuple(piece for piece in pieces if piece)}


def _accuracy(estimate: Estimate) -> str:
    return estimate_text(estimate, ".3f", "an answer")


def _change(change: Estimate | None, unit: str = "") -> str:
    return "" if change is None or change.mean is None else f"  change {mean_text(change, '+.3f')}{unit}"


def _write(path: Path | None, content: dict[str, Any]) -> None:
    from valuescope.files import write_json_atomic

    if path is not None:
        write_json_atomic(path, content)
        print(f"written: {path}")
