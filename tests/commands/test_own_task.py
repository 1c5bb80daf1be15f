"""`--task FILE.py` at the command line: a task of one's own is trained for, shown, reported and replayed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.commands import Cli, written
from tests.workloads.own_files import network, task

TINY = ("--seeds=1", "--set=workload.epochs=2", "--set=workload.train_samples=128", "--set=workload.test_samples=60")
ROWS = ("table1", "--network=resnet18", *TINY)


@pytest.mark.slow
def test_a_task_of_ones_own_is_trained_for_and_shown(cli: Cli, here: None, tmp_path: Path) -> None:
    cli.ok("new", "task", "my_task")
    options = (*ROWS, "--method=bp", "--task=my_task.py")
    cli.ok("run", *options, "--no-tracking", "--jobs=1")
    (journal,) = tmp_path.glob("out/runs/*/journal.jsonl")
    start, *points = map(json.loads, journal.read_text().splitlines())
    assert (start["spec"]["workload"]["task"], start["labels"]["judge"]["metric"]) == ("my_task", "loss")
    assert not any("accuracy_percent" in str(point) for point in points)
    assert "1 of them done before" in cli("run", *options, "--no-tracking", "--jobs=1").out
    cli.ok("report", *options, "--scale=smoke")
    page = written(tmp_path / "out", "table1/report.md", "report").read_text()
    assert "--task my_task.py" in page
    assert "workload.task=" not in page.partition("--task my_task.py")[2].partition("\n")[0]


def test_a_recorded_run_is_replayed_with_its_file(cli: Cli, here: None, tmp_path: Path) -> None:
    files = ("--network", str(network(tmp_path)), "--task", str(task(tmp_path)))
    cli.ok("run", "table1", *TINY, "--method=bp", "--executor=threads", "--record", "--no-tracking", "--jobs=1", *files)
    (run,) = (folder.name[:12] for folder in (tmp_path / "out" / "runs").iterdir())
    cli.ok("replay", run, *files)
    assert "name its file with --network" in cli.refused("replay", run, *files[2:]).err
    output = cli.refused("replay", run, *files[:2])
    assert "has a task of one's own, guess: name its file with --task" in output.err


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (("--task=none.py",), "There is no file"),
        (("--task=bad.py",), "bad.py: a file for --task has `TASK = Task(...)`"),
        (("--set=workload.task=next_token",), "resnet18 makes (2, 10) of a batch of 2, not"),
        (("--set=workload.task=other",), "there is no task 'other'"),
    ],
)
def test_a_bad_one_ends_the_command_before_anything_is_trained(
    cli: Cli, here: None, tmp_path: Path, given: tuple[str, ...], complaint: str
) -> None:
    (tmp_path / "bad.py").write_text("x = 1\n", encoding="utf-8")
    output = cli.refused("run", *ROWS, "--no-tracking", *given)
    assert complaint in output.err
    assert not (tmp_path / "out").exists()
