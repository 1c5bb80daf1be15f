"""Running the command line in a test: in process where that will do, as a program where signals or limits matter."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

from benchmarks.errors import UserError
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import messages, process
from benchmarks.runner.processes.messages import Alive, Answer, Begin, Ended, Listen, UserMistake
from tests.programs import start

CHECKOUT = Path(__file__).resolve().parents[2]
# Seconds of training: two epochs of eight batches on one network.
TINY = (
    "--network=resnet18",
    "--seeds=1",
    "--set=workload.epochs=2",
    "--set=workload.train_samples=256",
    "--set=workload.test_samples=100",
)


def tiny(**fields: int) -> tuple[str, ...]:
    """TINY with other fields of the workload, each given once: twice would be a sweep."""
    unchanged = [
        argument for argument in TINY if not any(argument.startswith(f"--set=workload.{name}=") for name in fields)
    ]
    return (*unchanged, *(f"--set=workload.{name}={value}" for name, value in fields.items()))


@dataclass(frozen=True)
class Said:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Cli:
    """The command line in process: `cli("run", "table3")` -> what was said."""

    run: Callable[..., Said]

    def __call__(self, *arguments: str) -> Said:
        return self.run(*arguments)

    def ok(self, *arguments: str) -> Said:
        """A command that has nothing to complain of."""
        result = self(*arguments)
        assert (result.code, result.err) == (0, "")
        return result

    def refused(self, *arguments: str) -> Said:
        """A mistake: one sentence."""
        result = self(*arguments)
        assert (result.code, result.err.count("\n")) == (2, 1), result.err
        return result


def program(*arguments: str, environment: Mapping[str, str] = os.environ, **options: Any) -> subprocess.Popen[str]:
    """`python -m benchmarks` as a leader of its own process group; options: of `start`."""
    variables = {"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    return start([sys.executable, "-m", "benchmarks", *arguments], env={**environment, **variables}, **options)


class Here:
    """A child's pipe whose other end is this process."""

    def __init__(self, runs: Sequence[Run], listen: Listen) -> None:
        self.waiting, self.listen = deque(runs), listen
        self.ended: dict[str, Ended] = {}

    def recv(self) -> Begin:
        if not self.waiting:
            raise EOFError
        run = self.waiting.popleft()
        begin = Begin(run.id, run.spec, run.labels)
        self.listen(begin)
        return begin

    def send(self, answer: Answer) -> None:
        if isinstance(answer, UserMistake):
            raise UserError(answer.text)
        if isinstance(answer, Ended):
            self.ended[answer.id] = answer
        if not isinstance(answer, Alive):
            self.listen(answer)


def train_here(runs: Sequence[Run], setting: messages.Setting, *, jobs: int, listen: Listen) -> dict[str, Ended]:
    """Replaces pool.train_all: trains in this process, which has the plug-ins; another takes seconds to load torch."""
    pipe = Here(runs, listen)
    with contextlib.suppress(EOFError):
        process.serve(cast("Connection", pipe), replace(setting, plugins=()))
    return pipe.ended


def journals(out: Path) -> list[dict[str, Any]]:
    """Per journal under `out`, those set aside too: its file's name, method, seed, evaluations, and status or None."""
    summaries = []
    for path in sorted(out.glob("runs/*/*.jsonl")):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        spec = lines[0]["spec"]
        summaries.append(
            {
                "file": path.name,
                "method": spec["method"]["name"],
                "seed": spec["seed"],
                "evaluations": sum(line["type"] == "evaluation" for line in lines),
                "status": lines[-1].get("status"),
            }
        )
    return summaries


def written(out: Path, name: str, below: str = "*") -> Path:
    """The one file of that name that was written, under whatever condition: of out/tables, or as `below` says."""
    (path,) = out.glob(f"{below}/*/{name}")
    return path


def index(out: Path) -> str:
    """The first page of a report."""
    return (out / "report" / "index.html").read_text(encoding="utf-8")


def until(ready: Callable[[], bool], seconds: float = 300.0) -> None:
    """Wait for something that takes a moment; the limit only stops a test that hangs."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """The training processes of a command (Linux)."""
    pids = read_process(pid, f"task/{pid}/children").split()
    return [int(child) for child in pids if b"spawn_main" in read_process(int(child), "cmdline")]


def read_process(pid: int, name: str) -> bytes:
    """A file of a process below /proc; empty where the process has gone meanwhile (Linux)."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def alive(pid: int) -> bool:
    """Whether it runs; one that has ended and waits to be reaped does not (Linux)."""
    return read_process(pid, "stat").rpartition(b")")[2].split()[:1] not in ([], [b"Z"])
