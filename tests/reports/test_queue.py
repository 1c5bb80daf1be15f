"""Processes that draw: they end with the one that started them, whatever ends that, and leave nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.commands import CHECKOUT, alive, until
from tests.programs import start

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# Each picture is begun and never done; a process says so with its id.
SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from benchmarks.runner.processes import signals
from reports.figures import queue
from results.errors import ResultsError
from results.files import whole


def endless(data, stem):
    with whole(stem) as file:
        file.write(b"half")
        file.flush()
        if "--deaf" in sys.argv:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(1, f"{os.getpid()}\\n".encode())
        time.sleep(1e6)


if __name__ == "__main__":
    os.sched_getaffinity = lambda _: {0, 1}
    signals.command.listen(signals.of_commands(), seconds=1e6)
    pictures = queue.FigureQueue(Path(sys.argv[1]))
    for number in range(queue.FEW):
        pictures.draw(endless, number, Path(sys.argv[1], str(number)))
    try:
        pictures.finish()
    except signals.Signalled as asked:
        print(asked.word, flush=True)
    except ResultsError as error:
        print(error, flush=True)
"""


@pytest.fixture
def drawing(tmp_path: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A program that draws, and its processes, which are at it."""
    return draw(tmp_path)


def draw(tmp_path: Path, *options: str) -> tuple[subprocess.Popen[str], list[int]]:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "report").mkdir()
    path = {"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    process = start([sys.executable, str(script), str(tmp_path / "report"), *options], env={**os.environ, **path})
    assert process.stdout is not None
    return process, [int(process.stdout.readline()) for _ in range(2)]


def test_who_draws_ends_with_a_command_that_is_killed(drawing: tuple[subprocess.Popen[str], list[int]]) -> None:
    process, drawers = drawing
    process.kill()
    until(lambda: not any(map(alive, drawers)))


@pytest.mark.parametrize(
    ("number", "word", "whole"),
    [(signal.SIGINT, "Interrupted", True), (signal.SIGTERM, "Terminated", False), (signal.SIGHUP, "Hung up", False)],
)
def test_a_command_that_is_asked_to_end_ends_who_draws_and_leaves_no_half(
    drawing: tuple[subprocess.Popen[str], list[int]], tmp_path: Path, number: int, word: str, whole: bool
) -> None:
    """Asked alone, or with its whole group as from a terminal."""
    process, drawers = drawing
    if whole:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    assert process.communicate(timeout=300) == (f"{word}\n", "")
    assert not any(map(alive, drawers))
    assert list((tmp_path / "report").iterdir()) == []


def test_nor_does_one_that_does_not_end_in_time(tmp_path: Path) -> None:
    process, drawers = draw(tmp_path, "--deaf")
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=300) == ("Terminated\n", "")
    assert not any(map(alive, drawers))
    assert list((tmp_path / "report").iterdir()) == []


def test_a_process_that_was_killed_as_it_drew_is_a_sentence(
    drawing: tuple[subprocess.Popen[str], list[int]], tmp_path: Path
) -> None:
    process, (first, second) = drawing
    os.kill(second, signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    assert (out.count("\n"), err) == (1, "")
    assert "killed" in out
    assert not alive(first)
