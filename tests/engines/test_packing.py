"""Runs that share a job: of one workload, as many as requested, or several short ones."""

from __future__ import annotations

import pytest

from benchmarks.runner.engines.options import SlurmOptions
from benchmarks.runner.engines.slurm import Slurm, kind_of, packed, shares
from benchmarks.runner.pace import Pace
from tests.engines.fakes import FakeCluster, run_of

NETWORKS = ("resnet18", "resnet50")
RUNS = [run_of(seed, network) for seed in range(12) for network in NETWORKS]
KEYS = [kind_of(run_of(0, network)) for network in NETWORKS]


def test_a_shard_has_runs_of_one_network() -> None:
    shards = packed(RUNS[:6], lambda key: 2)
    assert [[(run.spec.workload.network, run.spec.seed) for run in shard] for shard in shards] == [
        [("resnet18", 0), ("resnet18", 1)],
        [("resnet50", 0), ("resnet50", 1)],
        [("resnet18", 2)],
        [("resnet50", 2)],
    ]


@pytest.mark.parametrize(
    ("seconds", "nodes", "minutes", "each"),
    [
        (600, 2, 60, 1),  # longer than a share: alone
        (3, 2, 60, 12),  # a job for either node
        (3, 100, 60, 12),  # more jobs would begin for longer than they train
        (5, 100, 60, 6),
        (20, 2, 60, 6),  # none is much longer than MOST_SECONDS
        (20, 2, 1, 2),  # and half of a job's time is kept
    ],
)
def test_short_runs_share_a_job(seconds: float, nodes: int, minutes: float, each: int) -> None:
    assert shares(RUNS, lambda run: seconds, nodes, minutes) == dict.fromkeys(KEYS, each)


def test_the_command_line_takes_precedence(fake: FakeCluster) -> None:
    requested, automatic = (Slurm(SlurmOptions(per_task=per_task), print) for per_task in (5, None))
    assert automatic.described(RUNS, Pace()).startswith("an array of 3 jobs of at most 12 runs each, ")
    assert requested.described(RUNS, Pace()).startswith("an array of 6 jobs of at most 5 runs each, ")
    assert automatic.width(RUNS, Pace()) == 2
