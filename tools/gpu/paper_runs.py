"""The hardware card of this machine, and ResNet-18 of Tables 3 and 1 on the virtual clock, by the command line."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.checkout import CHECKOUT
from benchmarks.errors import UserError
from benchmarks.experiments import experiment
from benchmarks.tables.definition import Table
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.data.present import finder
from benchmarks.workloads.workload import Workload, workload
from results.records import Record
from results.records import read as read_journal
from tools.gpu.given import Given, LeftOut
from tools.gpu.plan import Outcome, read
from tools.gpu.speed import in_precision

METHODS = ("async_lu", "async_bu", "lapsgd", "bp")
PRECISION = "tf32"
"""On CUDA: what torch convolves in unless told otherwise, and so what published runs of its time did on an A100."""
MARGIN = 1.15
SIZED_EPOCHS = 2


def card(given: Given) -> Outcome:
    """`calibrate` at paper scale; the card stays in the folder of records."""
    scale = "smoke" if given.small else "paper"
    _suite("calibrate", "--scale", scale, "--device", given.device, "--out", str(given.out / "out"))
    path = given.out / "out" / "hardware" / "this-machine.toml"
    return Outcome(
        values={"toml": path.read_text(encoding="utf-8")}, notes=[f"scale {scale}; out/hardware/{path.name}"]
    )


def size(given: Given) -> Outcome:
    """Two epochs of Table 3's methods side by side -> how many epochs one table and seed have time for."""
    _check_data(given, "table3")
    aim = 0.0 if given.small else 60 * float(given.step["train_minutes"])
    begun = time.monotonic()
    folder = given.out / "sized"
    _train(given, "table3", 1, SIZED_EPOCHS, folder)
    whole = time.monotonic() - begun
    per_epoch = max(_seconds_per_epoch(record) for record in _records(folder))
    start = max(0.0, whole - SIZED_EPOCHS * per_epoch)
    published = _work(given, "table3").epochs
    epochs = epochs_for(aim, start, per_epoch, published)
    seconds = MARGIN * (start + epochs * per_epoch)
    row = {
        "seconds per epoch, the slowest": per_epoch,
        "to start (s)": start,
        "epochs": epochs,
        "seconds a step": seconds,
    }
    return Outcome(rows=[row], values={"epochs": epochs, "seconds": seconds}, notes=[_said(epochs, published)])


def epochs_for(seconds: float, start_seconds: float, epoch_seconds: float, published: int) -> int:
    """How many fit, with a margin: as many as published at most, and as were timed at least."""
    return min(published, max(SIZED_EPOCHS, int((seconds / MARGIN - start_seconds) / epoch_seconds)))


def _said(epochs: int, published: int) -> str:
    if epochs >= published:
        return f"{epochs} epochs, as published"
    return (
        f"a shortened schedule: {epochs} epochs instead of {published}, its warm-up and cosine in proportion; "
        "not a paper-scale result"
    )


def train(given: Given) -> Outcome:
    """One table's methods with one seed, side by side; finished runs are found again, so that a repeat goes on."""
    table, seed = str(given.step["table"]), int(given.step["seed"])
    _check_data(given, table)
    sized = read(given.out).get("size")
    if sized is None or sized.status != "finished":
        raise LeftOut("the step `size` has not finished")
    epochs, folder = int(sized.outcome.values["epochs"]), given.out / "out"
    _train(given, table, seed + 1, epochs, folder)
    family = _table(table).family
    found = [r for r in _records(folder) if r.spec.seed == seed and r.spec.workload.family == family]
    published = _work(given, table).epochs
    bad = [f"{record.labels.method_title}: {record.status}" for record in found if not record.complete]
    if len(found) < len(METHODS):
        bad.append(f"{len(found)} of {len(METHODS)} runs have a journal")
    return Outcome(rows=[_row(record) for record in found], notes=[_said(epochs, published)], failures=bad)


def _row(record: Record) -> dict[str, Any]:
    last = record.evaluations[-1].metrics if record.evaluations else {}
    best = max((one.metrics["accuracy_percent"] for one in record.evaluations), default=float("nan"))
    return {
        "method": record.labels.method_title,
        "seed": record.spec.seed,
        "epochs": len(record.evaluations),
        "status": record.status,
        "best accuracy (%)": best,
        "last accuracy (%)": last.get("accuracy_percent", float("nan")),
        "simulated seconds": last.get("virtual_seconds", float("nan")),
        "wall seconds": last.get("wall_seconds", float("nan")),
    }


# ---- the command line's runs


def _suite(*arguments: str) -> None:
    """`python -m benchmarks ...`; raises UserError where it does not end with 0."""
    done = subprocess.run([sys.executable, "-m", "benchmarks", *arguments], cwd=CHECKOUT, check=False)
    if done.returncode:
        raise UserError(f"`python -m benchmarks {arguments[0]}` ended with exit code {done.returncode}; see the log.")


def _train(given: Given, table: str, seeds: int, epochs: int, out: Path) -> None:
    """The methods side by side; the schedule in proportion to the epochs."""
    work = _work(given, table)
    share, cuda = epochs / work.epochs, given.device == "cuda"
    settings = {
        "lapsgd.updaters": 1,
        "workload.epochs": epochs,
        "workload.patience": max(epochs, work.patience),
        "workload.schedule.warm_up_epochs": work.schedule.warm_up_epochs * share,
        "workload.schedule.t_max": work.schedule.t_max * share,
        **({f"workload.{key}": value for key, value in in_precision(PRECISION, given.device).items()} if cuda else {}),
    }
    chosen = [*_each("--method", METHODS), *_each("--set", [f"{key}={value}" for key, value in settings.items()])]
    data = ["--data", str(given.data)] if given.data is not None else []
    shared = [
        "--network",
        "resnet18",
        "--scale",
        work.scale,
        "--device",
        given.device,
        "--out",
        str(out),
        "--no-tracking",
    ]
    jobs = 2 if given.small else len(METHODS)
    _suite("run", table, "--seeds", str(seeds), "--jobs", str(jobs), *shared, *data, *chosen)


def _each(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _table(name: str) -> Table:
    found = experiment(name)
    assert isinstance(found, Table)
    return found


def _work(given: Given, table: str) -> Workload:
    return workload(_table(table).family, "resnet18", "smoke" if given.small else "paper")


def _check_data(given: Given, table: str) -> None:
    """Raises LeftOut where the table's data is not there."""
    work = _work(given, table)
    known = data_card(work.dataset)
    if not known.embedded and finder(known).locate(known, given.data) is None:
        raise LeftOut(f"{known.title} is not there: name its folder with --data")


def _records(out: Path) -> list[Record]:
    return [read_journal(path) for path in sorted(out.glob("runs/*/journal.jsonl"))]


def _seconds_per_epoch(record: Record) -> float:
    """Of the last epoch, evaluation included."""
    times = [0.0, *(one.metrics["wall_seconds"] for one in record.evaluations)]
    return float(times[-1] - times[-2])
