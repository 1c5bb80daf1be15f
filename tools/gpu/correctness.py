"""Whether the suite is right on this device: the marked tests, the bits of BP, an epoch of every method."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from typing import Any

import torch

import methods
from benchmarks.checkout import CHECKOUT
from benchmarks.errors import UserError
from benchmarks.executors import registry as executors
from benchmarks.runner.calibration import random_images
from benchmarks.runner.training import Training
from benchmarks.workloads.workload import Workload, workload
from tools.gpu.given import Given, LeftOut
from tools.gpu.plan import Outcome
from tools.gpu.speed import in_precision
from tools.measuring import training

FIRST_LOSS, EPOCH_LOSS = 1e-4, 2e-2
"""How far losses in float32 may be from the CPU's, relatively: of the first batch, and of the epoch's mean, where the
rounding of every update before has had its effect."""


def tests(given: Given) -> Outcome:
    """The tests marked `cuda`, wherever they are."""
    if importlib.util.find_spec("pytest") is None:
        raise LeftOut("pytest is not installed here")
    files = [
        str(path.relative_to(CHECKOUT))
        for path in sorted((CHECKOUT / "tests").rglob("test_*.py"))
        if path.parent.name == "cuda" or re.search(r"mark\.cuda\b", path.read_text(encoding="utf-8"))
    ]
    report = given.out / "logs" / "tests.xml"
    command = [sys.executable, "-m", "pytest", "-m", "cuda", "-p", "no:cacheprovider", f"--junitxml={report}", *files]
    code = subprocess.run(command, cwd=CHECKOUT, check=False).returncode
    cases = ElementTree.parse(report).getroot().iter("testcase")
    found = {f"{case.get('classname')}.{case.get('name')}": _verdict(case) for case in cases}
    counts = {word: sum(verdict == word for verdict in found.values()) for word in ("passed", "failed", "skipped")}
    failures = [name for name, verdict in found.items() if verdict == "failed"]
    if code not in (0, 1):
        failures.append(f"pytest ended with exit code {code}")
    return Outcome(rows=[counts], notes=[f"in {', '.join(files)}"], failures=failures)


def _verdict(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


# ---- bits


def small_work(given: Given) -> Workload:
    """The smoke network in float32; of the data only the shape is taken."""
    settings = {"train_samples": "192", "batch": "16", "test_samples": "64"} if given.small else {}
    return workload("cifar100", "resnet18", "smoke", {**settings, **in_precision("float32", given.device)})


def bits(given: Given) -> Outcome:
    """BP on threads against BP on the virtual clock, bit for bit; both against the CPU's losses."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else cuBLAS need not repeat on several streams
    work = small_work(given)
    data = random_images(work)
    there, threads, cpu = (
        _trained(training(work, "bp", data, executor, device=device))
        for executor, device in (("virtual", given.device), ("threads", given.device), ("virtual", "cpu"))
    )
    same = torch.equal(there[0], threads[0]) and all(
        torch.equal(*pair) for pair in zip(there[1], threads[1], strict=True)
    )
    off = {
        "first loss": (_off(there[0][:1], cpu[0][:1]), FIRST_LOSS),
        "epoch's mean loss": (_off(there[0].mean(), cpu[0].mean()), EPOCH_LOSS),
    }
    rows = [{"what": "threads against virtual, losses and weights", "equal": "bit for bit" if same else "NO"}]
    failures = [] if same else ["BP on threads differs from BP on the virtual clock"]
    failures += [f"{what} is off the CPU's by {found:.2g}" for what, (found, most) in off.items() if not found <= most]
    off_rows = [{"what": f"{w} against the CPU's, relative", "off": o, "at most": most} for w, (o, most) in off.items()]
    notes = [f"{work.label}, {there[2]} batches of {work.batch}, float32"]
    return Outcome(rows=[*rows, *off_rows], failures=failures, notes=notes)


def _trained(made: Training) -> tuple[torch.Tensor, list[torch.Tensor], int]:
    """-> the losses of an epoch's batches, shape (batches,), the weights afterwards, both on the CPU; the batches."""
    made.team.begin_epoch(0)
    made.executor.run(made.method.workers(made.team))
    if made.device.type == "cuda":
        torch.cuda.synchronize()
    weights = [tensor.cpu() for state in made.team.consensus("first") for tensor in state.values()]
    return torch.stack(made.team.losses).cpu(), weights, made.team.steps_per_epoch


def _off(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max())


# ---- every method


def every_method(given: Given) -> Outcome:
    """An epoch of every method under both executors, at smoke scale: losses are finite, and there is one per batch."""
    work = small_work(given)
    data = random_images(work)
    rows = [
        _epoch(work, data, name, executor, given) for name in methods.names() for executor in executors.in_one_process()
    ]
    failures = [f"{row['method']} on {row['executor']}: {row['outcome']}" for row in rows if row["bad"]]
    return Outcome(rows=[{k: v for k, v in row.items() if k != "bad"} for row in rows], failures=failures)


def _epoch(work: Workload, data: Any, name: str, executor: str, given: Given) -> dict[str, Any]:
    print(f"{name} on {executor}", flush=True)  # the log then ends with the one that hangs
    row = {"method": name, "executor": executor, "bad": False, "seconds": 0.0}
    try:
        made = training(work, name, data, executor, device=given.device)
    except (UserError, methods.MethodError) as error:
        return {**row, "outcome": f"not run: {error}"}
    begun = time.perf_counter()
    try:
        loss = made.epoch(0)["train_loss"]
    except Exception as error:
        return {**row, "outcome": f"{type(error).__name__}: {error}", "bad": True}
    batches = len(made.team.losses)
    bad = not math.isfinite(loss) or batches != made.team.steps_per_epoch
    said = f"loss {loss:.3f}, {batches} of {made.team.steps_per_epoch} batches"
    return {**row, "outcome": said, "bad": bad, "seconds": time.perf_counter() - begun}
