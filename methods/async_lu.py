"""Async LU: decoupled backpropagation with layer-wise updates.

Source: arXiv:2410.05985v1, Algorithm 1, Figure 1, sections 3.1 and 3.2.

Departures and choices (docs/papers.md, A):
- An update adds to the live weights; Algorithm 1 taken literally overwrites them (`updates=overwrite`).
- An update takes the layer's mutex; the paper has none (`lock_free=true`).
- Forward and backward workers meet in a rendezvous, which is nearest to Figure 1 (`queue` gives it capacity).
- The backward pass uses the current weights, theta^v; `weights=forward` pins those of the forward pass, theta^u.
- The rate is the schedule's; `rate=delay_adaptive` lowers it for gradients of a long delay (rates.py).
- Each layer has one momentum; the paper does not say whether its threads share it (`momentum=per_updater`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from methods import (
    NEVER_LATE,
    Backward,
    Channel,
    Close,
    Get,
    Method,
    NextBatch,
    Program,
    Put,
    RateOptions,
    Replica,
    Scale,
    Team,
    Update,
    Worker,
    Workers,
    forward,
    options,
    register,
    scale_of,
)


@options
class DecoupledOptions(RateOptions):
    forward_workers: Annotated[Workers, Field(description="forward threads, all on device 0 (the paper has one)")] = 1
    backward_workers: Annotated[Workers, Field(description="K, backward threads, a device each")] = 2
    queue: Annotated[int, Field(ge=0, le=4096, description="losses that may wait for a backward thread")] = 0
    weights: Annotated[
        Literal["current", "forward"], Field(description="weights of the backward pass: theta^v or theta^u")
    ] = "current"


class Decoupled(Method):
    """Forward workers on device 0, which holds the weights; K backward workers on devices 1 to K."""

    Options = DecoupledOptions

    @property
    def devices(self) -> int:
        return 1 + int(self.options.backward_workers)

    @property
    def updaters(self) -> int:
        return int(self.options.backward_workers)

    @property
    def scale(self) -> Scale:
        """The scale of updates; M of a delay-adaptive rate is the number of threads, without queued batches."""
        return scale_of(self.options.rate, self.replicas * self.threads)

    @property
    def threads(self) -> int:
        """The number of forward and backward threads of a replica."""
        return int(self.options.forward_workers + self.options.backward_workers)

    @property
    def special_case(self) -> str:
        """NEVER_LATE for one forward and one backward thread with a rendezvous, else "".

        There each thread has one batch, and these stay in order, so that no delay exceeds M.
        """
        in_order = self.replicas == 1 and self.threads == 2 and self.options.queue == 0
        return NEVER_LATE if in_order and self.options.rate == "delay_adaptive" else ""

    @property
    def gradient_at(self) -> Literal["forward", "current"]:
        return "forward" if self.options.weights == "forward" else "current"

    def workers(self, team: Team) -> Iterable[Worker]:
        o = self.options
        losses = Channel(capacity=o.queue, producers=o.forward_workers, name="losses")
        for k in range(o.forward_workers):
            yield Worker(self.forward(team.replica, losses), device=0, role="forward", index=k)
        for k in range(o.backward_workers):
            yield Worker(self.backward(team.replica, losses), device=1 + k, role="backward", index=k)

    def forward(self, replica: Replica, losses: Channel) -> Program:
        pin = "layer" if self.options.weights == "forward" else "never"
        while (step := (yield NextBatch(replica, shared=self.shares_batches))) is not None:
            yield from forward(replica, step, pin=pin)
            yield Put(losses, step)  # send(L_i) to a backward thread
        yield Close(losses)

    @abstractmethod
    def backward(self, replica: Replica, losses: Channel) -> Program:
        """Runs one backward worker: takes batches from `losses`, computes gradients and applies them."""


@register(title="Async LU", source="arXiv:2410.05985v1, Algorithm 1", name="async_lu", place=2)
class AsyncLU(Decoupled):
    """One forward worker and K backward workers; a layer is updated as soon as its gradient has been computed."""

    def backward(self, replica: Replica, losses: Channel) -> Program:
        while (step := (yield Get(losses))) is not None:
            for layer in reversed(replica.layers):
                gradient = yield Backward(layer, step)
                yield Update(gradient, scale=self.scale)
