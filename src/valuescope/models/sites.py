"""Where the feed-forward neurons of a decoder sit: one resolver for every family.

A neuron is (layer, index). Its gate activation `a = act(g)` is the output of the layer's activation module;
the product `m` (for a plain feed-forward block `m = a`) is the input of the down projection, and its value
vector is the row of the down projection that `m[index]` scales.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

_FLOAT_TYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_ACTIVATION_NAME = re.compile(r"(gelu|silu|relu|swish|glu|tanh|act)", re.IGNORECASE)
_ACTIVATION_HOMES = ("transformers.activations", "torch.nn.modules.activation")
_EXPERT_CLASS = re.compile(r"(Experts|MoeBlock|MoEBlock|MoE|SparseMoe|MOE)$")


class SiteError(RuntimeError):
    """The neurons of a model could not be found, or what was found failed its proof."""


@dataclass(frozen=True)
class LayerSites:
    """The modules of one decoder layer that hold its neurons, as dotted paths from the model.

    `width` neurons write into a stream of `hidden` numbers. `transposed` says that the down projection keeps
    its weight as [width, hidden] (GPT-2's Conv1D) and not as [hidden, width] (nn.Linear).
    """

    layer: int
    decoder: str
    activation: str
    down: str
    gated: bool
    width: int
    hidden: int
    transposed: bool


@cache
def _rows() -> tuple[tuple[str, str], ...]:
    """The rows of families.toml: paths of activation and down projection within a decoder layer."""
    content = tomllib.loads(files("valuescope.models").joinpath("families.toml").read_text(encoding="utf-8"))
    return tuple((row["activation"], row["down"]) for row in content["row"])


def resolve_sites(model: PreTrainedModel) -> tuple[LayerSites, ...]:
    """The sites of every decoder layer, first layer first.

    Each layer is matched against families.toml; where no row fits, the block is found by its structure (one
    activation module beside linear projections hidden -> width -> hidden). Raises SiteError with what was
    found and what is missing. What comes back is only a claim until `prove_sites` has run.
    """
    _refuse_absent_weights(model)
    path, decoders = _decoder_layers(model)
    hidden = _configured(model, "hidden_size")
    sites = tuple(
        _resolve_layer(index, f"{path}.{index}", decoder, hidden) for index, decoder in enumerate(decoders)
    )
    _refuse_shared_modules(model, sites)
    if len({(site.width, site.hidden) for site in sites}) != 1:
        listed = ", ".join(f"{site.layer}: {site.width} -> {site.hidden}" for site in sites)
        raise SiteError(
            f"the layers differ in width, which is not supported (layer: width -> hidden): {listed}"
        )
    return sites


def _decoder_layers(model: PreTrainedModel) -> tuple[str, nn.ModuleList]:
    """The list of decoder layers: the outermost ModuleList as long as the config says there are layers."""
    expected = _configured(model, "num_hidden_layers")
    backbone = model.get_decoder()
    prefix = next((name for name, module in model.named_modules() if module is backbone), "")
    lists = {
        f"{prefix}.{name}".strip("."): module
        for name, module in backbone.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) > 0
    }
    fitting = {name: module for name, module in lists.items() if len(module) == expected}
    outermost = {
        name: module
        for name, module in fitting.items()
        if not any(name.startswith(f"{outer}.") for outer in fitting)
    }
    if len(outermost) != 1:
        listed = ", ".join(f"{name} ({len(module)})" for name, module in lists.items())
        raise SiteError(
            f"{type(model).__name__}: expected exactly one list of {expected} decoder layers "
            f"(config num_hidden_layers); found: {listed or 'no module list at all'}"
        )
    return next(iter(outermost.items()))


def _configured(model: PreTrainedModel, field: str) -> int:
    number = getattr(model.config.get_text_config(), field, None)
    if not isinstance(number, int):
        raise SiteError(f"{type(model).__name__}: its config has no number {field}; found {number!r}")
    return number


def _resolve_layer(index: int, path: str, decoder: nn.Module, hidden: int) -> LayerSites:
    where = f"layer {index} ({path}, {type(decoder).__name__})"
    _refuse_experts(where, path, decoder)
    names = {name for name, _ in decoder.named_modules()}
    pairs = {row for row in _rows() if names.issuperset(row)} or _search_structure(decoder, hidden)
    if len(pairs) != 1:
        raise SiteError(f"{where}: {_explain_failure(decoder, pairs)}")
    activation, down = pairs.pop()
    projection = decoder.get_submodule(down)
    shape = _projection_shape(projection)
    if shape is None or shape[1] != hidden:
        kind = type(projection).__name__ + (f" ({shape[0]} -> {shape[1]})" if shape else "")
        raise SiteError(
            f"{where}: {down} should be a linear layer that writes {hidden} numbers; it is a {kind}"
        )
    _refuse_unusable_weight(f"{where}: {down}", projection, shape)
    width = shape[0]
    owner = decoder.get_submodule(_parent(down))
    expansion = sum(
        child_shape[1]
        for child in owner.children()
        if child is not projection and (child_shape := _projection_shape(child)) and child_shape[0] == hidden
    )
    if expansion not in (width, 2 * width):
        raise SiteError(
            f"{where}: the projections beside {down} give {expansion} numbers, "
            f"but its {width} inputs need {width} (plain) or {2 * width} (gated)"
        )
    return LayerSites(
        layer=index,
        decoder=path,
        activation=f"{path}.{activation}",
        down=f"{path}.{down}",
        gated=expansion == 2 * width,
        width=width,
        hidden=hidden,
        transposed=isinstance(projection, Conv1D),
    )


def _search_structure(decoder: nn.Module, hidden: int) -> set[tuple[str, str]]:
    """Pairs (activation, down) among siblings: one activation, projections into and out of a width."""
    pairs: set[tuple[str, str]] = set()
    for activation in _activations(decoder):
        parent = _parent(activation)
        children = dict(decoder.get_submodule(parent).named_children())
        shapes = {name: shape for name, child in children.items() if (shape := _projection_shape(child))}
        for name, (width, written) in shapes.items():
            inputs = sum(out for sibling, (size, out) in shapes.items() if sibling != name and size == hidden)
            if written == hidden and inputs in (width, 2 * width):
                pairs.add((activation, f"{parent}.{name}".strip(".")))
    return pairs


def _activations(decoder: nn.Module) -> list[str]:
    return [name for name, module in decoder.named_modules() if name and _is_activation(module)]


def _is_activation(module: nn.Module) -> bool:
    kind = type(module)
    if isinstance(module, nn.MultiheadAttention | nn.Softmax) or any(True for _ in module.children()):
        return False
    if any(parameter.dim() > 1 for parameter in module.parameters(recurse=False)):
        return False
    return kind.__module__ in _ACTIVATION_HOMES or _ACTIVATION_NAME.search(kind.__name__) is not None


def _projection_shape(module: nn.Module) -> tuple[int, int] | None:
    """(inputs, outputs) of a linear layer of any kind; None for anything else."""
    if isinstance(module, Conv1D):
        return int(module.nx), int(module.nf)
    inputs, outputs = getattr(module, "in_features", None), getattr(module, "out_features", None)
    if isinstance(inputs, int) and isinstance(outputs, int) and hasattr(module, "weight"):
        return inputs, outputs
    return None


def _refuse_absent_weights(model: PreTrainedModel) -> None:
    absent = [name for name, parameter in model.named_parameters() if parameter.is_meta]
    if absent:
        raise SiteError(
            f"{len(absent)} weights are on the meta device, {absent[0]} the first: they were never loaded, "
            "or device_map offloads them to CPU or disk. Neurons need weights in memory: load with a device "
            "or device_map that holds the whole model"
        )


def _refuse_unusable_weight(where: str, projection: nn.Module, shape: tuple[int, int]) -> None:
    weight = projection.weight
    assert isinstance(weight, torch.Tensor)
    stored = tuple(weight.shape) if isinstance(projection, Conv1D) else tuple(weight.shape)[::-1]
    if weight.dtype not in _FLOAT_TYPES or stored != shape:
        raise SiteError(
            f"{where}: its weight is {str(weight.dtype).removeprefix('torch.')} of shape "
            f"{tuple(weight.shape)}, expected a plain float matrix of {shape[0]} x {shape[1]}. "
            "Quantised weights are not supported: load the model in float32, bfloat16 or float16"
        )


def _refuse_experts(where: str, path: str, decoder: nn.Module) -> None:
    experts = [
        f"{path}.{name} ({type(module).__name__})"
        for name, module in decoder.named_modules()
        if name.split(".")[-1] == "experts" or _EXPERT_CLASS.search(type(module).__name__)
    ]
    if experts:
        raise SiteError(
            f"{where}: this is a mixture of experts, and neurons of experts are not supported yet. "
            f"Found {', '.join(experts[:3])}; missing: one dense feed-forward block per layer"
        )


def _refuse_shared_modules(model: PreTrainedModel, sites: tuple[LayerSites, ...]) -> None:
    """Layers that share a module or weight have no neurons of their own: an edit in one edits another."""
    owners: dict[tuple[str, int], LayerSites] = {}
    for site in sites:
        activation, down = model.get_submodule(site.activation), model.get_submodule(site.down)
        keys = {site.activation: ("module", id(activation)), site.down: ("weight", down.weight.data_ptr())}
        for path, key in keys.items():
            owner = owners.setdefault(key, site)
            if owner.layer != site.layer:
                raise SiteError(
                    f"layers {owner.layer} and {site.layer} share {path}: what is read or edited there "
                    "belongs to both, which is not supported"
                )


def _explain_failure(decoder: nn.Module, pairs: set[tuple[str, str]]) -> str:
    if pairs:
        listed = "; ".join(f"{activation} with {down}" for activation, down in sorted(pairs))
        return f"the feed-forward block is ambiguous: {listed}. Add a row to models/families.toml"
    projections = [
        f"{name} ({shape[0]} -> {shape[1]})"
        for name, module in decoder.named_modules()
        if (shape := _projection_shape(module))
    ]
    activations = _activations(decoder)
    missing = "a down projection beside its activation" if activations else "an activation module"
    return (
        f"no feed-forward block found; missing: {missing}. "
        f"Found activations: {', '.join(activations) or 'none'}; "
        f"projections: {', '.join(projections) or 'none'}. Add a row to models/families.toml"
    )


def _parent(path: str) -> str:
    return path.rpartition(".")[0]
