"""Collectives between threads: the last to arrive computes for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from benchmarks.executors.accounting import Gradient
from benchmarks.executors.team import Team
from benchmarks.executors.threads.monitor import Monitor, Wait
from methods import effects as e


@dataclass(eq=False)
class Meeting:
    """One round of a collective, by the replicas' indices."""

    brought: dict[int, object] = field(default_factory=dict)
    results: dict[int, object] | None = None

    def result(self, compute: Callable[[list[object]], Sequence[object]]) -> dict[int, object]:
        """Returns each member's, computed of what they brought in the order of the replicas."""
        order = sorted(self.brought)
        return dict(zip(order, compute([self.brought[i] for i in order]), strict=True))


class Meetings:
    def __init__(self, team: Team, monitor: Monitor) -> None:
        self.team, self.monitor = team, monitor
        self._open: dict[e.Group, Meeting] = {}

    def all_reduce(self, worker: e.Worker, effect: e.AllReduce) -> Wait:
        return self._meet(effect, effect.gradient, lambda brought: self.team.all_reduce(cast(list[Gradient], brought)))

    def average(self, worker: e.Worker, effect: e.Average) -> Wait:
        snapshot = self.team.flat(effect.replica, state=effect.state)

        def averaged(met: object) -> object:
            mean, last = cast(Average, met)
            return self.team.averaged(effect, mean, snapshot, last)

        return self._meet(effect, (snapshot, effect.last), lambda brought: average(self.team, brought)).then(averaged)

    def _meet(
        self, effect: e.AllReduce | e.Average, brought: object, result: Callable[[list[object]], Sequence[object]]
    ) -> Wait:
        """Brings something -> its share of the result, computed in the order of the replicas."""
        group, member = effect.group, effect.replica.index
        with self.monitor:
            meeting = self._open.setdefault(group, Meeting())
            meeting.brought[member] = brought
            if last := len(meeting.brought) == group.members:
                del self._open[group]
        if last:
            results = meeting.result(result)
            with self.monitor:
                meeting.results = results
                self.monitor.changed()
        return Wait(
            f"the other members of {group.name}",
            lambda: meeting.results is not None,
            take=lambda: cast(dict[int, object], meeting.results)[member],
        )


Average = tuple[object, bool]
"""A vector, and whether it is the last."""


def average(team: Team, brought: Sequence[object]) -> list[Average]:
    """Returns for each member the mean of the snapshots, and whether all said that this is the last."""
    averages = cast(Sequence[Average], brought)
    mean = team.mean_flat([snapshot for snapshot, _ in averages])
    return [(mean, all(last for _, last in averages))] * len(brought)
