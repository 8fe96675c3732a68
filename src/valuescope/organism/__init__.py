"""The bundled model: a small Llama with planted value neurons, its grammar, its oracle and its truth."""

from valuescope.organism.grammar import Dilemma, lexicon
from valuescope.organism.oracle import Verdict, read_answer
from valuescope.organism.truth import Plant, Truth, load_truth, weights_path

__all__ = ["Dilemma", "Plant", "Truth", "Verdict", "lexicon", "load_truth", "read_answer", "weights_path"]
