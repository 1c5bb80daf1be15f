"""PD-ASGD: partially decoupled asynchronous SGD. Every device has forward and backward workers and its own replica.

Source: A3 (arXiv:2410.05985v3), of which only a summary was at hand: "decoupling forward and backward passes into
separate threads with a configurable ratio (typically 1:2)", layer-wise updates, faster devices that do not wait.

What the summary leaves open, and what was chosen:
- What devices exchange, and how. A backward worker applies a layer's gradient to its own replica at once and hands it
  on without waiting; on every other device an exchange worker applies it as it arrives (`exchange=gradients`). So every
  replica applies every gradient once, at the schedule's rate, in an order of its own. `exchange=none` sends nothing:
  devices train apart, and only what is evaluated is their mean.
- What a straggler does to an epoch. The next batch goes to whoever asks for it, so that nobody waits for the slowest
  (`shares=equal` gives every device as many).
- What waits where. Forward and backward workers of a device meet in a rendezvous (`queue`); gradients under way are
  not bounded: a stalled device finds them when it goes on.
- Momentum is one per layer of a replica, fed by all gradients (`momentum=per_updater`: one per worker).
- BN's running statistics are each device's own; what is evaluated is the mean over the devices (`consensus`).
Versions count a replica's updates, of whatever origin. Replicas apply the same gradients, so that the staleness of one
from afar is the version it meets less the version it was taken at, and not below 0: a lower bound.
On one device this is async_lu.py with all workers on that device; its departures hold here. With `updates=overwrite`
only a gradient's own replica is overwritten; the others add it.
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
        Literal["gradients", "none"], Field(description="what devices send each other: every layer's gradient, nothing")
    ] = "gradients"
    shares: Annotated[
        Literal["equal", "dynamic"], Field(description="batches of an epoch: as many for all, or for who asks first")
    ] = "dynamic"


@register(title="PD-ASGD", source="arXiv:2410.05985v3 (summary)", name="pdasgd", place=4)
class PDASGD(Replicated, Decoupled):
    """Forward, backward and exchange workers on each device.

    Gradients are applied layer by layer here and on all others.
    """

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
        """Runs the worker that applies the gradients arriving from other devices."""
        while (gradient := (yield Get(inbox))) is not None:
            yield Update(gradient, replica=replica, scale=self.scale)
