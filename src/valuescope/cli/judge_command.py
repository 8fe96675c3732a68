"""judge: show the prompts of all judges, judge a file of answers, and ask a judge its known answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from valuescope.cli.command import ALL, NamedSetting, argument, command, option, settings
from valuescope.cli.terminal import ProgressBars, mean_text

if TYPE_CHECKING:
    from valuescope.cli.answer_files import AnswerRow
    from valuescope.cli.judge_table import JudgedFile
    from valuescope.judge.answer_judge import AnswerJudge, Item
    from valuescope.judge.asking import Asker
    from valuescope.values import ValueSystem

JUDGES = ("control-success", "fluency", "text-quality", "g-eval")


@dataclass(frozen=True)
class JudgeOptions:
    """What is judged, by whom and how."""

    answers: Path | None = argument(
        "JSON lines: question, answer, value (and key, language), or the folder of a run", "ANSWERS", None
    )
    show: str | None = option(
        None, "print the prompts, or the one named: text, version, hash and purpose; asks nobody", "[NAME]"
    )
    calibrate: bool = option(False, "ask the judge answers whose labels are known: can it be believed?")
    language: str = option("en", "of the known answers", names=("en", "zh"))
    items: int = option(60, "known answers for each verdict at most")
    judge: list[str] = option(
        [],
        "what to judge (default: control-success, fluency); stance, which needs no model, with --calibrate",
        names=(*JUDGES, "stance"),
    )
    by: str | None = option(None, "the model that judges, by Inspect's name, as openai/gpt-4o", "MODEL")
    against: str | None = option(None, "a second model, to compare with the first", "MODEL")
    by_base_url: str | None = option(None, "address of the service", "URL")
    by_arg: list[NamedSetting] = settings("an argument for Inspect's provider")
    against_base_url: str | None = option(None, "address of the service of the second model", "URL")
    against_arg: list[NamedSetting] = settings("an argument for Inspect's provider of the second model")
    value_system: str = option("schwartz", "a built-in value system or a TOML file")
    truth: str | None = option(None, "what the judgements are compared with", names=("oracle",))
    mode: Literal["expected", "sampled"] | None = option(
        None, "of ratings, by probabilities (default) or by 20 replies", names=("expected", "sampled")
    )
    samples: int = option(20, "replies an answer in mode sampled")
    alone: bool = option(False, "show fluency and text-quality the answer without its question")
    prompt: list[str] = option([], "the file of a prompt of your own, as fluency=my.toml", "JUDGE=FILE")
    max_tokens: int = option(64, "of one reply")
    arm: list[str] = option([], "an arm of the run (default: all)")
    missing_limit: float = option(0.1, "warn where a larger share is missing")
    max_connections: int | None = option(None, "calls at once (default: as many as the service bears)")
    retries: int = option(4, "of a call, for passing errors")
    timeout: int = option(120, "seconds for one attempt")
    out: Path | None = option(None, "the judgements (default: beside the answers, *.judged.jsonl)", "FILE")


@command(
    "judge answers with any model, or show what judges are asked",
    "valuescope judge answers.jsonl --judge control-success \\\n"
    "      --by openai/gpt-4o --against openai/gpt-4o-mini",
)
def judge(options: JudgeOptions) -> None:
    """`valuescope judge`."""
    from valuescope.cli.answer_files import read_answers
    from valuescope.cli.judge_table import judge_table
    from valuescope.files import write_text_atomic
    from valuescope.judge import JudgeError
    from valuescope.values import load_value_system

    if options.show is not None:
        print(prompts_text(options.show))
        return
    if options.calibrate:
        print(calibrated(options))
        return
    if options.answers is None or options.by is None:
        raise JudgeError("give a file of answers and --by MODEL, or --show to see the prompts")
    if "stance" in options.judge:
        raise JudgeError(
            "--judge stance reads a run's answers (judge: stance), or known ones with --calibrate"
        )
    rows = read_answers(options.answers, tuple(options.arm))
    system = load_value_system(options.value_system)
    names = options.judge or ["control-success", "fluency"]
    out, store = places(options.answers, options.out)
    files: list[JudgedFile] = []
    for by, base_url, arguments in (
        (options.by, options.by_base_url, dict(options.by_arg)),
        (options.against, options.against_base_url, dict(options.against_arg)),
    ):
        if by is None:
            continue
        asker = _asker(by, base_url, arguments, store, options)
        details = [base_url] if base_url else []
        details += [f"{name}={value}" for name, value in arguments.items()]
        title = f"{by} ({', '.join(details)})" if details else by
        files += [_judged(name, asker, title, rows, system, options) for name in dict.fromkeys(names)]
        asker.close()
    files.sort(key=lambda file: names.index(file.judge.name))
    write_text_atomic(out, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in _lines(files)))
    print(judge_table(files, options.missing_limit))
    print(f"\njudgements: {out}\nreplies: {store}")


def _asker(
    by: str, base_url: str | None, arguments: dict[str, Any], store: Path | None, options: JudgeOptions
) -> Asker:
    from valuescope.judge.asked_model import require_no_secrets
    from valuescope.judge.asking import Asker

    require_no_secrets(base_url, arguments)
    return Asker(
        by,
        base_url=base_url,
        model_args=arguments,
        store=store,
        max_connections=options.max_connections,
        retries=options.retries,
        timeout=options.timeout,
    )


def calibrated(options: JudgeOptions) -> str:
    """The table of what judges say of known answers, and why one is not to be believed.

    Raises:
        JudgeError: nobody to ask, or a judge of ratings, which have no known answers.
    """
    from valuescope.judge import JudgeError
    from valuescope.judge.answer_judge import AnswerJudge
    from valuescope.judge.calibration import MEASURES, calibrate, calibrate_stance
    from valuescope.judge.known_answers import agreement
    from valuescope.lab.judging import CalibrationFound
    from valuescope.parts.known_answers import calibration_table

    found, names = list[CalibrationFound](), list(options.judge)
    if "stance" in names:
        names = [name for name in names if name != "stance"]
        found.append(CalibrationFound.of(calibrate_stance(options.language)))
    elif not names:
        names = list(MEASURES)
    for name in names:
        if name not in MEASURES or options.by is None:
            raise JudgeError(
                f"--calibrate {name}: give --by MODEL and one of {', '.join(MEASURES)}, or --judge stance"
            )
    if names and options.by:
        store = options.out and places(Path(), options.out)[1]
        asker = _asker(options.by, options.by_base_url, dict(options.by_arg), store, options)
        with ProgressBars() as bars:
            for name in names:
                judge = AnswerJudge(name, language=options.language, max_tokens=options.max_tokens)
                known = calibrate(judge, asker, items=options.items, progress=partial(bars, name))
                found.append(CalibrationFound.of(known))
        asker.close()
    kappas = (
        f"{name} {mean_text(known.kappa, '.2f')}" for name, known in agreement(options.language).items()
    )
    problems = (f"NOT TO BE BELIEVED: {known.problem}" for known in found if known.problem)
    return "\n".join(
        [calibration_table(found).terminal(), f"kappa of the two readers: {', '.join(kappas)}", *problems]
    )


def places(answers: Path, out: Path | None) -> tuple[Path, Path]:
    """Where judgements and replies go: beside the answers, or into the run's folder, unless --out says otherwise."""
    if out is not None:
        return out, out.with_name(f"{out.stem}.replies.jsonl")
    if answers.is_dir():
        return answers / "judge" / "judged.jsonl", answers / "judge" / "replies.jsonl"
    judged, replies = (f"{answers.stem}.{kind}.jsonl" for kind in ("judged", "replies"))
    return answers.with_name(judged), answers.with_name(replies)


def _judged(
    name: str, asker: Asker, by: str, rows: Sequence[AnswerRow], system: ValueSystem, options: JudgeOptions
) -> JudgedFile:
    from valuescope.cli.judge_table import JudgedFile
    from valuescope.judge.answer_judge import ALONE, MODES, AnswerJudge, Judged, judge_answers

    mode = options.mode if len(MODES[name]) > 1 else None
    prompt_file = _prompt_files(options).get(name)
    in_english = AnswerJudge(
        name,
        mode,
        samples=options.samples,
        max_tokens=options.max_tokens,
        alone=options.alone and name in ALONE and prompt_file is None,
        prompt_file=prompt_file,
    )
    languages = dict.fromkeys(row.language for row in rows)
    judges = {language: replace(in_english, language=language) for language in languages}
    items = [_item(row, judges[row.language], system) for row in rows]
    by_key, stage = dict[str, Judged](), f"{name} by {by}"
    with ProgressBars() as bars:
        for language, judge in judges.items():
            asked = [item for row, item in zip(rows, items, strict=True) if row.language == language]
            for judged in judge_answers(judge, asker, asked, lambda done, total: bars(stage, done, total)):
                by_key[judged.item.key] = judged
    truth = [_truth(name, row) for row in rows] if options.truth else None
    return JudgedFile(judges, by, rows, [by_key[row.key] for row in rows], truth)


def _prompt_files(options: JudgeOptions) -> dict[str, str]:
    """Judge -> the file of --prompt."""
    from valuescope.judge import JudgeError

    files = {}
    for setting in options.prompt:
        name, _, path = setting.partition("=")
        if name not in JUDGES or not path:
            raise JudgeError(f"--prompt {setting}: give JUDGE=FILE with one of {', '.join(JUDGES)}")
        files[name] = path
    return files


def _item(row: AnswerRow, judge: AnswerJudge, system: ValueSystem) -> Item:
    from valuescope.judge import JudgeError, criterion
    from valuescope.judge.answer_judge import Item
    from valuescope.values import ValueSystemError

    if not judge.needs_value:
        return Item(row.key, row.question, row.answer)
    if not row.value:
        raise JudgeError(f"{row.place}: field 'value' is absent; {judge.name} judges an answer by a value")
    try:
        return Item(row.key, row.question, row.answer, criterion(system, row.value, row.language))
    except (ValueSystemError, JudgeError) as error:
        raise JudgeError(f"{row.place}: field 'value': {error}") from error


def _truth(name: str, row: AnswerRow) -> float | None:
    from valuescope.judge.answer_judge import MODES
    from valuescope.judge.oracle_truth import true_rating, true_verdict

    fields = {"question": row.question, "answer": row.answer, "value": row.value}
    truth = true_verdict(name, fields) if len(MODES[name]) == 1 else true_rating(name, fields)
    return None if truth is None else float(truth)


def _lines(files: Sequence[JudgedFile]) -> list[dict[str, Any]]:
    """The judgements as they are written, one line each."""
    lines = []
    for file in files:
        for place, (row, judged) in enumerate(zip(file.rows, file.judged, strict=True)):
            judge = file.judges[row.language]
            lines.append(
                {
                    "judge": judge.name,
                    "by": file.by,
                    "prompt": judge.prompt.id,
                    "prompt_hash": judge.prompt.hash,
                    "mode": judge.mode,
                    **judged.to_dict(),
                    **({} if file.truth is None else {"truth": file.truth[place]}),
                }
            )
    return lines


def prompts_text(name: str) -> str:
    """Every built-in prompt, or those of one name, in full."""
    from valuescope.judge import PROMPTS, JudgeError

    chosen = [prompt for prompt in PROMPTS.values() if name in (ALL, prompt.name, prompt.id)]
    if not chosen:
        known = ", ".join(dict.fromkeys(prompt.name for prompt in PROMPTS.values()))
        raise JudgeError(f"no prompt {name!r}; there are {known}")
    lines = []
    for prompt in chosen:
        asked = "asked of a judge" if prompt.asked_of == "judge" else "asked of the model itself"
        scale = "" if prompt.scale is None else f" from {prompt.scale[0]} to {prompt.scale[1]}"
        lines += [
            f"=== {prompt.name} ({prompt.language}), version {prompt.version}",
            f"purpose: {prompt.purpose}",
            f"{asked}; reply: {prompt.reply}{scale}",
            f"sha256: {prompt.hash}",
            *(["--- system", prompt.system] if prompt.system else []),
            "--- user ({name:quoted} is put in as quoted data)",
            prompt.template,
            "",
        ]
    return "\n".join(lines).rstrip()
