"""Trains a sample of kept runs again, and compares every metric but wall-clock times, to the last digit.

    python tools/retrain.py results/reproductions/small --data DATA --sample 60 --epochs 3 --to bits.jsonl
    python tools/retrain.py results/reproductions/small --data DATA --sample 10 --to whole.jsonl
    python tools/retrain.py results/reproductions/portable --sample 20 --to portable.jsonl

Give the command again to go on: runs that the file names are not trained a second time. Bits depend on torch's minor
version, on the kind of CPU and on its instruction set: runs are drawn from those that were trained on such a machine.
Those of results/reproductions/portable (embedded data, minutes) are to have the same bits on every CPU with AVX2.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.errors import UserError
from benchmarks.executors.registry import executor
from benchmarks.hardware.card import Card
from benchmarks.hardware.cards import load as load_card
from benchmarks.runner.environment import cpu_name
from benchmarks.runner.evaluation_history import EvaluationHistory
from benchmarks.runner.identity import torch_minor
from benchmarks.runner.training import Training, load_data
from benchmarks.tables import registry
from benchmarks.views.journals import some
from benchmarks.workloads.data.load import DataSet
from benchmarks.workloads.instructions import PORTABLE
from benchmarks.workloads.workload import Workload
from results.records import Record

WALL = ("train_seconds", "wall_seconds")
"""Metrics of the wall clock."""


def main() -> int:
    try:
        return retrain(_arguments())
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


def retrain(arguments: argparse.Namespace) -> int:
    """Trains the sample -> exit code. Raises UserError for runs or data that are missing."""
    finished = (
        {json.loads(line)["started"] for line in arguments.to.read_text().splitlines()}
        if arguments.to.exists()
        else set()
    )
    records = some(arguments.runs).records  # in the order of their starts
    if all(is_portable(record) for record in records) and not by_portable_instructions():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **PORTABLE})
    expected_equal = [record for record in records if is_of_this_machine(record)]
    if not expected_equal:
        raise SystemExit(f"None of {len(records)} runs was trained on {_machine()}: no bits to expect here.")
    drawn = random.Random(arguments.seed).sample(expected_equal, min(arguments.sample, len(expected_equal)))
    waiting = sorted(
        (drawn_record for drawn_record in drawn if drawn_record.started not in finished),
        key=lambda drawn_record: (drawn_record.spec.workload.name, drawn_record.started),
    )
    begun, loaded = time.monotonic(), dict[str, DataSet]()
    for number, record in enumerate(waiting, start=1):
        epochs = min(arguments.epochs or record.spec.workload.epochs, record.evaluations[-1].epoch)
        expected = float((record.end or {}).get("wall_seconds", 0)) * epochs / record.evaluations[-1].epoch
        if time.monotonic() - begun + expected > 60 * arguments.minutes:
            print(f"{len(waiting) - number + 1} of {len(drawn)} are left; give the command again")
            return 2
        started = time.monotonic()
        differing = differences(record, epochs, _data(record, arguments.data, loaded))
        line = {
            "started": record.started,
            "row": record.row,
            "seed": record.seed,
            "workload": record.spec.workload.name,
        }
        line |= {"epochs": epochs, "seconds": round(time.monotonic() - started, 1), "differences": differing}
        with arguments.to.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(line, flush=True)
    lines = [json.loads(line) for line in arguments.to.read_text().splitlines()]
    print(f"{sum(not line['differences'] for line in lines)} of {len(lines)} runs are equal to the last digit")
    return int(any(line["differences"] for line in lines))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, help="a folder of results")
    parser.add_argument("--data", type=Path, help="the folder of the data sets")
    parser.add_argument("--to", type=Path, required=True, help="a line per run goes here")
    parser.add_argument("--sample", type=int, required=True, help="runs to draw")
    parser.add_argument("--epochs", type=int, help="of each run the first so many; all by default")
    parser.add_argument("--seed", type=int, default=24, help="of the draw")
    parser.add_argument("--minutes", type=float, default=9.0, help="begin no run that would end later")
    return parser.parse_args()


def _machine() -> tuple[str, ...]:
    return torch_minor(), cpu_name(), torch.backends.cpu.get_cpu_capability()


def is_of_this_machine(record: Record) -> bool:
    """Returns whether the run must have the same bits here; not if its instruction set is unknown.

    A run by portable instructions must where this program was started with their variables.
    """
    environment = record.environment
    if not executor(record.spec.executor).repeatable:
        return False
    if is_portable(record) != by_portable_instructions():
        return False
    if is_portable(record):
        return record.spec.torch == torch_minor()
    return (record.spec.torch, environment["cpu"], environment.get("cpu_capability")) == _machine()


def is_portable(record: Record) -> bool:
    return record.spec.workload.instructions == "portable"


def by_portable_instructions() -> bool:
    """Returns whether this process computes by them: libraries read the variables that it began with."""
    return PORTABLE.items() <= os.environ.items()


def differences(record: Record, epochs: float, data: DataSet) -> list[str]:
    """Trains the run for so many epochs -> what differs from its journal, in words."""
    spec = record.spec
    training = Training(spec, data, _card(spec.hardware.sha256))
    work = training.work
    history = EvaluationHistory(work.epochs, work.patience, training.monitor, work.evaluate_every)
    differing = []
    for point in record.evaluations:
        if point.epoch > epochs:
            break
        history.evaluations.append(metrics := training.until(history.next_at))
        differing += [f"epoch {point.epoch:g}: {words}" for words in unequal(point.metrics, metrics)]
    if epochs == record.evaluations[-1].epoch and record.end is not None:
        ends = {"staleness": training.team.per_layer(), "effects": training.team.counted_effects()}
        differing += [name for name, value in ends.items() if not _same(record.end.get(name, {}), value)]
    return differing


def unequal(kept: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns in words which of the kept metrics have another value now; a metric that is newer than they is none."""
    return [
        f"{name} {value!r}, now {now.get(name)!r}"
        for name, value in kept.items()
        if name not in WALL and not (name in now and _same(value, now[name]))
    ]


def _same(was: Any, now: Any) -> bool:
    """Returns whether values are equal to the last digit, as far as the journal has them."""
    if isinstance(was, Mapping):
        return all(_same(value, now[name]) for name, value in was.items())
    if isinstance(was, list | tuple):
        return len(was) == len(now) and all(map(_same, was, now))
    return bool(was == now or (was != was and now != now))


def _card(sha256: str) -> Card | None:
    """Returns the hardware card of this digest, tables' own rows included; None: real time."""
    tables = [registry.table(name) for name in registry.IDS]
    cards = [load_card(table.card).delayed(row.delays) for table in tables for row in table.rows]
    return next(card for card in cards if card.sha256 == sha256) if sha256 else None


def _data(record: Record, folder: Path | None, loaded: dict[str, DataSet]) -> DataSet:
    """Returns the run's data, cached until another's are needed."""
    work = Workload.of(record.spec.workload)
    key = json.dumps(
        [work.dataset, work.train_samples, work.test_samples, work.validation, str(work.text), work.resolution]
    )
    if key not in loaded:
        loaded.clear()
        loaded[key] = load_data(work, folder)
    if loaded[key].card.fingerprint != record.spec.workload.dataset_sha256:
        raise SystemExit(f"{record.id[:12]}: {work.dataset} is here in another form")
    return loaded[key]


if __name__ == "__main__":
    sys.exit(main())
