"""The ranks of an executor with a process per device: started here, unless torchrun or srun did; and what each does.

The command itself is at rank 0, whose runs are trained as any others are; another rank has a process that takes part in
the runs that rank 0 leads. Nobody but rank 0 writes a journal.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, NamedTuple

import methods
from benchmarks.errors import USER_ERRORS, UserError
from benchmarks.executors import registry as executors
from benchmarks.executors.distributed import place as places
from benchmarks.executors.distributed.place import RankPlace
from benchmarks.runner.gpus import VISIBLE
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import memory, openmp, signals
from benchmarks.runner.processes.apart import apart
from benchmarks.runner.processes.messages import Setting
from results import children
from results.records.spec import RunSpec

if TYPE_CHECKING:
    from benchmarks.executors.distributed.session import RankCommand
    from benchmarks.workloads.own import Own


class RankWork(NamedTuple):
    """Functions that a rank's process shares with training processes; they are defined in modules above this one.

    prepare: loads plug-ins and what trains -> why it cannot, or "". data_of: a run's data, from what is at hand.
    """

    prepare: Callable[[Setting], str]
    data_of: Callable[[RunSpec, Setting, dict[str, Any]], Any]


LEAVING_SECONDS = 30.0
"""Longest wait of rank 0 for the others to hear that all is over; a rank may still be at its imports."""


def other(kind: executors.ExecutorKind) -> RankPlace | None:
    """Place of this process if it is another rank than 0. Raises UserError as `places.rank_from_environment`."""
    place = None if kind.one_process else places.rank_from_environment()
    return place if place is not None and place.rank else None


def started_here(kind: executors.ExecutorKind, command: str) -> None:
    """Refuses commands whose runs depend on others' outcomes: UserError where torchrun or srun started ranks."""
    if not kind.one_process and places.rank_from_environment() is not None:
        raise UserError(
            f"`{command}` cannot run under torchrun or srun, where every rank would search by itself: leave them out, "
            "and it starts ranks on this machine."
        )


def take_part(place: RankPlace, setting: Setting, work: RankWork) -> int:
    """Run a nonzero rank in a subprocess -> the exit code."""
    rank = _process(place, setting, work, None)
    rank.join()
    return 1 if rank.exitcode else 0


@contextlib.contextmanager
def started(runs: Sequence[Run], setting: Setting, work: RankWork) -> Iterator[None]:
    """While the runs are trained that need ranks, there are as many. Raises UserError where there cannot be."""
    apart = [run for run in runs if not executors.executor(run.spec.executor).one_process]
    place = places.rank_from_environment() if apart or not runs else None
    if place is None and not apart:
        yield
        return
    from benchmarks.executors.distributed import session

    here, made = place is None, [methods.recorded(run.method.name, run.method.options) for run in apart]
    if place is None:
        store = session.serve(places.LOOPBACK)
        place = RankPlace(0, max(method.devices for method in made), port=store.port)
    elif not place.agent:
        store = session.serve(place.address, place.port)
    for method in made:
        session.check_rank_count(place, method)
    others = _local(place, setting, work, apart) if here else contextlib.nullcontext()
    with memory.variables(place.variables), others:
        try:
            yield
        finally:
            _dismiss(place, here=here)


@contextlib.contextmanager
def _local(place: RankPlace, setting: Setting, work: RankWork, runs: Sequence[Run]) -> Iterator[None]:
    """Starts the other ranks on this machine, and ends them with the block."""
    policies = {openmp.policy_of(run, 1) for run in runs} - {None}
    places_of = [RankPlace(rank, place.ranks, place.address, place.port) for rank in range(1, place.ranks)]
    processes = [_process(one, setting, work, next(iter(policies), None)) for one in places_of]
    threading.Thread(target=_tell_of_lost, args=(place, processes), name="ranks", daemon=True).start()
    try:
        yield
    finally:
        children.gone(processes, signals.POOL_SECONDS)


def _process(place: RankPlace, setting: Setting, work: RankWork, policy: str | None) -> Any:
    context = multiprocessing.get_context("spawn")  # a fork after OpenMP or autograd hangs
    made = context.Process(target=main, args=(place, setting, work), name=f"rank {place.rank}", daemon=True)
    with children.blocked(), openmp.applied(policy), memory.preloaded(), apart():
        made.start()
    return made


def _tell_of_lost(place: RankPlace, processes: Sequence[Any]) -> None:
    """Tells rank 0, which waits for the others, of a process that ended before it was told to."""
    from benchmarks.executors.distributed.session import RankCommand

    by_sentinel = {one.sentinel: one for one in processes}
    while by_sentinel:
        for sentinel in wait(list(by_sentinel)):
            one = by_sentinel.pop(sentinel)
            one.join()
            if one.exitcode:
                with contextlib.suppress(UserError, RuntimeError):
                    code = one.exitcode
                    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
                    words = f"The process of {one.name} of {place.ranks} {how}; the same command trains the run again."
                    RankCommand(place, places.timeout_seconds()).store.set("lost", words)


def _dismiss(place: RankPlace, *, here: bool) -> None:
    """Tell the other ranks that all is over; where their store is this process's, wait until they have heard it."""
    from benchmarks.executors.distributed.session import RankCommand

    with contextlib.suppress(UserError, RuntimeError):
        store = RankCommand(place, LEAVING_SECONDS).store
        store.set("over", "1")
        deadline = time.monotonic() + LEAVING_SECONDS
        while not (here or place.agent) and store.add("left", 0) < place.ranks - 1 and time.monotonic() < deadline:
            time.sleep(0.05)


# ---- a rank's process


def main(place: RankPlace, setting: Setting, work: RankWork) -> None:
    """Take part in the runs that rank 0 leads, until there are no more."""
    children.follow_parent()
    memory.keep_freed_memory()
    os.environ |= place.variables
    if setting.gpus:
        here = int(os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_LOCALID") or place.rank)
        os.environ[VISIBLE] = setting.gpus[here % len(setting.gpus)]
    wrong = work.prepare(setting)
    from benchmarks.executors.distributed import session

    try:
        _serve(session.rank_command(), setting, wrong, work)
    except UserError as error:
        print(error, file=sys.stderr)
        os._exit(2)
    except RuntimeError:  # the store is gone with rank 0
        os._exit(1)
    os._exit(0)  # workers' threads may go on, and would meet an interpreter that is taken down under them


def _serve(session: RankCommand, setting: Setting, wrong: str, work: RankWork) -> None:
    from benchmarks.workloads import own_files

    loaded: dict[str, Any] = {}
    while (told := session.next()) is not None:
        number, spec = told
        try:
            if wrong:
                raise UserError(wrong)
            _run(session, number, spec, lambda spec: work.data_of(spec, setting, loaded), own_files.loaded(setting.own))
        except USER_ERRORS as error:
            session.decline(number, str(error))
    session.store.add("left", 1)


def _run(session: RankCommand, number: int, spec: RunSpec, data_of: Callable[[RunSpec], Any], own: Own) -> None:
    """Raises UserError where this rank cannot take part, ResultsError where its data cannot be read."""
    from benchmarks.executors.distributed.session import session_entered
    from benchmarks.executors.errors import Stalled, WorkerFailed, WorkersStuck, described
    from benchmarks.runner.training import Training

    try:
        method = methods.recorded(spec.method.name, spec.method.options)
        if session.place.rank >= method.devices:
            return
        _check(spec, session.store.get("sources").decode(), own)
        with session_entered(session.session_of(number, method)) as run_session:
            training = Training(spec, data_of(spec), None, own=own)
            run_session.publish_ready()
            try:
                training.executor.follow()  # type: ignore[attr-defined]  # this rank's executor is one that follows
            except (WorkerFailed, Stalled):
                return  # rank 0 has heard of it
            except WorkersStuck:
                os._exit(1)
    except USER_ERRORS:
        raise
    except BaseException as error:
        raise UserError(f"{described(error)}.") from error


def _check(spec: RunSpec, code: str, own: Own) -> None:
    """Raises UserError where this rank has not what rank 0 has. code: the digest of the numerics' files there."""
    from benchmarks.runner.identity import different, torch_minor

    match different(spec, code, own):
        case "torch":
            raise UserError(f"it has torch {torch_minor()}, and rank 0 has {spec.torch}: install the same on both.")
        case "numerics" | "sources":
            raise UserError("its sources are others than rank 0's: check out the same commit on both.")
