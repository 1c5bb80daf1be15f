"""Events on the virtual clock keep order and times, bit for bit, compared with digests of an earlier implementation."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

import methods
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.executors.virtual.sharing import OneMachine
from benchmarks.executors.virtual.spans import Span
from benchmarks.hardware.delays import Delay
from benchmarks.hardware.price import Activations, MeasuredEffects, Nodes, Price

LAYERS = 3
PLAIN = Price(
    forward=[0.3, 0.7, 0.1],
    backward_inputs=[0.2, 0.6, 0.3],
    backward_weights=[0.1, 0.9, 0.2],
    parameter_bytes=[10.0, 70.0, 30.0],
    latency_seconds=0.01,
    bytes_per_second=900.0,
    update_latency_seconds=0.02,
    update_bytes_per_second=7000.0,
    nodes=Nodes(2, 0.07, 300.0),
)
PRICES = {
    "nodes": PLAIN,
    "tree, queues": replace(PLAIN, collective="tree", queues=True),
    "lanes, stragglers": replace(
        PLAIN,
        lanes=2,
        lane_capacity=1.3,
        delays=(Delay(kind="constant", device=1, steps=0.5), Delay(kind="constant", device=0, steps=0.1)),
    ),
    "measured effects": replace(
        PLAIN,
        effects=MeasuredEffects(
            next_batch_seconds=0.05,
            loss_seconds=0.03,
            update_seconds=(0.01, 0.04, 0.02),
            snapshot_seconds=(0.005,) * 3,
            all_reduce_seconds=(0.002,) * 3,
            average_seconds=0.015,
            message_seconds=0.007,
        ),
        activations=Activations([100.0, 300.0, 50.0], [40.0, 20.0, 4.0]),
    ),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "bp": {},
    "ddp": {"devices": 4},
    "lsgd": {"devices": 4, "period": 3},
    "lapsgd": {"devices": 4, "updaters": 2, "period": 3},
    "pdasgd": {"devices": 4},
    "async_lu": {"weights": "forward"},
}
BEFORE = {
    ("bp", "VirtualExecutor"): "1edc1a8259e3933c",
    ("bp", "OneMachine"): "1edc1a8259e3933c",
    ("ddp", "VirtualExecutor"): "c398579a412c8d76",
    ("ddp", "OneMachine"): "762064175dd46f27",
    ("lsgd", "VirtualExecutor"): "f4c7b6e6068de9c7",
    ("lsgd", "OneMachine"): "890801c28de16dd9",
    ("lapsgd", "VirtualExecutor"): "1a77300b692795ad",
    ("lapsgd", "OneMachine"): "1db665da8d1d621d",
    ("pdasgd", "VirtualExecutor"): "22d0e7fecfd52c5e",
    ("pdasgd", "OneMachine"): "d5a3f37a65ff0076",
    ("async_lu", "VirtualExecutor"): "d5165202ca21bc14",
    ("async_lu", "OneMachine"): "92d700b32dc8919c",
}  # fmt: skip


def digest(method: str, executor: type[VirtualExecutor]) -> str:
    """Returns a digest of two epochs under every price: spans in order, staleness, versions, seconds."""
    sha256 = hashlib.sha256()
    for price in PRICES.values():
        algorithm = methods.create(method, SETTINGS[method])
        layers = [(f"layer {number}", 1) for number in range(LAYERS)]
        team = SimulatedTeam.of(layers, replicas=algorithm.replicas, steps_per_epoch=24)
        team.accounts.epochs = 2
        spans = list[Span]()
        virtual = executor(team, price, listen=spans.append)
        for epoch in range(2):
            team.begin_epoch(epoch)
            virtual.run(algorithm.workers(team))
            team.accounts.end_epoch()
        versions = [(layer.updates, layer.averages) for replica in team.replicas for layer in replica.layers]
        sha256.update(repr((spans, team.accounts.staleness.per_layer(), versions, virtual.now)).encode())
    return sha256.hexdigest()[:16]


@pytest.mark.parametrize("executor", [VirtualExecutor, OneMachine])
@pytest.mark.parametrize("method", SETTINGS)
def test_it_happens_in_the_same_order_at_the_same_times(method: str, executor: type[VirtualExecutor]) -> None:
    assert digest(method, executor) == BEFORE[method, executor.__name__]
