"""LAP-SGD and LPP-SGD in detail: partitions, periods, phases."""

from __future__ import annotations

import math
import random
from itertools import product
from typing import Any

import pytest
import torch

import methods
from benchmarks.executors.accounting import Layer
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.executors.virtual.spans import Span
from benchmarks.hardware.price import Price
from benchmarks.runner.resolve import row_method, row_workload
from benchmarks.tables.registry import IDS, table
from benchmarks.workloads.build import network_of
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.workload import SCALES, Workload
from methods.lppsgd import partition
from tests.executors.clocks import Watched


def layers_of(*sizes: int) -> list[Layer]:
    return [Layer(f"layer{i}", i, size, 0) for i, size in enumerate(sizes)]


def run(
    method: str, *, steps: int = 24, epoch: int = 1, epochs: int = 1, **options: Any
) -> tuple[SimulatedTeam, list[Span]]:
    """Runs one epoch of four equal layers, and returns the team and the spans."""
    algorithm = methods.create(method, options)
    team = SimulatedTeam.of([(f"layer{i}", 1) for i in range(4)], replicas=algorithm.replicas, steps_per_epoch=steps)
    team.accounts.epochs = epochs
    team.begin_epoch(epoch)
    executor = Watched(team, Price.uniform(4, 1.0, 2.0))
    executor.run(algorithm.workers(team))
    return team, executor.spans


def rounds(team: SimulatedTeam) -> int:
    (averages,) = {layer.averages for replica in team.replicas for layer in replica.layers}
    return int(averages)


# ---- partitions


def test_a_partition_is_contiguous_disjoint_and_covers() -> None:
    """Every updater also has at least one layer."""
    draw = random.Random(0)
    for _ in range(50):
        layers = layers_of(*(draw.randint(1, 1000) for _ in range(draw.randint(1, 20))))
        parts = partition(layers, draw.randint(1, min(6, len(layers))))
        assert [layer for part in parts for layer in part] == layers
        assert all(parts)


def test_a_partition_is_cut_at_the_nearest_boundary() -> None:
    """The first of two equally near boundaries counts; one that would leave a part empty does not."""

    def sizes(parts: int, *of: int) -> list[list[int]]:
        return [[layer.size for layer in part] for part in partition(layers_of(*of), parts)]

    assert sizes(2, 10, 10, 10, 30, 60) == [[10, 10, 10, 30], [60]]
    assert sizes(2, 40, 50, 10) == [[40], [50, 10]]
    assert sizes(2, 40, 20, 40) == [[40], [20, 40]]
    assert sizes(3, 90, 5, 5) == [[90], [5], [5]]
    assert sizes(3, 5, 5, 90) == [[5], [5], [90]]
    assert sizes(3, 30, 5, 30, 35) == [[30, 5], [30], [35]]


def test_more_parts_than_layers_are_refused() -> None:
    with pytest.raises(methods.MethodError, match=r"lppsgd\.updaters"):
        partition(layers_of(1, 1), 3)


def lpp_rows() -> list[tuple[Workload, int]]:
    """Returns networks and updaters of all tables' LPP rows, at every scale."""
    rows: dict[tuple[Any, ...], tuple[Workload, int]] = {}
    for paper_table in (table(id) for id in IDS):
        for row in (row for row in paper_table.rows if row.method == "lppsgd"):
            for network, scale in product(paper_table.networks, SCALES):
                work = row_workload(paper_table, network, row, scale, {})
                updaters = row_method(paper_table, row, {}).updaters
                rows[network, work.width, work.blocks, work.dataset, updaters] = work, updaters
    return list(rows.values())


@pytest.mark.parametrize(("work", "updaters"), lpp_rows(), ids=lambda value: getattr(value, "label", value))
def test_every_batch_of_every_tables_rows_leads_to_an_update(work: Workload, updaters: int) -> None:
    with torch.device("meta"):
        network = network_of(work, card(work.dataset))
    method = methods.create("lppsgd", {"devices": 1, "updaters": updaters, "stabilising": 0.0})
    sizes = [(name, sum(p.numel() for p in module.parameters())) for name, module in network.items()]
    team = SimulatedTeam.of(sizes, steps_per_epoch=4 * updaters)
    executor = Watched(team, Price.uniform(len(sizes), 1.0, 2.0))
    executor.run(method.workers(team))
    updates = [span.layers for span in executor.spans if span.effect == "Update"]
    assert len(updates) == 4 * updaters
    assert all(updates)


# ---- LPP-SGD's phases


def test_an_updater_alternates_between_a_part_and_all() -> None:
    """The first gradient after the stabilising epochs is partial, the next one whole."""
    team, spans = run("lppsgd", steps=4, devices=1, updaters=2, stabilising=0.0)
    done: dict[str, list[int]] = {}
    for span in spans:
        if span.effect == "Backward":
            done.setdefault(span.worker, []).extend(span.layers)
    everything = [3, 2, 1, 0]
    # The first part lies at the bottom, so that its gradients, too, pass through all of the network.
    assert done["updater 0 on device 0"] == [*everything, *everything]
    assert done["updater 1 on device 0"] == [3, 2, *everything]
    assert [layer.updates for layer in team.replica.layers] == [3, 3, 3, 3]


def test_the_phase_lasts_over_epochs() -> None:
    """With an odd number of steps per updater, the next epoch begins with the other kind of gradient."""
    method = methods.create("lppsgd", {"devices": 1, "updaters": 1, "stabilising": 0.0})
    team = SimulatedTeam.of([("a", 1)], steps_per_epoch=3)
    executor = VirtualExecutor(team, Price.uniform(1, 1.0, 1.0))
    states = []
    for epoch in range(2):
        team.begin_epoch(epoch)
        executor.run(method.workers(team))
        states.append(dict(team.state))
    assert [list(state.values()) for state in states] == [["partitioned"], ["full"]]


def test_the_stabilising_epochs_have_whole_gradients() -> None:
    team, _ = run("lppsgd", steps=8, devices=1, updaters=2, epoch=0, epochs=10, stabilising=0.1)
    assert [layer.updates for layer in team.replica.layers] == [8] * 4
    assert team.state == {}
    team, _ = run("lppsgd", steps=8, devices=1, updaters=2, epoch=1, epochs=10, stabilising=0.1)
    assert [layer.updates for layer in team.replica.layers] != [8] * 4


# ---- LAP-SGD's averages


@pytest.mark.parametrize("period", [1, 8])
def test_an_average_every_k_updates(period: int) -> None:
    """One more average follows after the updaters have ended, unless the last one is that already."""
    team, _ = run("lapsgd", devices=2, period=period, steps=24)
    assert rounds(team) == math.ceil(12 / period)


@pytest.mark.parametrize(("epoch", "expected"), [(4, 8), (5, 2)])
def test_the_period_changes_at_the_switch(epoch: int, expected: int) -> None:
    """Averages follow every update in the first half of the epochs, every K updates after that."""
    team, _ = run("lapsgd", devices=3, period=5, switch=0.5, epoch=epoch, epochs=10, steps=24)
    assert rounds(team) == expected


def test_updaters_are_never_stopped() -> None:
    """Slow links do not lengthen an epoch's updates; there are fewer averages, and none is caught up."""
    method = methods.create("lapsgd", {"devices": 2, "period": 1})
    team = SimulatedTeam.of([("a", 1)], replicas=2, steps_per_epoch=40)
    team.accounts.epoch = 1
    executor = Watched(team, Price([1.0], [1.0], [1.0], [1.0], latency_seconds=5.0))
    executor.run(method.workers(team))
    assert max(span.end for span in executor.spans if span.effect == "Backward") == 20 * 3
    assert 20 * 3 < executor.now <= 20 * 3 + 2 * 10
    assert rounds(team) <= 20 * 3 / 10 + 2
