"""The numbers that a set must keep to, per kind of record; the defaults are those of the papers and the starter set."""

from __future__ import annotations

from dataclasses import dataclass, replace

Range = tuple[int, int]
"""The least and the most, both included."""


@dataclass(frozen=True)
class DilemmaLimits:
    """Dilemmas (ValueExploration, appendix B: stories of 40-50 words, actions of fewer than 10).

    Words for English; characters, our choice of a comparable length, for Chinese. `mean_difference`: of the lengths of
    aligned and violating actions. `topics`: conflict topics per value, all with equally many items.
    """

    story: Range = (40, 50)
    story_zh: Range = (60, 100)
    action: Range = (1, 9)
    action_zh: Range = (3, 16)
    action_difference: int = 3
    action_difference_zh: int = 5
    mean_difference: float = 1.0
    mean_difference_zh: float = 1.5
    rationale: Range = (20, 50)
    rationale_zh: Range = (30, 100)
    topics: int = 2
    same_opening: int = 3

    def in_language(self, language: str) -> DilemmaLimits:
        """The limits with Chinese ones in place of the English where the language is "zh"."""
        if language != "zh":
            return self
        return replace(
            self,
            story=self.story_zh,
            action=self.action_zh,
            action_difference=self.action_difference_zh,
            mean_difference=self.mean_difference_zh,
            rationale=self.rationale_zh,
        )


@dataclass(frozen=True)
class PairLimits:
    """Contrast pairs (our construction, against the shortcuts found in published pairs).

    `opening`: words that the sides share at least. `difference`: of their lengths. `excess`: texts by which one side
    may be ahead of the other in any word. `accuracy`: what a bag of words must stay under. `function_words`: those two
    are about function words alone. `same_scene`: pairs of one scene at most.
    """

    length: Range = (12, 35)
    opening: int = 3
    difference: int = 2
    mean_difference: float = 0.5
    excess: int = 6
    accuracy: float = 0.65
    function_words: bool = False
    same_opening: int = 3
    same_scene: int = 2


@dataclass(frozen=True)
class QuestionLimits:
    """Open dilemma questions (NeVA, section 4.1).

    `polar`: the last sentence asks for yes or no, and no qualifier judges.
    """

    length: Range = (15, 60)
    same_opening: int = 4
    same_scene: int = 2
    polar: bool = False


@dataclass(frozen=True)
class DescriptionLimits:
    """Second-person descriptions (ValueLocate, appendix A: at least 50 words)."""

    length: Range = (50, 90)
    mean_difference: float = 5.0
    same_opening: int = 3


@dataclass(frozen=True)
class SituationLimits:
    """Situational questions (ValueLocate, appendix A: at least 100 words).

    `same_atomic`, `same_topic`, `same_combination`: items of one atomic value, of one topic and of both together at most.
    `topics`: different ones at least.
    """

    length: Range = (100, 180)
    same_atomic: int = 6
    same_topic: int = 5
    same_combination: int = 1
    topics: int = 12
    same_opening: int = 4


DILEMMA_LIMITS, PAIR_LIMITS, QUESTION_LIMITS = DilemmaLimits(), PairLimits(), QuestionLimits()
DESCRIPTION_LIMITS, SITUATION_LIMITS = DescriptionLimits(), SituationLimits()
VALUE_SITUATION_LIMITS = SituationLimits(same_atomic=8)
"""At the level of single values, of which some have three atomic ones only."""
PLAIN_PAIR_LIMITS = PairLimits(length=(8, 30), excess=9, accuracy=0.6, function_words=True)
PLAIN_QUESTION_LIMITS = QuestionLimits(polar=True)
"""The starter set's tier `plain`: content words may tell the sides apart, function words and a yes-bias may not."""
