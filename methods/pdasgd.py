"""PD-ASGD: partially decoupled asynchronous SGD. Each device has forward and backward workers and a replica of its own.

Source: arXiv:2410.05985v3, of which only a summary was available: "decoupling forward and backward passes into separate
threads with a configurable ratio (typically 1:2)", layer-wise updates, faster devices that do not wait.

What the summary leaves open, and what was chosen:
- What devices exchange. A backward worker applies a layer's gradient to its own replica at once and sends it to every
  other device, where an exchange worker applies it on arrival (`exchange=gradients`). So every replica applies every
  gradient once, at the schedule's rate, in an order of its own. With `exchange=none` nothing is sent: devices train
  separately, and only their mean is evaluated.
- How slow devices affect an epoch. The next batch goes to the device that asks first, so that nobody waits for the
  slowest (`shares=equal` gives each device equally many).
- Where batches and gradients wait. Forward and backward workers of a device meet in a rendezvous (`queue` gives it
  capacity); sent gradients wait in an unbounded queue.
- Momentum is one per layer of a replica, fed by all gradients (`momentum=per_updater`: one per worker).
- BN's running statistics are each device's own; the mean over the devices is evaluated (`consensus`).

A version counts a replica's updates, from any device. The staleness of a gradient from another device is the version
that it is applied to minus the version that it was computed at, at least 0. That is a lower bound, since the two
replicas may have applied different gradients. On one device this is async_lu.py with all workers on that device; its
departures hold here. With `updates=overwrite` only a gradient's own replica is overwritten; the others add it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field

from methods import (
    Backward,
    Channel,
    Close,
    Get,
    Program,
    Put,
    Replica,
    Replicated,
    SharingOptions,
    Team,
    Update,
    Worker,
    options,
    register,
)
from methods.async_lu import Decoupled, DecoupledOptions


@options
class PartiallyDecoupledOptions(SharingOptions, DecoupledOptions):
    exchange: Annotated[
        Literal["gradients", "none"],
        Field(description="what devices send each other: every layer's gradient, or nothing"),
    ] = "gradients"
    shares: Annotated[
        Literal["equal", "dynamic"],
        Field(description="batches of an epoch: each replica's equal share, or the next for whichever asks first"),
    ] = "dynamic"


@register(title="PD-ASGD", source="arXiv:2410.05985v3 (summary)", name="pdasgd", place=4)
class PDASGD(Replicated, Decoupled):
    """Forward, backward and exchange workers per device; every device applies every layer's gradient."""

    Options = PartiallyDecoupledOptions

    @property
    def devices(self) -> int:
        return self.replicas

    @property
    def applies_all_gradients(self) -> bool:
        return self.replicas == 1 or bool(self.options.exchange == "gradients")

    def workers(self, team: Team) -> Iterable[Worker]:
        o, replicas = self.options, team.replicas
        senders = (len(replicas) - 1) * o.backward_workers if o.exchange == "gradients" else 0
        inboxes = [Channel(None, producers=senders, name=f"gradients for device {r.device}") for r in replicas]
        for replica, inbox in zip(replicas, inboxes, strict=True):
            losses = Channel(o.queue, producers=o.forward_workers, name=f"losses of device {replica.device}")
            other_inboxes = [box for box in inboxes if box is not inbox] if senders else []
            for k in range(o.forward_workers):
                yield Worker(self.forward(replica, losses), device=replica.device, role="forward", index=k)
            for k in range(o.backward_workers):
                program = self.backward(replica, losses, other_inboxes)
                yield Worker(program, device=replica.device, role="backward", index=k)
            if senders:
                yield Worker(self.exchange(replica, inbox), device=replica.device, role="exchange")

    def backward(self, replica: Replica, losses: Channel, other_inboxes: Sequence[Channel] = ()) -> Program:
        while (step := (yield Get(losses))) is not None:
            for layer in reversed(replica.layers):
                gradient = yield Backward(layer, step)
                yield Update(gradient, scale=self.scale)
                for inbox in other_inboxes:
                    yield Put(inbox, gradient)
        for inbox in other_inboxes:
            yield Close(inbox)

    def exchange(self, replica: Replica, inbox: Channel) -> Program:
        """Runs the worker that applies gradients from other devices."""
        while (gradient := (yield Get(inbox))) is not None:
            yield Update(gradient, replica=replica, scale=self.scale)
