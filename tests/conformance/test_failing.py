"""Every method x executor: a failing worker ends the run, and a deadlock names the waiting workers."""

from __future__ import annotations

import threading
from inspect import GEN_CLOSED, getgeneratorstate

import pytest

from benchmarks.executors.errors import Stalled, WorkerFailed
from methods import Channel, Get, Program, Worker
from tests.conformance.small import Small, intercepted, run


def workers_of(training: Small) -> list[Worker]:
    training.team.begin_epoch(0)
    return list(training.method.workers(training.team))


def one_of_each_role(method: str) -> list[int]:
    """Returns the indices of the first worker of every role."""
    workers = workers_of(Small(method))
    for worker in workers:
        worker.program.close()
    roles = [worker.role for worker in workers]
    return [roles.index(role) for role in dict.fromkeys(roles)]


def broken() -> Program:
    yield from ()  # what makes it a generator
    raise ArithmeticError("broken on purpose")


def waiting_for_ever() -> Program:
    yield Get(Channel(name="what nobody sends"))


def test_a_worker_that_raises_is_named(method: str, executor: str) -> None:
    for at, chosen in enumerate(one_of_each_role(method)):
        training = Small(method, executor=executor)
        workers = workers_of(training)
        workers[chosen] = intercepted(workers[chosen], after=4 * (at % 2), then=broken)
        with pytest.raises(WorkerFailed, match="broken on purpose") as caught:
            run(training, workers)
        assert caught.value.worker == workers[chosen].name
        assert isinstance(caught.value.__cause__, ArithmeticError)
        assert {getgeneratorstate(worker.program) for worker in workers} == {GEN_CLOSED}
        assert not {thread.name for thread in threading.enumerate()} & {worker.name for worker in workers}


def test_a_worker_that_waits_for_nobody_is_named(representative: str, executor: str) -> None:
    for chosen in one_of_each_role(representative):
        training = Small(representative, executor=executor)
        workers = workers_of(training)
        workers[chosen] = intercepted(workers[chosen], after=1, then=waiting_for_ever)
        with pytest.raises(Stalled, match="can go on") as caught:
            run(training, workers)
        assert f"{workers[chosen].name} waits for what nobody sends" in str(caught.value)
        assert {getgeneratorstate(worker.program) for worker in workers} == {GEN_CLOSED}


def test_what_is_no_effect_fails_its_worker(representative: str, executor: str) -> None:
    def yields_a_number() -> Program:
        yield 3  # type: ignore[misc]

    training = Small(representative, executor=executor)
    workers = workers_of(training)
    workers[-1] = intercepted(workers[-1], after=1, then=yields_a_number)
    with pytest.raises(WorkerFailed, match="yielded 3, which is no effect") as caught:
        run(training, workers)
    assert caught.value.worker == workers[-1].name


def test_an_epoch_after_a_failed_one_runs(representative: str, executor: str) -> None:
    """Channels, counters and groups belong to an epoch: the executor keeps none of a failed one."""
    training = Small(representative, executor=executor)
    workers = workers_of(training)
    workers[0] = intercepted(workers[0], after=2, then=broken)
    with pytest.raises(WorkerFailed):
        run(training, workers)
    training.epoch(1)
    assert sorted(index for epoch, index in training.batches_used if epoch == 1) == list(
        range(training.team.steps_per_epoch)
    )
