"""Whether CUDA graphs are worth building in: a graph per slot and layer against streams, in a bare loop.

A slot is a batch in flight: modules of its own on the shared weights, static buffers, a stream. With two slots batches
take turns on two streams, and nothing orders their updates: the numbers are of speed alone.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.executors.numerics.streams import cuda_stream
from benchmarks.runner.calibration import random_images
from benchmarks.runner.training import Training
from tools.gpu.given import Given, LeftOut
from tools.gpu.plan import Outcome
from tools.gpu.speed import ROUNDS, rates, speed_work
from tools.measuring import Timed, synchronise, take_turns, training


class FlightSlot:
    """A batch in flight: the network's modules over again, whose parameters share their storage with the others'."""

    def __init__(self, made: Training, network: Sequence[nn.Module], *, graphs: bool) -> None:
        self.layers: list[Any] = [copy.deepcopy(module) for module in network]
        for mine, theirs in zip(self.layers, network, strict=True):
            for leaf, live in zip(mine.parameters(), theirs.parameters(), strict=True):
                leaf.data = live.data
        parameters = [p for module in self.layers for p in module.parameters()]
        self.optimizer = torch.optim.SGD(parameters, lr=1e-3, momentum=0.9, fused=True)
        self.stream: Any = cuda_stream() if made.device.type == "cuda" else None
        if graphs:
            images, _ = made.batches.batch(0, 0)
            self.layers = list(_captured(self.layers, images))

    def on_stream(self) -> AbstractContextManager[Any]:
        context: Any = torch.cuda.stream(self.stream) if self.stream is not None else nullcontext()
        return context  # type: ignore[no-any-return]

    def step(self, images: Tensor, labels: Tensor) -> None:
        for layer in self.layers:
            images = layer(images)
        nn.functional.cross_entropy(images, labels).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.optimizer.zero_grad()


def _captured(layers: Sequence[nn.Module], images: Tensor) -> Sequence[Any]:
    """A graph of its forward and one of its backward pass for each layer, with static buffers."""
    samples, x = [], images
    with torch.no_grad():  # a capture must find no graph of autograd's that another stream made
        for i, layer in enumerate(layers):
            samples.append((x.clone().requires_grad_(i > 0),))
            x = layer(x)
    made: Any = torch.cuda.make_graphed_callables(tuple(layers), tuple(samples))
    return made  # type: ignore[no-any-return]


def _loop(made: Training, slots: int, *, graphs: bool) -> Timed:
    network = [module.train() for module in made.network().values()]
    flights = [FlightSlot(made, network, graphs=graphs) for _ in range(slots)]
    steps = made.batches.steps()

    def timed() -> float:
        synchronise(made.device)
        begun = time.perf_counter()
        for i in range(steps):
            flight = flights[i % slots]
            with flight.on_stream():
                flight.step(*made.batches.batch(0, i))
        synchronise(made.device)
        return (time.perf_counter() - begun) / steps

    return timed


def graphs(given: Given) -> Outcome:
    """Layer by layer, one slot or two, each on its stream: kernels launched one by one, or graphs replayed."""
    if given.device != "cuda" and not given.small:
        raise LeftOut("graphs are CUDA's")
    work = speed_work(given, "float32")
    made = training(work, "bp", random_images(work), device=given.device)
    one = "launched one by one, 1 slot"
    rivals = {one: _loop(made, 1, graphs=False), "launched one by one, 2 slots": _loop(made, 2, graphs=False)}
    notes = [f"{work.label}, batch {work.batch}, float32; forward, backward and update, no executor"]
    if given.device == "cuda":
        rivals["graphs, 1 slot"] = _loop(made, 1, graphs=True)
        rivals["graphs, 2 slots"] = _loop(made, 2, graphs=True)
    else:
        notes.append("no graphs were captured: they are CUDA's")
    return Outcome(rows=rates(take_turns(rivals, 2 if given.small else ROUNDS), work.batch, one), notes=notes)
