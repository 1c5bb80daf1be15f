"""Stragglers on the virtual clock: what a device loses before it begins with a step.

A device's delay precedes the first computation (snapshot, forward or backward) of a step on that device, before
anything is read. It takes the whole device in its turn, so that all workers there wait. So every device pays one delay
per batch that it works on, whichever method brings the batch: DDP, LAP-SGD and PD-ASGD one per batch of the device's
own, Async LU one on the forward device and one on the backward worker's. Which delay it is hangs on how many steps have
begun on the device over all epochs, kept in the team's state.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from benchmarks.executors.team import Team
from benchmarks.hardware.delays import Delay
from benchmarks.hardware.price import Price
from methods import effects as e

OfStep = e.Snapshot | e.Forward | e.Loss | e.Backward
"""The effects that a straggler's delay may precede."""


def steps_begun(team: Team) -> dict[str, int]:
    """Returns the live counts by device, over all epochs."""
    kept = cast(dict[str, dict[str, int]], team.state.setdefault("executor", {}))
    return kept.setdefault("steps begun", {})


class Stragglers:
    """The delays of one epoch."""

    def __init__(self, team: Team, price: Price) -> None:
        self.team = team
        of: dict[int, list[Delay]] = {}
        for delay in price.delays:
            of.setdefault(delay.device, []).append(delay)
        self._prices = {device: replace(price, delays=delays) for device, delays in of.items()}
        self._begun: set[tuple[int, int]] = set()  # (device, ticket)

    def seconds_before(self, device: int, effect: OfStep) -> float:
        """Returns the seconds that the device loses before this effect; from then on its step has begun there."""
        step = effect.step
        if device not in self._prices or (device, step.index) in self._begun:
            return 0.0
        self._begun.add((device, step.index))
        counts = steps_begun(self.team)
        count = counts[str(device)] = counts.get(str(device), 0) + 1
        return self._prices[device].delay(device, count - 1)
