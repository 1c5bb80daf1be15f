"""Ranks compute what one process computes where a method is synchronous; of others the invariants hold."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch

from benchmarks.executors.distributed import watch
from benchmarks.executors.distributed.cross_device import SharedAcrossDevices, cross_device_channels
from benchmarks.executors.distributed.rank import RankExecutor
from benchmarks.executors.distributed.session import RankSession
from benchmarks.executors.distributed.transport import MESSAGES, LinkLost
from benchmarks.executors.distributed.watch import Failure
from benchmarks.executors.errors import Stalled, WorkerFailed
from methods import Channel, Close, Counter, Get, NextBatch, Program, Put, Worker
from methods.effects import Count
from tests.conformance.small import EPOCHS, PATIENCE_SECONDS, STEPS, Small, bits, intercepted
from tests.conformance.test_failing import broken, waiting_for_ever
from tests.conformance.test_statements import check_counted
from tests.conformance.test_training import check_batches, check_staleness, check_updates
from tests.distributed.led import led
from tests.distributed.together import sessions
from tests.sure import sure

COMPUTED = "train_loss train_accuracy_percent loss accuracy_percent staleness_updates dropped_gradients".split()
SYNCHRONOUS: list[tuple[str, dict[str, Any]]] = [
    ("ddp", {}),
    ("ddp", {"devices": 2}),
    ("lsgd", {"devices": 2, "period": 2, "averages": "weights_and_momentum"}),
    ("plsgd", {"period": 2, "bn_buffers": "per_device"}),
]


def computed(training: Small, epochs: int = EPOCHS) -> list[dict[str, float]]:
    return [{name: of[name] for name in COMPUTED} for of in training.train(epochs)]


@pytest.mark.parametrize(("method", "options"), SYNCHRONOUS, ids=lambda part: str(part))
def test_synchronous_methods_compute_what_one_process_does(method: str, options: dict[str, Any]) -> None:
    """Weights, momentum and losses, on two ranks to the last bit; counts, and the method's own state."""
    alone = Small(method, options)
    with led(method, options) as training:
        results, expected = computed(training), computed(alone)
        if training.method.devices == 2:
            assert results == expected
            assert bits(training.team) == bits(alone.team)
        for result, one_process in zip(results, expected, strict=True):  # more ranks add up in another order
            assert result == pytest.approx(one_process, rel=1e-4)
        for copy, original in zip(training.team.layers, alone.team.layers, strict=True):
            assert (copy.updates, copy.averages) == (original.updates, original.averages)
            for p, q in zip(copy.params, original.params, strict=True):
                torch.testing.assert_close(p, q, rtol=1e-3, atol=1e-5)
        assert training.team.accounts.staleness.count == alone.team.accounts.staleness.count
        assert training.team.counted_effects() == alone.team.counted_effects()
        assert training.team.state == alone.team.state


def test_means_are_clipped_once_all_are_there() -> None:
    settings = {"optimizer.clip": 0.1, "optimizer.clip_by": "all"}
    alone = Small("ddp", {"devices": 2}, settings=settings)
    with led("ddp", {"devices": 2}, settings) as training:
        assert computed(training, 1) == computed(alone, 1)
        assert bits(training.team) == bits(alone.team)


def test_parts_of_an_epoch_are_put_together() -> None:
    """A drain within an epoch: counts and losses are those of the whole epoch."""
    settings = {"drain_every": 3}
    alone = Small("ddp", {"devices": 2}, settings=settings)
    with led("ddp", {"devices": 2}, settings) as training:
        assert computed(training, 1) == computed(alone, 1)
        assert bits(training.team) == bits(alone.team)
        assert training.team.tickets == list(range(STEPS - 1))


@pytest.mark.parametrize(
    ("devices", "method", "options"),
    [
        (2, "lapsgd", {"updaters": 2, "period": 2}),
        (3, "lapsgd", {"shares": "dynamic"}),
        (2, "lppsgd", {"updaters": 2, "stabilising": 0.0}),
        (3, "pdasgd", {}),
    ],
    ids=lambda part: str(part),
)
def test_asynchronous_methods_use_an_epoch_up(method: str, options: dict[str, Any], devices: int) -> None:
    """Every batch once, every gradient where it belongs, all counts and the staleness of all ranks at rank 0."""
    with led(method, {**options, "devices": devices}) as training:
        for epoch in range(2):
            before = [layer.updates for replica in training.team.replicas for layer in replica.layers]
            training.epoch(epoch)
            check_batches(training, epoch)
            check_updates(training, before)
            check_staleness(training)
            averages = {layer.averages for replica in training.team.replicas for layer in replica.layers}
            assert len(averages) == 1
            assert bool(averages.pop()) == training.method.averages_replicas
        check_counted(training.method, training.team, epochs=2)


def test_a_run_goes_on_from_its_checkpoint() -> None:
    """The other ranks get their replicas, momentum and all, from rank 0."""
    alone = Small("lsgd", {"devices": 2, "period": 3})
    alone.train()
    with led("lsgd", {"devices": 2, "period": 3}) as first:
        evaluations = first.train(2)
        checkpoint = first.checkpoint(evaluations, 1.0)
    with led("lsgd", {"devices": 2, "period": 3}) as second:
        second.resume(checkpoint)
        second.train(1, first=2)
        assert bits(second.team) == bits(alone.team)


# ---- failures


class Broken:
    """Workers of a method, of which those of one device do something else in the second epoch."""

    def __init__(self, training: Small, device: int, then: Any) -> None:
        self.workers, self.device, self.then = training.method.workers, device, then

    def __call__(self, team: Any) -> list[Worker]:
        workers = list(self.workers(team))
        if team.epoch == 0 or not hasattr(team, "losses"):
            return workers
        return [intercepted(w, after=3, then=self.then) if w.device == self.device else w for w in workers]


@pytest.mark.parametrize(("method", "device"), [("ddp", 0), ("lapsgd", 1), ("pdasgd", 1)])
def test_a_rank_that_fails_ends_all_with_its_own_error(
    method: str, device: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with led(method, {"devices": 2}) as training:
        training.epoch(0)
        failing = Broken(training, device, broken)
        monkeypatch.setattr(type(training.method), "workers", lambda self, team: failing(team))
        with pytest.raises(WorkerFailed, match=r"on device \d' failed: ArithmeticError: broken on purpose") as caught:
            training.epoch(1)
        assert f"on device {device}'" in str(caught.value)
        assert ("[rank 1 of 2, " in str(caught.value)) == (device == 1)


def test_a_rank_that_is_lost_before_a_part_begins_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first one, when nobody runs yet; and between two, when the last one's monitor is nobody's any more."""
    monkeypatch.setattr(watch, "PATIENCE_SECONDS", 0.0)
    executor = RankExecutor(Small("pdasgd", {"devices": 2}).team, sessions(2)[0])
    executor._on_link_lost(LinkLost(1, RuntimeError("Connection closed by peer")))
    for _ in range(2):
        assert "Rank 1 of 2 is gone" in str(executor._make_monitor([]).failure)


def test_no_rank_goes_on_before_all_are_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    last_may_go_on, first_went_on, publish = threading.Event(), threading.Event(), RankSession.publish

    def slow(self: RankSession, key: str, document: Any) -> None:
        if key == f"connected {MESSAGES} 1":
            last_may_go_on.wait(PATIENCE_SECONDS)
        publish(self, key, document)

    def connect(session: RankSession) -> None:
        session.connect(MESSAGES)
        if session.rank == 0:
            first_went_on.set()

    monkeypatch.setattr(RankSession, "publish", slow)
    rank_sessions = sessions(2)
    threads = [threading.Thread(target=connect, args=(session,)) for session in rank_sessions]
    for thread in threads:
        thread.start()
    assert not first_went_on.wait(0.1)
    last_may_go_on.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert first_went_on.is_set()
    for session in rank_sessions:
        session.close()


def test_a_failure_before_ranks_are_connected_connects_none() -> None:
    session = sessions(2)[0]
    RankExecutor(Small("ddp", {"devices": 2}).team, session).watch.report_failure(ValueError("no such file"))
    assert "no such file" in sure(session.read("failure", Failure)).words
    assert not session.transport.connected(MESSAGES)


def test_ranks_that_wait_for_ever_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by what all ranks note, since each by itself could be woken by another."""
    with led("lsgd", {"devices": 2, "period": 1}) as training:
        training.epoch(0)
        failing = Broken(training, 1, waiting_for_ever)
        monkeypatch.setattr(type(training.method), "workers", lambda self, team: failing(team))
        with pytest.raises(Stalled, match="can go on") as caught:
            training.epoch(1)
        assert "trainer 0 on device 1 waits for what nobody sends" in str(caught.value)
        assert "trainer 0 on device 0 waits for the other members of everyone" in str(caught.value)


# ---- what cannot be between ranks


def test_a_channel_is_where_its_taker_is() -> None:
    alone = Small("pdasgd", {"devices": 3})
    channels = cross_device_channels(alone.method.workers, alone.team)
    assert channels.homes == {f"gradients for device {q}": q for q in range(3)}
    assert not channels.rounds
    assert not cross_device_channels(Small("ddp").method.workers, alone.team).homes


def test_a_counter_is_not_shared_by_ranks() -> None:
    def workers(team: Any) -> list[Worker]:
        counter = Counter(name="S")

        def counting(replica: Any) -> Program:
            yield Count(counter)

        return [Worker(counting(replica), device=replica.device, role="w") for replica in team.replicas]

    with pytest.raises(SharedAcrossDevices, match="the counter 'S' is shared by workers of several devices"):
        cross_device_channels(workers, Small("ddp").team)


def test_batches_do_not_go_from_rank_to_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    def workers(self: Any, team: Any) -> list[Worker]:
        channel = Channel(None, name="batches")

        def sender() -> Program:
            while (step := (yield NextBatch(team.replicas[0]))) is not None:
                yield Put(channel, step)
            yield Close(channel)

        def taker() -> Program:
            while (yield Get(channel)) is not None:
                pass

        return [Worker(sender(), device=0, role="sender"), Worker(taker(), device=1, role="taker")]

    with led("lsgd", {"devices": 2}) as training:
        monkeypatch.setattr(type(training.method), "workers", workers)
        with pytest.raises(WorkerFailed, match="batches is between ranks, which pass single gradients on"):
            training.epoch(0)
