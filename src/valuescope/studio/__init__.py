"""A page on which a steered model can be talked to, measured and looked into, served on this machine only."""
