"""The mean of one row per rank, computed in shares: each rank adds up one share and sends it to all.

This is a reduce-scatter, then an all-gather [R. Thakur, R. Rabenseifner, W. Gropp, Optimization of Collective
Communication Operations in MPICH, 2005, section 4]. A rank sends less than two rows' bytes however many ranks there
are, as in a ring; but each share is added up in one place in the order of the ranks, as one process would.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.executors.distributed.packing import PackedLayout
from benchmarks.executors.distributed.transport import Transport, wait_all

LEAST_BYTES = 2**21
"""A rank that would be spared fewer sends whole rows: one message after another takes longer than they do."""
Mean = Callable[[Tensor, Tensor], object]
"""Writes the mean of (ranks, n) to (n,), all float32."""


def worth_sharing(layout: PackedLayout, ranks: int) -> bool:
    """Returns whether shares save a rank at least LEAST_BYTES of sending; between two ranks they save none."""
    spared = layout.bytes * (ranks - 1) * (ranks - 2) / ranks
    return layout.floats and spared >= LEAST_BYTES


class SharedMean:
    """One mean of rows (ranks, bytes) in shares: `send`, then `reduce_share`, then `wait`.

    All but `send` raise LinkLost.

    rows: this rank's own is filled in before `send`; the others' shares are received into the rest. mean: writes the
    mean of (ranks, n) to (n,).
    """

    def __init__(self, transport: Transport, tag: int, layout: PackedLayout, rows: Tensor, mean: Mean) -> None:
        self.transport, self.tag, self.layout, self.rows, self.mean = transport, tag, layout, rows, mean
        self.row = layout.empty_row()
        self._shares = layout.shares(transport.ranks)
        self._own = self._shares[transport.rank]
        self._receiving = [transport.receive_pieces(tag, [row[self._own] for row in rows])]
        self._broadcasting = [transport.receive_pieces(tag, [self.row[share] for share in self._shares])]

    def send(self) -> None:
        """Sends every rank its share of this rank's row."""
        own_row = self.rows[self.transport.rank]
        self._receiving.append(self.transport.send_pieces(self.tag, [own_row[share] for share in self._shares]))

    def reduce_share(self) -> None:
        """Waits for this rank's share of all rows, computes its mean, and sends that to all ranks."""
        wait_all(self._receiving)
        if self.transport.rank == 0:
            self.layout.numbers(self.row).copy_(torch.tensor(self.layout.least_numbers(self.rows)))
        floats = self.layout.floats_of(self._own)
        self.mean(self.rows[:, floats].view(torch.float32), self.row[floats].view(torch.float32))
        self._broadcasting.append(self.transport.send_pieces(self.tag, [self.row[self._own]] * self.transport.ranks))

    def wait(self) -> Tensor:
        """Returns the reduced row (bytes,): the minimum of every number, then the means."""
        wait_all(self._broadcasting)
        return self.row
