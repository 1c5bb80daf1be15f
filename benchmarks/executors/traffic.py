"""Bytes between devices: of each message, and over each link. Prices and counts use this one rule.

Running statistics of BatchNorm go along for nothing: they are neither charged nor counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from numbers import Number
from typing import NamedTuple

from benchmarks.executors.accounting import Gradient, Layer, Replica, Step, Weights
from benchmarks.executors.team import Team, checked, target
from benchmarks.hardware.price import Sizes
from methods import effects as e

Sent = Gradient | Weights | Step
FREE = (type(None), Number, str, bytes, Enum, Layer, Replica, e.Channel, e.Counter, e.Group)
"""Types that may go with tensors and have no bytes: numbers, text, and records that every device has."""


def parts(item: object) -> Iterator[Sent]:
    """Yields all gradients, weights and batches in an item of a channel, nested ones included.

    Raises ValueError where it has anything whose bytes are unknown.
    """
    if isinstance(item, Sent):
        yield item
    elif not isinstance(item, FREE):
        for part in _inside(item):
            yield from parts(part)


def _inside(item: object) -> Iterator[object]:
    if isinstance(item, Mapping):
        yield from item.keys()
        yield from item.values()
    elif isinstance(item, list | tuple | Set):
        yield from item
    elif is_dataclass(item) and not isinstance(item, type | e.Correction):
        yield from (getattr(item, field.name) for field in fields(item))
    else:
        raise ValueError(
            f"the bytes of {type(item).__name__}, which went to another device, are unknown: send gradients, weights "
            "and batches, alone or in lists, tuples, dictionaries and dataclasses, with numbers and text beside"
        )
    declared = {field.name for field in fields(item)} if is_dataclass(item) else set()
    yield from (value for name, value in getattr(item, "__dict__", {}).items() if name not in declared)


class Reach(NamedTuple):
    """The layers that an effect reads or changes; the ways, from device to device, to those elsewhere; the bytes."""

    layers: Sequence[Layer]
    ways: Sequence[tuple[int, int]]
    size: float


class Traffic:
    """Counts the bytes that workers send from device to device, in the team's accounts.

    sizes: of the network that is charged. workers: whose layers may live on their own devices (`Worker.holds`).
    """

    def __init__(self, team: Team, sizes: Sizes, workers: Iterable[e.Worker] = ()) -> None:
        self.team, self.sizes = team, sizes
        self.homes: dict[e.Layer, int] = {layer: worker.device for worker in workers for layer in worker.holds}

    # ---- channels

    def message_bytes(self, item: object, giver: e.Worker, getter: e.Worker) -> float:
        """Returns the bytes of an item as one message; text or a number alone has those of a loss.

        Raises ValueError where they are unknown.
        """
        sent = list(parts(item))
        if not sent and not isinstance(item, list | tuple):
            return self.sizes.LOSS_BYTES
        return sum(self._bytes(part, giver, getter) for part in sent)

    def _bytes(self, part: Sent, giver: e.Worker, getter: e.Worker) -> float:
        match part:
            case Gradient():
                return self.gradient_bytes(part)
            case Weights():
                return part.sizes * sum(self.sizes.layers[layer.index] for layer in part.layers)
            case Step(forwarded=False):  # with the weights that are pinned for its forward pass
                return self.sizes.LOSS_BYTES + sum(self.sizes.layers[i] for i in part.pinned)
        return self.sizes.batch(_cut(giver, getter))

    def gradient_bytes(self, gradient: Gradient) -> float:
        """Returns the bytes of one gradient: compressed, or those of its layer's parameters."""
        return self.sizes.layers[gradient.layer.index] if gradient.sent_bytes is None else gradient.sent_bytes

    def deliver(self, item: object, giver: e.Worker, getter: e.Worker) -> object:
        """Counts the bytes of an item that the getter has taken from a channel, and returns the item."""
        if giver.device != getter.device:
            self._count(giver.device, getter.device, self.message_bytes(item, giver, getter))
        return item

    # ---- weights on other devices

    def lives_with(self, worker: e.Worker, layer: e.Layer) -> bool:
        """Returns whether the layer's weights are on the worker's device."""
        home = self.homes.get(layer)
        return (checked(Layer, layer).device if home is None else home) == worker.device

    def reach(self, worker: e.Worker, effect: e.Snapshot | e.Update | e.Anchor | e.Delta | e.Mix) -> Reach:
        """Counts the bytes between a worker and the layers that an effect reads or changes: gradients, or weights."""
        gradients: list[Gradient] = []
        match effect:
            case e.Snapshot():
                layers = [checked(Layer, effect.layer)]
            case e.Update():
                gradients = [checked(Gradient, gradient) for gradient in effect.gradients]
                layers = [target(gradient, effect.replica) for gradient in gradients]
            case e.Anchor():
                layers = _of(effect.replica, effect.layers)
            case e.Delta():
                layers = _of(effect.replica, effect.anchor.layers)
            case e.Mix():
                layers = _of(effect.replica, effect.weights.layers)
        homes, device = self.homes, worker.device
        places = [homes.get(layer, layer.device) for layer in layers] if homes else [layer.device for layer in layers]
        size, ways = 0.0, []
        for i, place in enumerate(places):
            if place != device:
                layer_bytes = self.gradient_bytes(gradients[i]) if gradients else self.sizes.layers[layers[i].index]
                ways.append((device, place) if isinstance(effect, e.Update | e.Mix) else (place, device))
                self._count(*ways[-1], layer_bytes)
                size += layer_bytes
        return Reach(layers, ways, size)

    # ---- collectives

    def meet(self, members: Sequence[tuple[int, e.AllReduce | e.Average]]) -> None:
        """Counts the bytes of a collective. members: each one's device and effect, in the order of the replicas."""
        for place, (device, effect) in enumerate(members):
            self.contribute(effect, place, device, members[(place + 1) % len(members)][0])

    def contribute(self, effect: e.AllReduce | e.Average, place: int, device: int, following: int) -> None:
        """Counts the bytes that one member sends to the next in a ring; a tree has as many in all.

        A compressed gradient goes to every other member as it is. place: among the members, from 0.
        """
        members = effect.group.members
        if isinstance(effect, e.AllReduce) and (size := checked(Gradient, effect.gradient).sent_bytes) is not None:
            self._count(device, following, (members - 1) * size)
        else:
            self._count(device, following, ring_bytes(self.vector_bytes(effect), members, place))

    def vector_bytes(self, effect: e.AllReduce | e.Average) -> float:
        """Returns the bytes of the vector that is reduced: a layer's gradient, or a replica's weights and state."""
        if isinstance(effect, e.AllReduce):
            return self.sizes.layers[effect.gradient.layer.index]
        copies = 1 + self.team.state_copies * effect.state
        return copies * sum(self.sizes.layers[layer.index] for layer in effect.replica.layers)

    def _count(self, giver: int, getter: int, size: float) -> None:
        if size:
            self.team.accounts.count_sent(giver, getter, size)


def _of(replica: e.Replica, layers: Sequence[e.Layer]) -> list[Layer]:
    """Returns the replica's layers of these numbers."""
    return [checked(Layer, replica.layers[layer.index]) for layer in layers]


def _cut(giver: e.Worker, getter: e.Worker) -> int | None:
    """Returns the last layer of the earlier of two pipeline stages; None for workers that hold no layers."""
    held = [worker.holds for worker in (giver, getter) if worker.holds]
    return min(layers[-1].index for layers in held) if len(held) > 1 else None


def ring_bytes(size: float, members: int, place: int) -> float:
    """Returns the bytes that the member at this place sends in a ring all-reduce: 2 (Q - 1) / Q of `size`.

    In either half it sends all but one of the vector's Q chunks. Chunks have whole bytes where the vector has, so that
    the members' sum is exactly 2 (Q - 1) of its bytes.
    """
    if size % 1:
        return 2 * (members - 1) / members * size

    def chunk(number: int) -> float:
        return size * (number + 1) // members - size * number // members

    return 2 * size - chunk((place + 1) % members) - chunk((place + 2) % members)
