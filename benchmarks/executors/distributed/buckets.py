"""Gradients of several layers in one message, as torch's DistributedDataParallel sends them: in buckets.

What a rank brings is copied into its bucket at once, and the bucket leaves when its last layer is there, while the
backward pass goes on. The means are of the same layers, and the same bits, whatever is sent together.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.executors.distributed.form import Form
from benchmarks.executors.distributed.monitor import Away
from benchmarks.executors.distributed.shares import SharedMean, worth_sharing
from benchmarks.executors.distributed.transport import NcclTransport, Task, Transport, finish
from benchmarks.executors.numerics.replica import TorchGradient, TorchLayer
from benchmarks.executors.numerics.streams import Event

FIRST_BYTES, BYTES = 2**20, 8 * 2**20
"""A bucket leaves when it has so many. torch takes 1 MiB and 25 MiB; what is sent last, nothing is computed beside."""


def parted(layers: Iterable[TorchLayer]) -> Iterator[list[TorchLayer]]:
    """The layers of each bucket, of those of a round in the order in which they are brought."""
    bucket: list[TorchLayer] = []
    limit, size = FIRST_BYTES, 0
    for layer in layers:
        bucket.append(layer)
        size += sum(p.numel() * p.element_size() for p in layer.params)
        if size >= limit:
            yield bucket
            bucket, limit, size = [], BYTES, 0
    if bucket:
        yield bucket


@dataclass(slots=True)
class ComingMean(TorchGradient):
    """A mean whose tensors and ticket come with its delivery."""

    delivery: Delivery | None = None


class Bucket:
    """Rows of layers that are sent together, reused every round. tag: of its messages; device: of the means.

    adding: the thread that adds up, beside the backward pass, this rank's share of what is worth sharing.
    """

    def __init__(
        self,
        layers: Sequence[TorchLayer],
        transport: Transport | NcclTransport,
        tag: int,
        device: torch.device,
        adding: ThreadPoolExecutor | None = None,
    ) -> None:
        self.layers, self.transport, self.tag, self.device, self.adding = layers, transport, tag, device, adding
        self.last: Delivery | None = None
        self.form = Form([p for layer in layers for p in layer.params], numbers=len(layers))
        self.rows = self.form.rows(transport.ranks, transport.device)
        own = self.rows[transport.rank]
        self.tickets = self.form.numbers(own)
        self.places = list(self.by_layer(self.form.tensors(own)))

    def by_layer(self, tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
        """The form's, in its order."""
        at = 0
        for layer in self.layers:
            yield list(tensors[at : at + len(layer.params)])
            at += len(layer.params)

    def means(self) -> list[Tensor]:
        """Returns what averages.mean_gradients makes of each tensor.

        To the last bit on up to four ranks, whose rows torch adds up one after the other; more, as they lie in memory.
        """
        form, rows = self.form, self.rows
        if form.floats:
            return form.cut(form.all_floats(rows).mean(0))
        return [torch.stack(same).mean(0) for same in zip(*(form.tensors(row) for row in rows), strict=True)]

    def delivery(self) -> Delivery:
        """Begins the delivery of a round."""
        if (
            self.adding is None
            or not worth_sharing(self.form, self.transport.ranks)
            or not isinstance(self.transport, Transport)
        ):
            return Delivery(self)
        return SharedDelivery(self, self.transport, self.adding)


class Delivery:
    """The means of a bucket in one round, once the one before is there. meeting: the group's, once it has left."""

    def __init__(self, bucket: Bucket) -> None:
        if bucket.last is not None:
            bucket.last.await_all()
            bucket.last.read()
        bucket.last = self
        self.bucket = bucket
        self.meeting: Away | None = None
        self.means: list[ComingMean] = []
        self._tasks: list[Task] = []
        self._filled: list[Event | None] = []
        self._read: Event | None = None
        self._lock, self.there = threading.Lock(), False
        self._begin()

    def add(self, gradient: TorchGradient) -> ComingMean:
        """This rank's, of the bucket's next layer."""
        bucket, place = self.bucket, len(self.means)
        with gradient.stream:
            if gradient.tensors:
                torch._foreach_copy_(bucket.places[place], list(gradient.tensors))
            bucket.tickets[place] = gradient.index
            self._filled.append(bucket.transport.event())
        mean = ComingMean(gradient.layer, gradient.index, gradient.read, gradient.ready, delivery=self)
        mean.weights, mean.copied = gradient.weights, gradient.copied
        self.means.append(mean)
        return mean

    @property
    def full(self) -> bool:
        return len(self.means) == len(self.bucket.layers)

    def await_all(self) -> None:
        """Waits until all means are known. Raises LinkLost."""
        with self._lock:
            if self.there:
                return
            tickets, all_means = self._means()
            by_layer = self.bucket.by_layer(all_means)
            for mean, ticket, tensors in zip(self.means, tickets, by_layer, strict=True):
                mean.index, mean.tensors = ticket, tuple(tensor.to(self.bucket.device) for tensor in tensors)
            self.means, self.there, self._read = [], True, self.bucket.transport.event()

    def read(self) -> None:
        """Wait, on the host, until the device has read the rows for the means."""
        if self._read is not None:
            self._read.synchronize()

    def _begin(self) -> None:
        """Begins to receive, so early that the others need not wait for it."""
        self._tasks.append(self.bucket.transport.expect(self.bucket.tag, self.bucket.rows))

    def leave(self) -> None:
        """Sends the bucket, whose layers are all there."""
        self._tasks.append(self.bucket.transport.give(self.bucket.tag, self.bucket.rows, self._filled))

    def _means(self) -> tuple[list[int], list[Tensor]]:
        """The first ticket of every layer and the mean of every tensor, once they are here. Raises LinkLost."""
        finish(self._tasks)
        return self.bucket.form.least_numbers(self.bucket.rows), self.bucket.means()


class SharedDelivery(Delivery):
    """A delivery whose means the ranks add up in shares, while the backward pass goes on."""

    def __init__(self, bucket: Bucket, transport: Transport, adding: ThreadPoolExecutor) -> None:
        self.transport, self.adding = transport, adding
        super().__init__(bucket)

    def _begin(self) -> None:
        self._mean = SharedMean(self.transport, self.bucket.tag, self.bucket.form, self.bucket.rows, mean_of)

    def leave(self) -> None:
        self._mean.give()
        self._added = self.adding.submit(self._mean.add_up)

    def _means(self) -> tuple[list[int], list[Tensor]]:
        self._added.result()
        row, form = self._mean.wait(), self.bucket.form
        del self._mean
        return form.numbers(row).tolist(), form.tensors(row)


def mean_of(rows: Tensor, into: Tensor) -> None:
    torch.mean(rows, 0, out=into)
