"""Delays on the virtual clock: when they happen, who waits for them, and that a resumed run continues them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import methods
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor, steps_begun
from benchmarks.hardware.delays import Delay
from benchmarks.hardware.price import Price
from tests.executors.clocks import ONE, run, steps
from tests.executors.crews import team_of

FREE_LINKS = Price.uniform(4, 1.0, 2.0)
STEPS = 60


def slow(steps: float = 1.0, device: int = 0, **fields: Any) -> Delay:
    return Delay.model_validate({"kind": "constant", "device": device, "steps": steps, **fields})


def traced(*values: float) -> Delay:
    return Delay(kind="trace", device=0, values=values)


def epoch(method: str, *delays: Delay, price: Price = FREE_LINKS, **options: Any) -> tuple[float, SimulatedTeam]:
    """Returns the simulated seconds of one epoch of this many steps."""
    algorithm = methods.create(method, options)
    team = SimulatedTeam.of([(f"layer{i}", 1) for i in range(4)], replicas=algorithm.replicas, steps_per_epoch=STEPS)
    team.accounts.epoch = team.accounts.epochs = 1
    executor = VirtualExecutor(team, replace(price, delays=delays))
    executor.run(algorithm.workers(team))
    return executor.now, team


def test_a_delay_precedes_the_first_computation_of_a_step() -> None:
    """It comes once per step and device, before anything is read; its unit is the forward plus backward seconds."""
    team = team_of(steps=2)
    executor = run(team, replace(ONE, delays=[traced(2.0, 0.5)]), steps(team))
    assert executor.timed == [
        ("w 0 on device 0", "Delay", (), 0, 6),
        ("w 0 on device 0", "Forward", (0,), 6, 7),
        ("w 0 on device 0", "Backward", (0,), 7, 9),
        ("w 0 on device 0", "Delay", (), 9, 10.5),
        ("w 0 on device 0", "Forward", (0,), 10.5, 11.5),
        ("w 0 on device 0", "Backward", (0,), 11.5, 13.5),
    ]


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_stalled_device_stalls_all_its_workers(lanes: int) -> None:
    """On all its lanes: running effects end first, and none starts during a delay."""
    team = team_of(steps=2)
    price = replace(ONE, lanes=lanes, lane_capacity=float(lanes), delays=[slow(1.0)])
    executor = run(team, price, steps(team, limit=1), steps(team, limit=1), devices=(0, 0))
    delays = [(start, end) for _, effect, _, start, end in executor.timed if effect == "Delay"]
    assert delays == [(0, 3), (3, 6)]
    assert all(start >= 6 for _, effect, _, start, _ in executor.timed if effect == "Forward")
    assert executor.now == 6 + (6 if lanes == 1 else 3)


# ---- over epochs


def test_the_count_lasts_over_epochs_and_is_restored() -> None:
    """The team's state has it as plain numbers, for delayed devices only."""
    price = replace(ONE, delays=[traced(0.0, 1.0, 2.0)])
    team = team_of(steps=2)
    executor, seconds = VirtualExecutor(team, price), []
    for number in range(3):
        team.begin_epoch(number)
        before = executor.now
        executor.run(iter([methods.Worker(steps(team), device=0, role="w")]))
        seconds.append(executor.now - before)
    assert seconds == [6 + 3, 6 + 6, 6 + 3 + 6]
    assert team.state == {"executor": {"steps begun": {"0": 6}}}
    resumed = team_of(steps=2)
    resumed.state = {"executor": {"steps begun": {"0": 2}}}
    assert run(resumed, price, steps(resumed)).now == seconds[1]
    prompt = team_of(steps=2)
    run(prompt, replace(ONE, delays=[slow(device=3)]), steps(prompt))
    assert prompt.state == {}


# ---- the methods


def test_every_method_waits_once_per_batch_on_its_device() -> None:
    for method in methods.names():
        _, team = epoch(method, slow(device=0))
        own_steps = steps_begun(team)["0"]
        equal = STEPS // len(team.replicas)
        assert 1 <= own_steps <= equal if methods.create(method).shares_batches else own_steps == equal, method


def test_ddp_waits_for_the_slowest_in_every_step() -> None:
    plain, _ = epoch("ddp")
    one_slow, _ = epoch("ddp", slow(2.0))
    all_of_them, _ = epoch("ddp", *(slow(2.0, device=q) for q in range(3)))
    assert plain == pytest.approx(STEPS / 3 * 3)
    assert one_slow == all_of_them == pytest.approx(STEPS / 3 * (3 + 6))


@pytest.mark.parametrize("method", ["lapsgd", "pdasgd"])
def test_nobody_waits_for_a_slow_device_where_batches_go_to_who_asks(method: str) -> None:
    """Equal shares take the slow device's time; shared batches are computed as by 2 + 1 / 4 devices instead of 3."""
    (equal, _), (dynamic, team) = (epoch(method, slow(3.0), shares=shares) for shares in ("equal", "dynamic"))
    assert equal == pytest.approx(STEPS / 3 * 12, rel=0.02)
    assert dynamic == pytest.approx(STEPS * 3 / (2 + 1 / 4), rel=0.2)
    assert steps_begun(team)["0"] == pytest.approx(STEPS / 9, abs=2)
