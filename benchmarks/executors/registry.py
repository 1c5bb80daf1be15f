"""The executors by name: their properties, and how each is built. Its module is loaded when it is first built."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from benchmarks.errors import UserError
from methods.base import Method
from methods.effects import Worker
from methods.errors import unknown

if TYPE_CHECKING:
    from benchmarks.executors.activity import Activity
    from benchmarks.executors.team import Team
    from benchmarks.hardware.price import Price


class Executor(Protocol):
    """Runs the workers of a method on one team, carrying out their effects."""

    @property
    def now(self) -> float | None: ...  # simulated seconds over all epochs; None where time is real
    @property
    def activities(self) -> Sequence[Activity]: ...  # of the workers under way; read by another thread

    def resume(self, now: float | None) -> None:
        """Sets the executor's clock to `now` of an earlier run, whose team was loaded from a checkpoint.

        Called once, before `run`. now: its seconds at the checkpoint, simulated, or where time is real those that
        training had taken.
        """

    def run(self, workers: Iterable[Worker]) -> None:
        """Runs all workers to completion: one epoch, or a part of it.

        Raises WorkerFailed or Stalled, both naming workers; WorkersStuck where this process should end after that.
        """


@dataclass(frozen=True, kw_only=True)
class ExecutorKind:
    """Properties of an executor, known before it is loaded (methods.ExecutorProperties), its title and module."""

    name: str
    title: str  # the meaning of its seconds, in a few words
    module: str  # has the function `build`
    simulated: bool = False  # seconds are those of simulated devices
    repeatable: bool = False  # a seed gives the same bits again
    needs_card: bool = False  # seconds are priced by a hardware card
    one_process: bool = True  # all workers share one process's memory
    offered: bool = True  # for --executor; else another option asks for it

    def build(self, team: Team, price: Price | None, threads: int) -> Executor:
        """Builds the executor for a team. price: costs of effects, None unless needs_card.

        threads: torch's, in each worker.
        """
        executor: Executor = importlib.import_module(self.module).build(team, price, threads)
        return executor

    def check(self, method: Method) -> None:
        """Raises UserError, naming the executors that can, where the method cannot run on this one."""
        if reason := method.refuses(self):
            possible = [name for name, kind in _kinds.items() if kind.offered and not method.refuses(kind)]
            instead = f"choose --executor {' or '.join(possible)}" if possible else "no executor here will do"
            raise UserError(f"{method.name} cannot run on --executor {self.name}: {reason}; {instead}.")


_kinds: dict[str, ExecutorKind] = {}


def register(kind: ExecutorKind) -> ExecutorKind:
    """Adds an executor to the registry. Raises UserError when the name is taken."""
    if kind.name in _kinds:
        raise UserError(f"Two executors are named '{kind.name}': rename one.")
    _kinds[kind.name] = kind
    return kind


def names() -> tuple[str, ...]:
    """Returns the names of the executors that are offered."""
    return tuple(name for name, kind in _kinds.items() if kind.offered)


def in_one_process() -> tuple[str, ...]:
    """Returns the names of the executors that run in this process alone."""
    return tuple(name for name in names() if _kinds[name].one_process)


def executor(name: str) -> ExecutorKind:
    """Returns the executor of this name. Raises UserError, offering the nearest names, where there is none."""
    if name not in _kinds:
        raise UserError(unknown("executor", name, names()))
    return _kinds[name]


# ---- our own


VIRTUAL = register(
    ExecutorKind(
        name="virtual",
        title="simulated seconds, repeats bit for bit",
        module="benchmarks.executors.virtual.executor",
        simulated=True,
        repeatable=True,
        needs_card=True,
    )
)
THREADS = register(
    ExecutorKind(
        name="threads",
        title="real seconds",
        module="benchmarks.executors.threads.executor",
    )
)
DISTRIBUTED = register(
    ExecutorKind(
        name="distributed",
        title="real seconds, a process per device",
        module="benchmarks.executors.distributed.executor",
        one_process=False,
    )
)
RECORDER = register(
    ExecutorKind(
        name="recorder",
        title="real seconds, recorded",
        module="benchmarks.executors.threads.recorder",
        offered=False,
    )
)
REPLAY = register(
    ExecutorKind(
        name="replay",
        title="a recorded run over again",
        module="benchmarks.executors.replay.executor",
        repeatable=True,
        offered=False,
    )
)
DEFAULT = VIRTUAL.name
