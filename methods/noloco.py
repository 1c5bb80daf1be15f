"""NoLoCo: local steps, and every H of them an outer step by two devices at a time. Nobody ever meets all the others.

Source: Kolehmainen et al., "NoLoCo: No-all-reduce Low Communication Training Method for Large Models"
(arXiv:2506.10911), by the rule of their public code (gensyn-ai/noloco, `sparse_optimizer_c.py`).

Every device i has an anchor a_i. Devices are paired at random, anew in each round; with x their weights and means over
the pair
    m_i <- momentum m_i - rate mean(a - x) - gamma (a_i - mean(a)),  a_i <- a_i + m_i,  x_i <- a_i.
The code's gamma is the rate, and so is gamma here. The two terms are then -rate (a_i - mean(x)): the two `Average`
their weights, and the `Delta` of that to the anchor is what `Outer` takes, SGD with momentum. The last term pulls the
anchors of the pair together, which no all-reduce keeps alike.

Departures and choices:
- An odd device out takes its outer step alone. Theirs refuses numbers that groups of two do not divide.
- Weights alone go between the two; theirs sends anchors and pseudo-gradients, twice the bytes, by one of the two.
- What pipelines add, activations that change their way at random, is not there.
- Local steps and rounds are counted over epochs. Anchors and outer momentum last.
- BatchNorm's running statistics become the pair's mean (`bn_buffers=per_device`: stay with each device).
- The inner optimizer's state is each device's own. What is evaluated is the mean of the replicas (`consensus`).
- Their outer rate is 0.7, and their momentum 0.5 (c4_noloco_mean_100m_8). Their H is 50; the default is as small as
  that of other averaging methods here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Annotated, Literal

from pydantic import Field

from methods import (
    Anchor,
    Average,
    Delta,
    Group,
    LocalSteps,
    Mix,
    NextBatch,
    Outer,
    OuterOptions,
    Program,
    Replica,
    ReplicatedOptions,
    Team,
    Worker,
    options,
    register,
    train,
)

Pair = tuple[int, int]
"""Two devices, the smaller number first."""


@options
class PairOuterOptions(OuterOptions):
    name: Annotated[Literal["sgd", "nesterov"], Field(description="SGD, or with Nesterov's momentum")] = "sgd"
    momentum: Annotated[float, Field(ge=0, lt=1, description="of the outer steps")] = 0.5


@options
class PairedOptions(ReplicatedOptions):
    period: Annotated[int, Field(ge=1, description="H, local steps between two outer steps")] = 16
    outer: Annotated[PairOuterOptions, Field(description="the outer optimizer; its rate is gamma as well")] = (
        PairOuterOptions()
    )


@register(title="NoLoCo", source="arXiv:2506.10911", name="noloco", place=33)
class NoLoCo(LocalSteps):
    """A trainer per device, which takes the outer steps as well."""

    Options = PairedOptions

    @property
    def needs_one_process(self) -> bool:
        return self.replicas > 2  # between ranks, all meet

    def workers(self, team: Team) -> Iterable[Worker]:
        pairs = {two: Group(members=2, name="devices {} and {}".format(*two)) for two in _pairs_of(self.replicas)}
        for replica in team.replicas:
            yield Worker(self.trainer(team, replica, pairs), device=replica.device, role="trainer")

    def trainer(self, team: Team, replica: Replica, pairs: Mapping[Pair, Group]) -> Program:
        anchor = f"anchor of device {replica.index}"
        if anchor not in team.weights:
            team.weights[anchor] = yield Anchor(replica, replica.layers)
        while (step := (yield NextBatch(replica))) is not None:
            yield from train(replica, step)
            done = self.count_step(team, replica)
            if done % self.options.period == 0:  # at the same step for all: devices have equally many batches
                pair = self.pair_of(team, replica, done // self.options.period)
                if pair is not None:
                    yield Average(pairs[pair], replica)
                deltas = yield Delta(team.weights[anchor], replica)
                team.weights[anchor] = yield Outer(team.weights[anchor], *deltas, optimizer=self.options.outer)
                yield Mix(replica, team.weights[anchor], share=1.0)

    def pair_of(self, team: Team, replica: Replica, round: int) -> Pair | None:
        """Returns the pair that the device is in, in this round; None for an odd one out. All devices draw alike."""
        devices = list(range(self.replicas))
        team.random(f"pairs of round {round}").shuffle(devices)
        place = devices.index(replica.index)
        two = sorted(devices[place - place % 2 :][:2])
        return (two[0], two[1]) if len(two) == 2 else None


def _pairs_of(devices: int) -> Iterable[Pair]:
    return combinations(range(devices), 2)
