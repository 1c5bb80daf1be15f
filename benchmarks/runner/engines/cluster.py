"""Wrappers of SLURM's commands. sacct is never asked: many a small cluster keeps no accounts."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from benchmarks.errors import UserError
from methods.errors import unknown

ANSWER_SECONDS = 60.0
"""Seconds that a command of SLURM's may take."""
MOST_INDEX = 1001
"""MaxArraySize where a cluster does not say."""
OVER = frozenset(
    "COMPLETED CANCELLED FAILED TIMEOUT PREEMPTED NODE_FAIL BOOT_FAIL DEADLINE OUT_OF_MEMORY REVOKED".split()
)
"""States of jobs that will not go on."""

Key = tuple[str, int]
"""A job: the name of its array, which is the array's alone, and its index in it."""


class ClusterSilent(Exception):
    """A command of SLURM's failed, or said nothing for long; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as squeue shows it. state: SLURM's word; node: "" while it waits; reason: why it does."""

    id: str
    state: str
    node: str = ""
    reason: str = ""

    @property
    def over(self) -> bool:
        return self.state in OVER

    @property
    def running(self) -> bool:
        return self.state in ("RUNNING", "COMPLETING")


def check_installed() -> None:
    """Raises UserError where there is no SLURM here, or nothing that speaks to it."""
    if missing := [name for name in ("sbatch", "squeue", "srun") if shutil.which(name) is None]:
        raise UserError(
            f"--engine slurm: there is no {missing[0]} here; give the command on a machine from which jobs are "
            "submitted, or leave --engine out."
        )
    try:
        import submitit  # noqa: F401
    except ImportError:
        raise UserError(
            "--engine slurm needs submitit: pip install 'async-sgd-benchmarks[slurm]', or leave --engine out."
        ) from None


def check_partition(name: str | None) -> None:
    """Raises UserError where the cluster has no such partition, or does not answer."""
    try:
        known = [line.strip() for line in ask("sinfo", "--noheader", "--format=%R").splitlines() if line.strip()]
    except ClusterSilent as error:
        raise UserError(f"--engine slurm: the cluster does not answer (sinfo: {error}).") from error
    for one in (name or "").split(","):
        if one and one not in known:
            raise UserError(f"--slurm partition={name}: {unknown('partition', one, dict.fromkeys(known))}")


def nodes(partition: str | None) -> int:
    """Number of nodes in the partition; 1 where SLURM does not answer."""
    chosen = [f"--partition={partition}"] if partition else []
    try:
        lines = ask("sinfo", "--noheader", "--format=%D", *chosen).split()
    except ClusterSilent:
        return 1
    return max(1, sum(int(line) for line in lines if line.isdecimal()))


def most_jobs() -> int:
    """Most jobs of one array: its indices begin at 0 and stay below MaxArraySize."""
    try:
        found = re.search(r"^MaxArraySize\s*=\s*(\d+)", ask("scontrol", "show", "config"), re.MULTILINE)
    except ClusterSilent:
        found = None
    return max(1, (int(found[1]) if found else MOST_INDEX) - 1)


def queue(names: Collection[str]) -> Mapping[Key, Job]:
    """The jobs of arrays of these names, those that ended a while ago as well. Raises ClusterSilent."""
    if not names:
        return {}
    listed = ask(
        "squeue", "--noheader", "--array", "--states=all", f"--name={','.join(names)}", "--format=%j|%K|%i|%T|%N|%r"
    )
    found: dict[Key, Job] = {}
    for line in listed.splitlines():
        name, index, id, state, node, reason = (*line.split("|", 5), "", "", "", "", "")[:6]
        if name in names:
            found[name, int(index) if index.isdecimal() else 0] = Job(id, state, node, reason)
    return found


def cancel(ids: Iterable[str]) -> None:
    """Raises ClusterSilent."""
    if listed := list(ids):
        ask("scancel", *listed)


def ask(*command: str) -> str:
    """Run a command of SLURM's -> what it prints. Raises ClusterSilent."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=ANSWER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ClusterSilent(f"no answer for {ANSWER_SECONDS:.0f} s") from None
    except OSError as error:
        raise ClusterSilent(error.strerror or str(error)) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ClusterSilent(said[-1] if said else f"exit code {done.returncode}")
    return done.stdout
