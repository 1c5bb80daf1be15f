"""The clock against reality: the table, and that the prediction follows the card. No real second is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

import methods
from benchmarks.analyses.definition import Finding, Request
from benchmarks.analyses.registry import analysis
from benchmarks.analyses.validate import METHODS, Pair, predicted_seconds
from benchmarks.executors.accounting import Layer, Replica
from benchmarks.executors.team import SimulatedTeam
from benchmarks.hardware import cards
from benchmarks.hardware.price import MeasuredEffects, Price
from benchmarks.workloads.workload import workload

STEPS = 12
TEAM = SimulatedTeam(
    [Replica(0, 0, [Layer("first", 0, 10, 0), Layer("second", 1, 20, 0)])], steps_per_epoch=12, epochs=4
)


def found(tmp_path: Path, *networks: str, names: tuple[str, ...] = (), **settings: str) -> Finding:
    validate = analysis("validate")
    options = validate.options({"rounds": "1", **settings})
    return validate.run(Request("smoke", (0,), cards.load("paper-a"), names, networks, options, tmp_path))


def price(capacity: float, **effects: float) -> Price:
    """Layers of 1 second forward and 2 back; what is not given is free."""
    per_layer = {f"{key}_seconds": (effects.get(key, 0.0),) * 2 for key in ("update", "snapshot", "all_reduce")}
    alone = {f"{key}_seconds": effects.get(key, 0.0) for key in ("next_batch", "loss", "average", "message")}
    measured = MeasuredEffects(**per_layer, **alone)
    return Price([1.0] * 2, [1.0] * 2, [1.0] * 2, [0.0] * 2, lane_capacity=capacity, effects=measured)


def predicted(method: str, price: Price, **options: object) -> float:
    return predicted_seconds(methods.create(method, options), price, TEAM)


# ---- the prediction


def test_a_worker_by_itself_pays_for_every_effect_of_a_batch() -> None:
    assert predicted("bp", price(2.0)) == pytest.approx(STEPS * 6)
    paid = price(2.0, next_batch=0.5, loss=0.25, update=0.125, snapshot=9.0, all_reduce=9.0, average=9.0)
    assert predicted("bp", paid) == pytest.approx(STEPS * (6 + 0.5 + 0.25 + 2 * 0.125))


@pytest.mark.parametrize("method", ["async_lu", "async_bu", "lapsgd", "ddp"])
def test_on_one_core_s_worth_of_capacity_no_method_is_faster_than_bp(method: str) -> None:
    """One worker's worth of work is done at a time, whoever does it."""
    assert predicted(method, price(1.0)) >= STEPS * 6 * (1 - 1e-9)


def test_with_cores_for_all_the_prediction_is_that_of_devices() -> None:
    """DDP's three trainers share 12 batches; of 12, two backward workers take 4 s each, every 2 s one, after 2 s."""
    assert predicted("ddp", price(3.0)) == pytest.approx(4 * 6)
    assert predicted("async_lu", price(3.0)) == pytest.approx(28.0)


def test_means_over_replicas_take_a_core() -> None:
    """A mean of three members' gradients, per layer and round; of their weights, once an update in the first phase."""
    free = predicted("ddp", price(3.0))
    assert predicted("ddp", price(3.0, all_reduce=0.1)) > free
    assert predicted("lapsgd", price(1.0, average=0.5)) > predicted("lapsgd", price(1.0))
    assert predicted("lapsgd", price(3.0, snapshot=0.5)) == pytest.approx(predicted("lapsgd", price(3.0)) + 4 * 2 * 0.5)


def test_messages_take_work_where_workers_wait_for_each_other() -> None:
    assert predicted("bp", price(3.0, message=1.0)) == predicted("bp", price(3.0))
    assert predicted("async_lu", price(3.0, message=0.5)) > predicted("async_lu", price(3.0))
    slower = predicted("ddp", price(1.0, message=0.01)) - predicted("ddp", price(1.0))
    # Per round and device: 2 x (Put, Get, AllReduce, Put, Get); at an epoch's end the communicators' last Gets.
    assert slower == pytest.approx(0.01 * (4 * 3 * 2 * 5 + 3))


# ---- the table


@pytest.mark.parametrize("network", ["resnet18", "gpt"])
def test_predicted_stands_beside_measured_for_every_method(network: str, tmp_path: Path) -> None:
    (table,) = found(tmp_path, network, batches="3").tables
    assert [row.row for row in table.rows] == list(METHODS)
    assert table.reference == "predicted"
    assert [measure.unit for measure in table.measures] == ["s", "%"]
    for row in table.rows:
        seconds, residual = row.cells
        assert seconds.published is not None
        assert seconds.measured is not None
        assert residual.measured is not None
        assert (seconds.published.mean or 0) > 0
        assert seconds.measured.n == 1
        ratio = 1 + (residual.measured.mean or 0) / 100
        assert seconds.ratio == pytest.approx(1 / ratio)
    captions = " ".join(table.captions)
    assert "simulated seconds" in captions
    assert "real seconds" in captions
    assert "1 torch thread(s)" in captions
    assert "OpenMP" in captions
    assert "cores" in table.conditions.hardware


def test_a_residual_is_the_median_of_those_within_a_round() -> None:
    """Rounds in which the machine is slow are slow for both."""
    expected, real = (1.1, 2.2, 9.0), (1.0, 2.0, 1.0)
    pair = Pair(workload("cifar100", "resnet18", "smoke"), methods.create("bp"), expected, real, 1.0)
    assert pair.residual_percent == pytest.approx(10)
