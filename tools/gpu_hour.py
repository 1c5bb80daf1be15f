"""Run measurements on a GPU for 45 minutes in all, most valuable first, a few minutes a call (docs/gpu.md).

    python tools/gpu_hour.py --out DIR [--device cuda|cpu] [--data DIR] [--minutes 9] [--only STEP] [--retry]
    python tools/gpu_hour.py --out DIR --summary

Every step runs in a process of its own and writes one JSON file to DIR. A step that does not fit in the minutes left is
not started; the next call begins with it. Exits with 1 if a step failed, 2 where nothing can be run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # nothing of ours need be installed

import torch

from benchmarks.checkout import CHECKOUT
from benchmarks.runner.calibration import random_images
from benchmarks.runner.environment import describe
from benchmarks.tables.registry import table as table_of
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.data.present import finder
from benchmarks.workloads.workload import Workload, workload
from reports.tables.files import rows as markdown_rows
from results.files import replace
from results.records import read as read_journal
from tools.measuring import bare, epoch, ratio, take_turns, training, with_cudnn

PRECISIONS = ("float32", "tf32", "bf16")
METHODS = ("async_lu", "async_bu", "lapsgd", "bp")
MARGIN, SIZED_EPOCHS, BATCHES, ROUNDS = 1.15, 2, 40, 5
TRIAL_SECONDS = 20.0  # of any step on a CPU
Arguments = argparse.Namespace
Rows = list[dict[str, Any]]


class StepSkipped(Exception):
    """The step cannot be carried out here now; a later call tries again."""


def tests(arguments: Arguments) -> Rows:
    """Runs the tests marked `cuda`: backpropagation beside the virtual clock's, every method, streams."""
    files = [str(path) for path in CHECKOUT.glob("tests/**/test_*.py") if "mark.cuda" in path.read_text("utf-8")]
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-m", "cuda", "-p", "no:cacheprovider", *files]
    process = subprocess.run(command, cwd=CHECKOUT, check=False, capture_output=True, text=True)
    print(process.stdout, process.stderr)
    process.check_returncode()
    return [{"what": process.stdout.strip().splitlines()[-1]}]


def speed(arguments: Arguments, precision: str) -> Rows:
    """Times BP and Async LU of ResNet-18 beside bare loops; ratios are medians of those within a round."""
    if precision == "tf32" and arguments.device == "cpu":
        raise StepSkipped("TF32 is CUDA's")
    scale, batch, batches = ("smoke", 16, 4) if arguments.device == "cpu" else ("paper", 128, BATCHES)
    sizes = {"train_samples": str(batch * batches), "test_samples": str(batch), "batch": str(batch)}
    work = workload("cifar10", "resnet18", scale, {**sizes, "precision": precision})
    make = partial(training, work, data=random_images(work), device=arguments.device)
    virtual, threads = make("bp", executor="virtual"), make("bp", executor="threads")
    rivals = {"virtual BP": epoch(virtual), "threads BP": epoch(threads)}
    for workers in (1, 2):
        training_made = make("async_lu", executor="threads", options={"backward_workers": workers})
        rivals[f"Async LU, {workers} backward"] = epoch(training_made)
    for layout, suffix in ((torch.contiguous_format, ""), (torch.channels_last, ", channels_last")):
        rivals[f"bare loop{suffix}"] = bare(virtual, layout=layout, bf16=precision == "bf16")
        rivals[f"bare loop{suffix}, fastest algorithms"] = bare(virtual, layout=layout, bf16=precision == "bf16")
    timed = {name: with_cudnn(rival, fastest=name.endswith("algorithms")) for name, rival in rivals.items()}
    times_of, rows = take_turns(timed, 2 if arguments.device == "cpu" else ROUNDS), []
    for name, times in times_of.items():
        seconds = statistics.median(times)
        row = {"what": name, "ms a batch": seconds * 1e3, "samples/s": work.batch / seconds}
        better = min(ratio(times_of, bp, name) for bp in ("virtual BP", "threads BP"))
        rows.append({**row, "over bare loop": ratio(times_of, "bare loop", name), "over the better BP": better})
    return rows


def suite(*arguments: object) -> None:
    """Runs `python -m benchmarks ...`. Raises CalledProcessError where it fails."""
    subprocess.run([sys.executable, "-m", "benchmarks", *map(str, arguments)], cwd=CHECKOUT, check=True)


def card(arguments: Arguments) -> Rows:
    """Measures this machine's hardware profile, by `calibrate`."""
    scale = "smoke" if arguments.device == "cpu" else "paper"
    suite("calibrate", f"--scale={scale}", f"--device={arguments.device}", f"--out={arguments.out / 'out'}")
    return [{"scale": scale, "file": "out/hardware/this-machine.toml"}]


def table_work(arguments: Arguments, table: str) -> Workload:
    """Returns the table's ResNet-18 workload. Raises LeftOut where its data is not there."""
    work = workload(table_of(table).family, "resnet18", "smoke" if arguments.device == "cpu" else "paper")
    data = data_card(work.dataset)
    if not data.embedded and finder(data).locate(data, arguments.data) is None:
        raise StepSkipped(f"{data.title} is not there: name its folder with --data")
    return work


def train_methods(arguments: Arguments, table: str, work: Workload, seeds: str, epochs: int, out: Path) -> None:
    """Trains METHODS side by side, the schedule shortened in proportion to the epochs."""
    share = epochs / work.epochs
    settings: dict[str, object] = {
        "lapsgd.updaters": 1,
        "workload.epochs": epochs,
        "workload.patience": max(epochs, work.patience),
        "workload.schedule.warm_up_epochs": work.schedule.warm_up_epochs * share,
        "workload.schedule.t_max": work.schedule.t_max * share,
    }
    if arguments.device == "cuda":
        settings["workload.precision"] = "tf32"  # torch's own choice for convolutions
    chosen = [f"--set={key}={value}" for key, value in settings.items()]
    chosen += [f"--method={','.join(METHODS)}", f"--device={arguments.device}", f"--out={out}", "--no-tracking"]
    chosen += [f"--data={arguments.data}"] if arguments.data else []
    jobs = 2 if arguments.device == "cpu" else len(METHODS)
    suite("run", table, "--network=resnet18", f"--scale={work.scale}", f"--seeds={seeds}", f"--jobs={jobs}", *chosen)


def size(arguments: Arguments) -> Rows:
    """Times two epochs of Table 3's methods side by side -> how many epochs one table and seed have time for."""
    work, folder, begun = table_work(arguments, "table3"), arguments.out / "sized", time.monotonic()
    train_methods(arguments, "table3", work, "1", SIZED_EPOCHS, folder)
    whole = time.monotonic() - begun
    runs = [record.evaluations[-2:] for record in map(read_journal, folder.glob("runs/*/journal.jsonl"))]
    per_epoch = max(last.metrics["wall_seconds"] - first.metrics["wall_seconds"] for first, last in runs)
    start = max(0.0, whole - SIZED_EPOCHS * per_epoch)
    room = 0.0 if arguments.device == "cpu" else 60 * arguments.train_minutes / MARGIN - start
    epochs = min(work.epochs, max(SIZED_EPOCHS, int(room / per_epoch)))
    seconds = MARGIN * (start + epochs * per_epoch)
    return [{"seconds per epoch, the slowest": per_epoch, "to start (s)": start, "epochs": epochs, "seconds": seconds}]


def train(arguments: Arguments, table: str, seed: int) -> Rows:
    """Trains one table's methods with one seed; finished runs are kept, so that a repeat goes on."""
    work, sized = table_work(arguments, table), read(arguments.out).get("size", {})
    if sized.get("status") != "finished":
        raise StepSkipped("the step `size` has not finished")
    train_methods(arguments, table, work, f"{seed}-{seed}", sized["rows"][0]["epochs"], arguments.out / "out")
    rows = []
    for record in map(read_journal, sorted((arguments.out / "out").glob("runs/*/journal.jsonl"))):
        if record.spec.seed == seed and record.spec.workload.family == work.family:
            accuracies = [evaluation.metrics["accuracy_percent"] for evaluation in record.evaluations]
            epochs = f"{len(accuracies)} of {work.epochs} published"
            row = {"method": record.labels.method_title, "epochs (fewer: no paper-scale result)": epochs}
            rows.append({**row, "status": record.status, "best accuracy (%)": max(accuracies)})
    return rows


# Job, and an estimate in seconds for one GPU; 0: what the step `size` found.
STEPS: dict[str, tuple[Callable[[Arguments], Rows], float]] = {
    "tests": (tests, 210),
    **{f"speed-{name}": (partial(speed, precision=name), 120) for name in PRECISIONS},
    "card": (card, 120),
    "size": (size, 180),
    **{f"{of}-seed{n}": (partial(train, table=of, seed=n), 0) for n in range(3) for of in ("table3", "table1")},
}


def file_of(folder: Path, step: str) -> Path:
    return folder / f"{list(STEPS).index(step) + 1:02d}-{step}.json"


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Returns the folder's records by step. Raises ValueError on a file that is no JSON."""
    paths = {step: file_of(folder, step) for step in STEPS}
    return {step: json.loads(path.read_text("utf-8")) for step, path in paths.items() if path.is_file()}


def write(arguments: Arguments, step: str, status: str, reason: str, seconds: float, rows: Rows) -> None:
    machine = {key: value for key, value in describe(arguments.device).items() if key != "command"}
    record = {"step": step, "status": status, "reason": reason, "seconds": seconds, "device": arguments.device}
    record |= {"commit": arguments.commit or machine.get("commit"), "machine": machine, "rows": rows}
    replace(file_of(arguments.out, step), (json.dumps(record, indent=2) + "\n").encode())


def carry_out(step: str, arguments: Arguments) -> None:
    """Runs the step in this process, and writes its record."""
    begun, status, reason, rows = time.monotonic(), "finished", "", Rows()
    try:
        rows = STEPS[step][0](arguments)
    except StepSkipped as why:
        status, reason = "left out", str(why)
    except Exception as error:
        traceback.print_exc()
        status, reason = "failed", f"{type(error).__name__}: {error}"
    write(arguments, step, status, reason, time.monotonic() - begun, rows)


def in_own_process(command: Sequence[str], log: Path, limit_seconds: float) -> None:
    """Runs the command; kills it and its children at the limit."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=CHECKOUT, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(limit_seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def call(arguments: Arguments) -> int:
    """Runs the chosen steps that are left and fit in the minutes -> the exit code."""
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("no CUDA device: the hour is for a machine with one; --device cpu tries it out.")
    if any(record["device"] != arguments.device for record in read(arguments.out).values()):
        raise ValueError(f"{arguments.out} holds records of another device: choose another --out.")
    deadline = time.monotonic() + 60 * arguments.minutes
    steps = [step for step in STEPS if not arguments.only or step.startswith(tuple(arguments.only))]
    if not steps:
        raise ValueError(f"there is no such step; steps are {', '.join(STEPS)}")
    settled = ("finished",) if arguments.retry else ("finished", "failed")
    for step in steps:
        records, seconds_left = read(arguments.out), deadline - time.monotonic()
        if records.get(step, {}).get("status") in settled:
            continue
        sized = sum(row["seconds"] for row in records.get("size", {"rows": []})["rows"])
        need = TRIAL_SECONDS if arguments.device == "cpu" else STEPS[step][1] or sized
        if need > seconds_left:
            print(
                f"{step} takes about {need:.0f} s, {max(seconds_left, 0):.0f} s are left: the same call goes on there"
            )
            break
        file_of(arguments.out, step).unlink(missing_ok=True)
        log, limit = arguments.out / "logs" / f"{step}.log", min(seconds_left, max(2 * need, 60.0))
        in_own_process([sys.executable, __file__, *sys.argv[1:], "--here", step], log, limit)
        if step not in read(arguments.out):
            write(arguments, step, "failed", f"no answer within {limit:.0f} s; see {log.name}", limit, [])
        record = read(arguments.out)[step]
        print(f"{step}: {record['status']} in {record['seconds']:.0f} s {record['reason']}", flush=True)
    return int(any(record["status"] == "failed" for step, record in read(arguments.out).items() if step in steps))


def summary(records: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """Yields a page of Markdown: the machine, a line for each step, then every step's own table."""
    yield "# An hour on a GPU\n"
    yield from (f"{machine}\n" for machine in dict.fromkeys(map(_where, records.values())))
    yield _table([{**record, "machine": None, "rows": None} for record in records.values()])
    yield f"\nNot reached: {', '.join(step for step in STEPS if step not in records) or 'none'}."
    for name, record in records.items():
        yield from (f"\n## {name}\n", _table(record["rows"]))


def _where(record: dict[str, Any]) -> str:
    machine = record["machine"]
    facts = {key: machine.get(key) for key in ("gpu", "cpu", "cores", "python")}
    facts |= {"torch": machine.get("packages", {}).get("torch"), "commit": record["commit"]}
    trial = "; **a trial on a CPU: no number here counts**" if record["device"] == "cpu" else ""
    return ", ".join(f"{key} {value}" for key, value in facts.items() if value) + trial


def _table(rows: Rows) -> str:
    heads = list(dict.fromkeys(key for row in rows for key in row if row[key] is not None))
    body = ([row.get(head, "") for head in heads] for row in rows)
    return markdown_rows(
        heads, ([f"{cell:.4g}" if isinstance(cell, float) else cell for cell in line] for line in body)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the records")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: a trial with small settings")
    parser.add_argument("--data", type=Path, help="folder with the data sets")
    parser.add_argument("--minutes", type=float, default=9.0, help="of this call")
    parser.add_argument("--train-minutes", type=float, default=4.2, help="of one table and seed: its epochs follow")
    parser.add_argument("--only", action="append", default=[], metavar="STEP", help="these steps alone, such as speed")
    parser.add_argument("--retry", action="store_true", help="repeat the steps that failed")
    parser.add_argument("--commit", help="of the checkout, where it is a copy without git")
    parser.add_argument("--summary", action="store_true", help="print the records as Markdown and run nothing")
    parser.add_argument("--here", metavar="STEP", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.out, arguments.data = arguments.out.resolve(), arguments.data and arguments.data.resolve()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # the step's process ends, too
    try:
        if arguments.here:
            carry_out(arguments.here, arguments)
        elif arguments.summary:
            print(*summary(read(arguments.out)), sep="\n")
        else:
            return call(arguments)
        return 0
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
