"""NoLoCo: local steps, and every H of them an outer step by two devices at a time, without an all-reduce.

Source: Kolehmainen et al., "NoLoCo: No-all-reduce Low Communication Training Method for Large Models"
(arXiv:2506.10911), by the rule of their public code (gensyn-ai/noloco, `sparse_optimizer_c.py`).

Each device i has an anchor a_i. In each round devices are paired at random; with x their weights and means over the
pair:

    m_i <- momentum m_i - rate mean(a - x) - gamma (a_i - mean(a)),  a_i <- a_i + m_i,  x_i <- a_i

The last term of m_i pulls the pair's anchors together, since no all-reduce keeps them equal. Here, as in the code,
gamma is the rate. The two terms are then -rate (a_i - mean(x)): the two devices `Average` their weights, the `Delta`
from that to the anchor is the pseudo-gradient, and `Outer` steps by SGD with momentum.

Departures and choices:
- With an odd number of devices one of them takes its outer step alone; their code refuses that.
- The two devices send each other weights only; theirs sends anchors and pseudo-gradients, twice the bytes.
- The paper's random routing of activations between pipelines is left out.
- Local steps and rounds are counted over epochs. Anchors and outer momentum are kept over epochs.
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
    """A trainer per device, which also takes the outer steps."""

    Options = PairedOptions

    @property
    def needs_one_process(self) -> bool:
        return self.replicas > 2  # a group of ranks contains all of them

    def workers(self, team: Team) -> Iterable[Worker]:
        pairs = {
            (a, b): Group(members=2, name=f"devices {a} and {b}") for a, b in combinations(range(self.replicas), 2)
        }
        for replica in team.replicas:
            yield Worker(self.trainer(team, replica, pairs), device=replica.device, role="trainer")

    def trainer(self, team: Team, replica: Replica, pairs: Mapping[Pair, Group]) -> Program:
        anchor = f"anchor of device {replica.index}"
        if anchor not in team.weights:
            team.weights[anchor] = yield Anchor(replica, replica.layers)
        while (step := (yield NextBatch(replica))) is not None:
            yield from train(replica, step)
            done = self.count_step(team, replica)
            if done % self.options.period == 0:  # at the same step on all devices
                pair = self.pair_of(team, replica, done // self.options.period)
                if pair is not None:
                    yield Average(pairs[pair], replica)
                deltas = yield Delta(team.weights[anchor], replica)
                team.weights[anchor] = yield Outer(team.weights[anchor], *deltas, optimizer=self.options.outer)
                yield Mix(replica, team.weights[anchor], share=1.0)

    def pair_of(self, team: Team, replica: Replica, round: int) -> Pair | None:
        """Returns the device's pair in this round; None if it is left over. All devices draw the same pairs."""
        devices = list(range(self.replicas))
        team.random(f"pairs of round {round}").shuffle(devices)
        place = devices.index(replica.index)
        pair = sorted(devices[place - place % 2 :][:2])
        return (pair[0], pair[1]) if len(pair) == 2 else None
