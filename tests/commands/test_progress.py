"""Progress while runs train: bars in a terminal, one line a run in a pipe, names never taken for markup."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from rich.console import Console

from benchmarks.runner import progress
from benchmarks.runner.plan import Run
from benchmarks.runner.processes.messages import Begin, Ended, Epoch, Remark, Resumed
from benchmarks.runner.progress import EVERY_SECONDS, Display, duration
from results.records.spec import Judge, Labels
from tests.commands.commands import until
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
        display(Remark("run1", "no progress for 30 s while training epoch 1: [red]w[/b] at Forward for 30 s"))
    (line,) = file.getvalue().splitlines()
    assert line == (
        "cifar100-resnet18 [bold]x[/nope], seed 1: "
        "no progress for 30 s while training epoch 1: [red]w[/b] at Forward for 30 s"
    )
    assert (display.done, display.begun) == (0, ())


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
    before = display.seconds
    display(Ended("run1", "finished"))
    assert display.seconds == before


@dataclass
class Clock:
    """Seconds, as the test has them pass."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def log(clock: Callable[[], float], jobs: int = 2) -> tuple[Display, io.StringIO]:
    """A display whose three runs go to a file, two at a time."""
    file = io.StringIO()
    return Display(RUNS, Console(file=file, width=80), jobs=jobs, now=clock), file


def test_a_log_hears_how_far_it_is_when_nothing_was_said_for_a_minute() -> None:
    clock = Clock()
    display, file = log(clock)
    display(Begin("run0", RUNS[0].spec, RUNS[0].labels))
    display(Begin("run1", RUNS[1].spec, RUNS[1].labels))
    clock.now = EVERY_SECONDS - 1
    display.pulse()
    assert file.getvalue() == ""
    for epoch in (1, 2):
        clock.now = 100.0 * epoch
        display(Epoch("run0", epoch, METRICS))
    display.pulse()
    display.pulse()
    (line,) = file.getvalue().splitlines()
    # Of 12 epochs of 100 s two are done, one of run1 has passed, and two are trained at a time.
    assert line == (
        "[0/3] about 8 min left; under way: cifar100-resnet18 [bold]x[/nope], seed 0 (epoch 2 of 4), "
        "cifar100-resnet18 [bold]x[/nope], seed 1 (epoch 0 of 4)"
    )


def test_a_log_is_spoken_to_while_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a thread, until all have ended."""
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.001)
    file = io.StringIO()
    with Display(RUNS, Console(file=file, width=80)):
        until(lambda: file.getvalue().count("[0/3] about ") > 1)
    output = file.getvalue()
    assert output.endswith(" left\n")
    assert file.getvalue() == output


@pytest.mark.parametrize("width", [60, 200])
def test_a_terminal_gets_one_line_that_changes(width: int) -> None:
    file = io.StringIO()
    told(Console(file=file, width=width, force_terminal=True, _environ={"TERM": "xterm"}))
    assert "━" in file.getvalue()
    assert ("resnet18 [bold]x[/nope], seed 2" in file.getvalue()) == (width > 60)
    drawn = [line for line in re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", file.getvalue()).split("\n") if "━" in line]
    assert drawn
    assert "\x1b[1A" not in file.getvalue().partition("━")[2].rpartition("━")[0]  # never up to a second line


def test_durations_are_words() -> None:
    assert [duration(seconds) for seconds in (-1, 12.4, 600, 7200)] == ["0 s", "12 s", "10 min", "2.0 h"]


@pytest.mark.parametrize(("value", "said"), [(1.8832, "1.88 nats"), (150.0, "150.00 nats"), (0.00321, "0.0032 nats")])
def test_a_small_loss_is_not_said_to_be_0(value: float, said: str) -> None:
    nats = Judge(metric="loss", title="loss", unit="nats", better="less", digits=2)
    assert progress.judged(nats, {"loss": value}) == said
