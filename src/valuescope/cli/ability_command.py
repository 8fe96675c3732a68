"""ability and questionnaire: what edits cost in general ability, and what they do to a model's view of itself."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from valuescope.ability import mean_accuracy, mmlu, neutral_texts, perplexity, read_mmlu
from valuescope.cli.options import ProgressBars, add_command, add_model_options, load_from
from valuescope.edit import Edit, load_edit
from valuescope.files import write_json_atomic
from valuescope.judge import load_questionnaire, rate_by_likelihood, rate_by_text
from valuescope.judge.rating import MINIMUM_MASS
from valuescope.judge.self_rating import QUESTIONNAIRE_PROMPTS, QuestionnaireAsked
from valuescope.metrics import Estimate


def add_commands(commands: Any) -> None:
    """Add the two commands."""
    ability = add_command(
        commands,
        "ability",
        measure_ability,
        "measure what edits cost: perplexity on a neutral text, and MMLU by log-likelihood",
        "valuescope ability Qwen/Qwen2.5-7B-Instruct --edit edits/neva/power.json --mmlu ../data/mmlu",
    )
    add_model_options(ability)
    _add_edits(ability)
    ability.add_argument(
        "--mmlu", metavar="PATH", help="folder with MMLU's dev and test, or a hub id (with --dev)"
    )
    ability.add_argument("--dev", metavar="PATH", help="where the examples lie, if not beside the questions")
    ability.add_argument(
        "--questions", type=int, default=200, help="questions drawn over all subjects; 0: all"
    )
    ability.add_argument("--shots", type=int, default=5, help="examples before each question")
    ability.add_argument(
        "--text",
        type=Path,
        metavar="FILE",
        help="text for the perplexity, paragraphs apart by an empty line (default: a neutral one in English and Chinese)",
    )
    ability.add_argument("--out", type=Path, metavar="FILE", help="write everything as JSON, item by item")
    asked = add_command(
        commands,
        "questionnaire",
        ask_questionnaire,
        "put a questionnaire to the base model and to edits, without a service in between",
        "valuescope questionnaire Qwen/Qwen2.5-7B-Instruct pvq40.json --edit edits/neva/power.json",
    )
    add_model_options(asked)
    asked.add_argument("questionnaire", type=Path, metavar="FILE", help="JSON: name, scale, key, items")
    _add_edits(asked)
    asked.add_argument(
        "--prompt", default="portrait", choices=QUESTIONNAIRE_PROMPTS, help="how items are put"
    )
    asked.add_argument("--language", default="en", help="of the prompt")
    asked.add_argument(
        "--by",
        default="log-probabilities",
        choices=("log-probabilities", "text"),
        help="how ratings are read",
    )
    asked.add_argument(
        "--lead-in", default="", help="text behind the prompt, for a model without a chat template"
    )
    asked.add_argument(
        "--minimum-mass",
        type=float,
        default=MINIMUM_MASS,
        help="probability on the scale below which a rating is missing (default: %(default)s)",
    )
    asked.add_argument("--out", type=Path, metavar="FILE", help="write everything as JSON, item by item")


def measure_ability(options: argparse.Namespace) -> None:
    """`valuescope ability`."""
    texts = _texts(options.text)
    questions = None
    if options.mmlu is not None:
        number = options.questions or None
        questions = read_mmlu(
            options.mmlu, options.dev, number=number, shots=options.shots, seed=options.seed
        )
    model, edits, bars = load_from(options), _edits(options), ProgressBars()
    found: dict[str, list[Any]] = {}
    told: list[str] = []
    for language, own in texts.items():
        results = perplexity(
            model,
            own,
            edits,
            force=options.force,
            batch_size=options.batch_size,
            seed=options.seed,
            progress=partial(bars, f"perplexity {language}"),
        )
        found[f"perplexity {language}"] = [one.to_dict() for one in results]
        told.append(f"perplexity, {language}, {results[0].nats.n} tokens in {len(own)} texts")
        for one in results:
            interval = "" if one.ci is None else " [{:.4g}, {:.4g}]".format(*one.ci)
            value = "missing" if one.perplexity is None else f"{one.perplexity:.4g}{interval}"
            told.append(f"  {one.edit:40} {value}{_change(one.change, ' nats per token')}")
    if questions is not None:
        answered = mmlu(
            model,
            questions,
            edits,
            force=options.force,
            batch_size=options.batch_size,
            seed=options.seed,
            progress=partial(bars, "mmlu"),
        )
        found["mmlu"] = [one.to_dict() for one in answered]
        told.append(f"MMLU, {options.shots}-shot, {len(questions)} questions, seed {options.seed}")
        told += [f"  {one.edit:40} {_told(one.accuracy)}{_change(one.change)}" for one in answered]
        if len(answered) > 2:
            told.append(f"  {'mean over edits':40} {_told(mean_accuracy(answered[1:], seed=options.seed))}")
        told += [f"WARNING: {note}" for note in dict.fromkeys(one.note for one in answered) if note]
    bars.close()
    print("\n".join(told))
    _write(options.out, found)


def ask_questionnaire(options: argparse.Namespace) -> None:
    """`valuescope questionnaire`."""
    asked = QuestionnaireAsked(load_questionnaire(options.questionnaire), options.prompt, options.language)
    model, edits, bars = load_from(options), _edits(options), ProgressBars()
    shared: dict[str, Any] = {
        "lead_in": options.lead_in,
        "batch_size": options.batch_size,
        "force": options.force,
        "progress": partial(bars, asked.questionnaire.name),
    }
    if options.by == "text":
        results = rate_by_text(model, asked, edits, seed=options.seed, **shared)
    else:
        results = rate_by_likelihood(model, asked, edits, minimum_mass=options.minimum_mass, **shared)
    bars.close()
    reach = f"{asked.questionnaire.low}..{asked.questionnaire.high}"
    print(
        f"{asked.questionnaire.name}, {len(asked.questionnaire.items)} items, scale {reach}, by {options.by}"
    )
    for one in results:
        missing = one.scores.missing
        kinds = ", ".join(f"{number} {kind}" for kind, number in missing.by_kind.items()) or "none"
        mass = "" if one.mass is None else f", least probability on the scale {one.mass:.2g}"
        print(f"{one.edit}: {missing.total - missing.missing} items rated, missing: {kinds}{mass}")
        for scale, score in one.scores.scales.items():
            raw, centred = (
                "missing" if value is None else f"{value:.3f}" for value in (score.raw, score.centred)
            )
            print(f"  {scale:32} {raw:>8}  centred {centred:>8}  n = {score.n} of {score.items}")
    _write(
        options.out,
        {"questionnaire": asked.questionnaire.name, "results": [one.to_dict() for one in results]},
    )


def _add_edits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--edit", type=Path, action="append", default=[], help="an edit file; may be repeated"
    )
    parser.add_argument("--force", action="store_true", help="apply edits that were made for another model")
    parser.add_argument("--batch-size", type=int, default=16, help="texts times edits at once")
    parser.add_argument("--seed", type=int, default=0)


def _edits(options: argparse.Namespace) -> list[Edit | None]:
    return [None, *(load_edit(path) for path in options.edit)]


def _texts(path: Path | None) -> dict[str, tuple[str, ...]]:
    if path is None:
        return {language: neutral_texts(language) for language in ("en", "zh")}
    pieces = (piece.strip() for piece in path.read_text(encoding="utf-8").split("\n\n"))
    return {path.name: tuple(piece for piece in pieces if piece)}


def _told(estimate: Estimate) -> str:
    if estimate.mean is None:
        return f"missing (n = 0, {estimate.missing} without an answer)"
    interval = "" if estimate.ci is None else " [{:.3f}, {:.3f}]".format(*estimate.ci)
    missing = f", {estimate.missing} missing" if estimate.missing else ""
    return f"{estimate.mean:.3f}{interval}  n = {estimate.n}{missing}"


def _change(change: Estimate | None, unit: str = "") -> str:
    if change is None or change.mean is None:
        return ""
    interval = "" if change.ci is None else " [{:+.3f}, {:+.3f}]".format(*change.ci)
    return f"  change {change.mean:+.3f}{interval}{unit}"


def _write(path: Path | None, content: dict[str, Any]) -> None:
    if path is not None:
        write_json_atomic(path, content)
        print(f"written: {path}")
