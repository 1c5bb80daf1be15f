"""What workers exchange in a replay: tickets, channels, counters, meetings, in the order of the schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.executors.accounts import DryTeam
from benchmarks.executors.numerics.accesses import note_into
from benchmarks.executors.replay.player import Carried, Player, Wait
from benchmarks.executors.threads.collectives import Meeting
from benchmarks.executors.threads.recorder import END, NotedItems
from methods import effects as e


class MeetingPlaces:
    """Of one epoch's workers. Nobody waits for room in a channel: when items came is in the schedule."""

    def __init__(self, team: DryTeam) -> None:
        self.team = team
        self._items: dict[e.Channel, NotedItems] = {}
        self._closed: dict[e.Channel, int] = {}
        self._meetings: dict[e.Group, Meeting] = {}

    # ---- tickets

    def next_batch(self, player: Player, effect: e.NextBatch) -> Carried:
        (ticket,) = player.next(1)
        last = self.team.steps_per_epoch

        def behind() -> int:
            upcoming = self.team.upcoming(effect.replica, effect.shared)
            return (last if ticket == END else ticket) - (last if upcoming is None else upcoming)

        yield Wait(behind, lambda: f"batch {ticket} (next is {self.team.upcoming(effect.replica, effect.shared)})")
        self.team.keep_pace()
        step = self.team.next_batch(effect.replica, effect.shared)
        player.take([END if step is None else ticket])
        return step

    # ---- channels and counters

    def _of(self, channel: e.Channel) -> NotedItems:
        return self._items.setdefault(channel, NotedItems())

    def put(self, player: Player, effect: e.Put) -> Carried:
        items, (place,) = self._of(effect.channel), player.next(1)
        name = effect.channel.name
        yield Wait(lambda: place - items.came, lambda: f"place {place} in {name} (now {items.came})")
        self._noted(player, lambda: items.append(effect.item))

    def get(self, player: Player, effect: e.Get) -> Carried:
        channel, items, (place,) = effect.channel, self._of(effect.channel), player.next(1)

        def behind() -> int:
            if place == END:
                return len(items) + max(0, channel.producers - self._closed.get(channel, 0))
            return place - items.gone or int(not items)

        wanted = "the end" if place == END else f"item {place}"
        yield Wait(behind, lambda: f"{wanted} of {channel.name} ({items.came} came, {items.gone} are gone)")
        if place == END:
            player.take([END])
            return None
        item = self._noted(player, items.popleft)
        if item is None:
            player.take([END])
        return item

    def _noted(self, player: Player, function: Callable[[], Any]) -> Any:
        notes: list[int] = []
        note_into(notes)
        value = function()
        player.take(notes)
        return value

    def close(self, player: Player, effect: e.Close) -> Carried:
        yield from ()
        if isinstance(effect.port, e.Channel):
            self._closed[effect.port] = self._closed.get(effect.port, 0) + 1
        else:
            effect.port.closes += 1

    def count(self, player: Player, effect: e.Count) -> Carried:
        counter, (value,) = effect.counter, player.next(1)
        yield Wait(lambda: value - counter.value, lambda: f"{counter.name} at {value} (now {counter.value})")
        counter.value += 1
        player.take([counter.value - 1])
        return value

    def wait(self, player: Player, effect: e.Await) -> Carried:
        """The value at the time: it may be past, since a counter only grows."""
        counter, (value, ended) = effect.counter, player.next(2)
        if value < effect.at_least and not ended:
            raise player.mismatch(f"{counter.name} is to reach {effect.at_least}, and has {value} in the schedule")

        def behind() -> int:
            return max(0, value - counter.value, ended - counter.ended)

        end = ", ended" if ended else ""
        yield Wait(behind, lambda: f"{counter.name} at {value}{end} (now {counter.value})")
        player.take([value, int(bool(ended))])
        return e.CounterValue(value, bool(ended))

    # ---- meetings

    def meet(
        self, player: Player, effect: e.AllReduce | e.Average, brought: Any, result: Callable[[list[Any]], list[Any]]
    ) -> Carried:
        """What it brought, for its share of the result, computed in the order of the replicas."""
        group, member = effect.group, effect.replica.index
        meeting = self._meetings.setdefault(group, Meeting())
        meeting.brought[member] = brought
        if len(meeting.brought) == group.members:
            del self._meetings[group]
            order = sorted(meeting.brought)
            meeting.results = dict(zip(order, result([meeting.brought[i] for i in order]), strict=True))
        yield Wait(lambda: int(meeting.results is None), lambda: f"the other members of {group.name}")
        assert meeting.results is not None
        return meeting.results[member]
