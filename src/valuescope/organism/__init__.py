"""The bundled models: small Llamas with planted value neurons, their grammars, oracles and truths."""

from valuescope.organism.grammar import GrammarDilemma, lexicon
from valuescope.organism.oracle import AnswerVerdict, read_answer
from valuescope.organism.social_grammar import SocialDilemma, social_lexicon, social_values
from valuescope.organism.social_oracle import SocialVerdict, read_social_answer
from valuescope.organism.truth import Plant, Truth, load_truth, weights_path

__all__ = [
    "AnswerVerdict",
    "GrammarDilemma",
    "Plant",
    "SocialDilemma",
    "SocialVerdict",
    "Truth",
    "lexicon",
    "load_truth",
    "read_answer",
    "read_social_answer",
    "social_lexicon",
    "social_values",
    "weights_path",
]
