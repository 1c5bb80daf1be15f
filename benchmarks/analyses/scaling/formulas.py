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
        return steps * (step + delay) + averages * price.all_reduce(everything, range(devices))
    if method.name == "ddp":
        return steps * (delay + price.forward_seconds + _reduced(price, devices) + update)
    if method.name == "lapsgd":
        pins = bool(method.options.weights == "forward")
        snapshots = sum(price.snapshot(i) for i in everything) * pins
        return steps * (step + delay + snapshots) + price.all_reduce(everything, range(devices))
    if method.name == "pdasgd" and not delay:
        return steps * max(step, _arriving(price, devices))
    return None


def _reduced(price: Price, devices: int) -> float:
    """Returns the seconds from the start of a backward pass until all gradients are reduced, last layer first."""
    passed = reduced = 0.0
    for layer in reversed(range(len(price.forward))):
        passed += price.backward(layer, weights=True, inputs=True)
        reduced = max(passed, reduced) + price.all_reduce([layer], range(devices))
    return reduced


def _arriving(price: Price, devices: int) -> float:
    """Returns the seconds in which all gradients arrive at the device, or the node, that receives most.

    0 where messages do not queue, or each pair of nodes has a link of its own: no bound.
    """
    if not price.queues or (price.nodes is not None and price.nodes.pairs):
        return 0.0
    size, near = sum(price.parameter_bytes), devices
    if price.nodes is not None:
        near = min(devices, price.nodes.devices)
    across = near * (devices - near) * price.link(0, devices - 1).sending(size)
    return max((near - 1) * price.link(0, 0).sending(size), across)
