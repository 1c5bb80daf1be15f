"""`cancel`: end the jobs of a folder of results."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from benchmarks.commands.screen import say
from benchmarks.runner.engines import cluster, slurm


def cancel(out: Path, console: Console) -> int:
    """End what is queued or running -> the exit code 0. Raises UserError where there is no SLURM, or no answer."""
    cluster.check_installed()
    ended = slurm.cancelled(out)
    if not ended:
        say(console, f"No job of {out} is queued or running.")
        return 0
    running = sum(job.running for job in ended)
    jobs = "1 job" if len(ended) == 1 else f"{len(ended)} jobs"
    say(console, f"{jobs} of {out} cancelled, {running} of them running; the same `run` carries on.")
    return 0
