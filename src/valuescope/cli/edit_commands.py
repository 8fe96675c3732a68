"""generate and evaluate: what a saved edit does to answers."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from valuescope.cli.options import ProgressBars, add_command, add_model_options, load_from, parameter
from valuescope.data import SOURCES
from valuescope.edit import Edit, load_edit
from valuescope.generate import Sampling, generate
from valuescope.judge import JUDGES, Judge, Judgement, MissingCount
from valuescope.judge.asked_model import require_no_secrets
from valuescope.judge.asking import Asker
from valuescope.judge.model_judge import ModelJudge, fluency_missing
from valuescope.metrics import Bootstrap, Estimate, control_effect
from valuescope.models import render_question
from valuescope.run.names import require_known
from valuescope.run.spec import DataSpec
from valuescope.run.spec_file import make_part
from valuescope.run.stages import draw_material
from valuescope.values import load_value_system


def add_commands(commands: Any) -> None:
    """Add the two commands."""
    write = add_command(
        commands,
        "generate",
        generate_answers,
        "answer prompts with the base model and with edits, side by side",
        'valuescope generate organism --question "Should Mei rest on the sofa or climb the wild ridge?" '
        "--edit edits/neva/stimulation.json",
    )
    add_model_options(write)
    _add_edit_options(write)
    write.add_argument(
        "--prompt", action="append", default=[], help="a prompt, used as it is; may be repeated"
    )
    write.add_argument(
        "--question", action="append", default=[], help="a question, put into the chat template"
    )
    write.add_argument("--system", help="a description for the questions, put into the chat template")
    judge = add_command(
        commands,
        "evaluate",
        evaluate_edit,
        "measure what an edit does on a source's evaluation questions",
        "valuescope evaluate organism --edit edits/neva/stimulation.json",
    )
    add_model_options(judge)
    _add_edit_options(judge)
    judge.add_argument(
        "--setting", default="dilemma", choices=("dilemma", "described"), help="how questions are asked"
    )
    judge.add_argument(
        "--source", default="organism", choices=list(SOURCES), help="where the questions come from"
    )
    judge.add_argument(
        "-d", "--data-parameter", type=parameter, action="append", default=[], metavar="NAME=VALUE"
    )
    judge.add_argument(
        "--judge",
        type=_judge_name,
        default="oracle",
        metavar="NAME",
        help="oracle (default), or a model as Inspect names it, such as openai/gpt-4o",
    )
    judge.add_argument(
        "--judge-base-url", metavar="URL", help="address of the service of a model that judges"
    )
    judge.add_argument("--judge-arg", type=parameter, action="append", default=[], metavar="NAME=VALUE")
    judge.add_argument(
        "--judge-replies",
        type=Path,
        metavar="FILE",
        help="keeps the replies of a model that judges, so that the same command again pays for none of them",
    )
    judge.add_argument(
        "--values",
        default="schwartz",
        help="value system that tells a model what to judge by (default: schwartz)",
    )


def _add_edit_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--edit", type=Path, action="append", default=[], help="an edit file; may be repeated"
    )
    parser.add_argument("--force", action="store_true", help="apply edits that were made for another model")
    parser.add_argument(
        "--on", default="both", choices=("both", "prompt", "response"), help="tokens that are edited"
    )
    parser.add_argument("--max-new-tokens", type=int, default=48)
    parser.add_argument("--temperature", type=float, default=1.0, help="0 is greedy")
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)


def generate_answers(options: argparse.Namespace) -> None:
    """`valuescope generate`."""
    model = load_from(options)
    if not options.prompt and not options.question:
        raise ValueError("nothing to answer; give --prompt or --question")
    chats = [render_question(model, question, options.system or "") for question in options.question]
    edits: list[Edit | None] = [None, *(load_edit(path) for path in options.edit)]
    rows = [(prompt, edit) for prompt in (*options.prompt, *chats) for edit in edits]
    answers = generate(
        model,
        [prompt for prompt, _ in rows],
        edits=[edit for _, edit in rows],
        sampling=_sampling(options),
        keys=[str(number // len(edits)) for number in range(len(rows))],
        batch_size=options.batch_size,
        on=options.on,
        force=options.force,
    )
    for (prompt, edit), answer in zip(rows, answers, strict=True):
        if edit is None:
            print(f"\n{prompt}")
        print(f"  [{'base' if edit is None else edit.describe()}] {answer.text.strip()}")


def evaluate_edit(options: argparse.Namespace) -> None:
    """`valuescope evaluate`."""
    if not options.edit:
        raise ValueError("nothing to evaluate; give --edit FILE")
    content = {"source": options.source, "parameters": dict(options.data_parameter)}
    data = make_part(DataSpec, content, "evaluate")
    judge = _judge(options)
    model, sampling = load_from(options), _sampling(options)
    for path in options.edit:
        edit = load_edit(path)
        value = edit.value
        material = draw_material(data, (value,), options.seed)
        questions = [one for one in material.questions if one.setting == options.setting]
        if not questions:
            raise ValueError(f"source {options.source} yields no questions asked as {options.setting}")
        control = edit.control(model, seed=options.seed, force=options.force)
        bars, judged = ProgressBars(), []
        for name, one in (("base", None), ("edited", edit), ("random", control)):
            answers = generate(
                model,
                [one.prompt or render_question(model, one.question, one.system) for one in questions],
                edits=one,
                sampling=sampling,
                keys=[question.key for question in questions],
                batch_size=options.batch_size,
                on=options.on,
                force=options.force,
                progress=partial(bars, f"{value} {name}"),
            )
            judged.append(judge(questions, answers))
        bars.close()
        print(f"{edit.describe()}, asked as {options.setting}, seed {options.seed}")
        for name, estimate in _measured(judged, options.seed).items():
            print(f"  {name:24} {_told(estimate)}")
        for warning in _warnings(judged):
            print(f"WARNING: {warning}")


def _judge_name(text: str) -> str:
    """A judge's own name, or the name of a model (with a slash in it)."""
    try:
        if "/" not in text:
            require_known(
                "judge", [text], [name for name in JUDGES if name != "likelihood"]
            )  # which judges no values
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _judge(options: argparse.Namespace) -> Judge:
    """The judge that --judge names."""
    if options.judge in JUDGES:
        return JUDGES[options.judge]
    arguments = dict(options.judge_arg)
    require_no_secrets(options.judge_base_url, arguments)
    asker = Asker(
        options.judge, base_url=options.judge_base_url, model_args=arguments, store=options.judge_replies
    )
    by_model = ModelJudge(asker, load_value_system(options.values))
    return lambda questions, answers: [*by_model(questions, answers)]


def _warnings(judged: list[list[Judgement]]) -> list[str]:
    """What to say where too many judgements are missing, over all arms."""
    every = [one for arm in judged for one in arm]
    kinds = {
        "control success": ["" if one.success is not None else one.missing or "unjudged" for one in every],
        "fluency": [fluency_missing(one) for one in every],
    }
    found = {measure: MissingCount.of(missing).warning() for measure, missing in kinds.items()}
    return [f"{measure}: {warning}" for measure, warning in found.items() if warning]


def _measured(judged: list[list[Judgement]], seed: int) -> dict[str, Estimate]:
    """What the table says, from the judgements of the base, the edited and the randomly edited model."""
    success = [[one.success for one in arm] for arm in judged]
    fluent = [[one.fluent for one in arm] for arm in judged]
    edited, random = (
        control_effect(
            success[0], success[arm], base_fluent=fluent[0], fluent=fluent[arm], how=Bootstrap(seed=seed)
        )
        for arm in (1, 2)
    )
    return {
        "control success, base": edited.base,
        "control success, edited": edited.edited,
        "effect": edited.effect,
        "effect, random neurons": random.effect,
        "fluency, base": edited.base_fluency,
        "fluency, edited": edited.fluency,
    }


def _told(estimate: Estimate) -> str:
    if estimate.mean is None:
        return f"missing (n = 0, {estimate.missing} without a judgement)"
    interval = "" if estimate.ci is None else " [{:+.3f}, {:+.3f}]".format(*estimate.ci)
    missing = f", {estimate.missing} missing" if estimate.missing else ""
    return f"{estimate.mean:+.3f}{interval}  n = {estimate.n}{missing}"


def _sampling(options: argparse.Namespace) -> Sampling:
    return Sampling(options.max_new_tokens, options.temperature, options.top_p, options.seed)
