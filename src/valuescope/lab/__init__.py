"""The laboratory: everything that the parts of a run stand on, from its specification to judged answers."""
