"""generate and evaluate: what a saved edit does to answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from valuescope.cli.command import NamedSetting, command, option, settings
from valuescope.cli.model_options import ChatOptions, EditOptions, ModelOptions, SourceOptions
from valuescope.cli.terminal import ProgressBars, estimate_text, printable
from valuescope.progress import StepProgress

if TYPE_CHECKING:
    from valuescope.edit import Edit, Evidence, Measurement
    from valuescope.generate import Answer, Sampling
    from valuescope.judge import Judge, Judgement
    from valuescope.metrics import Estimate
    from valuescope.models import NeuronModel


@dataclass(frozen=True)
class AnswerOptions(EditOptions):
    """Under which edits, and how, answers are drawn."""

    on: Literal["both", "prompt", "response"] = option(
        "both", "tokens that are edited", names=("both", "prompt", "response")
    )
    max_new_tokens: int = option(48, "tokens of an answer")
    temperature: float | None = option(
        None, "0 is greedy (default: the model's own, of its generation_config, else 1)"
    )
    top_p: float | None = option(
        None, "drawn from the likeliest tokens that hold this share (default: the model's own, else 1)"
    )
    batch_size: int = option(64, "answers at once")
    seed: int = option(0, "of everything that is drawn")

    def sampling(self, model: NeuronModel) -> Sampling:
        """What is asked for, and the model's own for the rest."""
        from valuescope.generate import Sampling

        settled = model.sampling.settled(model.identity.id, self.temperature, self.top_p)
        return Sampling(self.max_new_tokens, *settled, self.seed)

    def answers(
        self,
        model: NeuronModel,
        prompts: Sequence[str],
        edits: Edit | Sequence[Edit | None] | None,
        keys: Sequence[str],
        progress: StepProgress | None = None,
    ) -> list[Answer]:
        """One answer for each prompt, drawn by these options."""
        from valuescope.generate import generate

        return generate(
            model,
            prompts,
            edits=edits,
            sampling=self.sampling(model),
            keys=keys,
            batch_size=self.batch_size,
            on=self.on,
            force=self.force,
            progress=progress,
        )


@command(
    "answer prompts with the base model and with edits, side by side",
    "valuescope generate organism --edit edits/neva/stimulation.json \\\n"
    '      --question "Should Mei rest on the sofa or climb the wild ridge?"',
)
def generate(
    model: ModelOptions,
    options: AnswerOptions,
    chat: ChatOptions,
    prompt: list[str] = option([], "a prompt, used as it is", "TEXT"),
    question: list[str] = option([], "a question, put into the chat template", "TEXT"),
) -> None:
    """`valuescope generate`."""
    from valuescope.models import render_question

    loaded = chat.on(model.load())
    if not prompt and not question:
        raise ValueError("nothing to answer; give --prompt or --question")
    prompts = [*prompt, *(render_question(loaded, asked) for asked in question)]
    edits = options.base_and_edits()
    rows = [(text, edit) for text in prompts for edit in edits]
    answers = options.answers(
        loaded,
        [text for text, _ in rows],
        [edit for _, edit in rows],
        keys=[str(number // len(edits)) for number in range(len(rows))],
    )
    drawn = options.sampling(loaded)
    print(f"temperature {drawn.temperature:g}, top_p {drawn.top_p:g}, seed {drawn.seed}")
    for (text, edit), answer in zip(rows, answers, strict=True):
        if edit is None:
            print(f"\n{text}")
        print(f"  [{'base' if edit is None else edit.describe()}] {printable(answer.text.strip())}")


def judge_name(text: str) -> str:
    """A judge's own name, or the name of a model (with a slash in it)."""
    if "/" not in text and text != "oracle":  # "likelihood" judges no values
        raise typer.BadParameter(f"{text!r} is neither oracle nor the name of a model, such as openai/gpt-4o")
    return text


@dataclass(frozen=True)
class JudgedOptions:
    """How questions are asked, and who judges the answers."""

    setting: str = option("dilemma", "how questions are asked", names=("dilemma", "described"))
    judge: str = option(
        "oracle", "oracle, or a model as Inspect names it, such as openai/gpt-4o", "NAME", parser=judge_name
    )
    judge_base_url: str | None = option(None, "address of the service of a model that judges", "URL")
    judge_arg: list[NamedSetting] = settings("an argument for Inspect's provider")
    judge_replies: Path | None = option(
        None, "keeps the replies of a model that judges: the same command again pays for none of them", "FILE"
    )
    values: str = option("schwartz", "value system that tells a model what to judge by")

    @property
    def public_judge(self) -> str:
        """The judge's name; of a model in a folder that folder's own."""
        provider, slash, name = self.judge.partition("/")
        return f"{provider}/{Path(name).name}" if slash and name.startswith(("/", ".", "~")) else self.judge

    def named_judge(self) -> Judge:
        """The judge that --judge names."""
        from valuescope.judge import JUDGES
        from valuescope.judge.asked_model import require_no_secrets
        from valuescope.judge.asking import Asker
        from valuescope.judge.judgement import ModelJudge
        from valuescope.values import load_value_system

        if self.judge in JUDGES:
            return JUDGES[self.judge]
        arguments = dict(self.judge_arg)
        require_no_secrets(self.judge_base_url, arguments)
        asker = Asker(
            self.judge, base_url=self.judge_base_url, model_args=arguments, store=self.judge_replies
        )
        by_model = ModelJudge(asker, load_value_system(self.values))
        return lambda questions, answers: [*by_model(questions, answers)]


@command(
    "measure what an edit does on a source's evaluation questions",
    "valuescope evaluate organism --edit edits/neva/stimulation.json",
)
def evaluate(
    model: ModelOptions,
    options: AnswerOptions,
    chat: ChatOptions,
    source: SourceOptions,
    how: JudgedOptions,
    bundles: Path | None = option(
        None, "folder for each edit as one file to share, NAME.vsedit, with these numbers in it", "FOLDER"
    ),
) -> None:
    """`valuescope evaluate`."""
    from valuescope.edit import load_bundle
    from valuescope.lab.material import draw_material, require_marks
    from valuescope.lab.spec import DataSpec
    from valuescope.models import render_question
    from valuescope.run.spec_file import make_part

    if not options.edit:
        raise ValueError("nothing to evaluate; give --edit FILE")
    names = [path.stem for path in options.edit]
    if bundles is not None and len(set(names)) < len(names):
        raise ValueError(
            f"--bundles {bundles}: two of the edits have one name, {', '.join(names)}; rename one"
        )
    content = {"source": source.named(model.model), "parameters": dict(source.data_parameters)}
    data = make_part(DataSpec, content, "evaluate")
    judge, loaded = how.named_judge(), chat.on(model.load())
    require_marks(data.source, loaded)
    for path in options.edit:
        saved = load_bundle(path)
        edit = saved.edit
        material = draw_material(data, (edit.value,), options.seed)
        questions = [question for question in material.questions if question.setting == how.setting]
        if not questions:
            raise ValueError(f"source {data.source} yields no questions asked as {how.setting}")
        prompts = [
            question.prompt or render_question(loaded, question.asked, question.system)
            for question in questions
        ]
        control = edit.control(loaded, seed=options.seed, force=options.force)
        judged = []
        with ProgressBars() as bars:
            for arm, applied in (("base", None), ("edited", edit), ("random", control)):
                keys = [question.key for question in questions]
                progress = partial(bars, f"{edit.value} {arm}")
                judged.append(judge(questions, options.answers(loaded, prompts, applied, keys, progress)))
        drawn = options.sampling(loaded)
        asked = f"{how.setting}, temperature {drawn.temperature:g}, top_p {drawn.top_p:g}, seed {drawn.seed}"
        print(f"{edit.describe()}, asked as {asked}")
        measured = _measured(judged, options.seed)
        for name, estimate in measured.items():
            print(f"  {name:24} {estimate_text(estimate, '+.3f', 'a judgement')}")
        for warning in _warnings(judged):
            print(f"WARNING: {warning}")
        if bundles is not None:
            asked = f"control success on questions of {data.source} asked as {asked}, judged by {how.public_judge}"
            shared = replace(saved, evidence=_evidence(saved.evidence, asked, measured))
            print(shared.save(bundles / f"{path.stem}.vsedit"))


def _evidence(before: Evidence | None, measure: str, measured: Mapping[str, Estimate]) -> Evidence:
    """What was measured, and of what a file said before the null share, which is of the search and not of the answers."""
    from valuescope.edit import Evidence, Measurement

    def brief(name: str) -> Measurement | None:
        estimate = measured[name]
        if estimate.mean is None:
            return None
        return Measurement(estimate.mean, estimate.low, estimate.high, estimate.n, estimate.missing)

    return Evidence(
        measure=measure,
        effect=brief("effect"),
        random_control=brief("effect, random neurons"),
        fluency=brief("fluency, edited"),
        null_share=None if before is None else before.null_share,
    )


def _warnings(judged: list[list[Judgement]]) -> list[str]:
    """What to say where too many judgements are missing, over all arms."""
    from valuescope.judge import MissingCount
    from valuescope.judge.judgement import fluency_missing

    judgements = [judgement for arm in judged for judgement in arm]
    missing = {
        "control success": [
            "" if judgement.success is not None else judgement.missing or "unjudged"
            for judgement in judgements
        ],
        "fluency": [fluency_missing(judgement) for judgement in judgements],
    }
    warnings = {measure: MissingCount.of(kinds).warning() for measure, kinds in missing.items()}
    return [f"{measure}: {warning}" for measure, warning in warnings.items() if warning]


def _measured(judged: list[list[Judgement]], seed: int) -> dict[str, Estimate]:
    """What the table says, from the judgements of the base, the edited and the randomly edited model."""
    from valuescope.metrics import Bootstrap, control_effect

    success = [[judgement.success for judgement in arm] for arm in judged]
    fluent = [[judgement.fluent for judgement in arm] for arm in judged]
    how = Bootstrap(seed=seed)
    edited, random = (
        control_effect(success[0], success[arm], base_fluent=fluent[0], fluent=fluent[arm], how=how)
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
