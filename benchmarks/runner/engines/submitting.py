"""Handing jobs to SLURM, by submitit, which writes what sbatch reads and starts Python on the node.

What it pickles are the names of a module and a function of ours, and a path; what a job returns, nobody reads.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError
from benchmarks.runner.engines.options import SlurmOptions

_NOISE = re.compile(r"^(sbatch: )?(error: )?")


@dataclass(frozen=True)
class Call:
    """A job's work: a function of a module, called with a path. By names, so that who submits need not import it."""

    module: str
    function: str

    def __call__(self, path: str) -> None:
        getattr(importlib.import_module(self.module), self.function)(path)


def submit(call: Call, paths: Sequence[Path], *, name: str, logs: Path, options: SlurmOptions) -> tuple[str, ...]:
    """A job per path, which calls with it: of several an array, at indices from 0 on -> their ids.

    Raises UserError where sbatch refuses, with what it says.
    """
    import submitit

    logging.getLogger("submitit").setLevel(logging.ERROR)
    asked = dict(options.asked)
    asked.pop("time", None)
    parallel = int(asked.pop("array_parallelism", 256))
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):  # what sbatch says is said below
        warnings.simplefilter("ignore")  # of options that submitit would call otherwise; sbatch has the say
        executor = submitit.AutoExecutor(folder=logs, cluster="slurm")
        executor.update_parameters(
            slurm_job_name=name,
            slurm_time=max(1, round(options.minutes)),
            slurm_signal_delay_s=options.signal_seconds,
            slurm_array_parallelism=parallel,
            slurm_setup=list(options.setup) or None,
            slurm_stderr_to_stdout=True,
            slurm_additional_parameters={"requeue": True, **asked},
        )
        try:
            jobs: list[submitit.Job[Any]] = executor.map_array(call, list(map(str, paths)))
        except (submitit.core.utils.FailedSubmissionError, submitit.core.utils.FailedJobError) as error:
            raise UserError(f"SLURM takes no job with {options.words}: {_said(error)}.") from error
    return tuple(job.job_id for job in jobs)


def _said(error: Exception) -> str:
    """The last thing that sbatch said, and what it was about."""
    lines = [line.strip().rstrip(".") for line in str(error).splitlines() if line.strip()]
    errors = [_NOISE.sub("", line) for line in lines if "error:" in line]
    others = [_NOISE.sub("", line) for line in lines if not line.startswith("Try ")]  # 'Try "sbatch --help"'
    return "; ".join(dict.fromkeys(errors)) or (others or lines)[-1]
