"""Runs measurements on a GPU, most valuable first, in calls of a few minutes (docs/gpu.md).

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
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the suite need not be installed

import torch

from benchmarks.checkout import CHECKOUT
from benchmarks.hardware.cores import usable_cores as cores
from benchmarks.runner.calibration import random_images
from benchmarks.runner.environment import describe
from benchmarks.tables.registry import table as table_of
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.data.present import is_here
from benchmarks.workloads.workload import Workload, workload
from reports.tables.files import rows as markdown_rows
from results.files import replace
from results.records import Record
from results.records import read as read_journal
from tools.measuring import bare, epoch, ratio, take_turns, training, with_cudnn
from tools.retrain import unequal

METHODS = ("bp", "async_lu", "async_bu", "ddp", "lapsgd")
REPEATED = ("table3", "table6", "lm", "vit")
"""Tables of every kind of network that `repeats` trains: ResNets, an LSTM, a GPT and a ViT."""
SEEDS, EPOCHS = 3, 5
JOURNALS = "runs/*/journal.jsonl"
Arguments = argparse.Namespace
Rows = list[dict[str, Any]]


def tests(arguments: Arguments) -> Rows:
    """Runs the tests marked `cuda` -> pytest's counts."""
    files = [str(path) for path in CHECKOUT.glob("tests/**/test_*.py") if "mark.cuda" in path.read_text("utf-8")]
    command = [sys.executable, "-m", "pytest", "-n4", "-m", "cuda", "-p", "no:cacheprovider", *files]
    process = subprocess.run(command, cwd=CHECKOUT, check=False, capture_output=True, text=True)
    print(process.stdout, process.stderr)
    process.check_returncode()
    return [{"what": process.stdout.strip().splitlines()[-1].strip("= ")}]


def speed(arguments: Arguments, precision: str) -> Rows:
    """Times BP and Async LU of ResNet-18 beside bare loops; ratios are medians of those within a round."""
    on_cpu = arguments.device == "cpu"
    if on_cpu and precision == "tf32":
        return [{"what": "not run: TF32 needs CUDA"}]
    scale, batch, batches, rounds = ("smoke", 16, 4, 2) if on_cpu else ("paper", 128, 40, 5)
    sizes = {"train_samples": str(batch * batches), "test_samples": str(batch), "batch": str(batch)}
    work = workload("cifar10", "resnet18", scale, {**sizes, "precision": precision})
    make = partial(training, work, data=random_images(work), device=arguments.device)
    virtual = make("bp", executor="virtual")
    rivals = {"virtual BP": epoch(virtual), "threads BP": epoch(make("bp", executor="threads"))}
    for workers in (1, 2):
        method = make("async_lu", executor="threads", options={"backward_workers": workers})
        rivals[f"Async LU, {workers} backward"] = epoch(method)
    for layout, suffix in ((torch.contiguous_format, ""), (torch.channels_last, ", channels_last")):
        for algorithms in ("", ", fastest algorithms"):
            rivals[f"bare loop{suffix}{algorithms}"] = bare(virtual, layout=layout, bf16=precision == "bf16")
    timed = {name: with_cudnn(rival, fastest=name.endswith("algorithms")) for name, rival in rivals.items()}
    rows, times_of = [], take_turns(timed, rounds)
    for name, times in times_of.items():
        seconds = statistics.median(times)
        row = {"what": name, "ms a batch": seconds * 1e3, "samples/s": work.batch / seconds}
        better = min(ratio(times_of, bp, name) for bp in ("virtual BP", "threads BP"))
        rows.append({**row, "over bare loop": ratio(times_of, "bare loop", name), "over the better BP": better})
    return rows


def suite(*arguments: object) -> None:
    """Runs `python -m benchmarks ...`. Raises CalledProcessError where it fails."""
    subprocess.run([sys.executable, "-m", "benchmarks", *map(str, arguments)], cwd=CHECKOUT, check=True)


def repeats(arguments: Arguments) -> Rows:
    """Trains REPEATED twice at scale smoke on the virtual clock -> per table, how many runs have the same bits."""
    outs = [arguments.out / f"repeat-{number}" for number in (1, 2)]
    for out, table in product(outs, REPEATED):
        where = (f"--device={arguments.device}", f"--out={out}", f"--jobs={cores() // 2}", "--no-tracking")
        suite("run", table, "--scale=smoke", "--seeds=0-0", *where)
    first, second = ({record.id: record for record in map(read_journal, out.glob(JOURNALS))} for out in outs)
    if not first or first.keys() != second.keys():
        raise RuntimeError(f"{len(first)} and {len(second)} runs, and not the same ones")
    rows = []
    for name in sorted({run.spec.workload.name for run in first.values()}):
        runs = [run for run in first.values() if run.spec.workload.name == name]
        differ = [run.labels.method_title for run in runs if not same_bits(run, second[run.id])]
        row = {"what": name, "runs": len(runs), "equal": len(runs) - len(differ)}
        rows.append({**row, "differ": ", ".join(differ) or "none"})
    return rows


def same_bits(run: Record, again: Record) -> bool:
    """Returns whether both have the same evaluations, to the last digit; wall-clock times aside."""
    pairs = list(zip(run.evaluations, again.evaluations, strict=False))
    complete = run.complete and again.complete and len(run.evaluations) == len(again.evaluations)
    return complete and not any(unequal(one.metrics, other.metrics) for one, other in pairs)


def card(arguments: Arguments) -> Rows:
    """Measures this machine's hardware profile, by `calibrate`."""
    scale = "smoke" if arguments.device == "cpu" else "paper"
    suite("calibrate", f"--scale={scale}", f"--device={arguments.device}", f"--out={arguments.out / 'out'}")
    return [{"scale": scale, "file": "out/hardware/this-machine.toml"}]


def table_work(arguments: Arguments, table: str) -> Workload:
    """Returns the table's ResNet-18 workload. Raises FileNotFoundError where its data are missing."""
    work = workload(table_of(table).family, "resnet18", "smoke" if arguments.device == "cpu" else "paper")
    data = data_card(work.dataset)
    if not is_here(data, arguments.data):
        raise FileNotFoundError(f"{data.title} is missing: name its folder with --data")
    return work


def train(arguments: Arguments, table: str) -> Rows:
    """Trains METHODS, SEEDS of each, side by side for --epochs, the schedule in proportion; continues earlier calls."""
    work, out = table_work(arguments, table), arguments.out / "out"
    share = arguments.epochs / work.epochs
    settings: dict[str, object] = {
        "lapsgd.updaters": 1,
        "workload.epochs": arguments.epochs,
        "workload.patience": max(arguments.epochs, work.patience),
        "workload.schedule.warm_up_epochs": work.schedule.warm_up_epochs * share,
        "workload.schedule.t_max": work.schedule.t_max * share,
        "workload.precision": "tf32" if arguments.device == "cuda" else "float32",  # torch's default for convolutions
    }
    chosen = [f"--set={key}={value}" for key, value in settings.items()]
    chosen += [f"--data={arguments.data}"] if arguments.data else []
    jobs = 2 if arguments.device == "cpu" else min(cores(), SEEDS * len(METHODS))
    where = (f"--device={arguments.device}", f"--out={out}", f"--jobs={jobs}", "--no-tracking")
    grid = (f"--scale={work.scale}", "--network=resnet18", f"--method={','.join(METHODS)}", f"--seeds={SEEDS}")
    suite("run", table, *grid, *where, *chosen)
    rows = []
    for record in sorted(map(read_journal, out.glob(JOURNALS)), key=lambda record: (record.row, record.spec.seed)):
        if record.spec.workload.family == work.family:
            accuracies = [evaluation.metrics["accuracy_percent"] for evaluation in record.evaluations]
            row = {"method": record.labels.method_title, "seed": record.spec.seed, "status": record.status}
            row["epochs (fewer: no paper-scale result)"] = f"{len(accuracies)} of {work.epochs} published"
            rows.append({**row, "best accuracy (%)": max(accuracies)})
    return rows


STEPS: dict[str, tuple[Callable[[Arguments], Rows], float]] = {
    "tests": (tests, 60),
    **{f"speed-{name}": (partial(speed, precision=name), 60) for name in ("float32", "tf32", "bf16")},
    "card": (card, 60),
    "repeats": (repeats, 280),
    **{table: (partial(train, table=table), 400) for table in ("table1", "table3")},
}
"""Each step's function and its expected seconds on one GPU; of a table those of EPOCHS epochs."""


def expected_seconds(step: str, arguments: Arguments) -> float:
    """Returns the seconds that a step takes, roughly."""
    if arguments.device == "cpu":
        return 20.0
    return STEPS[step][1] * (arguments.epochs / EPOCHS if step.startswith("table") else 1)


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
    except Exception as error:
        traceback.print_exc()
        status, reason = "failed", f"{type(error).__name__}: {error}"
    write(arguments, step, status, reason, time.monotonic() - begun, rows)


def in_own_process(command: Sequence[str], log: Path, limit_seconds: float) -> None:
    """Runs the command; kills it and its children at the limit."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
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
        raise ValueError("no CUDA device: --device cpu is a trial without one.")
    if any(record["device"] != arguments.device for record in read(arguments.out).values()):
        raise ValueError(f"{arguments.out} holds records of another device: choose another --out.")
    deadline = time.monotonic() + 60 * arguments.minutes
    steps = [step for step in STEPS if not arguments.only or step.startswith(tuple(arguments.only))]
    if not steps:
        raise ValueError(f"there is no such step; steps are {', '.join(STEPS)}")
    for step in steps:
        status, seconds_left = read(arguments.out).get(step, {}).get("status"), deadline - time.monotonic()
        if status == "finished" or (status == "failed" and not arguments.retry):
            continue
        need = expected_seconds(step, arguments)
        if need > seconds_left:
            print(f"{step} takes about {need:.0f} s, {max(seconds_left, 0):.0f} s are left: the same call continues")
            break
        file_of(arguments.out, step).unlink(missing_ok=True)
        log = arguments.out / "logs" / f"{step}.log"
        limit = seconds_left if arguments.device == "cpu" else min(seconds_left, 2 * need)
        in_own_process([sys.executable, __file__, *sys.argv[1:], "--here", step], log, limit)
        if step not in read(arguments.out):
            write(arguments, step, "failed", f"no answer within {limit:.0f} s; see {log.name}; --retry", limit, [])
        record = read(arguments.out)[step]
        print(f"{step}: {record['status']} in {record['seconds']:.0f} s {record['reason']}", flush=True)
    return int(any(record["status"] == "failed" for step, record in read(arguments.out).items() if step in steps))


def summary(records: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """Yields a page of Markdown: the machine, a line for each step, then every step's own table."""
    yield "# An hour on a GPU\n"
    yield from (f"{line}\n" for line in dict.fromkeys(map(_machine, records.values())))
    yield _table([{**record, "machine": None, "rows": None} for record in records.values()])
    yield f"\nNot reached: {', '.join(step for step in STEPS if step not in records) or 'none'}."
    for step, record in records.items():
        yield from (f"\n## {step}\n", _table(record["rows"]))


def _machine(record: dict[str, Any]) -> str:
    machine = record["machine"]
    facts = {key: machine.get(key) for key in ("gpu", "cpu", "cores", "python")}
    facts |= {"torch": machine.get("packages", {}).get("torch"), "commit": record["commit"]}
    trial = "; **a trial on a CPU: no number here counts**" if record["device"] == "cpu" else ""
    return ", ".join(f"{key} {value}" for key, value in facts.items() if value) + trial


def _table(rows: Rows) -> str:
    heads = list(dict.fromkeys(key for row in rows for key in row if row[key] is not None))
    cells = ([row.get(head, "") for head in heads] for row in rows)
    return markdown_rows(heads, ([f"{c:.4g}" if isinstance(c, float) else c for c in line] for line in cells))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the records")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: a trial with small settings")
    parser.add_argument("--data", type=Path, help="folder with the data sets")
    parser.add_argument("--minutes", type=float, default=9.0, help="of this call")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="that each table is trained for")
    parser.add_argument("--only", action="append", default=[], metavar="STEP", help="these steps alone, such as speed")
    parser.add_argument("--retry", action="store_true", help="repeat the steps that failed")
    parser.add_argument("--commit", help="of the checkout, where it is a copy without git")
    parser.add_argument("--summary", action="store_true", help="print the records as Markdown and run nothing")
    parser.add_argument("--here", metavar="STEP", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.out, arguments.data = arguments.out.resolve(), arguments.data and arguments.data.resolve()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # ends the step's process, too
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
