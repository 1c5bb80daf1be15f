"""Two commands on one --out: each run is trained once, both say the same, and who dies is succeeded."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from results.records import folder_of
from results.records.lease import Lease
from tests.commands.commands import TINY, children, journals, program, until
from tests.commands.test_trouble import LINUX, journals_of
from tests.results.samples import records

ROWS = "--method=async_lu,bp"
GATED = """
import time
from pathlib import Path

from methods import register
from methods.bp import Backpropagation


@register(title="Gated", source="here", name="gated")
class Gated(Backpropagation):
    def workers(self, team):
        Path(__file__).with_suffix(".begun").touch()
        while not Path(__file__).with_suffix(".open").exists():
            time.sleep(0.01)
        yield from super().workers(team)
"""


@contextmanager
def command(out: Path, *arguments: str, jobs: int = 1) -> Iterator[subprocess.Popen[str]]:
    """Ended with the block, whatever happened in it."""
    process = program("run", "table1", "--no-tracking", f"--out={out}", f"--jobs={jobs}", *arguments)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def table(printed: str) -> list[str]:
    """Lines printed below the runs, whether any were left to train or not."""
    lines = printed.splitlines()
    return lines[next(number for number, line in enumerate(lines) if line.startswith("CIFAR-10: ")) :]


@pytest.fixture
def gated(tmp_path: Path) -> Path:
    """A plug-in whose method trains once there is a file of its name that ends in .open."""
    path = tmp_path / "gated.py"
    path.write_text(GATED, encoding="utf-8")
    return path


@contextmanager
def waiting(out: Path, gated: Path) -> Iterator[tuple[subprocess.Popen[str], subprocess.Popen[str]]]:
    """A command whose run stands at the gate, and one that waits for it, having said so."""
    arguments = ("--method=gated", f"--plugin={gated}", *TINY)
    with command(out, *arguments) as first:
        until(gated.with_suffix(".begun").exists)
        with command(out, *arguments) as second:
            assert second.stdout is not None
            waiting_line = next(line for line in iter(second.stdout.readline, "") if "waiting" in line)
            trainer = rf"\(pid {children(first.pid)[0]} on host .*\)"
            assert re.fullmatch(
                rf"cifar10-resnet18 Gated, seed 0: trained by another command {trainer}; waiting\n", waiting_line
            )
            yield first, second


@pytest.mark.slow
@LINUX
def test_one_waits_says_so_once_and_takes_over_from_one_that_is_killed(tmp_path: Path, gated: Path) -> None:
    with waiting(tmp_path / "out", gated) as (first, second):
        os.killpg(first.pid, signal.SIGKILL)
        gated.with_suffix(".open").touch()
        out, err = second.communicate(timeout=300)
    assert (second.returncode, err) == (0, "")
    assert "waiting" not in out
    statuses = [(journal["file"], journal["status"]) for journal in journals(tmp_path / "out")]
    assert ("journal.jsonl", "finished") in statuses


@pytest.mark.slow
@LINUX
def test_ctrl_c_ends_one_that_waits_and_the_other_goes_on(tmp_path: Path, gated: Path) -> None:
    with waiting(tmp_path / "out", gated) as (first, second):
        os.killpg(second.pid, signal.SIGINT)
        _, err = second.communicate(timeout=300)
        assert second.returncode == 130
        assert err == "Interrupted: none of 1 run had begun; the same command begins it.\n"
        gated.with_suffix(".open").touch()
        assert first.wait(100) == 0
    statuses = [(journal["file"], journal["status"]) for journal in journals(tmp_path / "out")]
    assert statuses == [("journal.jsonl", "finished")]


@pytest.mark.slow
@LINUX
def test_the_sibling_of_a_run_that_is_busy_goes_on(tmp_path: Path, trained: Path) -> None:
    """At the same time, where two may be trained at once; the other one once it can be had."""
    out = tmp_path / "out"
    for record in records(trained):
        if record.row == "async_lu":
            (folder_of(out, record.id)).mkdir(parents=True)
            lease = Lease.take(folder_of(out, record.id))
    with command(out, ROWS, *TINY, jobs=2) as process:
        assert process.stdout is not None
        waiting_line = next(line for line in iter(process.stdout.readline, "") if "waiting" in line)
        assert waiting_line.startswith("cifar10-resnet18 Async LU, seed 0: trained by another command (pid ")
        until(lambda: [journal["status"] for journal in journals_of(out)] == ["finished"])
        lease.release()
        printed, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    assert [journal["status"] for journal in journals(out)] == ["finished", "finished"]
    assert table(printed)
