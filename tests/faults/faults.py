"""Faults injected for real: a command in a session of its own, what is done to it and when, and what came of it.

with Command(tmp_path, "run", "table1", *FEW) as command:
    outcome = command.at(epoch=3).kill("child").wait()
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.commands.commands import CHECKOUT, alive, children, read_process, until
from tests.programs import start

RUN = ("run", "table1", "--method=bp", "--network=resnet18", "--jobs=1")
SMALL = ("--set=workload.train_samples=256", "--set=workload.test_samples=100")
MARK = "BENCHMARKS_FAULTS"
PLUGIN = """
from methods import register
from methods.bp import Backpropagation


@register(title="Faulty", source="here", name="faulty")
class Faulty(Backpropagation):
    pass


"""


def training(*options: str, epochs: int = 40, seeds: int = 1) -> tuple[str, ...]:
    """The arguments of a command that trains `seeds` runs of so many short epochs, and feeds nothing."""
    length = (f"--set=workload.epochs={epochs}", f"--set=workload.patience={epochs}", f"--seeds={seeds}")
    return *RUN, *SMALL, *length, "--no-tracking", *options


@dataclass(frozen=True)
class Outcome:
    """Outcome of a command. seconds: from the last fault, or its start, to its end; survivors: of its processes."""

    code: int
    said: str
    sentence: str  # all that it wrote to stderr
    seconds: float
    survivors: tuple[str, ...]
    journals: list[dict[str, Any]] = field(repr=False)
    tables: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        assert "Traceback" not in self.said + self.sentence, self.sentence or self.said

    @property
    def statuses(self) -> dict[int, str | None]:
        """By seed, of the journals in place."""
        return {journal["seed"]: journal["status"] for journal in self.journals if journal["file"] == "journal.jsonl"}


class Command:
    """`python -m benchmarks` in `folder`, its results in folder/out; no process of it outlives the `with` block.

    inject: Python that its processes execute as a plug-in. environment: None takes a variable away. Methods return the
    command itself, so that `at(epoch=3).kill("child").wait()` reads as it is done.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        inject: str = "",
        environment: Mapping[str, str | None] | None = None,
        before: Callable[[], object] = lambda: None,
        wrapped_in: tuple[str, ...] = (),
    ) -> None:
        self.out = folder / "out"
        self.mark = uuid.uuid4().hex
        changed = {"PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1", MARK: self.mark, **(environment or {})}
        variables = {name: value for name, value in (os.environ | changed).items() if value is not None}
        if inject:
            plugin = folder / "faulty.py"
            plugin.write_text(PLUGIN + inject, encoding="utf-8")
            arguments = (*arguments, f"--plugin={plugin}")
        self._files = [(folder / f"{self.mark}.{name}").open("w+", encoding="utf-8") for name in ("out", "err")]
        self.since = time.monotonic()
        self.process = start(
            [*wrapped_in, sys.executable, "-m", "benchmarks", *arguments, f"--out={self.out}"],
            prepare=before,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=self._files[0],
            stderr=self._files[1],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pid in self.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        for file in self._files:
            file.close()

    # ---- when

    def at(
        self,
        *,
        epoch: int = 0,
        seed: int | None = None,
        seconds: float = 0.0,
        when: Callable[[], bool] | None = None,
        output: str = "",
    ) -> Self:
        """Wait until a run (of this seed) that goes on has evaluated so many epochs, then for the rest."""
        if epoch:
            self._until(partial(self._reached, epoch, seed))
        if output:
            self._until(lambda: output in self.said())
        if when is not None:
            self._until(when)
        time.sleep(seconds)
        return self

    def _until(self, ready: Callable[[], bool]) -> None:
        until(lambda: ready() or self.process.poll() is not None)
        assert self.process.poll() is None or ready(), f"it has ended before: {self.said()}{self.said(1)}"

    def _reached(self, epoch: int, seed: int | None) -> bool:
        going = (
            journal for journal in readable(self.out) if journal["status"] is None and seed in (None, journal["seed"])
        )
        return any(journal["evaluations"] >= epoch for journal in going)

    # ---- what

    def send(self, number: int, whom: str = "parent") -> Self:
        """Send a signal to the "parent", its first "child", its "server" or to "all" of its processes."""
        for pid in self.pids(whom):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        self.since = time.monotonic()
        return self

    def kill(self, whom: str = "parent") -> Self:
        return self.send(signal.SIGKILL, whom)

    def stop(self, whom: str = "parent") -> Self:
        return self.send(signal.SIGSTOP, whom)

    def do(self, fault: Callable[[], object]) -> Self:
        """Anything else that is done to it."""
        fault()
        self.since = time.monotonic()
        return self

    # ---- what came of it

    def wait(self, seconds: float = 90.0, *, survivors_after: float = 5.0) -> Outcome:
        """Until it has ended; its other processes have so many seconds more. Raises TimeoutExpired where it hangs."""
        code = self.process.wait(seconds)
        took = time.monotonic() - self.since
        end = time.monotonic() + survivors_after
        while (left := self.family()) and time.monotonic() < end:
            time.sleep(0.02)
        tables = {path.name: path.read_text(encoding="utf-8") for path in self.out.glob("tables/*/*.csv")}
        names = tuple(map(command_of, left))
        return Outcome(code, self.said(), self.said(1), took, names, readable(self.out), tables)

    def said(self, number: int = 0) -> str:
        """Text written so far to stdout, or (1) to stderr."""
        return Path(self._files[number].name).read_text(encoding="utf-8")

    def pids(self, whom: str) -> list[int]:
        if whom == "parent":
            return [self.process.pid]
        if whom == "child":
            return children(self.process.pid)[:1]
        return [pid for pid in self.family() if whom == "all" or "mlflow" in command_of(pid)]

    def family(self) -> list[int]:
        """All processes that have come of it and run, whoever their parent is by now."""
        mark = f"{MARK}={self.mark}".encode()
        pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())
        return [pid for pid in pids if mark in read_process(pid, "environ") and alive(pid)]


def readable(out: Path) -> list[dict[str, Any]]:
    """The journals whose first line is whole; of each the lines that are."""
    journals = []
    for path in sorted(out.glob("runs/*/*.jsonl")):
        lines = [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"}\n")]
        if lines:
            evaluations = sum(line["type"] == "evaluation" for line in lines)
            resumed = next((line["epoch"] for line in lines if line["type"] == "resumed"), 0)
            of_run = {"file": path.name, "seed": lines[0]["spec"]["seed"], "status": lines[-1].get("status")}
            journals.append({**of_run, "evaluations": evaluations, "resumed": resumed})
    return journals


def command_of(pid: int) -> str:
    """The command line of a process."""
    return read_process(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
