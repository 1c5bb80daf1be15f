"""Counts the FLOPs and bytes of one batch in each layer of a network.

As torch.utils.flop_counter counts them (tested), but without it: it imports torch's compiler, which takes a training
process longer than torch itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from benchmarks.errors import UserError
from benchmarks.hardware.card import LayerWork
from benchmarks.hardware.price import Activations
from benchmarks.workloads.networks.transformer import Attention


def layer_work(
    network: Mapping[str, nn.Module], shape: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> list[LayerWork]:
    """FLOPs and bytes of every layer, in forward order, of one forward pass of zeros; the network is left as it was.

    shape, dtype: of a batch of inputs, (B, channels, height, width) or (B, words).
    """
    device = next(parameter.device for module in network.values() for parameter in module.parameters())
    layers, x = [], torch.zeros(shape, dtype=dtype, device=device)
    for name, module in network.items():
        size = sum(p.numel() * p.element_size() for p in module.parameters())
        states = {key: value.clone() for key, value in module.state_dict().items()}
        with _counting(module) as counted, torch.no_grad():
            y = torch.func.functional_call(module, states, (x,))
        if not all(map(_known, module.modules())):
            counted = [_counted_by_torch(name, module, states, x)]
        x = y
        layers.append(LayerWork(name, float(sum(counted)), float(size)))
    return layers


def activations(
    network: Mapping[str, nn.Module], shape: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> Activations:
    """Bytes of a batch's activations. `kept`: all that autograd saves, each tensor once, but parameters and buffers.

    The network is left as it was.
    """
    device = next(parameter.device for module in network.values() for parameter in module.parameters())
    kept, output, x = [], [], torch.zeros(shape, dtype=dtype, device=device)
    for module in network.values():
        own = {key: value.clone() for key, value in module.state_dict().items()}
        states = {key: own[key].requires_grad_() if key in own else own[key] for key, _ in module.named_parameters()}
        held = {value.untyped_storage().data_ptr() for value in own.values()}
        saved: dict[int, int] = {}

        def pack(tensor: Tensor, held: set[int] = held, saved: dict[int, int] = saved) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in held:
                saved[storage.data_ptr()] = storage.nbytes()
            return tensor

        if x.is_floating_point():
            x.requires_grad_()
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            y = torch.func.functional_call(module, {**own, **states}, (x,))
        x = y.detach()
        kept.append(float(sum(saved.values())))
        output.append(float(x.numel() * x.element_size()))
    return Activations(kept, output)


@contextmanager
def _counting(layer: nn.Module) -> Iterator[list[int]]:
    """The FLOPs of each part of the layer that multiplies, while it is called."""
    counted: list[int] = []
    hooks = [part.register_forward_hook(lambda *call: counted.append(_flops(*call))) for part in layer.modules()]
    try:
        yield counted
    finally:
        for hook in hooks:
            hook.remove()


def _known(part: nn.Module) -> bool:
    """Whether `_flops` counts all of the part's own products: what has no matrix multiplies with none."""
    counted = isinstance(part, nn.Conv2d | nn.Linear | nn.LSTM | nn.Embedding)
    return counted or all(weight.ndim < 2 for weight in part.parameters(recurse=False))


def _counted_by_torch(name: str, layer: nn.Module, states: dict[str, Tensor], x: Tensor) -> int:
    """The FLOPs of any layer, all products that torch knows of, on its meta device, where no library hides them.

    Raises UserError where it fails there, or has a matrix and no product.
    """
    from torch.utils.flop_counter import FlopCounterMode

    there = {key: value.to("meta") for key, value in states.items()}
    why = "torch knows of no product in it"
    with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.device("meta"):
        try:
            torch.func.functional_call(layer, there, (x.to("meta"),))
        except Exception as error:  # of the user's own code
            why = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(".")
        else:
            if found := counter.get_total_flops():
                return int(found)
    parts = ", ".join(sorted({type(part).__name__ for part in layer.modules() if not _known(part)}))
    raise UserError(
        f"The FLOPs of layer '{name}' ({parts}), by which its steps are charged, cannot be counted ({why}): build it "
        "of other modules, and keep its constants as buffers."
    )


def _flops(part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> int:
    """A product and a sum for each use of a weight, biases left out; in attention, for each pair of places."""
    if isinstance(part, nn.Conv2d):
        return 2 * output.numel() * part.weight[0].numel()
    if isinstance(part, nn.Linear):
        return 2 * output.numel() * part.in_features
    if isinstance(part, nn.LSTM):  # words in `inputs`, (B, words, size)
        weights = sum(weight.numel() for weight in part.parameters() if weight.ndim > 1)
        return 2 * weights * inputs[0].shape[0] * inputs[0].shape[1]
    if isinstance(part, Attention):  # queries by keys, then by values, masked or not
        return 2 * 2 * inputs[0].numel() * inputs[1].shape[-2]
    return 0


def step_flops(layers: list[LayerWork]) -> float:
    """Model FLOPs of one step: forward pass, gradients of all weights, and of all layers' inputs but the first's."""
    return 3 * sum(layer.forward_flops for layer in layers) - layers[0].forward_flops
