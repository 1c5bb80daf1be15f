"""Calls SLURM's commands, and submits by submitit. Never calls sacct, since many small clusters keep no accounts."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import re
import shutil
import subprocess
import warnings
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError
from benchmarks.runner.engines.options import SlurmOptions
from methods.errors import unknown

ANSWER_SECONDS = 60.0
"""Time limit of a SLURM command."""
MOST_INDEX = 1001
"""MaxArraySize if the cluster does not tell it."""
OVER = frozenset(
    "COMPLETED CANCELLED FAILED TIMEOUT PREEMPTED NODE_FAIL BOOT_FAIL DEADLINE OUT_OF_MEMORY REVOKED".split()
)
"""States of jobs that have ended."""

Key = tuple[str, int]
"""A job: unique name of its array, and index in it."""

_PREFIX = re.compile(r"^(sbatch: )?(error: )?")


class ClusterSilent(Exception):
    """A SLURM command failed or did not answer in time; the text is its last line of output."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as squeue shows it. node: "" while it waits; reason: why it waits."""

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


@dataclass(frozen=True)
class Call:
    """The work of a job: a function, by name, called with a path. It holds nothing else, since submitit pickles it."""

    module: str
    function: str

    def __call__(self, path: str) -> None:
        getattr(importlib.import_module(self.module), self.function)(path)


def check_installed() -> None:
    """Raises UserError if SLURM's commands or submitit are missing."""
    if missing := [name for name in ("sbatch", "squeue", "srun") if shutil.which(name) is None]:
        raise UserError(
            f"--engine slurm: there is no {missing[0]} here; give the command on a machine from which jobs are "
            "submitted, or leave --engine out."
        )
    if importlib.util.find_spec("submitit") is None:
        raise UserError(
            "--engine slurm needs submitit: pip install 'async-sgd-benchmarks[slurm]', or leave --engine out."
        )


def check_partition(name: str | None) -> None:
    """Raises UserError if the cluster has no such partition, or does not answer. name: one or several, with commas."""
    try:
        partitions = list(dict.fromkeys(ask("sinfo", "--noheader", "--format=%R").split()))
    except ClusterSilent as error:
        raise UserError(f"--engine slurm: the cluster does not answer (sinfo: {error}).") from error
    for partition in name.split(",") if name else ():
        if partition not in partitions:
            raise UserError(f"--slurm partition={name}: {unknown('partition', partition, partitions)}")


def nodes(partition: str | None) -> int:
    """Returns the number of nodes in the partition; 1 if SLURM does not answer."""
    try:
        counts = ask("sinfo", "--noheader", "--format=%D", *([f"--partition={partition}"] if partition else []))
    except ClusterSilent:
        return 1
    return max(1, sum(int(count) for count in counts.split() if count.isdecimal()))


def most_jobs() -> int:
    """Returns the largest number of jobs in an array: indices start at 0 and stay below MaxArraySize."""
    limit = None
    with contextlib.suppress(ClusterSilent):
        limit = re.search(r"^MaxArraySize\s*=\s*(\d+)", ask("scontrol", "show", "config"), re.MULTILINE)
    return max(1, (int(limit[1]) if limit else MOST_INDEX) - 1)


def queue(names: Collection[str]) -> dict[Key, Job]:
    """Returns the jobs of the arrays with these names, including recently ended ones. Raises ClusterSilent."""
    if not names:
        return {}
    output = ask(
        "squeue", "--noheader", "--array", "--states=all", f"--name={','.join(names)}", "--format=%j|%K|%i|%T|%N|%r"
    )
    jobs: dict[Key, Job] = {}
    for line in output.splitlines():
        name, index, *job = line.split("|", 5)  # a reason may hold any character
        if name in names:
            jobs[name, int(index) if index.isdecimal() else 0] = Job(*job)
    return jobs


def cancel(ids: Iterable[str]) -> None:
    """Cancels jobs. Raises ClusterSilent."""
    if ids := list(ids):
        ask("scancel", *ids)


def ask(*command: str) -> str:
    """Runs a SLURM command -> its output. Raises ClusterSilent."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        raise ClusterSilent(f"no answer for {ANSWER_SECONDS:.0f} s") from None
    except OSError as error:
        raise ClusterSilent(error.strerror or str(error)) from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise ClusterSilent(lines[-1] if lines else f"exit code {done.returncode}")
    return done.stdout


def submit(call: Call, paths: Sequence[Path], *, name: str, logs: Path, options: SlurmOptions) -> tuple[str, ...]:
    """Submits a job per path, several as an array with indices from 0 -> their ids.

    Raises UserError with sbatch's message if it refuses.
    """
    import submitit

    logging.getLogger("submitit").setLevel(logging.ERROR)
    sbatch_options = {key: value for key, value in options.sbatch.items() if key not in ("time", "array_parallelism")}
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):  # sbatch's message is in the error
        warnings.simplefilter("ignore")  # submitit prefers other names for some options of sbatch
        executor = submitit.AutoExecutor(folder=logs, cluster="slurm")
        executor.update_parameters(
            slurm_job_name=name,
            slurm_time=max(1, round(options.minutes)),
            slurm_signal_delay_s=options.signal_seconds,
            slurm_array_parallelism=int(options.sbatch.get("array_parallelism", 256)),
            slurm_setup=list(options.setup) or None,
            slurm_stderr_to_stdout=True,
            slurm_additional_parameters={"requeue": True, **sbatch_options},
        )
        try:
            jobs: list[submitit.Job[Any]] = executor.map_array(call, list(map(str, paths)))
        except (submitit.core.utils.FailedSubmissionError, submitit.core.utils.FailedJobError) as error:
            raise UserError(f"SLURM takes no job with {options.description}: {_refusal(str(error))}.") from error
    return tuple(job.job_id for job in jobs)


def _refusal(output: str) -> str:
    """Extracts sbatch's error lines, or its last line, without prefixes and hints."""
    lines = [line.strip().rstrip(".") for line in output.splitlines() if line.strip() and not line.startswith("Try ")]
    errors = [line for line in lines if "error:" in line] or lines[-1:]
    return "; ".join(dict.fromkeys(_PREFIX.sub("", line) for line in errors))
