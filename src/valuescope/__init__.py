"""Find, steer and measure the human values inside language models, neuron by neuron."""

__version__ = "0.1.0"
