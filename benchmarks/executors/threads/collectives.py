"""Collectives between threads: the last member to arrive computes the result for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from benchmarks.executors.accounting import Gradient
from benchmarks.executors.team import Team
from benchmarks.executors.threads.monitor import Monitor, Wait
from benchmarks.executors.traffic import Traffic
from methods import effects as e


@dataclass(eq=False)
class CollectiveRound:
    """One round of a collective; the dictionaries are by replica index.

    brought: the contributions so far.
    members: device and effect of each member so far.
    results: each member's result; None until all have arrived.
    """

    brought: dict[int, object] = field(default_factory=dict)
    members: dict[int, tuple[int, e.AllReduce | e.Average]] = field(default_factory=dict)
    results: dict[int, object] | None = None

    def bring(self, device: int, effect: e.AllReduce | e.Average, brought: object) -> bool:
        """Adds a member's contribution, and returns whether it is the last one."""
        member = effect.replica.index
        self.brought[member], self.members[member] = brought, (device, effect)
        return len(self.brought) == effect.group.members

    def result(self, compute: Callable[[list[object]], Sequence[object]], traffic: Traffic) -> dict[int, object]:
        """Returns each member's result, and counts the bytes that the members have sent each other.

        compute: gets all contributions in the order of the replicas, and returns the results in that order.
        """
        order = sorted(self.brought)
        traffic.meet([self.members[i] for i in order])
        return dict(zip(order, compute([self.brought[i] for i in order]), strict=True))


class ThreadCollectives:
    """Carries out AllReduce and Average, under the monitor's lock."""

    def __init__(self, team: Team, monitor: Monitor, traffic: Traffic) -> None:
        self.team, self.monitor, self.traffic = team, monitor, traffic
        self._open: dict[e.Group, CollectiveRound] = {}

    def all_reduce(self, worker: e.Worker, effect: e.AllReduce) -> Wait:
        return self._contribute(
            worker, effect, effect.gradient, lambda brought: self.team.all_reduce(cast(list[Gradient], brought))
        )

    def average(self, worker: e.Worker, effect: e.Average) -> Wait:
        snapshot = self.team.flat(effect.replica, state=effect.state)

        def averaged(result: object) -> object:
            mean, last = cast(Average, result)
            return self.team.finish_average(effect, mean, snapshot, last)

        brought = (self.team.weighed(effect, snapshot), effect.last)
        return self._contribute(worker, effect, brought, lambda brought: average(self.team, brought)).then(averaged)

    def _contribute(
        self,
        worker: e.Worker,
        effect: e.AllReduce | e.Average,
        brought: object,
        result: Callable[[list[object]], Sequence[object]],
    ) -> Wait:
        """Adds a contribution to the group's round, and returns a wait for this member's result."""
        group, member = effect.group, effect.replica.index
        with self.monitor:
            round = self._open.setdefault(group, CollectiveRound())
            if last := round.bring(worker.device, effect, brought):
                del self._open[group]
        if last:
            results = round.result(result, self.traffic)
            with self.monitor:
                round.results = results
                self.monitor.changed()
        return Wait(
            f"the other members of {group.name}",
            lambda: round.results is not None,
            take=lambda: cast(dict[int, object], round.results)[member],
        )


Average = tuple[object, bool]
"""A replica's snapshot or the mean, and whether the members said `last`."""


def average(team: Team, brought: Sequence[object]) -> list[Average]:
    """Returns for each member the mean of the snapshots, and whether all members said `last`."""
    averages = cast(Sequence[Average], brought)
    mean = team.mean_flat([snapshot for snapshot, _ in averages])
    return [(mean, all(last for _, last in averages))] * len(brought)
