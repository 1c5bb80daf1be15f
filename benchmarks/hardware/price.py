"""What an effect costs, in simulated seconds, on the devices and links of a hardware card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.hardware.delays import Delay


@dataclass(frozen=True)
class Price:
    """Seconds per layer for one batch, and what links and updates cost.

    forward, backward_inputs, backward_weights: seconds per layer. parameter_bytes: per layer.
    A transfer costs latency_seconds + bytes / bytes_per_second; within a device it is free.
    An update costs update_latency_seconds + bytes / update_bytes_per_second, and its transfer if it comes from afar.
    lanes: effects that a device carries out at once. lane_capacity: how many of them it does at full speed; one that
    starts when n are under way, itself included, takes max(1, n / lane_capacity) times as long.
    delays: stragglers among the devices.
    """

    forward: Sequence[float]
    backward_inputs: Sequence[float]
    backward_weights: Sequence[float]
    parameter_bytes: Sequence[float]
    latency_seconds: float = 0.0
    bytes_per_second: float = inf
    update_latency_seconds: float = 0.0
    update_bytes_per_second: float = inf
    lanes: int = 1
    lane_capacity: float = 1.0
    delays: Sequence[Delay] = ()

    LOSS_BYTES = 4.0  # what A's forward thread sends (Algorithm 1: send(L_i))

    @classmethod
    def uniform(cls, layers: int, forward: float, backward: float) -> Price:
        """An ideal device: f and b seconds a pass, alike for all layers, all else free. For tests of the laws."""
        f, b = forward / layers, backward / layers
        return cls([f] * layers, [b / 2] * layers, [b / 2] * layers, [0.0] * layers)

    @property
    def forward_seconds(self) -> float:
        """Of one batch's forward pass, through all layers."""
        return sum(self.forward)

    @property
    def backward_seconds(self) -> float:
        """Of one batch's backward pass, through all layers: for the inputs and for the weights."""
        return sum(self.backward_inputs) + sum(self.backward_weights)

    def backward(self, layer: int, *, weights: bool, inputs: bool) -> float:
        """Seconds of one layer's backward pass, for what is asked of it."""
        return self.backward_weights[layer] * weights + self.backward_inputs[layer] * inputs

    def delay(self, device: int, n: int) -> float:
        """Seconds that the device loses before the n-th step begun on it."""
        steps = sum(delay.before(n) for delay in self.delays if delay.device == device)
        return steps * (self.forward_seconds + self.backward_seconds)

    def transfer(self, size: float) -> float:
        """Seconds of so many bytes from one device to another."""
        return self.latency_seconds + size / self.bytes_per_second

    def update(self, layers: Sequence[int], *, remote: bool) -> float:
        """Seconds of one update of these layers, one launch for all of them; remote: their gradients come from afar."""
        size = sum(self.parameter_bytes[i] for i in layers)
        local = self.update_latency_seconds + size / self.update_bytes_per_second
        return local + (self.transfer(size) if remote else 0.0)

    def all_reduce(self, layers: Sequence[int], members: int) -> float:
        """Seconds of a ring all-reduce, from the last arrival on: 2 (Q - 1) messages of 1 / Q of the bytes each."""
        size = sum(self.parameter_bytes[i] for i in layers)
        return 2 * (members - 1) * (self.latency_seconds + size / members / self.bytes_per_second)
