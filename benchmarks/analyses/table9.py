"""Table 9: real seconds of the forward and the backward pass on this machine, beside the paper's."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from benchmarks.analyses.definition import Analysis, AnalysisOptions, Finding, Request
from benchmarks.errors import UserError
from benchmarks.runner.environment import cpu_name
from benchmarks.runner.pace import ROUGH_BATCH_SECONDS, START_SECONDS
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.workload import Workload, workload
from results import published
from results.measures import MEASURES
from results.statistics import summary
from results.tables import Conditions, ResultCell, ResultRow, ResultTable

if TYPE_CHECKING:
    import torch

SOURCE = "arXiv:2410.05985v1, Table 9"
NETWORKS = ("resnet18", "resnet50")
KEYS = ("forward_seconds", "backward_seconds")


class Table9Options(AnalysisOptions):
    batches: Annotated[int, Field(ge=1, le=100_000, description="batches that are timed, per network")] = 10
    warm_up: Annotated[int, Field(ge=0, le=1000, description="batches before them that are not")] = 3
    device: Annotated[Literal["cpu", "cuda"], Field(description="where they are computed")] = "cpu"


def run(request: Request) -> Finding:
    """Times the requested networks, by default the paper's, at the request's scale."""
    options: Table9Options = request.options
    works = [workload("cifar100", name, request.scale) for name in request.networks_among(NETWORKS)]
    rows = [_row(work, options) for work in works]
    hardware = _hardware(options, works[0].threads)
    sizes = ", ".join(dict.fromkeys(f"batch {work.batch}" for work in works))
    smaller = f"At scale {request.scale} the networks are narrower, and the batches smaller, than the paper's."
    table = ResultTable(
        name="table9",
        title="CIFAR-100: seconds of a forward and of a backward pass",
        source=SOURCE,
        measures=tuple(MEASURES[key] for key in KEYS),
        rows=tuple(rows),
        conditions=Conditions(scale=request.scale, hardware=hardware, device=options.device),
        captions=(
            f"scale {request.scale}, {sizes}; real seconds on {hardware}",
            f"mean ± standard deviation over {options.batches} batches after {options.warm_up} to warm up (n)",
        ),
        notes=(
            "Real seconds of this machine, not simulated ones: the paper timed an A100 at batch 128, mean over 15 "
            "epochs.",
            *([smaller] if request.scale != "paper" else []),
            "Forward pass with the loss; backward pass: the gradients of all parameters, no update; random inputs.",
        ),
    )
    return Finding((table,))


def _row(work: Workload, options: Table9Options) -> ResultRow:
    values = published.load("table9")
    cells = [
        ResultCell(values[work.network, "bp", key], summary(seconds))
        for key, seconds in zip(KEYS, seconds_of(work, options), strict=True)
    ]
    return ResultRow(work.network, work.label, "bp", "BP, one batch", tuple(cells))


def seconds_of(work: Workload, options: Table9Options) -> tuple[list[float], list[float]]:
    """Returns real seconds of forward passes (with the loss) and of backward passes (gradients of all parameters).

    One of each per timed batch, on random inputs of the workload's shape and on its number of threads.
    """
    import torch

    if options.device == "cuda" and not torch.cuda.is_available():
        raise UserError("There is no CUDA device here: leave table9.device at cpu.")
    before = torch.get_num_threads()
    torch.set_num_threads(work.threads)
    try:
        steps = _steps(work, torch.device(options.device))
        timed = [next(steps) for _ in range(options.warm_up + options.batches)][options.warm_up :]
    finally:
        torch.set_num_threads(before)
    return [forward for forward, _ in timed], [backward for _, backward in timed]


def _steps(work: Workload, device: torch.device) -> Iterator[tuple[float, float]]:
    """Yields, batch after batch, the seconds of its forward and of its backward pass."""
    import torch

    from benchmarks.workloads.build import network_of
    from benchmarks.workloads.networks.build import forward_all
    from benchmarks.workloads.precision import set_flags

    set_flags(work.precision)
    data = card(work.dataset)
    layers = [module.to(device).train() for module in network_of(work, data).values()]
    parameters = [p for module in layers for p in module.parameters()]
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(work.batch, *work.input_shape(data), generator=generator).to(device)
    labels = torch.randint(data.classes, (work.batch,), generator=generator).to(device)
    while True:
        start = _now(device)
        loss = torch.nn.functional.cross_entropy(forward_all(layers, inputs), labels)
        between = _now(device)
        torch.autograd.grad(loss, parameters)
        yield between - start, _now(device) - between


def _now(device: torch.device) -> float:
    """Returns the time in seconds, once the device has finished its work."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _hardware(options: Table9Options, threads: int) -> str:
    if options.device == "cuda":
        import torch

        return f"{torch.cuda.get_device_name()}, float32"
    return f"{cpu_name()}, {threads} of {os.cpu_count() or 1} cores"


def _roughly_seconds(scale: str, options: Table9Options) -> float:
    batches = options.batches + options.warm_up
    return START_SECONDS + batches * sum(ROUGH_BATCH_SECONDS[name][scale] for name in NETWORKS)


ANALYSIS = Analysis(
    "table9",
    "CIFAR-100: seconds of a forward and of a backward pass",
    SOURCE,
    run,
    Table9Options,
    paper="paper-a",
    scaled=True,
    seconds=_roughly_seconds,
)
