"""The judge of a run: who it is, what it says of answers, and how much it leaves without a judgement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from valuescope.data import Question
from valuescope.generate import Answer
from valuescope.judge import JUDGES, MISSING_LIMIT, JudgeError, Judgement, MissingCount, criterion
from valuescope.judge.answer_judge import AnswerJudge, Item
from valuescope.judge.asking import Asker
from valuescope.judge.calibration import CHANCE, Calibration, calibrate, calibrate_stance
from valuescope.judge.judgement import ModelJudge, fluency_missing
from valuescope.judge.known_answers import known_languages
from valuescope.judge.reply_store import usage
from valuescope.lab.folder import RunFolder
from valuescope.lab.judge_spec import JudgeSpec, ScoresSpec
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.strict import Found, Measured
from valuescope.progress import Progress
from valuescope.values import ValueSystem, load_value_system

Ratings = dict[str, float | None]
"""An answer's ratings from 1 to 5 by measure; empty where the run asks for none."""
ORACLE_PROVIDER = "valuescope_oracle/"
JUDGE_OF = {"relevance": "g-eval", "quality": "text-quality"}
"""Each rated measure's judge (G-Eval: ValueLocate, section 6.1)."""


class Missing(Found):
    """How many answers a judge was asked about for one measure, and how many got no judgement, by kind."""

    asked: int = 0
    missing: int = 0
    share: float | None = None
    by_kind: dict[str, int] = {}

    @classmethod
    def of(cls, count: MissingCount) -> Missing:
        """A count as it stands in the summary."""
        by_kind = dict(sorted(count.by_kind.items()))
        return cls(asked=count.total, missing=count.missing, share=count.share, by_kind=by_kind)

    def words(self, measure: str) -> str:
        """`control success: 12 of 480 missing (2.5%; refusal 9, error 3)`."""
        share = f"{self.missing / self.asked:.1%}" if self.asked else "none asked"
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.by_kind.items()))
        return f"{measure}: {self.missing:,} of {self.asked:,} missing ({f'{share}; {kinds}' if kinds else share})"


class CalibrationFound(Found):
    """What a judge said of known answers (see `Calibration`). `problem`: why it is not to be believed, or ""."""

    judge: str
    measure: str
    language: str
    items: int
    accuracy: Measured
    balanced_accuracy: Measured
    kappa: Measured
    commonest: str
    constant: float | None
    missing: dict[str, int] = {}
    problem: str = ""

    @classmethod
    def of(cls, calibration: Calibration, minimum: float = CHANCE) -> CalibrationFound:
        """A calibration as it stands in the summary."""
        return cls(**calibration.to_dict(), problem=calibration.problem(minimum))


class JudgingFound(Found):
    """The judge, its prompts ("name version hash"), its tokens, what it said of known answers, and what it left missing.

    `measures` count every ask once, `parts` the asks of each part. `warnings` are sentences about a missing share that
    passes the run's limit, and about known answers that speak against the judge.
    """

    judge: str
    calibration: tuple[CalibrationFound, ...] = ()
    limit: float | None = None
    prompts: tuple[str, ...] = ()
    tokens: int | None = None
    measures: dict[str, Missing] = {}
    parts: dict[str, dict[str, Missing]] = {}
    warnings: tuple[str, ...] = ()


class Judging:
    """Judges the answers of a run, ask by ask, and counts what is missing.

    The replies of a model that judges are kept in `judge/replies.jsonl` of the run's folder, so that a run that was
    killed asks for none of them again; errors are no replies, and are.

    Raises:
        AskError: where the model that judges cannot be asked at all, before any answer is written.
    """

    def __init__(self, spec: ComparisonSpec, folder: RunFolder):
        self.spec = spec
        self.model_judge: ModelJudge | None = None
        self.scoring: Scoring | None = None
        self.calibration: tuple[CalibrationFound, ...] = ()
        self._missing: dict[str, dict[str, list[str]]] = {"control success": {}}
        if isinstance(spec.judge, JudgeSpec):
            how = spec.judge
            asker = Asker(
                how.by,
                base_url=how.base_url,
                model_args=how.model_args,
                store=folder.path / "judge" / "replies.jsonl",
                max_connections=how.max_connections,
                retries=how.retries,
                timeout=how.timeout,
            )
            system = load_value_system(spec.values.system)
            self.model_judge = ModelJudge(
                asker,
                system,
                language=how.language,
                max_tokens=how.max_tokens,
                fluency_alone=how.fluency_alone,
                prompts=how.prompts,
            )
            if spec.scores is not None:
                self.scoring = Scoring(asker, system, spec.scores, how)

    def calibrate(self, languages: Iterable[str], progress: Progress) -> None:
        """Ask the judge its known answers, before it judges any other; `languages`: of the questions, for judge `stance`.

        The organism's oracles are exempt: they know its grammar and nothing else, and by it they are right.

        Raises:
            JudgeError: where the known answers speak against the judge, unless the specification accepts it.
        """
        if self.spec.judge == "stance":
            spoken = sorted(set(languages) & set(known_languages()))
            known = (calibrate_stance(language, self.spec.how) for language in spoken)
            self.calibration = tuple(map(CalibrationFound.of, known))
        if self.model_judge is None or not isinstance(self.spec.judge, JudgeSpec):
            return
        how, asker = self.spec.judge, self.model_judge.asker
        if how.calibration is None or how.by.startswith(ORACLE_PROVIDER):
            return
        self.calibration = tuple(
            CalibrationFound.of(
                calibrate(
                    judge,
                    asker,
                    items=how.calibration.items,
                    how=self.spec.how,
                    progress=lambda done, total: progress("known answers", done, total),
                ),
                how.calibration.minimum_accuracy,
            )
            for judge in self.model_judge.judges
        )
        problems = [calibration.problem for calibration in self.calibration if calibration.problem]
        if problems and not how.accept_uncalibrated:
            raise JudgeError(
                f"judge.by: {how.by} is refused for what it says of known answers: {'; '.join(problems)}. Take another judge "
                "(judge: stance needs no model), or set judge.accept_uncalibrated: true"
            )

    def judge(
        self,
        ask: str,
        questions: Sequence[Question],
        answers: Sequence[Answer],
        progress: Progress,
        *,
        rated: bool = True,
    ) -> tuple[Sequence[Judgement], list[Ratings]]:
        """The judgements and ratings of one ask's answers; no ratings where they are not `rated`."""
        judgements: Sequence[Judgement]
        if self.model_judge is not None:
            judgements = self.model_judge(
                questions, answers, progress=lambda done, total: progress("judge", done, total)
            )
        else:
            judgements = JUDGES[str(self.spec.judge)](questions, answers)
        self._missing["control success"][ask] = [
            "" if judgement.success is not None else judgement.missing or "unjudged"
            for judgement in judgements
        ]
        if not self.spec.fluent_by_likelihood:
            self._missing.setdefault("fluency", {})[ask] = list(map(fluency_missing, judgements))
        if self.scoring is None or not rated:
            return judgements, [{} for _ in answers]
        ratings, missing = self.scoring(questions, answers)
        for measure, kinds in missing.items():
            self._missing.setdefault(measure, {})[ask] = kinds
        return judgements, ratings

    def found(self, asks: Mapping[str, Iterable[str]]) -> JudgingFound | None:
        """What is missing over all asks and by part, from the hashes of each part's asks; None where no judge reads
        answers."""
        if self.spec.judge == "likelihood":
            return None
        limit = MISSING_LIMIT if isinstance(self.spec.judge, str) else self.spec.judge.missing_limit

        def counted(wanted: set[str] | None = None) -> dict[str, MissingCount]:
            return {
                measure: MissingCount.of(
                    kind for ask, kinds in by_ask.items() if wanted is None or ask in wanted for kind in kinds
                )
                for measure, by_ask in self._missing.items()
            }

        counts, judge, scoring = counted(), self.model_judge, self.scoring
        warnings = {measure: count.warning(limit) for measure, count in counts.items() if count.total}
        doubts = (
            f"the judge is not to be believed: {known.problem}" for known in self.calibration if known.problem
        )
        by_part = {part: counted(set(hashes)) for part, hashes in asks.items()}
        return JudgingFound(
            judge=self.spec.judge_name,
            calibration=self.calibration,
            limit=limit,
            prompts=(*(judge.prompts if judge else ()), *(scoring.prompts if scoring else ())),
            tokens=None if judge is None else judge.tokens + (0 if scoring is None else scoring.tokens),
            measures={measure: Missing.of(count) for measure, count in counts.items()},
            parts={
                part: {measure: Missing.of(count) for measure, count in counts.items() if count.total}
                for part, counts in by_part.items()
                if any(count.total for count in counts.values())
            },
            warnings=(
                *doubts,
                *(f"{measure}: {warning}" for measure, warning in warnings.items() if warning),
            ),
        )

    def close(self) -> None:
        """Write the replies through to the disk."""
        if self.model_judge is not None:
            self.model_judge.asker.close()


class Scoring:
    """Rates answers from 1 to 5. `tokens` counts what all replies so far cost, asked now or before."""

    def __init__(self, asker: Asker, system: ValueSystem, spec: ScoresSpec, how: JudgeSpec):
        language, prompts = how.language, how.prompts
        self.asker, self.system, self.language, self.tokens = asker, system, language, 0
        measures = ("relevance", "quality") if spec.quality else ("relevance",)
        self.judges = {
            measure: AnswerJudge(
                JUDGE_OF[measure],
                spec.mode,
                language,
                spec.samples,
                max_tokens=spec.max_tokens,
                alone=measure == "quality" and spec.quality_alone,
                prompt_file=prompts.get(JUDGE_OF[measure]),
            )
            for measure in measures
        }

    @property
    def prompts(self) -> tuple[str, ...]:
        """Name, version and hash of the prompts."""
        return tuple(judge.prompt.id for judge in self.judges.values())

    def __call__(
        self, questions: Sequence[Question], answers: Sequence[Answer]
    ) -> tuple[list[Ratings], dict[str, list[str]]]:
        """Each answer's ratings, and by measure the kind of what is missing ("" for nothing).

        Raises:
            AskError: where the model cannot be asked.
        """
        items = [
            Item(
                question.key,
                question.question,
                answer.text,
                criterion(self.system, question.value, self.language),
            )
            for question, answer in zip(questions, answers, strict=True)
        ]
        calls = [(item, judge, judge.calls(item)) for item in items for judge in self.judges.values()]
        replies = self.asker.ask([call for _, _, asked in calls for call in asked])
        self.tokens += usage(replies).input_tokens + usage(replies).output_tokens
        rest = iter(replies)
        judged = [judge.read(item, [next(rest) for _ in asked]) for item, judge, asked in calls]
        size = len(self.judges)
        ratings = [
            {
                measure: rating.score
                for measure, rating in zip(self.judges, judged[row : row + size], strict=True)
            }
            for row in range(0, len(judged), size)
        ]
        missing = {
            measure: [rating.missing for rating in judged[place::size]]
            for place, measure in enumerate(self.judges)
        }
        return ratings, missing
