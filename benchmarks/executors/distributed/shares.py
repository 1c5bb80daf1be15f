"""The mean of a row from every rank, of which each rank adds up a share (reduce-scatter, then all-gather).

[R. Thakur, R. Rabenseifner, W. Gropp, Optimization of Collective Communication Operations in MPICH, 2005, section 4.]
A rank sends less than two rows' bytes however many ranks there are, as in a ring. But a share comes from every rank as
it is and is added up in one place, in the order of the ranks, as one process adds up replicas.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.executors.distributed.form import Form
from benchmarks.executors.distributed.transport import Transport, finish

LEAST_BYTES = 2**21
"""A rank that would be spared fewer sends whole rows: one message after another takes longer than they do."""
Mean = Callable[[Tensor, Tensor], object]
"""Writes the mean of (ranks, n) to (n,), all float32."""


def worth_sharing(form: Form, ranks: int) -> bool:
    """Returns whether sharing the sum spares a rank enough bytes; among two ranks it spares none."""
    spared = form.bytes * (ranks - 1) * (ranks - 2) / ranks
    return form.floats and spared >= LEAST_BYTES


class SharedMean:
    """One round's, of rows (ranks, bytes), this rank's own filled in before `give`. Every wait raises LinkLost."""

    def __init__(self, transport: Transport, tag: int, form: Form, rows: Tensor, mean: Mean) -> None:
        self.transport, self.tag, self.form, self.rows, self.mean = transport, tag, form, rows, mean
        self.row = form.row()
        self._shares = form.shares(transport.ranks)
        self._own = self._shares[transport.rank]
        self._brought = [transport.expect_each(tag, [row[self._own] for row in rows])]
        self._added = [transport.expect_each(tag, [self.row[share] for share in self._shares])]

    def give(self) -> None:
        """Begin to send every rank its share of this rank's row."""
        own = self.rows[self.transport.rank]
        self._brought.append(self.transport.give_each(self.tag, [own[share] for share in self._shares]))

    def add_up(self) -> None:
        """This rank's share, once all have brought it, which is then sent to all."""
        finish(self._brought)
        if self.transport.rank == 0:
            self.form.numbers(self.row).copy_(torch.tensor(self.form.least_numbers(self.rows)))
        floats = self.form.floats_of(self._own)
        self.mean(self.rows[:, floats].view(torch.float32), self.row[floats].view(torch.float32))
        self._added.append(self.transport.give_each(self.tag, [self.row[self._own]] * self.transport.ranks))

    def wait(self) -> Tensor:
        """(bytes,): the least of every number, and the means."""
        finish(self._added)
        return self.row
