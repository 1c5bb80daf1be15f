"""A fake cluster in memory that answers like SLURM's commands, and runs for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from benchmarks.errors import UserError
from benchmarks.runner import numerics
from benchmarks.runner.engines import cluster, slurm
from benchmarks.runner.engines.cluster import Call, ClusterSilent, Job, Key
from benchmarks.runner.engines.options import SlurmOptions
from benchmarks.runner.engines.shards import Shard
from benchmarks.runner.options import TrainingOptions
from benchmarks.runner.plan import Run
from benchmarks.runner.processes.messages import Setting
from results.records import folder_of
from results.records.identity import run_id
from results.records.journal import Journal
from results.records.spec import Labels
from tests.results.samples import spec_of

METRICS = {"accuracy_percent": 50.0, "loss": 1.0, "train_loss": 1.0, "virtual_seconds": 2.0, "train_seconds": 3.0}


def run_of(seed: int, network: str = "resnet18") -> Run:
    spec = spec_of(seed=seed, network=network)
    return Run(run_id(spec), spec, Labels(row="async_lu", method_title="Async LU"))


def setting_of(out: Path, *, fresh: bool = False) -> Setting:
    environment = {"command": ["python"], "sources": numerics.digest()}
    return Setting(out, None, {}, (), environment, options=TrainingOptions(fresh=fresh))


def journal_of(out: Path, run: Run) -> Journal:
    return Journal.create(folder_of(out, run.id), id=run.id, spec=run.spec, environment={}, labels=run.labels)


def train(out: Path, run: Run, *, epochs: int = 2, status: str | None = "finished", reason: str = "") -> None:
    """Writes the journal that a job would write."""
    journal = journal_of(out, run)
    for epoch in range(1, epochs + 1):
        journal.evaluation(epoch, 4 * epoch, METRICS)
    if status is not None:
        early = status == "finished" and epochs < run.spec.workload.epochs
        journal.end(status, reason=reason, early_stopped=early, wall_seconds=1.0)
    journal.close()


@dataclass
class FakeCluster:
    """A cluster in memory. most_index: MaxArraySize. room: jobs that it accepts. asked: commands received, in order."""

    most_index: int = 1001
    room: int = 10**6
    silent: bool = False
    jobs: dict[Key, Job] = field(default_factory=dict)
    paths: dict[Key, Path] = field(default_factory=dict)
    asked: list[Sequence[str]] = field(default_factory=list)
    steps: list[Callable[[], None]] = field(default_factory=list)

    def submit(
        self, call: Call, paths: Sequence[Path], *, name: str, logs: Path, options: SlurmOptions
    ) -> tuple[str, ...]:
        queued = sum(not job.over for job in self.jobs.values())
        if queued + len(paths) > self.room:
            raise UserError("SLURM takes no job: too many.")
        base = 10 + len({name for name, _ in self.jobs})
        ids = [f"{base}_{index}" for index in range(len(paths))] if len(paths) > 1 else [str(base)]
        for index, (id, path) in enumerate(zip(ids, paths, strict=True)):
            self.jobs[name, index], self.paths[name, index] = Job(id, "PENDING", "", "Priority"), path
        return tuple(ids)

    def ask(self, *command: str) -> str:
        self.asked.append(command)
        if self.silent:
            raise ClusterSilent("Unable to contact slurm controller")
        if command[0] == "squeue":
            (names,) = (
                set(argument.partition("=")[2].split(",")) for argument in command if argument.startswith("--name=")
            )
            return "".join(
                f"{name}|{index if '_' in job.id else 'N/A'}|{job.id}|{job.state}|{job.node}|{job.reason}\n"
                for (name, index), job in self.jobs.items()
                if name in names
            )
        if command[0] == "scancel":
            for key, job in self.jobs.items():
                if job.id in command[1:]:
                    self.jobs[key] = replace(job, state="CANCELLED")
            return ""
        if command[0] == "sinfo":
            return "debug\ngpu\n" if "%R" in command[-1] else "2\n"
        return f"MaxArraySize            = {self.most_index}\n"

    def sleep(self, seconds: float) -> None:
        """Runs the next step of the test; a test that sleeps more often fails."""
        assert self.steps, "it waits for something that never comes"
        self.steps.pop(0)()

    def runs(self, key: Key) -> tuple[Run, ...]:
        return Shard.read(self.paths[key]).runs

    def become(self, state: str, *keys: Key, node: str = "node1") -> None:
        """Sets the state of these jobs, by default of all that have not ended."""
        for key in keys or [key for key, job in self.jobs.items() if not job.over]:
            self.jobs[key] = replace(self.jobs[key], state=state, node=node if state == "RUNNING" else "", reason="")

    def finish(self, out: Path) -> None:
        """Makes all jobs that have not ended train their runs and end."""
        for key, job in self.jobs.items():
            if not job.over:
                for run in self.runs(key):
                    train(out, run)
        self.become("COMPLETED")

    def count(self, command: str) -> int:
        return sum(call[0] == command for call in self.asked)


def installed(monkeypatch: pytest.MonkeyPatch, fake: FakeCluster) -> FakeCluster:
    """Installs the fake cluster in the place of SLURM."""
    monkeypatch.setattr(cluster, "ask", fake.ask)
    monkeypatch.setattr(cluster, "submit", fake.submit)
    monkeypatch.setattr(slurm, "QUEUE_SECONDS", 0.0)
    return fake
