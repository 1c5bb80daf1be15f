"""Packs runs into jobs: as many as were asked for; else short ones together, so that jobs train more than start."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from benchmarks.runner.plan import Run

LEAST_SECONDS, MOST_SECONDS = 30.0, 120.0
"""Seconds that short runs of one job train together: long beside a job's start, short if the job is lost."""


def packed(runs: Sequence[Run], per_task: Callable[[str], int]) -> list[list[Run]]:
    """Shards of one `kind_of` run each, so that a process loads its data once. per_task: most runs of such a shard."""
    open_shards: dict[str, list[Run]] = {}
    found: list[list[Run]] = []
    for run in runs:
        key = kind_of(run)
        shard = open_shards.get(key)
        if shard is None or len(shard) >= per_task(key):
            shard = open_shards[key] = []
            found.append(shard)
        shard.append(run)
    return found


def shares(runs: Sequence[Run], seconds: Callable[[Run], float], nodes: int, minutes: float) -> Mapping[str, int]:
    """Runs of a job, by `kind_of`, so that every node has some if that is worth a start, and none much longer.

    seconds: that a run trains; minutes: a job's time limit, half of which is never planned to be used by short runs.
    """
    groups: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        groups[kind_of(run)].append(seconds(run))
    even = sum(map(sum, groups.values())) / nodes
    share = min(max(LEAST_SECONDS, even), MOST_SECONDS, 30 * minutes)
    return {key: math.ceil(len(of_key) / max(1, round(sum(of_key) / share))) for key, of_key in groups.items()}


def kind_of(run: Run) -> str:
    """Key of runs that share a job: one network on one data set, which take equally long and share their data."""
    work = run.spec.workload
    return f"{work.scale} {work.dataset} {work.network}"
