"""Plain backpropagation on one device: minibatch SGD, the baseline that the papers' tables leave out.

Source: arXiv:2410.05985v1, section 1 and Table 5 "BP (single GPU)"; Table 9 times it. With `delay` a gradient is
applied that many steps after it was computed, to test an optimizer's robustness to delay alone (arXiv:2606.30634).
Gradients that still wait at a drain, such as an epoch's end, are applied there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field

from methods import (
    Gradient,
    Method,
    NextBatch,
    Options,
    Program,
    Replica,
    Team,
    Update,
    Worker,
    backward,
    forward,
    options,
    register,
)
from methods.later import Later


@options
class BackpropagationOptions(Options):
    delay: Annotated[
        int, Later(0), Field(ge=0, le=4096, description="steps between a gradient's weights and its update")
    ] = 0


@register(title="BP, 1 device", source="arXiv:2410.05985v1, section 1 and Table 9", name="bp", place=1)
class Backpropagation(Method):
    """One worker: forward pass, backward pass, update. Gradients are stale only with `delay`."""

    Options = BackpropagationOptions
    updates_whole_gradients = True

    def workers(self, team: Team) -> Iterable[Worker]:
        yield Worker(self.train(team.replica), device=0, role="trainer")

    def train(self, replica: Replica) -> Program:
        waiting: deque[Sequence[Gradient]] = deque()
        while (step := (yield NextBatch(replica))) is not None:
            yield from forward(replica, step)
            waiting.append((yield from backward(replica, step)))
            if len(waiting) > self.options.delay:
                yield Update(*waiting.popleft())
        for gradients in waiting:
            yield Update(*gradients)
