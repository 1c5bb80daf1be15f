"""Processes that draw end with the command that started them, whatever ends that."""

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

# Each process says its id when it begins a picture, which takes the given seconds.
SCRIPT = """
import os, sys, time
from pathlib import Path
from benchmarks.runner.processes import signals
from reports.figures import queue
from results.errors import ResultsError
from results.files import atomic_file


def slow(seconds, stem):
    with atomic_file(stem):
        os.write(1, f"{os.getpid()}\\n".encode())
        time.sleep(seconds)


if __name__ == "__main__":
    os.sched_getaffinity = lambda _: {0, 1}
    signals.command.listen(signals.of_commands(), seconds=1e6)
    pictures = queue.FigureQueue(Path(sys.argv[1]))
    for number in range(queue.FEW):
        pictures.draw(slow, float(sys.argv[2]), Path(sys.argv[1], str(number)))
    try:
        pictures.finish()
    except signals.Signalled as asked:
        print(asked.word, flush=True)
    except ResultsError as error:
        print(error, flush=True)
"""


def drawing(tmp_path: Path, seconds: float) -> tuple[subprocess.Popen[str], list[int]]:
    """Starts the script -> it, and the ids of its two processes, which have begun a picture each."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "report").mkdir()
    path = {"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    process = start([sys.executable, str(script), str(tmp_path / "report"), str(seconds)], env={**os.environ, **path})
    assert process.stdout is not None
    return process, [int(process.stdout.readline()) for _ in range(2)]


def test_drawing_processes_end_with_a_command_that_is_killed(tmp_path: Path) -> None:
    process, drawers = drawing(tmp_path, 1e6)
    process.kill()
    until(lambda: not any(map(alive, drawers)))


@pytest.mark.parametrize(
    ("number", "word", "whole_group"), [("SIGINT", "Interrupted", True), ("SIGTERM", "Terminated", False)]
)
def test_an_interrupted_command_finishes_only_the_pictures_that_were_begun(
    tmp_path: Path, number: str, word: str, whole_group: bool
) -> None:
    process, drawers = drawing(tmp_path, 0.5)
    (os.killpg if whole_group else os.kill)(process.pid, signal.Signals[number])
    out, err = process.communicate(timeout=300)
    assert (out.splitlines()[-1], err) == (word, "")
    assert not any(map(alive, drawers))
    assert 2 <= len(list((tmp_path / "report").iterdir())) < 12


def test_a_killed_drawing_process_is_one_sentence(tmp_path: Path) -> None:
    process, (first, second) = drawing(tmp_path, 1e6)
    os.kill(second, signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    assert (out.count("\n"), err) == (1, "")
    assert "killed" in out
    assert not alive(first)
    assert list((tmp_path / "report").iterdir()) == [], "no picture is half-written"
