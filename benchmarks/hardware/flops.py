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
    """Returns FLOPs and bytes of every layer, in forward order, from a forward pass of zeros.

    shape, dtype: of a batch of inputs, (B, channels, height, width) or (B, words). The network is left as it was.
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
    """Returns the bytes of a batch's activations, per layer; the network is left as it was.

    kept: all that autograd saves, but no parameters or buffers. shape, dtype: as in layer_work.
    """
    device = next(parameter.device for module in network.values() for parameter in module.parameters())
    kept_bytes, output, x = [], [], torch.zeros(shape, dtype=dtype, device=device)
    for module in network.values():
        copies = {key: value.clone() for key, value in module.state_dict().items()}
        states = {
            key: copies[key].requires_grad_() if key in copies else copies[key] for key, _ in module.named_parameters()
        }
        copied_storages = {value.untyped_storage().data_ptr() for value in copies.values()}
        saved: dict[int, int] = {}

        def pack(tensor: Tensor, copied_storages: set[int] = copied_storages, saved: dict[int, int] = saved) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in copied_storages:
                saved[storage.data_ptr()] = storage.nbytes()
            return tensor

        if x.is_floating_point():
            x.requires_grad_()
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            y = torch.func.functional_call(module, {**copies, **states}, (x,))
        x = y.detach()
        kept_bytes.append(float(sum(saved.values())))
        output.append(float(x.numel() * x.element_size()))
    return Activations(kept_bytes, output)


@contextmanager
def _counting(layer: nn.Module) -> Iterator[list[int]]:
    """Counts the FLOPs of each part of the layer that multiplies, while it is called within the block."""
    counted: list[int] = []
    hooks = [part.register_forward_hook(lambda *call: counted.append(_flops(*call))) for part in layer.modules()]
    try:
        yield counted
    finally:
        for hook in hooks:
            hook.remove()


def _known(part: nn.Module) -> bool:
    """Returns whether `_flops` counts all products of the part itself; a part without a matrix has none."""
    counted = isinstance(part, nn.Conv2d | nn.Linear | nn.LSTM | nn.Embedding)
    return counted or all(weight.ndim < 2 for weight in part.parameters(recurse=False))


def _counted_by_torch(name: str, layer: nn.Module, states: dict[str, Tensor], x: Tensor) -> int:
    """Returns the FLOPs of any layer, by torch's own counter on the meta device.

    Raises UserError where the layer fails there, or has a matrix and no product.
    """
    from torch.utils.flop_counter import FlopCounterMode

    meta_states = {key: value.to("meta") for key, value in states.items()}
    why = "torch knows of no product in it"
    with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.device("meta"):
        try:
            torch.func.functional_call(layer, meta_states, (x.to("meta"),))
        except Exception as error:  # of the user's own code
            why = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(".")
        else:
            if flops := counter.get_total_flops():
                return int(flops)
    parts = ", ".join(sorted({type(part).__name__ for part in layer.modules() if not _known(part)}))
    raise UserError(
        f"The FLOPs of layer '{name}' ({parts}), by which its steps are charged, cannot be counted ({why}): build it "
        "of other modules, and keep its constants as buffers."
    )


def _flops(part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> int:
    """Returns a module's FLOPs: 2 for each use of a weight, without biases; in attention, of all pairs of places."""
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
    """Returns a step's model FLOPs: the forward pass, and gradients of weights and of all inputs but the first."""
    return 3 * sum(layer.forward_flops for layer in layers) - layers[0].forward_flops
