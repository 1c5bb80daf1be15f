"""Accumulated gradients: their numbers, accounting and seconds, on every executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch

from benchmarks.executors import registry as executors
from benchmarks.executors.errors import EpochUnfinished, WorkerFailed
from benchmarks.executors.team import Team as AnyTeam
from benchmarks.hardware.price import MeasuredEffects, Price
from methods import (
    Accumulate,
    AllReduce,
    Backward,
    Channel,
    Drop,
    Forward,
    Get,
    Group,
    Lag,
    LayerVersions,
    Loss,
    NextBatch,
    Program,
    Put,
    Replica,
    Team,
    Update,
    Worker,
    backward,
    forward,
)
from methods.ddp import DDP
from tests.conformance.small import Small, bits
from tests.distributed.led import led
from tests.executors.clocks import run
from tests.executors.crews import carry_out
from tests.executors.crews import team_of as dry_team_of
from tests.executors.recorded import record, replay
from tests.executors.teams import IMAGES, RATE, by_hand, team_of, weight

Trainer = Callable[[Replica, Group], Program]
EXECUTORS = executors.in_one_process()


def collecting(team: AnyTeam, batches: int, *, mean: bool = True, last_first: bool = False) -> Program:
    """Updates once by the gradients of several batches."""
    collected = []
    for _ in range(batches):
        step = yield NextBatch(team.replica)
        yield from forward(team.replica, step)
        collected.append((yield from backward(team.replica, step)))
    sums = []
    for parts in zip(*(reversed(collected) if last_first else collected), strict=True):
        sums.append((yield Accumulate(*parts, mean=mean)))
    yield Update(*sums)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("mean", [True, False])
def test_one_step_by_several_batches(executor: str, mean: bool) -> None:
    """The step is by their mean or sum, at the first ticket's rate, in any order."""
    team = team_of(steps=2, learning_rate=lambda ticket: RATE / (1 + ticket))
    first, last = weight(team, 0).clone(), weight(team, 1).clone()
    carry_out(executor, collecting(team, 2, mean=mean, last_first=True), team=team)
    pairs = zip(*(by_hand(IMAGES + index, first, last) for index in range(2)), strict=True)
    for layer, (before, gradients) in enumerate(zip((first, last), pairs, strict=True)):
        expected = before - RATE * sum(gradients) / (2 if mean else 1)
        assert torch.allclose(weight(team, layer), expected, atol=1e-6)
    team.accounts.end_epoch()
    effects = team.accounts.effects
    assert (effects["updates"], effects["applied"], effects["applied_batches"]) == ([1, 1], 2, 4)
    assert team.accounts.staleness.count == [2, 2]


def test_one_gradient_is_given_back() -> None:
    """Its bits do not change, and it takes no time."""
    alone, plain = team_of(steps=1), team_of(steps=1)
    carry_out("virtual", collecting(alone, 1), team=alone)

    def training() -> Program:
        step = yield NextBatch(plain.replica)
        yield from forward(plain.replica, step)
        yield Update(*(yield from backward(plain.replica, step)))

    carry_out("virtual", training(), team=plain)
    assert all(torch.equal(weight(alone, layer), weight(plain, layer)) for layer in range(2))


def gradient_of(replica: Any) -> Any:
    step = yield NextBatch(replica)
    yield Forward(replica.layers[0], step)
    yield Loss(step)
    return (yield Backward(replica.layers[0], step))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_each_part_has_a_staleness_of_its_own(executor: str) -> None:
    """It is counted when the sum is applied; `Lag` and `scale` see the greatest."""
    team, scale_calls, lags = dry_team_of(steps=4), list[int](), list[LayerVersions]()

    def scale(staleness: int) -> float:
        scale_calls.append(staleness)
        return 1.0

    def worker() -> Program:
        old = yield from gradient_of(team.replica)
        for _ in range(2):
            yield Update((yield from gradient_of(team.replica)))
        new = yield from gradient_of(team.replica)
        summed = yield Accumulate(new, old)
        lags.append((yield Lag(summed)))
        yield Update(summed, scale=scale)

    carry_out(executor, worker(), team=team)
    assert lags == [LayerVersions(0, 2)]
    assert scale_calls == [2]
    staleness = team.accounts.staleness
    assert (staleness.count, staleness.updates) == ([4], [0 + 0 + 0 + 2])
    assert staleness.wait[0] <= staleness.seconds[0]


def test_sums_can_be_added_up() -> None:
    team = dry_team_of(steps=3)

    def worker() -> Program:
        total = yield from gradient_of(team.replica)
        for _ in range(2):
            total = yield Accumulate(total, (yield from gradient_of(team.replica)), mean=False)
        yield Update(total)

    carry_out("virtual", worker(), team=team)
    team.accounts.end_epoch()
    assert team.accounts.staleness.count == [3]
    assert team.accounts.effects["applied_batches"] == 3


@pytest.mark.parametrize("declared", [False, True])
def test_a_sum_that_is_left_over(declared: bool) -> None:
    """It counts as all of its parts, whether left over or dropped."""
    team = dry_team_of(steps=2)

    def worker() -> Program:
        first = yield from gradient_of(team.replica)
        summed = yield Accumulate(first, (yield from gradient_of(team.replica)))
        if declared:
            yield Drop(summed)

    carry_out("virtual", worker(), team=team)
    if declared:
        team.accounts.end_epoch()
        assert team.accounts.dropped == 2
    else:
        with pytest.raises(EpochUnfinished, match="2 gradients were neither applied nor dropped"):
            team.accounts.end_epoch()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_gradients_of_two_layers_are_not_added_up(executor: str) -> None:
    team = dry_team_of(layers=2, steps=1)

    def worker() -> Program:
        step = yield NextBatch(team.replica)
        yield from forward(team.replica, step)
        yield Accumulate(*(yield from backward(team.replica, step)))

    with pytest.raises(WorkerFailed, match="gradients of one layer, and was given those of layer1 and layer0"):
        carry_out(executor, worker(), team=team)


def test_no_gradients_make_no_sum() -> None:
    def worker() -> Program:
        yield Accumulate()

    with pytest.raises(WorkerFailed, match="gradients of one layer, and was given those of none"):
        carry_out("virtual", worker())


# ---- seconds


def seconds(price: Price, parts: int) -> float:
    """Returns the simulated seconds of accumulating this many gradients."""
    team = dry_team_of(steps=parts)

    def worker() -> Program:
        collected = []
        for _ in range(parts):
            collected.append((yield from gradient_of(team.replica)))
        yield Drop((yield Accumulate(*collected)))

    passes = parts * (price.forward_seconds + price.backward_seconds + price.loss() + price.next_batch())
    return run(team, price, worker()).now - passes


def test_it_costs_memory_traffic_as_updates_do() -> None:
    price = Price([1.0], [1.0], [1.0], [30.0], 7.0, 1.0, update_latency_seconds=0.5, update_bytes_per_second=10.0)
    assert [seconds(price, parts) for parts in (1, 2, 4)] == pytest.approx([0, 0.5 + 6, 0.5 + 12])
    assert seconds(Price.uniform(1, 1.0, 2.0), 3) == 0
    measured = MeasuredEffects(
        next_batch_seconds=0.0,
        loss_seconds=0.0,
        update_seconds=(9.0,),
        snapshot_seconds=(9.0,),
        all_reduce_seconds=(0.25,),
        average_seconds=9.0,
    )
    assert seconds(Price([1.0], [1.0], [1.0], [30.0], effects=measured), 3) == pytest.approx(0.75)


# ---- recorded, and on ranks


def two_steps(replica: Replica, everyone: Group) -> Program:
    """Reduces the mean of two batches of each device."""
    first: list[Any] = []
    while (step := (yield NextBatch(replica))) is not None:
        yield from forward(replica, step)
        gradients, means = (yield from backward(replica, step)), []
        if not first:
            first = gradients
            continue
        for parts in zip(first, gradients, strict=True):
            means.append((yield AllReduce(everyone, replica, (yield Accumulate(*parts)))))
        first = []
        yield Update(*means)
    for gradient in first:
        yield Drop(gradient)


def two_rounds(replica: Replica, everyone: Group) -> Program:
    """Accumulates two means that have not arrived when it asks for that."""
    reductions: list[Any] = []
    while (step := (yield NextBatch(replica))) is not None:
        yield from forward(replica, step)
        for gradient in (yield from backward(replica, step)):
            reductions.append((yield AllReduce(everyone, replica, gradient)))
        if len(reductions) > len(replica.layers):
            means = []
            for parts in zip(reductions[: len(replica.layers)], reductions[len(replica.layers) :], strict=True):
                means.append((yield Accumulate(*parts)))
            reductions = []
            yield Update(*means)
    for mean in reductions:
        yield Drop(mean)


def trained_by(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trains DDP with these workers."""

    def workers(self: DDP, team: Team) -> Iterable[Worker]:
        everyone = Group(members=len(team.replicas), name="all-reduce")
        return [Worker(trainer(replica, everyone), device=replica.device, role="trainer") for replica in team.replicas]

    monkeypatch.setattr(DDP, "workers", workers)


@pytest.mark.parametrize("trainer", [two_steps, two_rounds])
def test_ranks_have_the_bits_of_one_process(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    trained_by(trainer, monkeypatch)
    alone = Small("ddp", {"devices": 2})
    alone.epoch(0)
    with led("ddp", {"devices": 2}) as training:
        training.epoch(0)
        assert bits(training.team) == bits(alone.team)
        assert training.team.accounts.staleness.count == alone.team.accounts.staleness.count
        assert training.team.accounts.effects == alone.team.accounts.effects


def test_a_sum_does_not_go_from_rank_to_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message between ranks has no room for the reads of its parts."""
    sums = Channel(None, name="sums")

    def workers(self: DDP, team: Team) -> Iterable[Worker]:
        def sender() -> Program:
            heads = []
            for _ in range(2):
                step = yield NextBatch(team.replicas[0])
                yield from forward(team.replicas[0], step)
                heads.append((yield from backward(team.replicas[0], step))[0])
            yield Put(sums, (yield Accumulate(*heads)))

        def taker() -> Program:
            yield Update((yield Get(sums)), replica=team.replicas[1])

        return [Worker(sender(), device=0, role="sender"), Worker(taker(), device=1, role="taker")]

    with led("ddp", {"devices": 2}) as training:
        monkeypatch.setattr(DDP, "workers", workers)
        with pytest.raises(WorkerFailed, match="sums is between ranks, which pass single gradients on"):
            training.epoch(0)


def test_a_replay_has_the_bits_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    trained_by(two_steps, monkeypatch)
    parts, outcome = record("ddp", {"devices": 2})
    assert "+" in parts[0]["trainer 0 on device 0"].effects
    assert replay("ddp", parts, {"devices": 2}) == outcome
