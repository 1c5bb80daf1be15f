"""Async BU: decoupled backpropagation with block updates.

Source: arXiv:2410.05985v1, section 3.4 and Tables 1 to 4: Async LU, except that the gradients of a batch are applied
together at the end of its backward pass. Departures as in async_lu.py.
"""

from __future__ import annotations

from methods import Channel, Get, Program, Replica, Update, backward, register
from methods.async_lu import Decoupled


@register(title="Async BU", source="arXiv:2410.05985v1, section 3.4", name="async_bu", place=3)
class AsyncBU(Decoupled):
    """One forward worker and K backward workers; all layers are updated at the end of a backward pass."""

    updates_whole_gradients = True

    def backward(self, replica: Replica, losses: Channel) -> Program:
        while (step := (yield Get(losses))) is not None:
            gradients = yield from backward(replica, step)
            yield Update(*gradients, scale=self.scale)
