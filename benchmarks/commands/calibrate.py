"""`calibrate`: measures this machine, effect by effect, and writes its hardware card."""

from __future__ import annotations

import statistics
from pathlib import Path

import torch
from rich.console import Console
from torch.utils.benchmark import Timer

from benchmarks.hardware.card import Card, Costs, NetworkSeconds
from benchmarks.hardware.cards import write
from benchmarks.runner.calibration import Calibration, random_data
from benchmarks.runner.environment import cpu_name, of_process
from benchmarks.runner.processes.memory import keep_freed_memory
from benchmarks.workloads.scales import TIMED
from benchmarks.workloads.workload import workload
from results.files import own_folder

ROUNDS = 5
BATCHES = 12


def calibrate(scale: str, device: str, out: Path, console: Console) -> Path:
    """Times every effect of a batch on the threads executor, and writes this machine's card -> its path."""
    keep_freed_memory()  # as every process that trains does
    entries, rates = dict[str, NetworkSeconds](), dict[str, float]()
    for network, family in TIMED.items():
        work = workload(family, network, scale)
        measured = Calibration(work, random_data(work, BATCHES * work.batch), device=device)
        for _ in range(ROUNDS):
            measured.round()
        entry = measured.seconds()
        if family == "cifar100":  # CIFAR-10's images have the same size
            entry = entry.model_copy(update={"families": ("cifar10", "cifar100")})
        entries[network] = entry
        rates[network] = measured.made.step_flops / (sum(entry.forward_seconds) + _backward(entry))
        console.print(
            f"{work.label}, batch {work.batch}: forward {sum(entry.forward_seconds) * 1e3:.2f} ms, backward "
            f"{_backward(entry) * 1e3:.2f} ms",
            highlight=False,
        )
    measured_card = _card(entries, rates, scale, device)
    path = own_folder(out, out / "hardware") / "this-machine.toml"
    write(measured_card, path, "Made by `python -m benchmarks calibrate`.")
    console.print(f"Written: {path}; use it with --hardware this-machine", highlight=False, markup=False)
    return path


def _backward(entry: NetworkSeconds) -> float:
    return sum(entry.backward_input_seconds) + sum(entry.backward_weight_seconds)


def _card(entries: dict[str, NetworkSeconds], rates: dict[str, float], scale: str, device: str) -> Card:
    name = torch.cuda.get_device_name() if device == "cuda" else f"{cpu_name()}, {torch.get_num_threads()} thread(s)"
    updates = [seconds for entry in entries.values() if entry.effects for seconds in entry.effects.update_seconds]
    return Card(
        name="this-machine",
        title=f"{name}, as often as a method asks for it",
        source=f"python -m benchmarks calibrate --scale {scale} --device {device}: medians of {ROUNDS} rounds",
        notes=(
            "Links between devices were not measured and are free.",
            "Of other networks FLOPs are charged at the mean of these rates: "
            + ", ".join(f"{network} {rate / 1e9:.3g} GFLOP/s" for network, rate in rates.items())
            + ".",
            "Passes and peak (a product of large matrices) in float32, TF32 off, measured.",
            f"Idle OpenMP threads waited by {of_process()['wait_policy']}.",
        ),
        flops_per_second=statistics.geometric_mean(rates.values()),
        peak_flops_per_second=_peak(torch.device(device)),
        update=Costs(latency_seconds=statistics.median(updates)),
        networks=entries,
    )


def _peak(device: torch.device) -> float:
    """Returns the FLOP/s of a large float32 matrix product, the device's measured maximum."""
    n = 4096 if device.type == "cuda" else 1024
    a = torch.randn(n, n, device=device)
    return 2 * n**3 / _median("torch.mm(a, a)", a)


def _median(statement: str, a: torch.Tensor) -> float:
    """Returns the median seconds of a statement on `a`; torch's timer waits for CUDA."""
    timer = Timer(statement, globals={"torch": torch, "a": a}, num_threads=torch.get_num_threads())
    return float(timer.blocked_autorange(min_run_time=0.5).median)
