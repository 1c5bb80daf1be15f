"""A grid by jobs of a real SLURM: the same table as here, whatever is killed meanwhile, and no run twice."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.commands import journals, program, tiny, until, written
from tests.slurm.kills import Trouble, attempts, drawn, twice
from tests.slurm.two_nodes import TwoNodes

pytestmark = pytest.mark.slurm
ROWS = ("run", "table1", "--method=bp,async_lu,ddp", "--no-tracking")
LONG = 20
SECONDS = 600.0  # no verdict: how long before one that hangs is given up


class Grid:
    """Three runs in one folder of results."""

    def __init__(self, nodes: TwoNodes, folder: Path, epochs: int) -> None:
        self.nodes, self.folder, self.out = nodes, folder, folder / "out"
        self.size = tiny(epochs=epochs, patience=epochs)

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        options = (*ROWS, "--engine=slurm", "--per-task=1", f"--out={self.out}", *self.size, *arguments)
        return program(*options, environment=self.nodes.environment, cwd=self.folder)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.command(*arguments)
        out, err = process.communicate(timeout=SECONDS)
        return process.returncode, out, err

    @property
    def table(self) -> list[dict[str, str]]:
        return values(self.out)

    @property
    def evaluations(self) -> int:
        """So far, of journals that may be being begun."""
        return sum(path.read_bytes().count(b'"type":"evaluation"') for path in self.out.glob("runs/*/journal.jsonl"))

    @property
    def queued(self) -> list[str]:
        """Ids of the jobs that are queued or running, but for those of other tests."""
        return self.nodes.ask("squeue", "--noheader", "--array", "--format=%i").split()

    @property
    def running(self) -> str:
        """The id of a job that runs."""
        return self.nodes.ask("squeue", "--noheader", "--array", "--states=running", "--format=%i").split()[0]

    def check_whole(self) -> None:
        """Every run finished, and was trained once from its first epoch to its last."""
        done = [journal for journal in journals(self.out) if journal["file"] == "journal.jsonl"]
        assert [journal["status"] for journal in done] == ["finished"] * 3
        until(lambda: not self.queued, SECONDS)


def local(folder: Path, epochs: int) -> list[dict[str, str]]:
    """The table as this machine makes it."""
    out = folder / "here"
    process = program(*ROWS, f"--out={out}", "--jobs=2", *tiny(epochs=epochs, patience=epochs), cwd=folder)
    assert process.wait(timeout=SECONDS) == 0
    return values(out)


def values(out: Path) -> list[dict[str, str]]:
    """The table's lines, but for which commit made them."""
    with written(out, "table1.csv").open() as file:
        return [{name: value for name, value in line.items() if name != "commit"} for line in csv.DictReader(file)]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """Table of the long grid, trained on this machine."""
    return local(tmp_path_factory.mktemp("local"), LONG)


@pytest.fixture
def grid(nodes: TwoNodes, tmp_path: Path) -> Grid:
    return Grid(nodes, tmp_path, epochs=2)


@pytest.fixture
def long(nodes: TwoNodes, tmp_path: Path) -> Grid:
    return Grid(nodes, tmp_path, epochs=LONG)


def test_two_nodes_make_the_same_table(grid: Grid, tmp_path: Path) -> None:
    code, out, err = grid.run()
    assert (code, err) == (0, "")
    assert "Submitted 3 runs in an array of 3 jobs" in out
    assert grid.table == local(tmp_path, 2)
    grid.check_whole()
    assert grid.run()[0] == 0  # nothing is left to be done
    assert len(journals(grid.out)) == 3


def test_detached_jobs_go_on_and_are_followed(long: Grid) -> None:
    code, out, _ = long.run("--detach")
    assert (code, len(long.queued)) == (0, 3)
    code, out, err = long.run()
    assert (code, err) == (0, "")
    assert "3 runs queued or running already; followed." in out
    assert len(journals(long.out)) == 3
    long.check_whole()


def cancel_a_job(grid: Grid, process: subprocess.Popen[str]) -> None:
    grid.nodes.ask("scancel", grid.running)
    assert process.wait(SECONDS) == 1  # a failed cell, which the same command repeats


def kill_the_follower(grid: Grid, process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(SECONDS)


def interrupt_the_follower(grid: Grid, process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 130


def kill_a_node(grid: Grid, process: subprocess.Popen[str]) -> None:
    grid.nodes.kill("node2")
    grid.nodes.start("node2")
    assert process.wait(SECONDS) == 0  # its runs were given to other jobs


def end_a_jobs_time(grid: Grid, process: subprocess.Popen[str]) -> None:
    grid.nodes.ask("scancel", "--signal=USR2", grid.running)
    assert process.wait(SECONDS) == 0  # it came again by itself


@pytest.mark.parametrize(
    "harm", [kill_a_node, end_a_jobs_time, cancel_a_job, kill_the_follower, interrupt_the_follower]
)
def test_whatever_is_killed_the_same_command_makes_the_table(
    harm: Callable[[Grid, subprocess.Popen[str]], None], long: Grid, expected: list[dict[str, str]]
) -> None:
    process = long.command()
    until(lambda: long.evaluations > 5, SECONDS)
    harm(long, process)
    assert long.run()[0] == 0
    long.check_whole()
    assert long.table == expected


def test_kills_one_after_the_other_leave_the_table_whole(long: Grid, expected: list[dict[str, str]]) -> None:
    trouble = Trouble(long.nodes, long.out, long.command)
    assert list(trouble.carry_out(drawn(3, 3 * LONG, seed=0)))
    assert trouble.finish() == 0
    assert twice(attempts(long.out)) == []
    long.check_whole()
    assert long.table == expected


def test_what_is_queued_can_be_cancelled(long: Grid) -> None:
    long.run("--detach")
    process = program("cancel", f"--out={long.out}", environment=long.nodes.environment, cwd=long.folder)
    out, _ = process.communicate(timeout=SECONDS)
    assert out.startswith(f"3 jobs of {long.out} cancelled")
    until(lambda: not long.queued, SECONDS)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("partition=gpu", "--slurm partition=gpu: Unknown partition 'gpu': there are all."),
        ("gres=gpu:1", "SLURM takes no job with gres=gpu:1, time=60: "),
        ("mem=64T", "SLURM takes no job with mem=64T, time=60: "),
    ],
)
def test_what_the_cluster_does_not_have_is_a_sentence(option: str, words: str, grid: Grid) -> None:
    code, _, err = grid.run(f"--slurm={option}")
    assert code == 2
    assert err.startswith(words)
    assert len(err.splitlines()) == 1
    assert grid.queued == []


def test_a_folder_that_nodes_do_not_share_is_a_sentence(grid: Grid) -> None:
    if grid.nodes.hidden is None:
        pytest.skip("nodes cannot have mounts of their own here")
    grid.out = grid.nodes.hidden / "out"
    code, _, err = grid.run()
    assert code == 2
    assert "left nothing there: its node does not see this folder" in err
