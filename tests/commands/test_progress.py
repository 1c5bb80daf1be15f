"""What is shown while runs train: bars in a terminal, one line a run in a pipe, names never taken for markup."""

from __future__ import annotations

import io

from rich.console import Console

from benchmarks.runner.plan import Run
from benchmarks.runner.processes.messages import Begin, Ended, Epoch, Remark, Resumed, Standstill
from benchmarks.runner.progress import Display, duration
from results.records.spec import Labels
from tests.results.samples import spec_of

RUNS = [Run(f"run{seed}", spec_of(seed=seed), Labels(method_title="[bold]x[/nope]")) for seed in range(3)]
METRICS = {"accuracy_percent": 12.34, "virtual_seconds": 1.5, "train_seconds": 0.5}


def told(console: Console) -> Display:
    """One run finishes early, one fails, one goes on."""
    with Display(RUNS, console) as display:
        for run in RUNS:
            display(Begin(run.id, run.spec, run.labels))
        display(Epoch("run0", 1, METRICS))
        display(Ended("run0", "finished"))
        display(Ended("run1", "failed", "Worker [red]a[/b] failed: out of luck " + "x" * 200))
        display(Epoch("run2", 1, METRICS))
    return display


def test_a_pipe_gets_one_line_a_run() -> None:
    file = io.StringIO()
    display = told(Console(file=file, width=80))
    first, second = file.getvalue().splitlines()
    assert first.startswith(
        "[1/3] cifar100-resnet18 [bold]x[/nope], seed 0: finished, 1 epoch, 12.3 %, 1.50 simulated s; about "
    )
    assert second.startswith(
        "[2/3] cifar100-resnet18 [bold]x[/nope], seed 1: failed: Worker [red]a[/b] failed: out of luck x"
    )
    assert display.done == 2


def test_a_run_that_stands_still_is_named() -> None:
    """In a line of its own, which counts for nothing."""
    file = io.StringIO()
    with Display(RUNS, Console(file=file, width=80)) as display:
        display(Standstill("run1", "no progress for 30 s while training epoch 1: [red]w[/b] at Forward for 30 s"))
    (line,) = file.getvalue().splitlines()
    assert line == (
        "cifar100-resnet18 [bold]x[/nope], seed 1: "
        "no progress for 30 s while training epoch 1: [red]w[/b] at Forward for 30 s"
    )
    assert (display.done, display.planned) == (0, 3 * RUNS[0].spec.workload.epochs)


def test_a_resumed_run_says_so_and_its_earlier_epochs_are_not_waited_for() -> None:
    file = io.StringIO()
    with Display(RUNS, Console(file=file, width=80)) as display:
        display(Begin("run1", RUNS[1].spec, RUNS[1].labels))
        display(Resumed("run1", 3, "epoch 3"))
        display(Remark("run1", "a checkpoint cannot be written (No space left on device); the run goes on without"))
        display(Epoch("run1", 4, METRICS))
    title = "cifar100-resnet18 [bold]x[/nope], seed 1: "
    assert file.getvalue().splitlines() == [
        f"{title}resumed after epoch 3 of 4",
        f"{title}a checkpoint cannot be written (No space left on device); the run goes on without",
    ]
    assert display.planned - display.epochs == 2 * 4
    display(Ended("run1", "finished"))
    assert display.planned - display.epochs == 2 * 4


def test_runs_that_ended_early_are_not_waited_for() -> None:
    display = told(Console(file=io.StringIO()))
    assert display.planned - display.epochs == 3


def test_a_terminal_gets_bars() -> None:
    file = io.StringIO()
    told(Console(file=file, width=120, force_terminal=True, _environ={"TERM": "xterm"}))
    assert "\x1b[" in file.getvalue()
    assert "━" in file.getvalue()
    assert "resnet18 [bold]x[/nope], seed 2" in file.getvalue()


def test_no_color_is_heeded() -> None:
    file = io.StringIO()
    told(Console(file=file, width=120, force_terminal=True, _environ={"TERM": "xterm", "NO_COLOR": "1"}))
    assert "\x1b[31m" not in file.getvalue()
    assert "\x1b[32m" not in file.getvalue()


def test_durations_are_words() -> None:
    assert [duration(seconds) for seconds in (-1, 12.4, 600, 7200)] == ["0 s", "12 s", "10 min", "2.0 h"]
