"""Display of runs trained by jobs: progress, waiting jobs, and runs that wait again."""

from __future__ import annotations

import io

from rich.console import Console

from benchmarks.runner.processes.messages import Begin, Ended, Epoch, Placed, QueueState, Requeued, Resumed
from benchmarks.runner.progress import EVERY_SECONDS, Display
from tests.engines.fakes import METRICS, run_of

RUNS = [run_of(seed) for seed in range(2)]


def shown(*, terminal: bool) -> tuple[Display, str]:
    file, (first, second) = io.StringIO(), RUNS
    now = 0.0
    with Display(RUNS, Console(file=file, width=200, force_terminal=terminal), now=lambda: now) as display:
        display(QueueState("1 job queued (Priority), 1 running on node1"))
        display(Begin(first.id, first.spec, first.labels))
        display(Placed(first.id, "on node1, job 12_0"))
        display(Epoch(first.id, 1, METRICS))
        now += EVERY_SECONDS
        display.pulse()
        display(Requeued(first.id, "its job 12_0 ended (PREEMPTED); it is submitted again"))
        assert display.begun == ()
        display(Ended(second.id, "failed", "no job got any further with it"))  # it had never begun
        display(Begin(first.id, first.spec, first.labels))
        display(Resumed(first.id, 1, "epoch 1"))
        assert display._runs[first.id].left == first.spec.workload.epochs - 1  # those heard before count once
        for epoch in range(2, 5):
            display(Epoch(first.id, epoch, METRICS))
        display(Ended(first.id, "finished"))
    return display, file.getvalue()


def test_a_pipe_hears_where_runs_are_and_what_waits() -> None:
    display, output = shown(terminal=False)
    assert "; 1 job queued (Priority), 1 running on node1; under way: " in output
    assert "(epoch 1 of 4, on node1, job 12_0)" in output
    assert "seed 0: its job 12_0 ended (PREEMPTED); it is submitted again\n" in output
    assert "seed 1: failed: no job got any further with it" in output
    assert display.done == 2
