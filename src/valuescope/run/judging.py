"""The judge of a run: who it is, and how much it leaves without a judgement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from valuescope.data import Question
from valuescope.generate import Answer
from valuescope.judge import JUDGES, MISSING_LIMIT, Judgement, MissingCount
from valuescope.judge.asking import Asker
from valuescope.judge.judgement import ModelJudge, fluency_missing
from valuescope.progress import StepProgress
from valuescope.run.folder import RunFolder
from valuescope.run.scoring import Scoring
from valuescope.run.spec import JudgeSpec, Spec
from valuescope.values import load_value_system


class Judging:
    """Judges the answers of a run, arm by arm, and counts what is missing.

    The replies of a model that judges are kept in `judge/replies.jsonl` of the run's folder, so that a run that was
    killed asks for none of them again; errors are no replies, and are.

    Raises:
        AskError: where the model that judges cannot be asked at all, before any answer is written.
    """

    def __init__(self, spec: Spec, folder: RunFolder):
        self.spec = spec
        self.model_judge: ModelJudge | None = None
        self.scoring: Scoring | None = None
        self._missing: dict[str, dict[str, list[str]]] = {"control success": {}, "fluency": {}}
        if isinstance(spec.judge, JudgeSpec):
            asker = Asker(
                spec.judge.by,
                base_url=spec.judge.base_url,
                model_args=spec.judge.model_args,
                store=folder.path / "judge" / "replies.jsonl",
                max_connections=spec.judge.max_connections,
                retries=spec.judge.retries,
                timeout=spec.judge.timeout,
            )
            self.model_judge = ModelJudge(
                asker,
                load_value_system(spec.values.system),
                language=spec.judge.language,
                max_tokens=spec.judge.max_tokens,
            )
            if spec.scores is not None:
                self.scoring = Scoring(asker, self.model_judge.system, spec.scores, spec.judge.language)

    def judge(
        self,
        arm: str,
        questions: Sequence[Question],
        answers: Sequence[Answer],
        progress: StepProgress | None = None,
    ) -> list[Judgement]:
        """The judgements of one arm's answers; an arm that is judged again is counted once."""
        judged: list[Judgement]
        if self.model_judge is not None:
            judged = [*self.model_judge(questions, answers, progress=progress)]
        else:
            assert isinstance(self.spec.judge, str)
            judged = JUDGES[self.spec.judge](questions, answers)
        self._missing["control success"][arm] = [
            "" if one.success is not None else one.missing or "unjudged" for one in judged
        ]
        self._missing["fluency"][arm] = [fluency_missing(one) for one in judged]
        return judged

    def score(
        self, arm: str, questions: Sequence[Question], answers: Sequence[Answer]
    ) -> list[dict[str, float | None]]:
        """The ratings of one arm's answers from 1 to 5 by measure; empty where the run asks for none."""
        if self.scoring is None:
            return [{} for _ in answers]
        found, missing = self.scoring(questions, answers)
        for measure, kinds in missing.items():
            self._missing.setdefault(measure, {})[arm] = kinds
        return found

    def block(self) -> dict[str, Any] | None:
        """The summary's block `judging`; None where no judge reads answers."""
        if self.spec.judge == "likelihood":
            return None
        limit = MISSING_LIMIT if isinstance(self.spec.judge, str) else self.spec.judge.missing_limit
        counts = {
            measure: MissingCount.of([kind for kinds in arms.values() for kind in kinds])
            for measure, arms in self._missing.items()
        }
        said = {measure: count.warning(limit) for measure, count in counts.items() if count.total}
        judge = self.model_judge
        return {
            "judge": self.spec.judge_name,
            "limit": limit,
            "prompts": [
                *([] if judge is None else judge.prompts),
                *([] if self.scoring is None else self.scoring.prompts),
            ],
            "tokens": None
            if judge is None
            else judge.tokens + (0 if self.scoring is None else self.scoring.tokens),
            "measures": {
                measure: {
                    "asked": count.total,
                    "missing": count.missing,
                    "share": count.share,
                    "by_kind": dict(sorted(count.by_kind.items())),
                }
                for measure, count in counts.items()
            },
            "warnings": [f"{measure}: {warning}" for measure, warning in said.items() if warning],
        }

    def close(self) -> None:
        """Write the replies through to the disk."""
        if self.model_judge is not None:
            self.model_judge.asker.close()
