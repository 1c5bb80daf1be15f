"""Networks of one's own: a function in a Python file, which gives layers by their names.

    def mlp(shape, classes, width=64):
        return {
            "hidden": nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), width), nn.ReLU()),
            "head": nn.Linear(width, classes),
        }

A layer is what is updated as a unit; each takes what the one before gives, as one tensor. The function is called by
name with as many of `ARGUMENTS` as it takes, under a seeded generator. Nothing here is imported until a file is named.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.errors import UserError
from benchmarks.workloads import own_code
from benchmarks.workloads.networks.names import NETWORKS, OwnNetwork
from benchmarks.workloads.networks.parts import Layers
from benchmarks.workloads.own_code import error_in_file, place
from benchmarks.workloads.tasks import Task, check_fit

ARGUMENTS = ("shape", "classes", "width", "blocks", "stem", "vocabulary", "embedding", "heads", "patch")
"""Arguments offered to a network: `shape` of one input, (channels, height, width) or (words,); `classes`; of the
workload's settings `width`, `blocks` (None unless set), `stem`, `heads` (None unless set), `patch`, and of texts
`vocabulary` and `embedding`. `classes` is how many numbers the task wants: of tokens the vocabulary."""


def load(word: str) -> OwnNetwork:
    """Loads the network of a file, under its function's name. word: "my_net.py", or "my_net.py:mlp".

    Raises UserError where the file is missing or fails, where it has no such function or several to choose from, and
    where the function has a parameter that is not in ARGUMENTS.
    """
    path, _, function_name = word.partition(":")
    file = Path(path).expanduser().resolve()
    module = own_code.load(file, "--network", "own_network_")
    name, function = _chosen(file, module, function_name)
    if name in NETWORKS:
        raise UserError(
            f"{file.name}: the name {name} is taken by a network of the suite: call the function otherwise."
        )
    return OwnNetwork(name, file, function, _accepted_arguments(file, name, function))


def _chosen(file: Path, module: ModuleType, function_name: str) -> tuple[str, Callable[..., Any]]:
    """Returns name and function: that of this name, or the only one that builds a network where the name is ""."""
    functions = {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and {"shape", "classes"} <= inspect.signature(value).parameters.keys()
    }
    if function_name:
        value = getattr(module, function_name, None)
        if not inspect.isfunction(value):
            choices = f"; it has {', '.join(functions)}" if functions else ""
            raise UserError(f"{file.name} has no function {function_name}{choices}.")
        return function_name, value
    public = [name for name in functions if not name.startswith("_")]
    if len(public) == 1:
        return public[0], functions[public[0]]
    if public:
        raise UserError(
            f"{file.name} has several networks ({', '.join(public)}): say which, as in --network "
            f"{file.name}:{public[0]}."
        )
    raise UserError(
        f"{file.name} has no network: it needs a function such as `def mlp(shape, classes, width)`, which gives a dict "
        "of layers."
    )


def _accepted_arguments(file: Path, name: str, function: Callable[..., Any]) -> tuple[str, ...]:
    parameters = inspect.signature(function).parameters.values()
    for argument in parameters:
        is_other = argument.name not in ARGUMENTS and argument.default is argument.empty
        is_variable = argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD)
        if argument.kind is argument.POSITIONAL_ONLY or (is_other and not is_variable):
            raise UserError(
                f"{place(file, function)}: {name} wants '{argument.name}', which nothing gives by that name: networks "
                f"are called with those of {', '.join(ARGUMENTS)} that they name; all else needs a default."
            )
    return tuple(argument.name for argument in parameters if argument.name in ARGUMENTS)


def build(network: OwnNetwork, offered: Mapping[str, Any], *, seed: int = 0) -> Layers:
    """Builds the layers by name, in forward order. offered: all of ARGUMENTS. torch's generator is left as it was.

    Raises UserError where the function fails, or returns no layers that could be updated one by one.
    """
    name = network.name
    with torch.random.fork_rng(devices=[]), error_in_file(network.file, f"{name} fails"):
        torch.manual_seed(seed)
        built = network.function(**{key: offered[key] for key in network.takes})
    line = place(network.file, network.function)
    values = list(built.values()) if isinstance(built, Mapping) else [built]
    if not isinstance(built, Mapping) or not values or not all(isinstance(value, nn.Module) for value in values):
        kinds = ", ".join(type(value).__name__ for value in values)
        raise UserError(
            f"{line}: {name} gives {kinds or 'nothing'}, not a dict of layers: each name with its nn.Module, in the "
            "order of the forward pass."
        )
    layers = {str(key): layer for key, layer in built.items()}
    if strange := next((key for key in layers if not key.isprintable()), None):
        raise UserError(f"{line}: {name} names a layer {strange!r}: a name has no control characters.")
    _check_weights(line, layers)
    return layers


def _check_weights(line: str, layers: Layers) -> None:
    owner: dict[int, str] = {}
    for name, layer in layers.items():
        weights = list(layer.parameters())
        if not weights:
            raise UserError(
                f"{line}: layer '{name}' has no weights, and a layer is what is updated as a unit: put it into the "
                "one beside it, as in nn.Sequential(nn.Flatten(), nn.Linear(...))."
            )
        if not all(weight.requires_grad for weight in weights):
            raise UserError(
                f"{line}: layer '{name}' has frozen weights, which no method leaves out: make them buffers."
            )
        for weight in weights:
            if (owner_name := owner.setdefault(id(weight), name)) != name:
                raise UserError(f"{line}: layers '{owner_name}' and '{name}' share weights: give each its own.")


class Tried(NamedTuple):
    """Result of a trial of a network. batchnorm: whether a layer normalises by the batch."""

    layers: int
    batchnorm: bool


@lru_cache(maxsize=256)
def tried(
    network: OwnNetwork,
    offers: tuple[tuple[str, Any], ...],
    dtype: torch.dtype,
    task: Task,
    output_shape: tuple[int, ...],
) -> Tried:
    """Tries the network on a batch of two.

    offers: the ARGUMENTS offered, in pairs. wanted: the shape that the task's outputs have.
    Raises UserError where it fails, where its replicas would not start alike or would share weights, where a pass draws
    random numbers, and where the output does not fit the task or does not depend on all weights.
    """
    offered, name = dict(offers), network.name
    line, shape = place(network.file, network.function), (2, *offered["shape"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers, again = (build(network, offered) for _ in range(2))
        _check_alike(line, layers, again)
        inputs = descending_integers(offered["vocabulary"], shape) if dtype == torch.int64 else torch.rand(shape)
        first, second = (_pass(network, copy, inputs) for copy in (layers, again))
    if not bool(torch.isfinite(first).all()):
        raise UserError(f"{line}: {name} makes numbers that are not finite of a batch of 2, before any training.")
    if not torch.equal(first, second):
        raise UserError(
            f"{line}: two passes of {name} over one batch differ: leave out what draws random numbers, such as "
            "dropout, since no seed of a run reaches it."
        )
    check_fit(f"{line}: {name}", tuple(first.shape), output_shape, task)
    for layer_name, layer in layers.items():
        for weight, value in layer.named_parameters():
            if value.grad is None:
                raise UserError(
                    f"{line}: the output of layer '{layer_name}' does not depend on its {weight}: leave it out."
                )
    parts = [part for layer in layers.values() for part in layer.modules()]
    return Tried(len(layers), any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in parts))


def descending_integers(numbers: int, shape: tuple[int, ...]) -> Tensor:
    """Returns integers numbers - 1, numbers - 2, ..., 0, repeated, in this shape."""
    return (numbers - 1 - torch.arange(math.prod(shape)) % numbers).view(shape)


def _check_alike(line: str, first: Layers, second: Layers) -> None:
    """Raises UserError unless two calls give new modules with equal weights."""
    for name, layer in first.items():
        pairs = list(zip(layer.state_dict().values(), second[name].state_dict().values(), strict=True))
        if any(a.data_ptr() == b.data_ptr() for a, b in pairs if a.numel()):
            raise UserError(f"{line}: layer '{name}' is the same module at every call: make a new one in the function.")
        if not all(torch.equal(a, b) for a, b in pairs):
            raise UserError(
                f"{line}: layer '{name}' starts with other weights at every call: draw them with torch's own generator."
            )


def _pass(network: OwnNetwork, layers: Layers, x: Tensor) -> Tensor:
    """Runs both passes layer by layer on detached inputs, as executors do -> the output."""
    outputs: list[Tensor] = []
    for name, layer in layers.items():
        inputs = x.detach().requires_grad_() if outputs else x
        with error_in_file(network.file, f"layer '{name}' fails on a batch of {tuple(inputs.shape)}"):
            y: object = layer(inputs)
        if not isinstance(y, Tensor) or not y.is_floating_point():
            kind = f"a {y.dtype} tensor" if isinstance(y, Tensor) else f"a {type(y).__name__}"
            raise UserError(f"{network.file.name}: layer '{name}' gives {kind}, not one tensor of floats.")
        x = y
        outputs.append(x)
    for name, output in zip(layers, outputs, strict=True):
        with error_in_file(network.file, f"the backward pass of layer '{name}' fails"):
            torch.autograd.backward(output.sum())
    return x.detach()
