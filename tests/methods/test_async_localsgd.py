"""Asynchronous Local-SGD: times as in the authors' notebook, the synchronous method as a special case, resuming."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch

import methods
from benchmarks.errors import UserError
from benchmarks.executors import registry as executors
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.team import SimulatedTeam, Team
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware import cards
from benchmarks.hardware.price import Price
from methods import LATE, Get, Method, MethodError, Mix, NextBatch, Outer, Program, Put, Worker
from tests.conformance.small import Small
from tests.executors.recorded import record, replay
from tests.executors.teams import IMAGES, LABELS, network, sgd, team_of
from tests.runner.chains import check_chain
from tests.runner.chains import small as chained

DELAYED_SGD = {"outer.name": "delayed_sgd", "outer.momentum": 0.0}
DELAYED = {"grace": 1e-4, "weighting": "polynomial", "outer.name": "delayed_nesterov"}
QUICK = {"devices": 2, "period": 2, "inner": "new", **DELAYED}


@dataclass
class Seen:
    """Effects of a run's workers: the server's times and scales, the tasks' steps, the batches by replica."""

    times: list[float] = field(default_factory=list)
    scales: list[float] = field(default_factory=list)
    tasks: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    began: list[float] = field(default_factory=list)
    tickets: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    late: int = 0

    def watched(self, worker: Worker, now: Callable[[], float]) -> Worker:
        def program() -> Program:
            value: Any = None
            while True:
                try:
                    effect = worker.program.send(value)
                except StopIteration:
                    return
                value = yield effect
                match effect:
                    case Outer():
                        self.times.append(now())
                        self.scales.append(effect.scale)
                    case Put(item=(_, int(steps))) if worker.role == "server":
                        self.tasks[effect.channel.name[-1]].append(steps)
                    case Mix() if worker.role == "worker":
                        self.began.append(now())
                    case NextBatch() if value is not None:
                        self.tickets[effect.replica.index].append(value.index)
                    case Get() if value is LATE:
                        self.late += 1

        return replace(worker, program=program())


def carried_out(method: Method, team: Team, price: Price, epochs: int = 1) -> Seen:
    seen, executor = Seen(), VirtualExecutor(team, price)
    for epoch in range(epochs):
        team.begin_epoch(epoch)
        executor.run([seen.watched(worker, lambda: executor.now) for worker in method.workers(team)])
        team.accounts.end_epoch()
    return seen


def notebook(steps: int, epochs: int = 1, **options: Any) -> Seen:
    """Runs the notebook's example: four devices of 0.58, 0.75, 1.51 and 3.33 s a step, tasks of 20 steps."""
    method = methods.create("async_localsgd", {"devices": 4, "period": 20, "grace": 0.5, **options})
    card = cards.load("asyncdiloco-4")
    network = min(card.networks.values(), key=lambda network: len(network.layers))
    layers = [(name, 1) for name in network.layers]
    team = SimulatedTeam.of(layers, replicas=5, trained=4, steps_per_epoch=steps)
    team.accounts.epochs = epochs
    return carried_out(method, team, card.price(network), epochs)


TIMES = [209.00, 406.40, 603.80, 801.40, 999.00, 1207.80, 1404.20, 1600.60, 1800.20, 1998.60]


def test_the_notebooks_ten_times_to_the_cent_and_its_staleness() -> None:
    """Compares the server's time after 800, 1,600, ..., 8,000 steps; the end of the batches cuts the last tasks."""
    seen = notebook(8400, weighting="polynomial")
    assert [round(seen.times[steps // 20 - 1], 2) for steps in range(800, 8001, 800)] == TIMES
    staleness = [round((0.5 / scale) ** 2 - 1) for scale in seen.scales[:400]]
    assert (sum(staleness) / 400, max(staleness)) == (2.75, 14)
    assert seen.late == 0


def test_evaluations_hold_nobody_up() -> None:
    """Eleven evaluations delay the end by less than a step of the slowest device, and cut or restart no task."""
    seen = notebook(400, 11)
    assert [seen.times[steps // 20 - 1] for steps in range(800, 4001, 800)] == pytest.approx(TIMES[:5], abs=3.33)


def test_a_long_grace_makes_rounds_that_end_with_the_slowest() -> None:
    """A round of 80 steps takes 66.60 s, even if an epoch ends while workers wait for the slowest."""
    for steps, epochs in ((800, 1), (100, 8)):
        seen = notebook(steps, epochs, grace=1000.0, **DELAYED_SGD)
        rounds = [round(time / 66.6, 6) for time in seen.began]
        assert rounds == [of for of in range(1, 11) for _ in range(4)][: len(rounds)]
        assert len(rounds) >= 36
        assert seen.late == 0
        assert set(seen.scales) == {1.0}


def test_dynamic_local_updates_are_in_proportion_to_speeds() -> None:
    """Tasks have 20 x 0.58 / (0.58, 0.75, 1.51, 3.33) steps, rounded down, from the second one on."""
    seen = notebook(2000, dylu=True)
    assert {device: set(steps) for device, steps in seen.tasks.items()} == {"0": {20}, "1": {15}, "2": {7}, "3": {3}}


def test_synchronous_rounds_take_as_long() -> None:
    """DiLoCo with H = 20 takes 66.60 s for a round of 80 steps on the same devices."""
    price = replace(Price.uniform(1, 0.5, 0.5), factors=(0.58, 0.75, 1.51, 3.33))
    team = SimulatedTeam.of([("only", 1)], replicas=4, steps_per_epoch=800)
    executor = VirtualExecutor(team, price)
    executor.run(methods.create("diloco", {"devices": 4, "period": 20}).workers(team))
    assert executor.now == pytest.approx(666.0, abs=1e-6)


def torch_team(replicas: int, batches: Callable[[int, int], Any], steps: int) -> TorchTeam:
    team = team_of(*(network() for _ in range(replicas)), optimizer=sgd(momentum=0.9), steps=steps)
    team.batches = batches
    return team


def test_with_a_long_grace_and_delayed_sgd_it_is_the_synchronous_method_to_the_bit() -> None:
    """Compares four rounds on devices of 1 and 2.5 s a step.

    The methods distribute batches differently, so the synchronous run gets, for every step of every device, the batch
    that the asynchronous run had there.
    """
    price, h, rounds = replace(Price.uniform(2, 0.5, 0.5), factors=(1.0, 2.5)), 3, 4
    steps, outer = 2 * h * rounds, {"outer.lr": 0.5, "outer.momentum": 0.0}
    asynchronous = torch_team(3, lambda epoch, index: (IMAGES * (1 + index), LABELS), steps)
    options = {"devices": 2, "period": h, "grace": 1000.0, **outer, "outer.name": "delayed_sgd"}
    seen = carried_out(methods.create("async_localsgd", options), asynchronous, price)
    assert seen.tickets[0] != list(range(0, steps, 2))
    tickets = [seen.tickets[index % 2][index // 2] for index in range(steps)]
    synchronous = torch_team(2, lambda epoch, index: (IMAGES * (1 + tickets[index]), LABELS), steps)
    chosen = {"devices": 2, "period": h, **outer, "outer.name": "sgd"}
    carried_out(methods.create("diloco", chosen), synchronous, price)
    (synchronous_replica, _), everyone = synchronous.replicas, asynchronous.replicas
    start = network()
    for i, layer in enumerate(synchronous_replica.layers):
        assert not torch.equal(layer.params[0], list(start.values())[i].weight)  # type: ignore[arg-type]
        assert all(torch.equal(layer.params[0], replica.layers[i].params[0]) for replica in everyone)


# ---- over epochs


def test_resumed_equals_uninterrupted_and_tasks_go_on(tmp_path: Path) -> None:
    """The run is ended at every drain, within tasks and between two updates of the outer momentum."""
    check_chain(tmp_path, chained("async_localsgd", {**QUICK, "period": 5}, settings={"drain_every": 3}))


@pytest.mark.parametrize("executor", executors.in_one_process())
def test_what_is_evaluated_is_the_anchor(executor: str) -> None:
    training = Small("async_localsgd", QUICK, executor=executor)
    before = training.team.consensus("mean", [2])
    training.train()
    anchor: Any = training.team.weights["anchor"]
    state: Any = training.team.state["server"]
    assert anchor.steps == state["version"] > 0
    for layer, copy, first in zip(training.judge.values(), anchor.copies, before, strict=True):
        for live, anchored in zip(layer.parameters(), copy.tensors, strict=True):
            assert torch.equal(live, anchored)
        assert not copy.tensors or not torch.equal(copy.tensors[0], next(iter(first.values())))


def test_a_replay_has_the_bits_of_the_run() -> None:
    parts, outcome = record("async_localsgd", QUICK)
    assert replay("async_localsgd", parts, QUICK) == outcome


# ---- what is refused


@pytest.mark.parametrize(
    "options",
    [
        {"grace": -0.5},
        {"grace": float("inf")},
        {"period": 0},
        {"weighting": "none"},
        {"outer.name": "adam"},
        {"outer.every": -1},
        {"outer.activation": 1.5},
    ],
    ids=str,
)
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(MethodError, match=rf"async_localsgd\.{name}="):
        methods.create("async_localsgd", options)


def test_ranks_have_no_server() -> None:
    with pytest.raises(UserError, match="share memory"):
        executors.DISTRIBUTED.check(methods.create("async_localsgd"))
