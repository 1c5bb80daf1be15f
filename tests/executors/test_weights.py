"""Weights as values: anchors, pseudo-gradients, outer steps and mixing; their counts, costs and checkpoints."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.executors.accounting import Gradient
from benchmarks.executors.counts import KeptWeights
from benchmarks.executors.distributed.cross_device import cross_device_channels
from benchmarks.executors.errors import WorkerFailed
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.numerics.weights import TorchWeights
from benchmarks.executors.team import checked
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Price
from methods import (
    Accumulate,
    AllReduce,
    Anchor,
    Channel,
    DelayedOptions,
    Delta,
    Get,
    Group,
    Lag,
    Mix,
    NextBatch,
    Outer,
    OuterOptimizer,
    OuterOptions,
    Program,
    Put,
    Replica,
    Update,
    Worker,
    backward,
    forward,
)
from tests.executors import crews
from tests.executors.crews import EXECUTORS, carry_out, crew, program
from tests.executors.teams import network, sgd, summands, team_of, weight

OUTER: Any = OuterOptions
PLAIN = OUTER(name="sgd", lr=2.0, momentum=0.0)
both = pytest.mark.parametrize("executor", EXECUTORS)


def local_step(replica: Replica) -> Program:
    step = yield NextBatch(replica)
    yield from forward(replica, step)
    yield Update(*(yield from backward(replica, step)))


def tensors(weights: Any) -> list[float]:
    return [float(copy.tensors[0]) for copy in checked(TorchWeights, weights).copies]


def live(team: TorchTeam) -> list[list[float]]:
    return [[float(layer.params[0].data) for layer in replica.layers] for replica in team.replicas]


# ---- the numbers


@both
def test_an_anchor_stays_what_it_was(executor: str) -> None:
    team, results = summands(2.0, steps=1), dict[str, Any]()

    def trains() -> Program:
        anchor = yield Anchor(team.replica, team.replica.layers[1:])
        yield from local_step(team.replica)
        results["anchor"], results["deltas"] = anchor, (yield Delta(anchor, team.replica))

    carry_out(executor, trains(), team=team)
    assert tensors(results["anchor"]) == [1.0]
    assert [(delta.layer.name, float(delta.tensors[0])) for delta in results["deltas"]] == [("last", 2.0)]


@both
@pytest.mark.parametrize(
    ("optimizer", "after"),
    [
        (PLAIN, [-3.0, -7.0]),
        (OUTER(name="sgd", lr=1.0, momentum=0.5), [-1.0, -4.0]),
        (OUTER(name="nesterov", lr=1.0, momentum=0.5), [-2.0, -5.5]),
    ],
    ids=["sgd", "momentum", "nesterov"],
)
def test_outer_steps_are_those_of_sgd(executor: str, optimizer: OuterOptimizer, after: list[float]) -> None:
    """Twice by a pseudo-gradient of 2: the buffer is 2, then 3; Nesterov's step 2 + 0.5 x 2, then 2 + 0.5 x 3."""
    team, created = summands(2.0, steps=1), list[Any]()

    def trains() -> Program:
        anchor = yield Anchor(team.replica, team.replica.layers)
        yield from local_step(team.replica)
        deltas = yield Delta(anchor, team.replica)
        for _ in range(2):
            created.append(anchor)
            anchor = yield Outer(anchor, *reversed(deltas), optimizer=optimizer)
        created.append(anchor)

    carry_out(executor, trains(), team=team)
    assert list(map(tensors, created)) == [[value] * 2 for value in (1.0, *after)]


@both
@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_mixing_weights_in(executor: str, share: float) -> None:
    """A share of 0 or 1 keeps exact bits; only the given layers change."""
    team = team_of(network(0), network(1))
    before = [[weight(team, i, q).clone() for i in (0, 1)] for q in (0, 1)]

    def mixes() -> Program:
        anchor = yield Anchor(team.replicas[1], team.replicas[1].layers[:1])
        yield Mix(team.replica, anchor, share)

    carry_out(executor, mixes(), team=team)
    torch.testing.assert_close(weight(team), (1 - share) * before[0][0] + share * before[1][0])
    if share in (0.0, 1.0):
        assert torch.equal(weight(team), before[int(share)][0])
    assert torch.equal(weight(team, 1), before[0][1])
    assert [layer.averages for layer in team.replica.layers] == [1, 0]
    assert [layer.updates for layer in team.replica.layers] == [0, 0]
    assert team.counted_effects()["averages"] == 1


@both
@pytest.mark.parametrize(("fresh", "after"), [(False, -4.0), (True, -3.0)])
def test_with_fresh_weights_optimizers_begin_anew(executor: str, fresh: bool, after: float) -> None:
    """Gradients of 2 with momentum 0.5: the second step is 2 + 1, or 2 with new optimizers."""
    team = summands(2.0, steps=2, optimizer=sgd(momentum=0.5))

    def trains() -> Program:
        yield from local_step(team.replica)
        yield Mix(team.replica, (yield Anchor(team.replica, team.replica.layers)), 1.0, fresh)
        yield from local_step(team.replica)

    carry_out(executor, trains(), team=team)
    assert live(team) == [[after, after]]


def normed(seed: int) -> dict[str, nn.Module]:
    """Returns two layers, the first with running statistics of its own, whose variance is below 1."""
    created = network(seed)
    norm = nn.BatchNorm1d(5)
    norm.running_var = torch.full([5], 0.1 * (seed + 1))
    return {"first": nn.Sequential(created["first"], norm), "last": created["last"]}


def statistics(team: TorchTeam, replica: int) -> list[Tensor]:
    return [buffer.data.clone() for buffer in team.replicas[replica].layers[0].buffers]


def outer_steps(team: TorchTeam, optimizer: OuterOptimizer, share: float) -> list[Program]:
    """Each replica takes a local step, an outer step by the mean of all replicas, and mixes the anchor in."""
    group = Group(len(team.replicas))

    def member(replica: Replica) -> Program:
        anchor, means = (yield Anchor(replica, replica.layers)), []
        yield from local_step(replica)
        for delta in (yield Delta(anchor, replica)):
            means.append((yield AllReduce(group, replica, delta)))
        yield Mix(replica, (yield Outer(anchor, *means, optimizer=optimizer)), share)

    return [member(replica) for replica in team.replicas]


@both
def test_replicas_take_the_outer_step_of_their_mean(executor: str) -> None:
    """Gradients of 2 and 4: the anchor becomes 1 - 2 x 3, and half of it is mixed into -1 and -3."""
    team = summands(2.0, 4.0, steps=1)
    carry_out(executor, *outer_steps(team, PLAIN, 0.5), team=team)
    assert live(team) == [[-3.0, -3.0], [-4.0, -4.0]]


@both
def test_running_statistics_become_their_mean_and_are_never_extrapolated(executor: str) -> None:
    """An outer step at rate 50 would make variances negative."""
    team, alone = (team_of(normed(0), normed(1)) for _ in range(2))
    carry_out(executor, *(local_step(replica) for replica in alone.replicas), team=alone)
    carry_out(executor, *outer_steps(team, OUTER(name="sgd", lr=50.0, momentum=0.0), 1.0), team=team)
    for q in (0, 1):
        for mean, first, second in zip(statistics(team, q), statistics(alone, 0), statistics(alone, 1), strict=True):
            torch.testing.assert_close(mean, (first + second) / 2)


@both
def test_or_are_each_devices_own(executor: str) -> None:
    team, alone = (team_of(normed(0), normed(1), average_buffers=False) for _ in range(2))
    carry_out(executor, *(local_step(replica) for replica in alone.replicas), team=alone)
    carry_out(executor, *outer_steps(team, PLAIN, 1.0), team=team)
    for q in (0, 1):
        assert all(torch.equal(a, b) for a, b in zip(statistics(team, q), statistics(alone, q), strict=True))


# ---- the accounts


@both
def test_a_pseudo_gradient_is_of_no_batch(executor: str) -> None:
    """Unused, dropped, reduced or used: the epoch's accounting and staleness count batches only."""
    team, lags = summands(2.0, steps=2), list[Any]()

    def trains() -> Program:
        anchor = yield Anchor(team.replica, team.replica.layers)
        deltas = yield Delta(anchor, team.replica)
        for _ in range(2):
            yield from local_step(team.replica)
        lags.append((yield Lag(deltas[0])))
        yield Outer(anchor, *deltas, optimizer=PLAIN)

    carry_out(executor, trains(), team=team)
    team.accounts.end_epoch()
    counts = team.counted_effects()
    assert (counts["gradients"], counts["applied"], counts["updates"]) == (4, 4, [2, 2])
    assert team.accounts.staleness.count == [2, 2]
    assert lags == [(0, 2)]


@both
def test_weights_bring_their_version_along(executor: str) -> None:
    """A worker's replica takes over the server's weights after 2 updates; its gradient is applied there after a third.

    Neither its own count of updates nor mixing with a smaller share matters.
    """
    team, lags = summands(2.0, 4.0, steps=3), list[Any]()
    server, worker = team.replicas

    def serves() -> Program:
        for _ in range(2):
            yield from local_step(server)
        served = yield Anchor(server, server.layers)
        early = yield NextBatch(worker)
        yield from forward(worker, early)
        yield Mix(worker, served, 1.0)
        yield Mix(worker, (yield Anchor(server, server.layers)), 0.5)
        step = yield NextBatch(worker)
        yield from forward(worker, step)
        yield from local_step(server)
        gradients = yield from backward(worker, step)
        lags.append((yield Lag(gradients[0], server)))
        yield Update(*gradients, replica=server)
        yield Update(*(yield from backward(worker, early)))  # read before the server's weights came
        yield from local_step(worker)
        stepped = yield Outer(served, *(yield Delta(served, worker)), optimizer=PLAIN)
        yield Mix(server, stepped, 1.0)
        lags.append((yield Lag((yield Delta(served, worker))[0], server)))

    carry_out(executor, serves(), team=team)
    assert team.accounts.staleness.updates == [1, 1]
    assert lags == [(2, 3), (2, 3)]  # the outer step is an update of what was served
    assert [layer.updates for replica in team.replicas for layer in replica.layers] == [4, 4, 2, 2]


def misused(team: TorchTeam, case: str) -> Program:
    anchor = yield Anchor(team.replica, team.replica.layers)
    deltas = yield Delta(anchor, team.replica)
    step = yield NextBatch(team.replica)
    yield from forward(team.replica, step)
    gradients = yield from backward(team.replica, step)
    match case:
        case "update":
            yield Update(*deltas)
        case "batch":
            yield Outer(anchor, *gradients, optimizer=PLAIN)
        case "missing":
            yield Outer(anchor, deltas[0], optimizer=PLAIN)
        case "twice":
            yield Outer(anchor, *deltas, deltas[0], optimizer=PLAIN)
        case "share":
            yield Mix(team.replica, anchor, 1.5)


def test_what_is_no_pseudo_gradient_or_share_is_refused() -> None:
    for case, words in (
        ("update", "Update takes gradients of batches"),
        ("batch", "Outer takes one pseudo-gradient"),
        ("missing", "the anchor's 2 layers"),
        ("twice", "the anchor's 2 layers"),
        ("share", "from 0 to 1"),
    ):
        team = summands(2.0, steps=1)
        with pytest.raises(WorkerFailed, match=words):
            carry_out("virtual", misused(team, case), team=team)


@both
def test_gradients_and_pseudo_gradients_are_not_reduced_together(executor: str) -> None:
    team, group = summands(2.0, 2.0, steps=1), Group(2)

    def gradient() -> Program:
        step = yield NextBatch(team.replica)
        yield from forward(team.replica, step)
        yield AllReduce(group, team.replica, (yield from backward(team.replica, step))[1])

    def delta() -> Program:
        replica = team.replicas[1]
        anchor = yield Anchor(replica, replica.layers)
        yield AllReduce(group, replica, (yield Delta(anchor, replica))[0])

    with pytest.raises(WorkerFailed, match="and not both"):
        carry_out(executor, gradient(), delta(), team=team)


@both
def test_accumulated_pseudo_gradients_are_one_of_no_batch(executor: str) -> None:
    """Two replicas lie 2 and 4 below their anchor: the outer step by the mean gives 1 - 2 x 3; a sum is refused."""
    team, created = summands(2.0, 4.0, steps=1), list[Any]()

    def serves() -> Program:
        anchor, all_deltas = (yield Anchor(team.replica, team.replica.layers)), []
        for replica in team.replicas:
            yield from local_step(replica)
            all_deltas.append((yield Delta(anchor, replica)))
        means = []
        for parts in zip(*all_deltas, strict=True):
            means.append((yield Accumulate(*parts)))
        created.append((yield Outer(anchor, *means, optimizer=PLAIN)))
        yield Accumulate(*(deltas[0] for deltas in all_deltas), mean=False)

    with pytest.raises(WorkerFailed, match="and not their sum"):
        carry_out(executor, serves(), team=team)
    assert tensors(created[0]) == [-5.0, -5.0]
    team.accounts.end_epoch()


# ---- the price

PRICE = Price([0.0] * 2, [0.0] * 2, [0.0] * 2, [8.0, 4.0], 0.5, 2.0, 0.25, 16.0)
UPDATE = 0.25 + 12 / 16


def seconds(team: TorchTeam, price: Price, effects: Program, device: int = 0) -> float:
    executor = VirtualExecutor(team, price)
    executor.run(crew(effects, devices=(device,)))
    return executor.now


def each(team: TorchTeam) -> Program:
    anchor = yield Anchor(team.replica, team.replica.layers)
    deltas = yield Delta(anchor, team.replica)
    yield Mix(team.replica, (yield Outer(anchor, *deltas, optimizer=PLAIN)), 0.5)


def test_each_costs_an_update_and_none_on_an_ideal_device() -> None:
    assert seconds(summands(2.0, steps=1), PRICE, each(summands(2.0, steps=1))) == 4 * UPDATE
    assert seconds(summands(2.0, steps=1), Price.uniform(2, 1.0, 1.0), each(summands(2.0, steps=1))) == 0


def test_from_afar_they_come_over_the_link() -> None:
    """All except the outer step, whose weights are the worker's own."""
    team = summands(2.0, steps=1)
    assert seconds(team, PRICE, each(team), device=1) == 4 * UPDATE + 3 * (0.5 + 12 / 2)


def test_reads_are_at_the_begin_and_writes_at_the_end() -> None:
    """A copy and a mix of 1 s each start at 0: the copy has the weights from before the mix."""
    team, copied = summands(2.0, steps=1), list[Any]()
    anchor = team.anchor(team.replica, team.replica.layers)
    for layer in team.replica.layers:
        layer.params[0].data.fill_(5.0)

    def mixes() -> Program:
        yield Mix(team.replica, anchor, 1.0)

    def copies() -> Program:
        copied.append((yield Anchor(team.replica, team.replica.layers)))

    executor = VirtualExecutor(team, replace(PRICE, lanes=2, lane_capacity=2.0))
    executor.run(crew(mixes(), copies(), devices=(0, 0)))
    assert tensors(copied[0]) == [5.0, 5.0]
    assert live(team) == [[1.0, 1.0]]


@pytest.mark.parametrize(("momentum", "copies"), [(0.0, 1), (0.9, 2)])
def test_weights_that_are_sent_pay_for_all_that_goes(momentum: float, copies: int) -> None:
    """The weights' bytes, and those of the outer optimizer's momentum."""
    team, channel = summands(2.0, 2.0, steps=1), Channel(None)
    anchor = team.anchor(team.replica, team.replica.layers)
    deltas = team.delta(anchor, team.replica, 0.0)
    created = team.outer(Outer(anchor, *deltas, optimizer=OUTER(name="sgd", lr=1.0, momentum=momentum)))
    executor = VirtualExecutor(team, replace(PRICE, update_latency_seconds=0.0, update_bytes_per_second=1e9))
    executor.run(crew(program(Put(channel, created)), program(Get(channel))))
    assert executor.now == 0.5 + copies * 12 / 2


def test_an_all_reduce_of_pseudo_gradients_is_charged_as_one_of_gradients() -> None:
    team = summands(2.0, 4.0, steps=1)
    price = replace(PRICE, update_latency_seconds=0.0, update_bytes_per_second=1e99)
    executor = VirtualExecutor(team, price)
    executor.run(crew(*outer_steps(team, PLAIN, 1.0)))
    assert executor.now == pytest.approx(price.all_reduce([0], range(2)) + price.all_reduce([1], range(2)))


# ---- what lasts


def stepped(team: TorchTeam) -> None:
    """Stores anchors in `team.weights` that have taken an outer step with momentum."""
    for replica in team.replicas:
        anchor = team.anchor(replica, replica.layers[1:])
        for layer in replica.layers:
            layer.params[0].data.sub_(2.0 + replica.index)
        deltas = team.delta(anchor, replica, 0.0)
        team.weights[f"anchor of {replica.index}"] = team.outer(Outer(anchor, *deltas, optimizer=OUTER()))


def next_step(team: TorchTeam) -> list[Any]:
    """Returns the weights after one more outer step of each."""
    created = []
    for replica in team.replicas:
        anchor = team.weights[f"anchor of {replica.index}"]
        deltas = team.delta(anchor, replica, 0.0)
        created.append(tensors(team.outer(Outer(anchor, *deltas, optimizer=OUTER()))))
    return created


def test_weights_and_outer_momentum_are_in_a_checkpoint() -> None:
    team, restored = summands(2.0, 4.0, steps=1), summands(2.0, 4.0, steps=1)
    stepped(team)
    saved = team.state_dict()
    restored.weights["of before"] = restored.anchor(restored.replica, restored.replica.layers)
    restored.load_state_dict(saved)
    assert restored.weights.keys() == team.weights.keys()
    assert next_step(restored) == next_step(team)


def test_versions_of_weights_are_in_a_checkpoint() -> None:
    team, restored = summands(2.0, 4.0, steps=1), summands(2.0, 4.0, steps=1)
    team.replica.layers[0].updates = 3
    team.weights["served"] = team.anchor(team.replica, team.replica.layers)
    team.mix(Mix(team.replicas[1], team.weights["served"], 1.0))
    restored.load_state_dict(team.state_dict())
    assert restored.replicas[1].layers[0].version == 3
    restored.mix(Mix(restored.replicas[1], restored.weights["served"], 1.0))
    assert [layer.version for layer in restored.replicas[1].layers] == [3, 0]


def test_weights_that_are_not_the_teams_are_refused() -> None:
    team = summands(2.0, 4.0, steps=1)
    stepped(team)
    saved = team.state_dict()
    lacking = {name: tensor for name, tensor in saved.tensors.items() if "anchor of 1" not in name}
    with pytest.raises(ValueError, match="anchor of 1"):
        summands(2.0, 4.0, steps=1).load_state_dict(replace(saved, tensors=lacking))
    strange = {"x": KeptWeights(replica=7, layers=[0])}
    counts = saved.values.counts.model_copy(update={"weights": strange})
    with pytest.raises(ValueError, match="of another team"):
        summands(2.0, 4.0, steps=1).load_state_dict(
            replace(saved, values=saved.values.model_copy(update={"counts": counts}))
        )


# ---- between ranks


@pytest.mark.parametrize("effect", ["anchor", "delta", "mix"])
def test_another_ranks_replica_is_not_here(effect: str) -> None:
    def worker(team: Any) -> Program:
        own, other = team.replicas
        anchor = yield Anchor(other if effect == "anchor" else own, own.layers)
        yield Delta(anchor, other if effect == "delta" else own)
        yield Mix(other if effect == "mix" else own, anchor, 0.5)

    def workers(team: Any) -> list[Worker]:
        return [Worker(worker(team), device=0, role="w")]

    with pytest.raises(WorkerFailed, match="SharedAcrossDevices: the replica of device 1"):
        cross_device_channels(workers, summands(2.0, 4.0, steps=1))


def test_the_team_without_tensors_has_the_same_records() -> None:
    team = crews.team_of(layers=2, replicas=1)
    anchor = team.anchor(team.replica, team.replica.layers[:1])
    (delta,) = team.delta(anchor, team.replica, 0.0)
    assert isinstance(delta, Gradient)
    team.replica.layers[0].updates = 5
    team.mix(Mix(team.replica, team.outer(Outer(anchor, delta, optimizer=PLAIN)), 1.0))
    assert [layer.averages for layer in team.replica.layers] == [1, 0]
    assert team.replica.layers[0].version == 1  # that of the anchor, and the outer step
    assert team.counted_effects()["averages"] == 0  # of one replica


# ---- outer optimizers of a server that takes steps as pseudo-gradients come


def served(*slopes: float, **settings: Any) -> list[float]:
    """Returns the anchor's first weight, initially 1, after each of these pseudo-gradients; outer rate 1."""
    team, after = summands(2.0, steps=1), list[float]()
    anchor: Any = team.anchor(team.replica, team.replica.layers)
    for slope in slopes:
        for live, anchored in zip(team.replica.layers, anchor.copies, strict=True):
            live.params[0].data.copy_(anchored.tensors[0] - slope)
        deltas, optimizer = team.delta(anchor, team.replica, 0.0), DelayedOptions(**{"lr": 1.0, **settings})
        anchor = team.outer(Outer(anchor, *deltas, optimizer=optimizer, scale=0.5))
        after.append(tensors(anchor)[0])
    return after


def test_a_scale_multiplies_pseudo_gradients() -> None:
    assert served(2.0, 4.0, name="sgd", momentum=0.0) == [0.0, -2.0]


def test_delayed_sgd_steps_by_the_mean_of_every_nth() -> None:
    """Halved by the scale they are 1, 3, 2, 4: means of 2 and 3, the second one plus half of the first."""
    assert served(2.0, 6.0, 4.0, 8.0, name="delayed_sgd", momentum=0.5, every=2) == [1.0, -1.0, -1.0, -5.0]


def test_delayed_nesterov_by_hand() -> None:
    """arXiv:2401.09135, Algorithm 4, with N = 2 and beta 0.5.

    1, 3, 2, 4 are added as halves; the momentum is the mean 2, then 0.5 * 2 + 3 = 4, and half of it is taken with every
    second. With c = 1/4 a part of it is taken at every step.
    """
    plain = [1.0 - 0.5, 0.5 - 1.5 - 1.0, -2.0 - 1.0, -3.0 - 2.0 - 2.0]
    assert served(2.0, 6.0, 4.0, 8.0, name="delayed_nesterov", momentum=0.5, every=2) == plain
    spread = [0.5, 0.5 - 1.5 - 0.75 * 1.0, -1.75 - 1.0 - 0.25 * 1.0, -3.0 - 2.0 - 0.75 * 2.0]
    assert served(2.0, 6.0, 4.0, 8.0, name="delayed_nesterov", momentum=0.5, every=2, activation=0.5) == spread


def test_without_a_delay_delayed_nesterov_is_nesterovs() -> None:
    plain, delayed = (
        served(2.0, 6.0, 4.0, name=name, every=1, momentum=0.5) for name in ("nesterov", "delayed_nesterov")
    )
    assert plain == delayed
