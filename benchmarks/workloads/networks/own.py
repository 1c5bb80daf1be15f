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
from benchmarks.workloads.own_code import place, told
from benchmarks.workloads.tasks import Task, check_fit

ARGUMENTS = ("shape", "classes", "width", "blocks", "stem", "vocabulary", "embedding", "heads", "patch")
"""What a network is offered: `shape` of one input, (channels, height, width) or (words,); `classes`; and of the
workload's settings `width`, `blocks` (None unless set), `stem`, `heads` (None unless set), `patch`, and of texts
`vocabulary` and `embedding`. `classes` is how many numbers the task wants: of tokens the vocabulary."""


def load(word: str) -> OwnNetwork:
    """The network of a file, under its function's name. word: "my_net.py", or "my_net.py:mlp".

    Raises UserError where the file is missing or fails, where it has no such function or several to choose from, and
    where the function wants what nothing gives.
    """
    path, _, wanted = word.partition(":")
    file = Path(path).expanduser().resolve()
    module = own_code.load(file, "--network", "own_network_")
    name, function = _chosen(file, module, wanted)
    if name in NETWORKS:
        raise UserError(
            f"{file.name}: the name {name} is taken by a network of the suite: call the function otherwise."
        )
    return OwnNetwork(name, file, function, _takes(file, name, function))


def _chosen(file: Path, module: ModuleType, wanted: str) -> tuple[str, Callable[..., Any]]:
    """The function of that name; where none is wanted the only one that builds a network."""
    functions = {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and {"shape", "classes"} <= inspect.signature(value).parameters.keys()
    }
    if wanted:
        value = getattr(module, wanted, None)
        if not inspect.isfunction(value):
            there = f"; it has {', '.join(functions)}" if functions else ""
            raise UserError(f"{file.name} has no function {wanted}{there}.")
        return wanted, value
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


def _takes(file: Path, name: str, function: Callable[..., Any]) -> tuple[str, ...]:
    parameters = inspect.signature(function).parameters.values()
    named = [taken for taken in parameters if taken.kind not in (taken.VAR_POSITIONAL, taken.VAR_KEYWORD)]
    for taken in named:
        if taken.kind is taken.POSITIONAL_ONLY or (taken.name not in ARGUMENTS and taken.default is taken.empty):
            raise UserError(
                f"{place(file, function)}: {name} wants '{taken.name}', which nothing gives by that name: networks are "
                f"called with those of {', '.join(ARGUMENTS)} that they name; all else needs a default."
            )
    return tuple(taken.name for taken in named if taken.name in ARGUMENTS)


def build(own: OwnNetwork, offered: Mapping[str, Any], *, seed: int = 0) -> Layers:
    """The layers by name, in forward order. offered: all of ARGUMENTS. torch's generator is left as it was.

    Raises UserError where the function fails, or gives no layers that could be updated one by one.
    """
    name = own.name
    with torch.random.fork_rng(devices=[]), told(own.file, f"{name} fails"):
        torch.manual_seed(seed)
        made = own.function(**{key: offered[key] for key in own.takes})
    where = place(own.file, own.function)
    if not (isinstance(made, Mapping) and made and all(isinstance(layer, nn.Module) for layer in made.values())):
        raise UserError(
            f"{where}: {name} gives {_said(made)}, not a dict of layers: each name with its nn.Module, in the order of "
            "the forward pass."
        )
    layers = {str(key): layer for key, layer in made.items()}
    if strange := next((key for key in layers if not key.isprintable()), None):
        raise UserError(f"{where}: {name} names a layer {strange!r}: a name has no control characters.")
    _check_weights(where, layers)
    return layers


def _said(made: object) -> str:
    if isinstance(made, Mapping) and made:
        other = next(value for value in made.values() if not isinstance(value, nn.Module))
        return f"a dict with a {type(other).__name__}"
    return "an empty dict" if isinstance(made, Mapping) else f"a {type(made).__name__}"


def _check_weights(where: str, layers: Layers) -> None:
    owner: dict[int, str] = {}
    for name, layer in layers.items():
        weights = list(layer.parameters())
        if not weights:
            raise UserError(
                f"{where}: layer '{name}' has no weights, and a layer is what is updated as a unit: put it into the "
                "one beside it, as in nn.Sequential(nn.Flatten(), nn.Linear(...))."
            )
        if not all(weight.requires_grad for weight in weights):
            raise UserError(
                f"{where}: layer '{name}' has frozen weights, which no method leaves out: make them buffers."
            )
        for weight in weights:
            if (other := owner.setdefault(id(weight), name)) != name:
                raise UserError(f"{where}: layers '{other}' and '{name}' share weights: give each its own.")


class Tried(NamedTuple):
    """What a network has, by a trial. batchnorm: whether a layer normalises by the batch."""

    layers: int
    batchnorm: bool


@lru_cache(maxsize=256)
def tried(
    own: OwnNetwork, offers: tuple[tuple[str, Any], ...], dtype: torch.dtype, its: Task, wanted: tuple[int, ...]
) -> Tried:
    """Tries the network on a batch of two.

    offers: the ARGUMENTS offered, in pairs. wanted: the shape that the task's outputs have.
    Raises UserError where it fails, where its replicas would not start alike or would share weights, where a pass draws
    random numbers, and where the output does not fit the task or does not depend on all weights.
    """
    offered, name = dict(offers), own.name
    where, shape = place(own.file, own.function), (2, *offered["shape"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers, again = (build(own, offered) for _ in range(2))
        _check_alike(where, layers, again)
        inputs = from_last(offered["vocabulary"], shape) if dtype == torch.int64 else torch.rand(shape)
        first, second = (_pass(own, made, inputs) for made in (layers, again))
    _check_output(where, name, first, second)
    check_fit(f"{where}: {name}", tuple(first.shape), wanted, its)
    _check_used(where, layers)
    parts = [part for layer in layers.values() for part in layer.modules()]
    return Tried(len(layers), any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in parts))


def from_last(numbers: int, shape: tuple[int, ...]) -> Tensor:
    """Whole numbers below `numbers`, the highest first, round and round."""
    return (numbers - 1 - torch.arange(math.prod(shape)) % numbers).view(shape)


def _check_output(where: str, name: str, first: Tensor, second: Tensor) -> None:
    """Checks the outputs of two passes over one batch of two."""
    if not bool(torch.isfinite(first).all()):
        raise UserError(f"{where}: {name} makes numbers that are not finite of a batch of 2, before any training.")
    if not torch.equal(first, second):
        raise UserError(
            f"{where}: two passes of {name} over one batch differ: leave out what draws random numbers, such as "
            "dropout, since no seed of a run reaches it."
        )


def _check_alike(where: str, first: Layers, second: Layers) -> None:
    for name, layer in first.items():
        weights, others = list(layer.state_dict().values()), list(second[name].state_dict().values())
        if any(
            weight.data_ptr() == its.data_ptr() for weight, its in zip(weights, others, strict=True) if weight.numel()
        ):
            raise UserError(
                f"{where}: layer '{name}' is the same module at every call: make a new one in the function."
            )
        if not all(map(torch.equal, weights, others)):
            raise UserError(
                f"{where}: layer '{name}' starts with other weights at every call: draw them with torch's own "
                "generator."
            )


def _pass(own: OwnNetwork, layers: Layers, x: Tensor) -> Tensor:
    """The output, as the executors compute it: layer by layer, each with an input of its own; gradients of all."""
    outputs: list[Tensor] = []
    for name, layer in layers.items():
        taken = x.detach().requires_grad_() if outputs else x
        with told(own.file, f"layer '{name}' fails on a batch of {tuple(taken.shape)}"):
            made: object = layer(taken)
        x = _one_tensor(own, name, made)
        outputs.append(x)
    for name, output in zip(layers, outputs, strict=True):
        with told(own.file, f"the backward pass of layer '{name}' fails"):
            torch.autograd.backward(output.sum())
    return x.detach()


def _one_tensor(own: OwnNetwork, layer: str, made: object) -> Tensor:
    if isinstance(made, Tensor) and made.is_floating_point():
        return made
    what = f"a {made.dtype} tensor" if isinstance(made, Tensor) else f"a {type(made).__name__}"
    raise UserError(f"{own.file.name}: layer '{layer}' gives {what}, not one tensor of floating-point numbers.")


def _check_used(where: str, layers: Layers) -> None:
    for name, layer in layers.items():
        for weight, value in layer.named_parameters():
            if value.grad is None:
                raise UserError(f"{where}: the output of layer '{name}' does not depend on its {weight}: leave it out.")
