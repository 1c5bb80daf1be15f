"""`calibrate`: measure this machine, layer by layer, and write its hardware card."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from benchmarks.hardware.card import Card, Costs, NetworkSeconds
from benchmarks.hardware.cards import write
from benchmarks.hardware.flops import step_flops
from benchmarks.hardware.step_price import counted
from benchmarks.runner.environment import cpu_name, of_process
from benchmarks.workloads.build import network_of
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.precision import set_flags
from benchmarks.workloads.workload import Workload, workload

ROUNDS = 15
NETWORKS = ("resnet18", "resnet50")


def calibrate(scale: str, device: str, out: Path, console: Console) -> Path:
    """Time every layer's passes and updates at the scale's batch -> the card's path."""
    first = workload("cifar100", NETWORKS[0], scale)
    torch.set_num_threads(first.threads)
    set_flags(first.precision)
    entries, rates, updates = {}, [], []
    for network in NETWORKS:
        work = workload("cifar100", network, scale)
        entries[network], flops, update = _network(work, torch.device(device))
        rates.append(flops)
        updates.append(update)
        entry = entries[network]
        console.print(
            f"{work.label}, batch {work.batch}: forward {sum(entry.forward_seconds) * 1e3:.2f} ms, backward "
            f"{(sum(entry.backward_input_seconds) + sum(entry.backward_weight_seconds)) * 1e3:.2f} ms",
            highlight=False,
        )
    name = torch.cuda.get_device_name() if device == "cuda" else f"{cpu_name()}, {torch.get_num_threads()} thread(s)"
    made = Card(
        name="this-machine",
        title=f"{name}, as often as a method asks for it",
        source=f"python -m benchmarks calibrate --scale {scale} --device {device}: medians of {ROUNDS} rounds",
        notes=(
            "Links between devices were not measured and are free.",
            "Passes and peak (a product of large matrices) in float32, TF32 off, measured.",
            f"Idle OpenMP threads waited by {of_process()['wait_policy']}.",
        ),
        flops_per_second=statistics.geometric_mean(rates),
        peak_flops_per_second=_peak(torch.device(device)),
        update=Costs(latency_seconds=statistics.median(updates)),
        networks=entries,
    )
    path = out / "hardware" / "this-machine.toml"
    write(made, path, "Made by `python -m benchmarks calibrate`.")
    console.print(f"Written: {path}; use it with --hardware this-machine", highlight=False, markup=False)
    return path


def _network(work: Workload, device: torch.device) -> tuple[NetworkSeconds, float, float]:
    """-> the card's entry, FLOP/s, and the seconds of one layer's update."""
    data = data_card(work.dataset)
    layers = network_of(work, data)
    work_of = counted(work, data, layers, work.batch)
    x = torch.randn(work.batch, *data.shape, device=device)
    forward, inputs, weights, update = [], [], [], []
    for i, module in enumerate(layers.values()):
        module.to(device).train()
        params = list(module.parameters())
        leaf = x.detach().requires_grad_(i > 0)
        y = module(leaf)
        upstream = torch.randn_like(y)
        forward.append(_median(partial(module, leaf), device))
        whole = _median(_gradient(y, [*params, leaf] if i else params, upstream), device)
        inputs.append(_median(_gradient(y, [leaf], upstream), device) if i else 0.0)
        weights.append(max(0.0, whole - inputs[-1]))
        update.append(_median(_update(params, work), device))
        x = y.detach()
    entry = NetworkSeconds(
        what=f"{work.label}, batch {work.batch}, measured",
        batch=work.batch,
        layers=tuple(layers),
        forward_seconds=tuple(forward),
        backward_input_seconds=tuple(inputs),
        backward_weight_seconds=tuple(weights),
        parameter_bytes=tuple(layer.parameter_bytes for layer in work_of),
    )
    return entry, step_flops(work_of) / (sum(forward) + sum(inputs) + sum(weights)), statistics.median(update)


def _peak(device: torch.device) -> float:
    """FLOP/s of a large product of matrices in float32, the most that this device was seen to do."""
    n = 4096 if device.type == "cuda" else 1024
    a = torch.randn(n, n, device=device)
    return 2 * n**3 / _median(partial(torch.mm, a, a), device)


def _gradient(y: Tensor, leaves: list[Any], upstream: Tensor) -> Callable[[], object]:
    return lambda: torch.autograd.grad(y, leaves, upstream, retain_graph=True)


def _update(params: list[Any], work: Workload) -> Callable[[], object]:
    optimizer = torch.optim.SGD(params, lr=0.0, momentum=work.optimizer.momentum, fused=True)
    for p in params:
        p.grad = torch.zeros_like(p)
    return optimizer.step


def _median(action: Callable[[], object], device: torch.device) -> float:
    """Median seconds of one call, after a warm-up."""
    times = [_seconds(action, device) for _ in range(ROUNDS + 3)]
    return statistics.median(times[3:])


def _seconds(action: Callable[[], object], device: torch.device) -> float:
    """Of one call; on CUDA between events of the device, to whose time the host's waiting for it does not belong."""
    if device.type == "cuda":
        cuda_event: Any = torch.cuda.Event  # torch leaves it untyped
        begun, ended = cuda_event(enable_timing=True), cuda_event(enable_timing=True)
        torch.cuda.synchronize(device)
        begun.record()
        action()
        ended.record()
        torch.cuda.synchronize(device)
        return float(begun.elapsed_time(ended)) / 1e3
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
