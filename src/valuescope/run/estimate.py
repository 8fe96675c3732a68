"""What a run will cost, before it starts: tokens, memory and time, from the specification and the model's config."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.data import Material
from valuescope.run.adapters import planned_training
from valuescope.run.arms import Item
from valuescope.run.estimate_neva import conversation_answers, neva_arms
from valuescope.run.model_size import model_size
from valuescope.run.questionnaires import Items, read_items
from valuescope.run.spec import JudgeSpec, Spec
from valuescope.run.stages import chosen_values, draw_material, read_texts, require_questions, require_texts
from valuescope.run.trial import first_of_each


@dataclass(frozen=True)
class Cost:
    """Tokens to read and to write, bytes to hold at once, and seconds, all estimated."""

    read_tokens: int
    answers: int
    written_tokens: int
    model_bytes: int
    counter_bytes: int
    batch_bytes: int
    seconds: float
    device: str
    judge: str = ""  # the model that judges, if one does, whose time and price are its own
    calls_per_answer: int = 2
    learnt_tokens: int = 0  # that adapters are trained on, over all epochs

    def lines(self) -> list[str]:
        """The estimate for people."""
        total = self.model_bytes + self.counter_bytes + self.batch_bytes
        return [
            f"texts to read     {self.read_tokens:>12,} tokens",
            *([f"texts to learn    {self.learnt_tokens:>12,} tokens"] if self.learnt_tokens else []),
            f"answers to write  {self.answers:>12,} (up to {self.written_tokens:,} tokens)",
            *(
                [f"calls of the judge{self.calls_per_answer * self.answers:>12,} at most (to {self.judge})"]
                if self.judge
                else []
            ),
            f"memory            {_size(total):>12} (weights {_size(self.model_bytes)}, counters "
            f"{_size(self.counter_bytes)}, largest batch {_size(self.batch_bytes)})",
            f"time              {_duration(self.seconds):>12} on {self.device}, give or take a factor of two",
        ]


def estimate_comparison(spec: Spec) -> Cost:
    """Estimate a run without loading any weights.

    The texts are drawn and tokenised for real; parameters are counted on an empty copy of the model; time is
    the arithmetic over the device's measured matrix speed, plus a fixed cost per layer and decoding step.
    """
    system, values = chosen_values(spec)
    material = draw_material(spec.data, values, spec.seed)
    require_texts(spec, material)
    require_questions(spec, material)
    size, batch = model_size(spec.model), spec.generate.batch_size
    texts = size.lengths([one.prompt + one.answer for one in read_texts(spec, material)])
    prompts = size.lengths([one.prompt or one.question for one in material.questions]) or [0]
    answers, scored = planned_items(spec, material)
    answers += questionnaire_answers(spec, read_items(spec, system, material.values))
    pair_tokens = size.lengths([text for one in material.pairs for text in (one.positive, one.negative)])
    read = sum(texts) + (int(scored * 2 * sum(pair_tokens) / len(pair_tokens)) if pair_tokens else 0)
    written, longest = answers * spec.generate.max_new_tokens, max(prompts) + spec.generate.max_new_tokens
    learnt = sum(
        sum(size.lengths([one.prompt + one.answer for one in texts])) * epochs
        for texts, epochs in planned_training(spec, material)
    )
    cache = size.cache_bytes * batch * longest
    scored_length = max([*pair_tokens, longest if spec.judge == "likelihood" else 0])
    scoring = size.vocabulary * scored_length * (batch * size.dtype.itemsize + 8)
    return Cost(
        read_tokens=read,
        answers=answers,
        written_tokens=written,
        model_bytes=size.model_bytes,
        counter_bytes=size.counter_bytes(len({one.label for one in material.texts}))
        + 4 * len(texts) * size.layers * size.hidden,
        batch_bytes=max(
            cache + batch * size.vocabulary * 12,
            scoring,
            size.reading_bytes(spec.activations.batch_size, max(texts)),
        ),
        seconds=size.seconds(
            read + 3 * learnt + answers * sum(prompts) / len(prompts) + written,
            spec.generate.max_new_tokens * -(-answers // batch),
        ),
        device=size.device,
        judge=spec.judge.by if isinstance(spec.judge, JudgeSpec) else "",
        calls_per_answer=2 + _rating_calls(spec),
        learnt_tokens=learnt,
    )


def _rating_calls(spec: Spec) -> int:
    if spec.scores is None:
        return 0
    return (1 + spec.scores.quality) * (spec.scores.samples if spec.scores.mode == "sampled" else 1)


def planned_items(spec: Spec, material: Material) -> tuple[int, int]:
    """Answers to generate and pairs to score, over all arms of the run, if every search finds another setting."""
    counts = {"answers": 0, "pairs": 0}
    asked_before = set[tuple[str, int | None, bool]]()

    def add(asked: str, edited_arms: int, per_value: int | None = None, *, tuning: bool = False) -> None:
        if asked == "pairs":
            items: Sequence[Item] = material.pairs
        else:
            questions = material.tuning if tuning else material.questions
            items = [question for question in questions if question.setting == asked]
        base = (asked, per_value, tuning) not in asked_before
        asked_before.add((asked, per_value, tuning))
        kind = "pairs" if asked == "pairs" else "answers"
        again = spec.runs if per_value is None and not tuning and kind == "answers" else 1
        counts[kind] += (edited_arms + base) * len(first_of_each(items, per_value)) * again

    controls = spec.controls.draws * (2 if spec.controls.matched else 1)
    for method in spec.methods.values():
        settings = 2 if method.search or method.automatic else 1
        add(method.asked, (settings + len(method.ways) - 1) * (1 + controls))
        if method.asked == "pairs":
            add("dilemma", settings, spec.answers_per_value)
        if method.search:
            add(method.asked, len(method.settings()), tuning=True)
        for dose in method.doses:
            add(method.asked, 2 * len(method.ways) * len(dose.values), dose.questions)
            if method.asked == "pairs":
                add("dilemma", len(dose.values), spec.answers_per_value)
    for choice in spec.sensitivity.choices.values() if spec.sensitivity else ():
        add(spec.methods[choice.method].asked, 4, spec.sensitivity.questions if spec.sensitivity else None)
    if spec.leakage:
        add(spec.methods[spec.leakage.method].asked, 2 * len(material.values), spec.leakage.questions)
    for more in neva_arms(spec, len(material.values)):
        add(more.asked, more.arms, more.per_value, tuning=more.tuning)
    counts["answers"] += conversation_answers(spec, len(material.values))
    return counts["answers"], counts["pairs"]


def questionnaire_answers(spec: Spec, found: Sequence[Items]) -> int:
    """Answers to the items that are asked as open questions: base, and edited and random for each method and direction."""
    if spec.questionnaires is None:
        return 0
    names = spec.questionnaires.methods or tuple(spec.methods)
    arms = 1 + sum(2 * len(spec.methods[name].ways) for name in names)
    return sum(arms * spec.runs * len(one.questions()) for one in found if one.spec.prompts)


def _size(count: int) -> str:
    amount = float(count)
    for unit in ("B", "KB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
