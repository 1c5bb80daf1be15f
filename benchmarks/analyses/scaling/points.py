"""Simulated points of one method under one condition, for growing numbers of devices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from benchmarks.analyses.scaling.simulated_epochs import Condition, Epochs

WORTH = 0.5
"""More devices are a gain while batches per second grow by at least this share of what devices grow by."""


@dataclass(frozen=True)
class Point:
    """One number of devices. runs: one per seed, one alone where nothing is random; empty for `reason`.

    law: by formula.
    """

    devices: int
    runs: tuple[Epochs, ...] = ()
    law: float | None = None
    reason: str = ""

    @property
    def seconds(self) -> float:
        """Returns the mean seconds of an epoch."""
        return math.fsum(run.seconds for run in self.runs) / len(self.runs)

    @property
    def waiting(self) -> float:
        """Returns the mean share of waiting, in percent."""
        return 100 * math.fsum(run.waiting for run in self.runs) / len(self.runs)

    @property
    def batches_per_second(self) -> float:
        """Returns the throughput of all devices, at the mean seconds of an epoch."""
        return self.devices * self.runs[0].steps / self.seconds


@dataclass(frozen=True)
class ScalingCurve:
    """The points of one method under one condition, by number of devices."""

    method: str
    title: str
    condition: Condition
    scaling: Literal["weak", "strong"]
    points: tuple[Point, ...]

    @property
    def simulated(self) -> list[Point]:
        return [point for point in self.points if point.runs]

    def at(self, devices: int) -> Point | None:
        return next((point for point in self.points if point.devices == devices), None)

    @property
    def gains_until(self) -> int | None:
        """Returns the most devices to which adding more was worth it (WORTH); None for fewer than two points."""
        points = self.simulated
        worth = [after.devices for before, after in pairwise(points) if _worth(before, after)]
        return max(worth, default=points[0].devices) if len(points) > 1 else None


def _worth(before: Point, after: Point) -> bool:
    grown = after.batches_per_second / before.batches_per_second - 1
    return grown >= WORTH * (after.devices / before.devices - 1)
