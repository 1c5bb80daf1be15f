"""LAP-SGD: locally-asynchronous parallel SGD.

Source: "Local SGD Meets Asynchrony" (arXiv:2203.06638), Algorithm 1a (updaters) and 1b (averagers).

Departures and choices (docs/papers.md, B):
- An updater takes the snapshot of line 3; the authors' code takes none (`weights=current`).
- Momentum is local to the updater, as in their code (`momentum=shared` has one per layer of a device).
- BN buffers are averaged with the weights; their code averages parameters only (`bn_buffers=per_device`).
- S counts updates after they are made; the paper counts before, and corrects for it by starting its averager at s_pre =
  U.
- Counters start at 0 in each epoch, and an epoch ends with one last average: the workers are drained for evaluation.
- Weight decay acts on the live weights when an update is made, as in their code; the paper does not say.
- The rate is the schedule's; `rate=delay_adaptive` lowers it for gradients of a long delay (rates.py).
- Devices get equally many batches (section 3.1); `shares=dynamic` gives the next to whichever device asks.
- An update takes the layer's mutex; the paper has none (`lock_free=true`).

With one updater per device LPP-SGD is this algorithm; arXiv:2410.05985 ran both so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from methods import (
    NEVER_LATE,
    Average,
    Await,
    Close,
    Count,
    Counter,
    Group,
    NextBatch,
    Program,
    RateOptions,
    Replica,
    Replicated,
    Scale,
    SharingOptions,
    Team,
    Update,
    Worker,
    Workers,
    backward,
    forward,
    options,
    register,
    scale_of,
)


@options
class UpdaterOptions(RateOptions):
    updaters: Annotated[Workers, Field(description="U, updaters per device")] = 1
    weights: Annotated[
        Literal["forward", "current"],
        Field(description="weights at which gradients are computed: a snapshot, or the live ones"),
    ] = "forward"
    momentum: Annotated[
        Literal["shared", "per_updater"],
        Field(description="optimizer state: one per layer of a device, or one per layer and updater"),
    ] = "per_updater"


@options
class LapOptions(UpdaterOptions, SharingOptions):
    period: Annotated[int, Field(ge=1, description="K, updates of a device between two averages")] = 16
    switch: Annotated[
        float, Field(ge=0, le=1, description="averages after every update until this share of the epochs, then K")
    ] = 0.5


@register(title="LAPSGD", source="arXiv:2203.06638, Algorithm 1", name="lapsgd", place=5)
class LAPSGD(Replicated):
    """Q devices with U updaters on each one's replica, and an averager per device that never stops them."""

    Options: ClassVar[Any] = LapOptions
    averages_replicas = True

    @property
    def scale(self) -> Scale:
        """The scale of updates; M of a delay-adaptive rate is the number of updaters on a device."""
        return scale_of(self.options.rate, self.options.updaters)

    @property
    def special_case(self) -> str:
        return NEVER_LATE if self.updaters == 1 and self.options.rate == "delay_adaptive" else ""

    @property
    def updates_whole_gradients(self) -> bool:
        return True

    def workers(self, team: Team) -> Iterable[Worker]:
        averagers = Group(members=len(team.replicas), name="averagers")
        for replica in team.replicas:
            counter = Counter(producers=self.options.updaters, name=f"S of device {replica.device}")
            for u in range(self.options.updaters):
                program = self.updater(team, replica, counter, u)
                yield Worker(program, device=replica.device, role="updater", index=u)
            program = self.averager(team, replica, counter, averagers)
            yield Worker(program, device=replica.device, role="averager")

    def updater(self, team: Team, replica: Replica, counter: Counter, u: int) -> Program:
        """Runs an updater: Algorithm 1a."""
        pin = "start" if self.options.weights == "forward" else "never"
        while (step := (yield NextBatch(replica, shared=self.shares_batches))) is not None:
            yield from forward(replica, step, pin=pin)
            yield from self.gradient_and_update(team, replica, step, u)
            yield Count(counter)
        yield Close(counter)

    def gradient_and_update(self, team: Team, replica: Replica, step: Any, u: int) -> Program:
        """Computes the whole gradient and applies it: lines 5 and 6 of Algorithm 1a."""
        gradients = yield from backward(replica, step)
        yield Update(*gradients, scale=self.scale)

    def averager(self, team: Team, replica: Replica, counter: Counter, averagers: Group) -> Program:
        """Runs an averager: Algorithm 1b. It reads the counter after each average, so slow ones do not pile up."""
        before = 0
        while True:
            now = yield Await(counter, at_least=before + self.period(team))
            everyone_is_done = yield Average(averagers, replica, last=now.ended)
            if everyone_is_done:
                return
            before = now

    def period(self, team: Team) -> int:
        """Returns K_j, the updates between two averages: 1 in the first phase, K after the switch."""
        return 1 if team.epoch < self.options.switch * team.epochs else int(self.options.period)
