"""Buckets: gradients of several layers in one message, as torch's DistributedDataParallel sends them.

A rank copies each gradient into its bucket as soon as it is computed, and sends the bucket when its last layer is
there, while the backward pass goes on. Every rank receives all ranks' buckets and computes the mean itself. The means
are the same bits however the layers are split into buckets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.executors.distributed.monitor import RemoteWait
from benchmarks.executors.distributed.packing import PackedLayout
from benchmarks.executors.distributed.shares import SharedMean, worth_sharing
from benchmarks.executors.distributed.transport import NcclTransport, Task, Transport, wait_all
from benchmarks.executors.numerics.layer import TorchGradient, TorchLayer
from benchmarks.executors.numerics.streams import Event

FIRST_BYTES, BYTES = 2**20, 8 * 2**20
"""A bucket leaves when it has so many. torch takes 1 MiB and 25 MiB; what is sent last, nothing is computed beside."""


def split_into_buckets(layers: Iterable[TorchLayer]) -> Iterator[list[TorchLayer]]:
    """Splits layers, in the order in which a round reduces them, into buckets of FIRST_BYTES or BYTES and more."""
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
class PendingMean(TorchGradient):
    """The mean gradient of one layer, before it is known: its `reduction` fills in tensors and ticket."""

    reduction: BucketReduction | None = None


TensorsOf = Callable[[TorchLayer], Sequence[Tensor]]
"""Returns tensors of the shapes that a layer's gradient, or pseudo-gradient, has."""


def parameters_of(layer: TorchLayer) -> Sequence[Tensor]:
    return layer.params


class Bucket:
    """The memory that the gradients of some layers are sent from and received into, reused in every round.

    It holds one row of bytes per rank, (ranks, bytes): this rank's own is written by `BucketReduction.add`, the others
    are received. For example, buckets of DDP on ResNet-18: [head, stage4], [stage3, stage2, stage1, stem].

    tag: of the bucket's messages. device: where the means are needed. reducer: a thread on which this rank computes its
    share of the mean while the backward pass goes on; None where every rank computes the whole mean. tensors_of: what
    is sent of a layer.
    """

    def __init__(
        self,
        layers: Sequence[TorchLayer],
        transport: Transport | NcclTransport,
        tag: int,
        device: torch.device,
        reducer: ThreadPoolExecutor | None = None,
        tensors_of: TensorsOf = parameters_of,
    ) -> None:
        self.layers, self.transport, self.tag, self.device, self.reducer = layers, transport, tag, device, reducer
        self.tensors_of = tensors_of
        self.last: BucketReduction | None = None
        self.layout = PackedLayout([t for layer in layers for t in tensors_of(layer)], numbers=len(layers))
        self.rows = self.layout.empty_rows(transport.ranks, transport.device)
        own_row = self.rows[transport.rank]
        self.tickets = self.layout.numbers(own_row)
        self.views = list(self.by_layer(self.layout.tensors(own_row)))  # of this rank's row, by layer

    def by_layer(self, tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
        """Groups tensors, in the order of the bucket's layers, by layer."""
        at = 0
        for layer in self.layers:
            count = len(self.tensors_of(layer))
            yield list(tensors[at : at + count])
            at += count

    def means(self) -> list[Tensor]:
        """Returns the mean over the ranks of each parameter's gradient, from the rows as they are now.

        Bit for bit what averages.mean_gradients computes on up to four ranks, whose rows torch adds up one after the
        other; of more ranks torch adds contiguous rows in another order.
        """
        layout, rows = self.layout, self.rows
        if layout.floats:
            return layout.split_floats(layout.all_floats(rows).mean(0))
        by_parameter = zip(*(layout.tensors(row) for row in rows), strict=True)
        return [torch.stack(copies).mean(0) for copies in by_parameter]

    def begin_reduction(self) -> BucketReduction:
        """Begins a round: receives into the rows from now on.

        Waits for the round before, which used the same memory.
        """
        if (
            self.reducer is None
            or not worth_sharing(self.layout, self.transport.ranks)
            or not isinstance(self.transport, Transport)
        ):
            return BucketReduction(self)
        return SharedBucketReduction(self, self.transport, self.reducer)


class BucketReduction:
    """One round of a bucket: collects gradients (`add`), sends them (`send`), gives means (`wait_for_means`).

    remote_wait: names the group's meeting that this round is, for error messages; None until the bucket was sent.
    """

    def __init__(self, bucket: Bucket) -> None:
        if bucket.last is not None:
            bucket.last.wait_for_means()
            bucket.last.wait_until_read()
        bucket.last = self
        self.bucket = bucket
        self.remote_wait: RemoteWait | None = None
        self.means: list[PendingMean] = []
        self._tasks: list[Task] = []
        self._filled: list[Event | None] = []
        self._read: Event | None = None
        self._lock, self.complete = threading.Lock(), False
        self._begin_receiving()

    def add(self, gradient: TorchGradient) -> PendingMean:
        """Copies this rank's gradient of the bucket's next layer into the row -> the mean, still without tensors."""
        bucket, position = self.bucket, len(self.means)
        with gradient.stream:
            if gradient.tensors:
                torch._foreach_copy_(bucket.views[position], list(gradient.tensors))
            bucket.tickets[position] = gradient.index
            self._filled.append(bucket.transport.event())
        mean = PendingMean(gradient.layer, gradient.index, gradient.read, gradient.ready, reduction=self)
        mean.weights, mean.copied = gradient.weights, gradient.copied
        self.means.append(mean)
        return mean

    @property
    def full(self) -> bool:
        """Whether all layers of the bucket have been added."""
        return len(self.means) == len(self.bucket.layers)

    def wait_for_means(self) -> None:
        """Waits for the other ranks' rows, then fills in tensors and tickets of all means. Raises LinkLost."""
        with self._lock:
            if self.complete:
                return
            tickets, all_means = self._means()
            by_layer = self.bucket.by_layer(all_means)
            for mean, ticket, tensors in zip(self.means, tickets, by_layer, strict=True):
                mean.index, mean.tensors = ticket, tuple(tensor.to(self.bucket.device) for tensor in tensors)
            self.means, self.complete, self._read = [], True, self.bucket.transport.event()

    def wait_until_read(self) -> None:
        """Blocks the host until the device has read the rows, which may then be overwritten."""
        if self._read is not None:
            self._read.synchronize()

    def _begin_receiving(self) -> None:
        """Begins to receive the other ranks' rows, early, so that their sends need not wait."""
        self._tasks.append(self.bucket.transport.receive_rows(self.bucket.tag, self.bucket.rows))

    def send(self) -> None:
        """Sends this rank's row, once `full`, to all other ranks."""
        self._tasks.append(self.bucket.transport.send_rows(self.bucket.tag, self.bucket.rows, self._filled))

    def _means(self) -> tuple[list[int], list[Tensor]]:
        """Returns each layer's smallest ticket and each parameter's mean, once all rows are here. Raises LinkLost."""
        wait_all(self._tasks)
        return self.bucket.layout.least_numbers(self.bucket.rows), self.bucket.means()


class SharedBucketReduction(BucketReduction):
    """A reduction in which each rank computes a share of the mean and sends it to the others (`SharedMean`)."""

    def __init__(self, bucket: Bucket, transport: Transport, reducer: ThreadPoolExecutor) -> None:
        self.transport, self.reducer = transport, reducer
        super().__init__(bucket)

    def _begin_receiving(self) -> None:
        self._mean = SharedMean(self.transport, self.bucket.tag, self.bucket.layout, self.bucket.rows, mean_of)

    def send(self) -> None:
        self._mean.send()
        self._reduced = self.reducer.submit(self._mean.reduce_share)

    def _means(self) -> tuple[list[int], list[Tensor]]:
        self._reduced.result()
        row, layout = self._mean.wait(), self.bucket.layout
        del self._mean
        return layout.numbers(row).tolist(), layout.tensors(row)


def mean_of(rows: Tensor, into: Tensor) -> None:
    """Writes the mean of rows (ranks, n) into (n,)."""
    torch.mean(rows, 0, out=into)
