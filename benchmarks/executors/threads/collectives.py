"""Collectives between threads: the last to arrive computes for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.executors.accounts import DryTeam
from benchmarks.executors.threads.monitor import Monitor, Wait
from methods import effects as e


@dataclass(eq=False)
class Meeting:
    """One round of a collective, by the replicas' indices."""

    brought: dict[int, Any] = field(default_factory=dict)
    results: dict[int, Any] | None = None


class Meetings:
    def __init__(self, team: DryTeam, monitor: Monitor) -> None:
        self.team, self.monitor = team, monitor
        self._open: dict[e.Group, Meeting] = {}

    def all_reduce(self, worker: e.Worker, effect: e.AllReduce) -> Wait:
        return self._meet(effect, effect.gradient, self.team.all_reduce)

    def average(self, worker: e.Worker, effect: e.Average) -> Wait:
        snapshot = self.team.flat(effect.replica, state=effect.state)
        met = self._meet(effect, (snapshot, effect.last), self._mean_of_snapshots)
        return met.then(lambda found: self.team.averaged(effect, found[0], snapshot, found[1]))

    def _mean_of_snapshots(self, brought: list[tuple[Any, bool]]) -> list[Any]:
        mean = self.team.mean_flat([snapshot for snapshot, _ in brought])
        return [(mean, all(last for _, last in brought))] * len(brought)

    def _meet(self, effect: e.AllReduce | e.Average, brought: Any, result: Callable[[list[Any]], list[Any]]) -> Wait:
        """Bring something -> its share of the result, computed in the order of the replicas."""
        group, member = effect.group, effect.replica.index
        with self.monitor:
            meeting = self._open.setdefault(group, Meeting())
            meeting.brought[member] = brought
            if last := len(meeting.brought) == group.members:
                del self._open[group]
        if last:
            order = sorted(meeting.brought)
            results = dict(zip(order, result([meeting.brought[i] for i in order]), strict=True))
            with self.monitor:
                meeting.results = results
                self.monitor.changed()

        def share() -> Any:
            assert meeting.results is not None
            return meeting.results[member]

        return Wait(f"the other members of {group.name}", lambda: meeting.results is not None, take=share)
