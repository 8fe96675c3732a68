"""Models: loading, who they are, where their neurons sit, hooks on them, and batches for them."""

from valuescope.models.batching import (
    Batch,
    BatchError,
    Encoded,
    context_length,
    encode,
    forward_inputs,
    left_pad,
)
from valuescope.models.chat import Chat, ChatError
from valuescope.models.checkpoint import LoadError
from valuescope.models.hooks import site_hooks
from valuescope.models.identity import ModelIdentity, fingerprint_difference, fingerprint_of
from valuescope.models.load import default_device, load_model, wrap_model
from valuescope.models.neuron_model import LayerProof, NeuronModel, SiteReport, describe_sites
from valuescope.models.prompts import Prompts
from valuescope.models.proof import prove_sites
from valuescope.models.rendering import render_chat, render_question
from valuescope.models.sampling_defaults import SamplingDefaults
from valuescope.models.sites import LayerSites, SiteError, resolve_sites

__all__ = [
    "Batch",
    "BatchError",
    "Chat",
    "ChatError",
    "Encoded",
    "LayerProof",
    "LayerSites",
    "LoadError",
    "ModelIdentity",
    "NeuronModel",
    "Prompts",
    "SamplingDefaults",
    "SiteError",
    "SiteReport",
    "context_length",
    "default_device",
    "describe_sites",
    "encode",
    "fingerprint_difference",
    "fingerprint_of",
    "forward_inputs",
    "left_pad",
    "load_model",
    "prove_sites",
    "render_chat",
    "render_question",
    "resolve_sites",
    "site_hooks",
    "wrap_model",
]
