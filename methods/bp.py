"""Plain backpropagation on one device: minibatch SGD, the baseline that the papers' tables leave out.

Source: A (arXiv:2410.05985v1), section 1 and Table 5 "BP (single GPU)"; Table 9 times it.
"""

from __future__ import annotations

from collections.abc import Iterable

from methods import Method, NextBatch, Program, Replica, Team, Update, Worker, backward, forward, register


@register(title="BP, 1 device", source="arXiv:2410.05985v1, section 1 and Table 9", name="bp", place=1)
class Backpropagation(Method):
    """Forward, backward, update: one worker, nothing stale."""

    @property
    def updates_whole_gradients(self) -> bool:
        return True

    def workers(self, team: Team) -> Iterable[Worker]:
        yield Worker(self.train(team.replica), device=0, role="trainer")

    def train(self, replica: Replica) -> Program:
        while (step := (yield NextBatch(replica))) is not None:
            yield from forward(replica, step)
            gradients = yield from backward(replica, step)
            yield Update(*gradients)
