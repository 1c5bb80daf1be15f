"""Estimates training time on this machine from similar runs that finished here, else by a guess."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import cast

from benchmarks.errors import UserError
from benchmarks.runner.environment import cpu_name
from benchmarks.runner.gpus import Node
from benchmarks.runner.plan import Run
from benchmarks.workloads.data.cards import card, names
from benchmarks.workloads.workload import workload
from results.records import Record
from results.records.identity import identity
from results.records.spec import RunSpec, WorkloadSpec

# Wall-clock seconds of a batch of the scale's own size on one CPU core (AMD EPYC, 2026): what a guess begins with.
ROUGH_BATCH_SECONDS = {
    "resnet18": {"smoke": 0.0065, "small": 0.05, "paper": 2.4},
    "resnet50": {"smoke": 0.012, "small": 0.2, "paper": 8.0},
    "resnet20": {"smoke": 0.009, "small": 0.05, "paper": 0.5},
    "wrn16_8": {"smoke": 0.009, "small": 0.08, "paper": 8.0},
    "squeezenet": {"smoke": 0.012, "small": 0.1, "paper": 3.0},
    "lstm": {"smoke": 0.015, "small": 0.12, "paper": 3.0},
    "gpt": {"smoke": 0.012, "small": 0.04, "paper": 0.08},
    "vit": {"smoke": 0.015, "small": 0.1, "paper": 2.0},
}
"""Seconds by network and scale; other networks use ResNet-18's."""
START_SECONDS = 6.0
"""Seconds until a process trains its first run, on a machine that does nothing else."""
LATEST = 5
"""Number of latest runs of a kind that are used, since the load of a machine changes."""


class Pace:
    """Estimates wall-clock seconds of an epoch and its evaluation.

    records: in the order of their start; it learns from those that finished on this machine without being resumed.
    node: the machine that trains, if not this one. crowding: how many times as long all takes as on an idle machine;
    runs that finished here have it in their seconds.
    """

    def __init__(self, records: Iterable[Record] = (), node: Node | None = None, crowding: float = 1.0) -> None:
        self._crowding = crowding
        self.start_seconds = START_SECONDS * crowding
        self._machine = (node.cpu, node.cores) if node is not None else (cpu_name(), os.cpu_count() or 1)
        self._quotients: dict[tuple[str, ...], list[float]] = {}
        for record in records:
            here = (record.environment.get("cpu"), record.environment.get("cores")) == self._machine
            if here and record.status == "finished" and record.resumed is None:
                with contextlib.suppress(KeyError, UserError):  # a workload of another version
                    self._learn(record)

    def _learn(self, record: Record) -> None:
        if record.end is not None and record.evaluations:
            guess = rough_seconds(record.spec.workload, _samples_seen(record)) * record.evaluations[-1].epoch
            for kind in _kinds(record.spec):
                self._quotients.setdefault(kind, []).append(float(record.end["wall_seconds"]) / guess)

    def epoch_seconds(self, spec: RunSpec, samples: int | None = None) -> float:
        """Returns seconds of an epoch by similar runs: of the same spec, else workload, else scale.

        samples: of an epoch, if the data card does not tell them.
        """
        for kind in _kinds(spec):
            if kind in self._quotients:
                return rough_seconds(spec.workload, samples) * median(self._quotients[kind][-LATEST:])
        return rough_seconds(spec.workload, samples) * self._crowding

    def of(self, run: Run) -> float:
        """Returns seconds of an epoch of a planned run, on this machine's data."""
        samples, _ = run.data.counted or (run.data.train_samples, 0)
        return self.epoch_seconds(run.spec, samples)

    def run_seconds(self, run: Run) -> float:
        """Returns seconds of all epochs of a planned run."""
        return self.of(run) * run.spec.workload.epochs

    def knows(self, spec: RunSpec) -> bool:
        """Whether a run of its scale, on its kind of device, has finished here."""
        return any(kind in self._quotients for kind in _kinds(spec))

    def seconds(self, runs: Sequence[Run], jobs: int) -> float:
        """Returns the seconds of training the runs, `jobs` at a time."""
        if not runs:
            return 0.0
        return self.start_seconds + together([self.run_seconds(run) for run in runs], jobs)

    def basis(self, runs: Sequence[Run]) -> str:
        """Says what the estimate is based on."""
        unknown = sum(not self.knows(run.spec) for run in runs)
        if not unknown:
            return "as runs of this scale took on this machine"
        return "a guess: none like them has finished on this machine yet" if unknown == len(runs) else "in part a guess"


def crowding(jobs: int) -> float:
    """Returns how many times as long `jobs` busy processes take here as alone, by the load of the last minute."""
    try:
        load = os.getloadavg()[0]
    except OSError:
        return 1.0
    return max(1.0, (load + jobs) / (os.cpu_count() or 1))


def together(seconds: Sequence[float], jobs: int) -> float:
    """Returns the seconds of several tasks, `jobs` at a time."""
    return max(max(seconds, default=0.0), sum(seconds) / max(1, jobs))


def rough_seconds(work: WorkloadSpec, counted: int | None = None) -> float:
    """Guesses the seconds of an epoch on one CPU core: a sample costs the same in batches of any size.

    counted: training samples on this machine, tokens for a corpus; None: as published.
    """
    fields = work.document()
    samples = fields.get("train_samples") or (counted or card(work.dataset).train_samples) // _context(fields)
    assert isinstance(samples, int)
    similar_network = str(fields.get("like") or work.network)
    seconds = ROUGH_BATCH_SECONDS.get(similar_network, ROUGH_BATCH_SECONDS["resnet18"])[work.scale]
    return seconds * samples / workload(work.family, similar_network, work.scale).batch


def _samples_seen(record: Record) -> int | None:
    """Returns the samples of an epoch from the trained batches, for a folder of images or a corpus; else None.

    Their specs do not have the number.
    """
    last, fields = record.evaluations[-1], record.spec.workload.document()
    batch = fields["batch"]
    assert isinstance(batch, int)
    seen = round(last.step / last.epoch) * batch
    if fields.get("tokens"):
        return seen * _context(fields)
    dataset = record.spec.workload.dataset  # the user's own are held in memory
    return seen if dataset in names() and card(dataset).kind == "folder" else None


def _context(fields: Mapping[str, object]) -> int:
    """Tokens of a sample; 1 unless the data are a corpus."""
    return cast("dict[str, int]", fields.get("tokens") or {}).get("context", 1)


def _kinds(spec: RunSpec) -> tuple[tuple[str, ...], ...]:
    """Keys of similar runs, from the most to the least similar."""
    work, device = spec.workload, (spec.executor, spec.device, spec.gpu or "")
    return (
        (identity(spec.document(without=("seed", "numerics", "sources", "torch"))),),
        (*device, work.scale, work.dataset, work.network, spec.method.name),
        (*device, work.scale, work.dataset, work.network),
        (*device, work.scale),
    )
