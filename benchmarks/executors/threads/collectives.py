"""Collectives between threads: the last to arrive computes for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.executors.accounts import DryTeam
from benchmarks.executors.threads.monitor import Monitor
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

    def all_reduce(self, worker: e.Worker, effect: e.AllReduce) -> Any:
        return self._meet(worker, effect, effect.gradient, self.team.all_reduce)

    def average(self, worker: e.Worker, effect: e.Average) -> Any:
        snapshot = self.team.flat(effect.replica, state=effect.state)
        mean, everyone = self._meet(worker, effect, (snapshot, effect.last), self._mean_of_snapshots)
        return self.team.averaged(effect, mean, snapshot, everyone)

    def _mean_of_snapshots(self, brought: list[tuple[Any, bool]]) -> list[Any]:
        mean = self.team.mean_flat([snapshot for snapshot, _ in brought])
        return [(mean, all(last for _, last in brought))] * len(brought)

    def _meet(
        self, worker: e.Worker, effect: e.AllReduce | e.Average, brought: Any, result: Callable[[list[Any]], list[Any]]
    ) -> Any:
        """What it brought, for its share of the result, computed in the order of the replicas."""
        group, member = effect.group, effect.replica.index
        with self.monitor:
            meeting = self._open.setdefault(group, Meeting())
            meeting.brought[member] = brought
            if len(meeting.brought) < group.members:
                self.monitor.wait(worker, f"the other members of {group.name}", lambda: meeting.results is not None)
            else:
                del self._open[group]
                order = sorted(meeting.brought)
                meeting.results = dict(zip(order, result([meeting.brought[i] for i in order]), strict=True))
                self.monitor.changed()
            assert meeting.results is not None
            return meeting.results[member]
