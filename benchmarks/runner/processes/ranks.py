"""Starts the ranks of executors with a process per device, unless torchrun or srun started them.

The command is rank 0, which trains runs as usual and alone writes journals. Every other rank has a process that takes
part in the runs that rank 0 announces.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING, Any

import methods
from benchmarks.errors import USER_ERRORS, UserError
from benchmarks.executors import registry as executors
from benchmarks.executors.distributed import place as places
from benchmarks.executors.distributed.place import RankPlace
from benchmarks.executors.errors import Stalled, WorkerFailed, WorkersStuck, described
from benchmarks.runner.gpus import VISIBLE
from benchmarks.runner.identity import different, torch_minor
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import memory, process, signals
from benchmarks.runner.processes.messages import Setting
from benchmarks.runner.processes.starting import started, variables_of
from benchmarks.workloads import own_files
from results import children
from results.records.spec import RunSpec

if TYPE_CHECKING:
    from benchmarks.executors.distributed.session import RankCommand

LEAVING_SECONDS = 30.0
"""Longest time that rank 0 waits for others to hear that all runs are over; they may still be importing."""


def other(kind: executors.ExecutorKind) -> RankPlace | None:
    """Returns this process's place if it is a nonzero rank. Raises UserError as `places.rank_from_environment`."""
    place = None if kind.one_process else places.rank_from_environment()
    return place if place is not None and place.rank else None


def refuse_started(kind: executors.ExecutorKind, command: str) -> None:
    """Raises UserError if torchrun or srun started ranks for a command whose next runs depend on results."""
    if not kind.one_process and places.rank_from_environment() is not None:
        raise UserError(
            f"`{command}` cannot run under torchrun or srun, where every rank would search by itself: leave them out, "
            "and it starts ranks on this machine."
        )


def take_part(place: RankPlace, setting: Setting) -> int:
    """Runs a nonzero rank in a subprocess -> the exit code."""
    rank = _started(place, setting, {})
    rank.join()
    return 1 if rank.exitcode else 0


@contextlib.contextmanager
def started_for(runs: Sequence[Run], setting: Setting) -> Iterator[None]:
    """Provides as many ranks as the runs need within the block. Raises UserError if there cannot be as many."""
    on_ranks = [run for run in runs if not executors.executor(run.spec.executor).one_process]
    place = places.rank_from_environment() if on_ranks or not runs else None
    if place is None and not on_ranks:
        yield
        return
    from benchmarks.executors.distributed import session

    trained = [methods.recorded(run.method.name, run.method.options) for run in on_ranks]
    local: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    starts_here = place is None
    if place is None:
        store = session.serve(places.LOOPBACK)
        place = RankPlace(0, max(method.devices for method in trained), port=store.port)
        local = _local(place, setting, on_ranks)
    elif not place.agent:
        store = session.serve(place.address, place.port)
    for method in trained:
        session.check_rank_count(place, method)
    with memory.variables(place.variables), local:
        try:
            yield
        finally:
            _dismiss(place, here=starts_here)


@contextlib.contextmanager
def _local(place: RankPlace, setting: Setting, runs: Sequence[Run]) -> Iterator[None]:
    """Starts the other ranks on this machine, and ends them after the block."""
    variables = {name: value for run in runs for name, value in variables_of(run, 1).items()}
    others = [RankPlace(rank, place.ranks, place.address, place.port) for rank in range(1, place.ranks)]
    processes = [_started(other_place, setting, variables) for other_place in others]
    threading.Thread(target=_report_lost, args=(place, processes), name="ranks", daemon=True).start()
    try:
        yield
    finally:
        children.join_or_kill(processes, signals.POOL_SECONDS)


def _started(place: RankPlace, setting: Setting, variables: Mapping[str, str]) -> SpawnProcess:
    return started(main, place, setting, variables=variables, name=f"rank {place.rank}")


def _report_lost(place: RankPlace, processes: Sequence[SpawnProcess]) -> None:
    """Tells rank 0, which waits for the others, about a process that ended too early."""
    from benchmarks.executors.distributed.session import RankCommand

    by_sentinel: dict[Any, SpawnProcess] = {rank.sentinel: rank for rank in processes}
    while by_sentinel:
        for sentinel in wait(list(by_sentinel)):
            rank = by_sentinel.pop(sentinel)
            rank.join()
            if code := rank.exitcode:
                end = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
                message = f"The process of {rank.name} of {place.ranks} {end}; the same command trains the run again."
                with contextlib.suppress(UserError, RuntimeError):
                    RankCommand(place, places.timeout_seconds()).store.set("lost", message)


def _dismiss(place: RankPlace, *, here: bool) -> None:
    """Tells the other ranks that all runs are over.

    here: whether this command started them; otherwise it waits until they have heard, if it serves their store.
    """
    from benchmarks.executors.distributed.session import RankCommand

    with contextlib.suppress(UserError, RuntimeError):
        store = RankCommand(place, LEAVING_SECONDS).store
        store.set("over", "1")
        deadline = time.monotonic() + LEAVING_SECONDS
        while not (here or place.agent) and store.add("left", 0) < place.ranks - 1 and time.monotonic() < deadline:
            time.sleep(0.05)


# ---- the process of a nonzero rank


def main(place: RankPlace, setting: Setting) -> None:
    """Takes part in the runs that rank 0 announces, until there are no more."""
    children.follow_parent()
    memory.keep_freed_memory()
    os.environ |= place.variables
    if setting.gpus:
        index = int(os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_LOCALID") or place.rank)
        os.environ[VISIBLE] = setting.gpus[index % len(setting.gpus)]
    problem = process.prepare(setting)
    from benchmarks.executors.distributed import session

    try:
        _serve(session.rank_command(), setting, problem)
    except UserError as error:
        print(error, file=sys.stderr)
        os._exit(2)
    except RuntimeError:  # the store ended with rank 0
        os._exit(1)
    os._exit(0)  # workers' threads may go on, and would meet an interpreter that is taken down


def _serve(command: RankCommand, setting: Setting, wrong: str) -> None:
    """Takes part in each run, or tells rank 0 why it cannot. wrong: from `process.prepare`."""
    loaded: dict[str, Any] = {}
    while (announced := command.next()) is not None:
        number, spec = announced
        try:
            if wrong:
                raise UserError(wrong)
            _run(command, number, spec, setting, loaded)
        except USER_ERRORS as error:
            command.decline(number, str(error))
        except BaseException as error:
            command.decline(number, f"{described(error)}.")
    command.store.add("left", 1)


def _run(command: RankCommand, number: int, spec: RunSpec, setting: Setting, loaded: dict[str, Any]) -> None:
    """Does this rank's part of a run. Raises UserError if its sources differ from rank 0's."""
    from benchmarks.executors.distributed.session import session_entered
    from benchmarks.runner.training import Training

    method, own = methods.recorded(spec.method.name, spec.method.options), own_files.loaded(setting.own)
    if command.place.rank >= method.devices:
        return
    match different(spec, command.store.get("sources").decode(), own):
        case "torch":
            raise UserError(f"it has torch {torch_minor()}, and rank 0 has {spec.torch}: install the same on both.")
        case "numerics" | "sources":
            raise UserError("its sources are others than rank 0's: check out the same commit on both.")
    with session_entered(command.session_of(number, method)) as session:
        training = Training(spec, process.data_of(spec, setting, loaded), None, own=own)
        session.publish_ready()
        try:
            training.executor.follow()  # type: ignore[attr-defined]  # this rank's executor is one that follows
        except (WorkerFailed, Stalled):
            return  # rank 0 has heard of it
        except WorkersStuck:
            os._exit(1)
