"""Stragglers on the virtual clock: delays of a device before it begins with a step.

A delay precedes the first computation (snapshot, forward or backward) of a step on that device, before anything is
read, and takes the whole device, so that all its workers wait. So every device pays one delay per batch that it works
on, whichever method: DDP, LAP-SGD and PD-ASGD one per batch of the device's own, Async LU one on the forward device and
one on the backward worker's. The n-th step begun on a device, over all epochs, gets the n-th delay; the counts are kept
in team.state.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from benchmarks.executors.team import Team
from benchmarks.hardware.delays import Delay
from benchmarks.hardware.price import Price
from methods import effects as e

StepEffect = e.Snapshot | e.Forward | e.Loss | e.Backward
"""The effects that a straggler's delay may precede."""


def steps_begun(team: Team) -> dict[str, int]:
    """Returns how many steps each device has begun over all epochs; the live dictionary."""
    counts = cast(dict[str, dict[str, int]], team.state.setdefault("executor", {}))
    return counts.setdefault("steps begun", {})


class Stragglers:
    """The delays of one epoch."""

    def __init__(self, team: Team, price: Price) -> None:
        self.team = team
        by_device: dict[int, list[Delay]] = {}
        for delay in price.delays:
            by_device.setdefault(delay.device, []).append(delay)
        self._prices = {device: replace(price, delays=delays) for device, delays in by_device.items()}
        self._begun: set[tuple[int, int]] = set()  # (device, ticket)

    def seconds_before(self, device: int, effect: StepEffect) -> float:
        """Returns the delay before this effect, 0 where its step has begun on the device before, which is noted."""
        step = effect.step
        if device not in self._prices or (device, step.index) in self._begun:
            return 0.0
        self._begun.add((device, step.index))
        counts = steps_begun(self.team)
        count = counts[str(device)] = counts.get(str(device), 0) + 1
        return self._prices[device].delay(device, count - 1)
