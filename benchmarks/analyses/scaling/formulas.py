"""Seconds per epoch in closed form, beside what was simulated: a check of the simulation, which uses none of it.

A step takes t = f + b + u seconds, a straggler's d more; A(l) is an all-reduce of layer l, A one of all layers. With
s steps per device and an average every K:

    BP        s t
    L-SGD     s (t + d) + (s / K) A
    DDP       s (d + f + r + u), where r is when the first layer is reduced: r_l = max(b_l, r_(l+1)) + A(l), b_l being
              when the backward pass has come through layer l
    LAP-SGD   at least s (t + d + snapshots) + A: averages go on beside the updates, but for the epoch's last one
    PD-ASGD   at least s max(f + b, what arrives), what arrives being the bytes of all other devices' gradients on the
              link that has most to carry, where messages queue

Heavy-tailed delays have none here.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from benchmarks.hardware.price import Price
from methods import Method

EXACT = ("bp", "lsgd", "ddp")
BOUNDED = ("lapsgd", "pdasgd")


def seconds(method: Method, price: Price, steps: int, delay: float, epochs: int = 1) -> float | None:
    """Returns the seconds of one of `epochs` by formula; None without one.

    delay: d, at every step of the slowest device.
    """
    everything, devices = range(len(price.forward)), method.devices
    update = price.update(everything)
    step = price.forward_seconds + price.backward_seconds + update
    if method.name == "bp":
        return steps * (step + delay)
    if method.name == "lsgd":
        averages = epochs * steps // int(method.options.period) / epochs  # local steps are counted over epochs
        return steps * (step + delay) + averages * _all_reduce(price, everything, devices)
    if method.name == "ddp":
        return steps * (delay + price.forward_seconds + _reduced(price, devices) + update)
    if method.name == "lapsgd":
        pins = bool(method.options.weights == "forward")
        snapshots = sum(price.snapshot(i) for i in everything) * pins
        return steps * (step + delay + snapshots) + _all_reduce(price, everything, devices)
    if method.name == "pdasgd" and not delay:
        return steps * max(step, _arriving(price, devices))
    return None


def _all_reduce(price: Price, layers: Sequence[int], devices: int) -> float:
    nodes = 1 if price.nodes is None else ceil(devices / price.nodes.devices)
    return price.all_reduce(layers, devices, nodes)


def _reduced(price: Price, devices: int) -> float:
    """Returns the seconds from the start of a backward pass until all gradients are reduced, last layer first."""
    passed = reduced = 0.0
    for layer in reversed(range(len(price.forward))):
        passed += price.backward(layer, weights=True, inputs=True)
        reduced = max(passed, reduced) + _all_reduce(price, [layer], devices)
    return reduced


def _arriving(price: Price, devices: int) -> float:
    """Returns the seconds in which all gradients arrive at the device, or the node, that receives most."""
    if not price.queues:
        return 0.0
    size, near = sum(price.parameter_bytes), devices
    if price.nodes is not None:
        near = min(devices, price.nodes.devices)
    apart = near * (devices - near) * price.sending(size, apart=True)
    return max((near - 1) * price.sending(size), apart)
