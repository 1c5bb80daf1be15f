"""Kills of a grid by jobs of two nodes: what is killed, and when, is drawn by a seed; and what is left of it."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.slurm.two_nodes import NODES, TwoNodes

JOB, NODE, DAEMON, FOLLOWER, CTRL_C = (
    "a job is cancelled (scancel)",
    "a node is killed with all on it, and restarted",
    "a node's daemon (slurmd) is killed, and restarted",
    "the follower is killed (SIGKILL)",
    "the follower is ended (Ctrl-C)",
)
HARMS = (JOB, NODE, DAEMON, FOLLOWER, CTRL_C)
MOST_COMMANDS = 5
"""Until all is done, once nobody kills any more."""
SECONDS = 600.0  # no verdict: how long before one that hangs is given up


@dataclass(frozen=True)
class Kill:
    """after: evaluations, in all journals, since the one before. pick: which of the jobs or nodes, as a number."""

    harm: str
    after: int
    pick: int


def drawn(count: int, evaluations: int, seed: int) -> list[Kill]:
    """Draws kills, equally many of each harm (or one fewer), spread over a grid of so many evaluations."""
    source = random.Random(seed)
    harms = [HARMS[number % len(HARMS)] for number in range(count)]
    source.shuffle(harms)
    most = max(1, 2 * evaluations // (count + 4))
    return [Kill(harm, source.randint(1, most), source.randrange(1000)) for harm in harms]


class Trouble:
    """A grid whose command is given again whenever it has ended, or was killed."""

    def __init__(self, nodes: TwoNodes, out: Path, command: Callable[[], subprocess.Popen[str]]) -> None:
        self.nodes, self.out, self._command = nodes, out, command
        self._again()

    def carry_out(self, kills: Sequence[Kill]) -> Iterator[str]:
        """Carries out each kill, one after the other; those are left out that the grid's end was before."""
        reached = 0
        for kill in kills:
            reached += kill.after
            if not self._wait(lambda reached=reached: self.evaluations >= reached):  # type: ignore[misc]
                return
            reached = self.evaluations
            if (description := self._harm(kill)) is None:
                return
            yield description

    def finish(self) -> int:
        """Give the command until it has nothing left to do -> its last exit code."""
        code = self._end()
        for _ in range(MOST_COMMANDS):
            if code == 0:
                break
            self._again()
            code = self._end()
        return code

    @property
    def evaluations(self) -> int:
        """Number of evaluations in all attempts; a journal may just be begun."""
        return sum(path.read_bytes().count(b'"type":"evaluation"') for path in self.out.glob("runs/*/*.jsonl"))

    def _again(self) -> None:
        self.process = self._command()

    def _end(self) -> int:
        self.process.communicate(timeout=SECONDS)
        return self.process.returncode

    def _wait(self, ready: Callable[[], bool]) -> bool:
        """False where the grid is done before."""
        deadline = time.monotonic() + SECONDS
        while not ready():
            assert time.monotonic() < deadline, "it never came"
            if self.process.poll() is not None:
                if self._end() == 0:
                    return False
                self._again()
            time.sleep(0.1)
        return True

    def _harm(self, kill: Kill) -> str | None:
        """-> to what it was done; None where the grid is done before."""
        if kill.harm == JOB:
            running = list[str]()

            def seen() -> bool:
                running[:] = self._running()
                return bool(running)

            if not self._wait(seen):
                return None
            job = running[kill.pick % len(running)]
            self.nodes.ask("scancel", job)
            return f"job {job}"
        node = NODES[kill.pick % len(NODES)]
        if kill.harm in (NODE, DAEMON):
            self.nodes.kill(node) if kill.harm == NODE else self.nodes.kill_daemon(node)
            self.nodes.start(node)
            return node
        if kill.harm == FOLLOWER:
            os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.send_signal(signal.SIGINT)
        code = self._end()
        self._again()
        return f"exit code {code}"

    def _running(self) -> list[str]:
        return self.nodes.ask("squeue", "--noheader", "--array", "--states=running", "--format=%i").split()


@dataclass(frozen=True)
class Attempt:
    """A journal of a run, the last one or one that was set aside. ended: when its file was written last."""

    status: str | None
    started: float
    ended: float


def attempts(out: Path) -> dict[str, list[Attempt]]:
    """Per run, in their order."""
    by_run: dict[str, list[Attempt]] = defaultdict(list)
    for path in out.glob("runs/*/*.jsonl"):
        lines = [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
        if not lines:  # killed as it began
            continue
        started = datetime.fromisoformat(lines[0]["started"]).timestamp()
        by_run[path.parent.name].append(Attempt(lines[-1].get("status"), started, path.stat().st_mtime))
    return {id: sorted(of_run, key=lambda attempt: attempt.started) for id, of_run in by_run.items()}


def twice(by_run: dict[str, list[Attempt]]) -> list[str]:
    """Runs that were trained to their end more than once, or by two at a time."""
    return [
        id
        for id, of_run in by_run.items()
        if sum(attempt.status == "finished" for attempt in of_run) > 1
        or any(first.ended > second.started + 0.01 for first, second in itertools.pairwise(of_run))
    ]
