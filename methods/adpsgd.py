"""AD-PSGD: asynchronous decentralised SGD. Devices average with one random neighbour at a time, and never wait for all.

Source: Lian et al., "Asynchronous Decentralized Parallel Stochastic Gradient Descent" (arXiv:1710.06952), Algorithm 1,
with the bipartite graph of active and passive devices by which its implementation keeps out of deadlocks: an active
device asks a passive one, which answers.

Departures and choices:
- Devices of even number are active, the others passive, and any active one may ask any passive one, with equal
  probability: the complete bipartite graph. In the paper the graph is a choice of the user.
- A communicator per device averages while its trainer computes. An active one begins an average once the trainer has
  made an update since the last one began: one a batch, fewer where averages take longer than batches.
- x_i and x_j become their mean by adding (mean - own snapshot) to each: an update made meanwhile is kept, where theirs
  averages atomically between updates.
- The gradient is taken at a copy of the weights from before the forward pass (`weights=current`: at the live ones).
- Momentum is each device's own and is not averaged; BN buffers go with the weights (`bn_buffers=per_device`).
- Devices get equally many batches of an epoch; `shares=dynamic` gives the next to whoever asks, so that a slow device
  holds nobody up, as in the paper, where no epoch ends for all at once.
- Workers are drained at the end of an epoch; what is evaluated is the mean of the replicas (`consensus`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field

from methods import (
    Average,
    Await,
    Channel,
    Close,
    Count,
    Counter,
    Get,
    Group,
    LocalSteps,
    NextBatch,
    Program,
    Put,
    Replica,
    SharingOptions,
    Team,
    Worker,
    options,
    register,
    train,
)


@options
class GossipOptions(SharingOptions):
    weights: Annotated[
        Literal["forward", "current"], Field(description="what a gradient is taken at: a snapshot, or the live weights")
    ] = "forward"


@register(title="AD-PSGD", source="arXiv:1710.06952, Algorithm 1", name="adpsgd", place=14)
class ADPSGD(LocalSteps):
    """A trainer per device, and a communicator that starts averages (even devices) or answers (odd ones)."""

    Options = GossipOptions

    @property
    def needs_one_process(self) -> bool:
        return self.replicas > 1

    def workers(self, team: Team) -> Iterable[Worker]:
        active, passive = team.replicas[::2], team.replicas[1::2]
        inboxes = {r.index: Channel(None, producers=len(active), name=f"askers of device {r.device}") for r in passive}
        for replica in team.replicas:
            counter = Counter(name=f"updates of device {replica.device}")
            yield Worker(self.trainer(replica, counter), device=replica.device, role="trainer")
            if replica.index in inboxes:
                yield Worker(self.answer(replica, inboxes[replica.index]), device=replica.device, role="communicator")
            elif passive:
                program = self.ask(team, replica, counter, list(inboxes.values()))
                yield Worker(program, device=replica.device, role="communicator")

    def trainer(self, replica: Replica, counter: Counter) -> Program:
        pin = "start" if self.options.weights == "forward" else "never"
        while (step := (yield NextBatch(replica, shared=self.shares_batches))) is not None:
            yield from train(replica, step, pin=pin)
            yield Count(counter)
        yield Close(counter)

    def ask(self, team: Team, replica: Replica, counter: Counter, inboxes: Sequence[Channel]) -> Program:
        draws = team.random(f"communicator of device {replica.index}")
        before = 0
        while (now := (yield Await(counter, at_least=before + 1))) > before:
            inbox = draws.choice(inboxes)
            pair = Group(members=2, name=f"device {replica.device} and one of the {inbox.name}")
            yield Put(inbox, pair)
            yield Average(pair, replica)
            before = now
        for inbox in inboxes:
            yield Close(inbox)

    def answer(self, replica: Replica, inbox: Channel) -> Program:
        while (pair := (yield Get(inbox))) is not None:
            yield Average(pair, replica)
