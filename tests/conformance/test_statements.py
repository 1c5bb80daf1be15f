"""Every method: its workers' effects agree with the properties that it declares for audits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import methods
from benchmarks.executors.accounting import Gradient, Step
from benchmarks.executors.team import SimulatedTeam, Team
from benchmarks.executors.virtual.executor import VirtualExecutor
from methods import effects as e
from tests.conformance.conftest import other_values
from tests.conformance.small import EPOCHS, price

LAYERS = 4
SHARED = methods.Method.Options.__dataclass_fields__
STEPS = 61  # an epoch: enough for every period, and no number of devices divides them


@dataclass
class Seen:
    """The effects of an epoch's workers, summed up for the checks."""

    reduced: set[int] = field(default_factory=set)  # members of gradients' groups
    averaged: bool = False
    meetings: set[int] = field(default_factory=set)  # members of averages: between ranks, all meet
    averaged_state: bool = False
    pinned: bool = False
    whole: bool = True  # every update is of all layers at once
    changed: bool = False  # weights between a forward and a backward pass
    queues: set[int | None] = field(default_factory=set)  # capacity of channels that batches go through
    updaters: set[tuple[int, str]] = field(default_factory=set)  # replica, worker that applies gradients to it
    asking: set[int] = field(default_factory=set)  # devices, for batches
    users: dict[object, set[int]] = field(default_factory=dict)  # of a replica, channel or counter: devices
    carried: dict[object, set[type]] = field(default_factory=dict)  # by a channel: what, where it is no gradient
    versions: dict[tuple[int, Any], int] = field(default_factory=dict)  # of (step, layer), read by the forward pass

    def note(self, worker: e.Worker, effect: e.Effect) -> None:
        if worker.outlives_epochs:  # or it would see in its lead what others are yet to do
            touched = getattr(effect, "layer", None) or getattr(effect, "replica", None) or worker
            assert touched.device == worker.device
            assert not isinstance(effect, (e.Count, e.Await, e.AllReduce, e.Average))
        match effect:
            case e.NextBatch():
                self.asking.add(worker.device)
            case e.AllReduce() if effect.gradient.batches:  # type: ignore[attr-defined]  # no pseudo-gradient
                self.reduced.add(effect.group.members)
            case e.Average():
                self.averaged |= effect.group.members > 1
                self.meetings.add(effect.group.members)
                self.averaged_state |= effect.state
            case e.Anchor() | e.Delta() | e.Mix():
                self.use(effect.replica, worker)
                self.averaged |= isinstance(effect, e.Mix)
            case e.Snapshot():
                self.pinned = True
            case e.Forward():
                self.versions[effect.step.index, effect.layer] = version(effect.layer)
                self.use(effect.layer, worker)
            case e.Backward():
                self.changed |= version(effect.layer) != self.versions[effect.step.index, effect.layer]
                self.use(effect.layer, worker)
            case e.Update():
                self.whole &= len(effect.gradients) == LAYERS
                for gradient in effect.gradients if effect.replica is None else ():
                    self.updaters.add((gradient.layer.device, worker.name))  # type: ignore[attr-defined]
            case e.Accumulate():
                self.reduced.add(len(effect.gradients))
            case e.Put() | e.Get():
                self.use(effect.channel, worker)
                if isinstance(effect, e.Put):
                    self.put(effect)
            case e.Count() | e.Await():
                self.use(effect.counter, worker)

    def put(self, effect: e.Put) -> None:
        if isinstance(effect.item, Step):
            self.queues.add(effect.channel.capacity)
        if not isinstance(effect.item, Gradient):
            self.carried.setdefault(effect.channel, set()).add(type(effect.item))

    @property
    def shared(self) -> bool:
        """Returns whether devices share a replica, a counter, or a channel of more than gradients."""
        channels = {user for user in self.users if isinstance(user, e.Channel)}
        return any(len(self.users[used]) > 1 for used in self.users.keys() - (channels - self.carried.keys()))

    def use(self, resource: object, worker: e.Worker) -> None:
        self.users.setdefault(resource, set()).add(worker.device)


def version(layer: Any) -> int:
    return int(layer.updates + layer.averages)


def watched(worker: e.Worker, seen: Seen) -> e.Program:
    value = None
    while True:
        try:
            effect = worker.program.send(value)
        except StopIteration:
            return
        seen.note(worker, effect)
        value = yield effect


def check(method: str, options: Mapping[str, Any]) -> None:
    algorithm, seen = methods.create(method, options), Seen()
    team = SimulatedTeam.of(
        [(f"layer {i}", 10) for i in range(LAYERS)], replicas=algorithm.replicas, steps_per_epoch=STEPS
    )
    team.accounts.epochs = EPOCHS
    executor = VirtualExecutor(team, price())
    for epoch in range(EPOCHS):
        team.begin_epoch(epoch)
        executor.run([replace(worker, program=watched(worker, seen)) for worker in algorithm.workers(team)])
    totals = [sum(layer.updates for layer in copies) for copies in zip(*(r.layers for r in team.replicas), strict=True)]
    several = algorithm.replicas > 1
    assert algorithm.batches_per_update == max(seen.reduced, default=1)
    assert (algorithm.averages_replicas and several) == (seen.averaged and several)
    assert algorithm.averages_state == seen.averaged_state
    assert seen.asking == set(range(algorithm.shards))
    assert (algorithm.applies_all_gradients and several) == (max(totals) > EPOCHS * team.steps_per_epoch)
    trained = range(algorithm.trained_replicas)
    assert {algorithm.updaters} == {sum(q == index for q, _ in seen.updaters) for index in trained}
    assert {algorithm.queue} == (seen.queues or {None})
    check_counted(algorithm, team)
    assert seen.whole or not algorithm.updates_whole_gradients
    assert algorithm.needs_one_process == (seen.shared or bool(seen.meetings - {1, algorithm.replicas}))
    if algorithm.gradient_at is None:
        assert not seen.changed
    else:
        assert (algorithm.gradient_at == "forward") == seen.pinned


def check_counted(algorithm: methods.Method, team: Team, epochs: int = EPOCHS) -> None:
    """Checks that the executor's counts agree with what the method declares."""
    counts, steps = team.counted_effects(), epochs * team.steps_per_epoch
    most = steps * (algorithm.replicas if algorithm.applies_all_gradients else 1)
    if algorithm.drops_gradients:
        assert all(0 < updates <= most for updates in counts["updates"])
        assert counts["applied"] <= counts["applied_batches"] <= counts["applied"] * algorithm.batches_per_update
        assert counts["applied_batches"] + counts["dropped"] == counts["gradients"]
    else:
        accumulated = (
            algorithm.batches_per_update if algorithm.replicas == 1 else 1
        )  # the last of an epoch may be of fewer
        most = epochs * -(-team.steps_per_epoch // accumulated) if accumulated > 1 else most
        assert all(
            updates == most if algorithm.updates_all_layers else 0 < updates < most for updates in counts["updates"]
        )
        batches = counts["gradients"] if accumulated > 1 else counts["applied"] * algorithm.batches_per_update
        assert counts["applied_batches"] == batches
        assert counts["dropped"] == 0
    assert counts["applied"] == sum(counts["updates"])
    assert bool(counts["shared_batches"]) == algorithm.shares_batches
    assert bool(counts["averages"]) == (algorithm.averages_replicas and algorithm.replicas > 1)
    assert bool(counts["state_averages"]) == algorithm.averages_state
    assert counts["replicas"] == algorithm.trained_replicas
    assert not counts["moved"] or algorithm.gradient_at == "current"
    assert not counts["pinned"] or algorithm.gradient_at != "current"
    assert counts["pinned"] in (0, counts["gradients"]) or not counts["moved"]


def test_a_method_does_what_it_says(method: str) -> None:
    check(method, {})
    for key, value in other_values(method):
        if key not in SHARED:
            check(method, {key: value})


def test_so_it_does_whatever_the_options_that_all_methods_have(representative: str) -> None:
    for key, value in other_values(representative):
        if key in SHARED:
            check(representative, {key: value})
