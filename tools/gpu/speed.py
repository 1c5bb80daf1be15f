"""Samples per second on one device: BP under both executors against bare loops; Async LU against the best of BP."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

import torch

from benchmarks.runner.calibration import random_images
from benchmarks.runner.training import Training
from benchmarks.workloads.workload import Workload, workload
from tools.gpu.given import Given, LeftOut
from tools.gpu.plan import PRECISIONS, Outcome, read
from tools.measuring import Timed, bare, epoch, ratio, take_turns, training

BATCHES, ROUNDS = 40, 5
SUITE = ("virtual BP", "threads BP")


def in_precision(name: str, device: str) -> dict[str, str]:
    """The workload's settings for a precision. Raises LeftOut where the device lacks it."""
    if name == "tf32" and device != "cuda":
        raise LeftOut("TF32 is CUDA's")
    return {"precision": name}


def speed_work(given: Given, precision: str) -> Workload:
    """ResNet-18 of width 64 at batch 128; a narrow one where the settings are small."""
    scale, batch, batches = ("smoke", 16, 4) if given.small else ("paper", 128, BATCHES)
    samples = {"train_samples": str(batch * batches), "test_samples": str(batch), "batch": str(batch)}
    return workload("cifar10", "resnet18", scale, {**samples, **in_precision(precision, given.device)})


def flags(rival: Timed, *, deterministic: bool) -> Timed:
    """The rival with cuDNN's algorithms repeatable, as the suite has them, or the fastest ones."""

    def timed() -> float:
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = not deterministic, deterministic
        return rival()

    return timed


def suite_rivals(work: Workload, given: Given) -> tuple[Training, dict[str, Timed]]:
    data = random_images(work)
    made = [training(work, "bp", data, executor, device=given.device) for executor in ("virtual", "threads")]
    return made[0], {name: flags(epoch(one), deterministic=True) for name, one in zip(SUITE, made, strict=True)}


def speed(given: Given) -> Outcome:
    """BP, virtual and on threads, beside bare loops: repeatable or fastest algorithms, contiguous or channels_last."""
    precision = str(given.step["precision"])
    work = speed_work(given, precision)
    one, rivals = suite_rivals(work, given)
    bf16 = precision == "bf16"
    for layout, suffix in ((torch.contiguous_format, ""), (torch.channels_last, ", channels_last")):
        for deterministic in (True, False):
            name = f"bare loop{suffix}{'' if deterministic else ', fastest algorithms'}"
            rivals[name] = flags(bare(one, layout=layout, bf16=bf16), deterministic=deterministic)
    found = take_turns(rivals, 2 if given.small else ROUNDS)
    rows = rates(found, work.batch, "bare loop")
    best = max(rows, key=lambda row: row["samples/s"])
    note = f"{work.label}, batch {work.batch}, {precision}; medians of {len(found['bare loop'])} rounds, random images"
    values = {"samples_per_second": best["samples/s"], "what": best["what"]}
    return Outcome(rows=rows, values=values, notes=[note])


def rates(found: Mapping[str, list[float]], batch: int, rival: str) -> list[dict[str, Any]]:
    """A row for each: milliseconds a batch, samples/s, and samples/s over the rival's, round by round."""
    return [
        {
            "what": name,
            "ms a batch": statistics.median(times) * 1e3,
            "samples/s": batch / statistics.median(times),
            f"over {rival}": ratio(found, rival, name),
        }
        for name, times in found.items()
    ]


def async_lu(given: Given) -> Outcome:
    """Async LU on threads, with one and two backward workers, in float32 and where BP was best.

    Against the better of the suite's BP, round by round; and against the fastest that the step `speed` found in that
    precision, bare loops and all, across processes.
    """
    best = {
        name: float(record.outcome.values["samples_per_second"])
        for name in PRECISIONS
        if (record := read(given.out).get(f"speed-{name}")) is not None and record.status == "finished"
    }
    chosen = dict.fromkeys(["float32", *([max(best, key=lambda name: best[name])] if best else [])])
    rows = [row for precision in chosen for row in _against_bp(given, precision, best)]
    notes = [] if best else ["no step `speed` has finished: rivals of this step alone"]
    return Outcome(rows=rows, notes=notes)


def _against_bp(given: Given, precision: str, best: Mapping[str, float]) -> list[dict[str, Any]]:
    work = speed_work(given, precision)
    one, rivals = suite_rivals(work, given)
    rivals["bare loop"] = flags(bare(one, bf16=precision == "bf16"), deterministic=True)
    data = random_images(work)
    for workers in (1, 2):
        options = {"backward_workers": workers}
        made = training(work, "async_lu", data, "threads", device=given.device, options=options)
        rivals[f"Async LU, {workers} backward"] = flags(epoch(made), deterministic=True)
    found = take_turns(rivals, 2 if given.small else ROUNDS)
    rows = []
    for row in rates(found, work.batch, "bare loop"):
        row["over the better BP"] = min(ratio(found, name, row["what"]) for name in SUITE)
        if precision in best:
            row["over the fastest of speed"] = row["samples/s"] / best[precision]
        rows.append({"precision": precision, **row})
    return rows
