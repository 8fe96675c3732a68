"""Callbacks at the three places of every decoder layer: gate, product and residual stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from valuescope.models.neuron_model import NeuronModel
from valuescope.models.sites import SiteError

Watcher = Callable[[int, Tensor], None]
Editor = Callable[[int, Tensor], Tensor | None]


@contextmanager
def site_hooks(
    model: NeuronModel,
    *,
    gate: Watcher | None = None,
    product: Editor | None = None,
    residual: Editor | None = None,
    layers: Iterable[int] | None = None,
) -> Iterator[None]:
    """Call back at the sites of `layers` (default: all) in every forward pass inside the block.

    gate(layer, a): a = act(g), [batch, seq, width]. product(layer, m): the input of the down projection,
    [batch, seq, width]. residual(layer, h): the decoder layer's output, [batch, seq, hidden]. What product and
    residual return replaces what they saw, unless it is None; it has the same shape. For a plain feed-forward block gate and product see equal tensors.
    Families that flatten the batch inside the block are seen unflattened. Within a layer the order is gate,
    product, residual. All handles are removed when the block ends, also by an exception. Other threads wait at
    this door until the block ends (`NeuronModel.lock`); the same thread may nest blocks.
    """
    with ExitStack() as stack:
        stack.enter_context(model.lock)
        for layer in range(model.layers) if layers is None else layers:
            for handle in _attach(model, layer, gate, product, residual):
                stack.callback(handle.remove)
        yield


def first_tensor(output: Any) -> Tensor:
    """A decoder layer's hidden states: the output itself, or the first of a tuple (never `tensor[0]`)."""
    tensor = output[0] if isinstance(output, tuple) else output
    if not isinstance(tensor, Tensor):
        raise SiteError(
            f"a decoder layer returned a {type(output).__name__}, expected a tensor or a tuple of them"
        )
    return tensor


def _attach(
    model: NeuronModel, layer: int, gate: Watcher | None, product: Editor | None, residual: Editor | None
) -> Iterator[Any]:
    tokens: list[int] = [0, 0]  # batch and sequence length of the running forward pass

    def note_shape(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        hidden = args[0] if args else kwargs["hidden_states"]
        tokens[:] = hidden.shape[:2]

    def unflatten(tensor: Any) -> Tensor:
        if not isinstance(tensor, Tensor):
            raise SiteError(f"layer {layer}: at a site passes a {type(tensor).__name__}, expected a tensor")
        return tensor if tensor.dim() == 3 else tensor.reshape(*tokens, tensor.shape[-1])

    def replacement(site: str, editor: Editor, tensor: Tensor) -> Tensor | None:
        edited = editor(layer, tensor)
        if edited is not None and edited.shape != tensor.shape:
            raise SiteError(
                f"layer {layer}: the {site} callback returned shape {tuple(edited.shape)} "
                f"for {tuple(tensor.shape)}"
            )
        return edited

    def at_gate(watcher: Watcher, _: nn.Module, __: tuple[Any, ...], output: Any) -> None:
        watcher(layer, unflatten(output))

    def at_product(editor: Editor, _: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        edited = replacement("product", editor, unflatten(args[0]))
        return None if edited is None else (edited.reshape(args[0].shape), *args[1:])

    def at_residual(editor: Editor, _: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        edited = replacement("residual", editor, first_tensor(output))
        return (edited, *output[1:]) if edited is not None and isinstance(output, tuple) else edited

    if gate is not None or product is not None:
        yield model.decoder(layer).register_forward_pre_hook(note_shape, with_kwargs=True)
    if gate is not None:
        yield model.activation(layer).register_forward_hook(partial(at_gate, gate))
    if product is not None:
        yield model.down(layer).register_forward_pre_hook(partial(at_product, product))
    if residual is not None:
        yield model.decoder(layer).register_forward_hook(partial(at_residual, residual))
