"""DiLoCo: local steps by the workload's optimizer, and after every H of them an outer step; Streaming DiLoCo.

Source: Douillard et al., "DiLoCo: Distributed Low-Communication Training of Language Models" (arXiv:2311.08105),
Algorithm 1; with fragments, a delay and alpha "Streaming DiLoCo" (arXiv:2501.18512), Algorithm 2, in the order of
effects of the public code (pytorch/torchft, `local_sgd.py`).

Each device holds an anchor: the weights after the last outer step. A fragment of the network is due every H local steps
(`period`), one fragment every H / fragments. `delay` steps before that, its pseudo-gradient (anchor - local weights) is
sent into an all-reduce. At the due step, the anchor takes an outer step by the mean pseudo-gradient, and the local
weights become (1 - alpha) anchor + alpha local.

Departures and choices:
- Fragments are strided: the p-th consists of layers p, p + fragments, ... The paper strides transformer blocks, and
  also has contiguous fragments. Each layer is one message. Streaming DiLoCo sends 4-bit floats; here `codec` compresses
  pseudo-gradients with error feedback.
- Local steps are counted over epochs. Workers are drained at an epoch's end: a fragment whose pseudo-gradient has been
  sent takes its outer step there, up to `delay` steps early. Anchors and outer momentum are kept over epochs.
- The mean of the replicas is evaluated (`consensus`); the papers evaluate the anchor.
- The inner optimizer's state is each device's own and is not averaged, as in the papers.
- BatchNorm's running statistics, which the papers' language models do not have, are averaged with each pseudo-gradient
  and mixed like weights, without an outer step (`bn_buffers=per_device` leaves them to each device).
- The inner learning rate is the schedule's (`learning_rate=linear`: times the devices). The paper's H is 500; the
  default is as small as that of other averaging methods here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field

from methods import (
    AllReduce,
    Anchor,
    Channel,
    Close,
    CodecOptions,
    Delta,
    Get,
    Group,
    Layer,
    LocalSteps,
    MethodError,
    Mix,
    NextBatch,
    Outer,
    OuterOptions,
    Program,
    Put,
    Replica,
    ReplicatedOptions,
    Team,
    Worker,
    compressed,
    options,
    register,
    train,
)


@options
class DilocoOptions(ReplicatedOptions):
    period: Annotated[int, Field(ge=1, description="H, local steps between two outer steps of the same fragment")] = 16
    fragments: Annotated[int, Field(ge=1, description="parts of the network, due one after the other")] = 1
    delay: Annotated[int, Field(ge=0, description="local steps between a pseudo-gradient and its outer step")] = 0
    alpha: Annotated[
        float, Field(ge=0, le=1, description="share of the local weights in the weights after an outer step")
    ] = 0.0
    outer: Annotated[OuterOptions, Field(description="the outer optimizer")] = OuterOptions()
    codec: Annotated[CodecOptions, Field(description="how pseudo-gradients are compressed")] = CodecOptions()

    def __post_init__(self) -> None:
        if self.period % self.fragments:
            raise ValueError(f"period={self.period} is no multiple of fragments={self.fragments}")
        if self.delay >= self.period // self.fragments:
            turn = f"{self.period // self.fragments} steps from one fragment's turn to the next"
            raise ValueError(f"delay={self.delay} is not less than the {turn} (period / fragments)")


@register(title="DiLoCo", source="arXiv:2311.08105, Algorithm 1; arXiv:2501.18512", name="diloco", place=18)
class DiLoCo(LocalSteps):
    """A trainer per device, which also takes the outer steps, and a communicator that reduces pseudo-gradients."""

    Options = DilocoOptions

    def check_layers(self, layers: int) -> None:
        if self.options.fragments > layers:
            raise MethodError(
                f"DiLoCo's fragments have a layer each at least, and the network has {layers}: set diloco.fragments to "
                f"at most {layers}."
            )

    def workers(self, team: Team) -> Iterable[Worker]:
        everyone = Group(members=len(team.replicas), name="everyone")
        for replica in team.replicas:
            local = Channel(None, name=f"pseudo-gradients of device {replica.device}")
            means = Channel(None, name=f"mean pseudo-gradients for device {replica.device}")
            yield Worker(self.trainer(team, replica, local, means), device=replica.device, role="trainer")
            program = self.communicator(team, replica, everyone, local, means)
            yield Worker(program, device=replica.device, role="communicator")

    def trainer(self, team: Team, replica: Replica, local: Channel, means: Channel) -> Program:
        o = self.options
        turn = o.period // o.fragments
        anchors = [f"anchor of fragment {p} of device {replica.index}" for p in range(o.fragments)]
        for p, name in enumerate(anchors):
            if name not in team.weights:
                team.weights[name] = yield Anchor(replica, self.fragment(replica, p))
        under_way = None  # name of the anchor whose pseudo-gradient has been sent
        while (step := (yield NextBatch(replica))) is not None:
            yield from train(replica, step)
            done = self.count_step(team, replica)
            if (done + o.delay) % turn == 0:  # at the same step on all devices
                under_way = anchors[((done + o.delay) // turn - 1) % o.fragments]
                for delta in (yield Delta(team.weights[under_way], replica)):
                    yield Put(local, delta)
            if done % turn == 0 and under_way is not None:
                yield from self.outer_step(team, replica, under_way, means)
                under_way = None
        if under_way is not None:
            yield from self.outer_step(team, replica, under_way, means)
        yield Close(local)

    def outer_step(self, team: Team, replica: Replica, name: str, means: Channel) -> Program:
        deltas = []
        for _ in team.weights[name].layers:
            deltas.append((yield Get(means)))
        team.weights[name] = anchor = yield Outer(team.weights[name], *deltas, optimizer=self.options.outer)
        yield Mix(replica, anchor, share=1 - self.options.alpha)

    def communicator(self, team: Team, replica: Replica, everyone: Group, local: Channel, means: Channel) -> Program:
        while (delta := (yield Get(local))) is not None:
            sent = yield from compressed(team, replica, delta, self.options.codec)
            yield Put(means, (yield AllReduce(everyone, replica, sent)))

    def fragment(self, replica: Replica, number: int) -> Sequence[Layer]:
        return replica.layers[number :: self.options.fragments]
