"""Exchanges between the workers of a replay: tickets, channels, counters, meetings, in the order of the schedule."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.executors.numerics.accesses import note_into
from benchmarks.executors.replay.player import Carried, Player, Wait
from benchmarks.executors.team import Team
from benchmarks.executors.threads.collectives import Meeting
from benchmarks.executors.threads.recorder import END, NotedItems
from methods import effects as e


class MeetingPlaces:
    """Channels, counters and groups of one epoch. Nobody waits for room in a channel: the schedule orders items."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self._items: dict[e.Channel, NotedItems] = {}
        self._closed: dict[e.Channel, int] = {}
        self._meetings: dict[e.Group, Meeting] = {}

    # ---- tickets

    def next_batch(self, player: Player, effect: e.NextBatch) -> Carried[object]:
        (ticket,) = player.next(1)
        last, accounts = self.team.steps_per_epoch, self.team.accounts

        def upcoming() -> int | None:
            return accounts.upcoming(effect.replica.index, shared=effect.shared)

        def behind() -> int:
            batch = upcoming()
            return (last if ticket == END else ticket) - (last if batch is None else batch)

        yield Wait(behind, lambda: f"batch {ticket} (next is {upcoming()})")
        self.team.keep_pace()
        step = self.team.next_batch(effect.replica, effect.shared)
        player.take([END if step is None else ticket])
        return step

    # ---- channels and counters

    def _of(self, channel: e.Channel) -> NotedItems:
        return self._items.setdefault(channel, NotedItems())

    def put(self, player: Player, effect: e.Put) -> Carried[None]:
        items, (place,) = self._of(effect.channel), player.next(1)
        name = effect.channel.name
        yield Wait(lambda: place - items.came, lambda: f"place {place} in {name} (now {items.came})")
        self._noted(player, lambda: items.append(effect.item))

    def get(self, player: Player, effect: e.Get) -> Carried[object]:
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

    def _noted(self, player: Player, function: Callable[[], object]) -> object:
        notes: list[int] = []
        note_into(notes)
        value = function()
        player.take(notes)
        return value

    def close(self, player: Player, effect: e.Close) -> Carried[None]:
        yield from ()
        if isinstance(effect.port, e.Channel):
            self._closed[effect.port] = self._closed.get(effect.port, 0) + 1
        else:
            effect.port.closes += 1

    def count(self, player: Player, effect: e.Count) -> Carried[object]:
        counter, (value,) = effect.counter, player.next(1)
        yield Wait(lambda: value - counter.value, lambda: f"{counter.name} at {value} (now {counter.value})")
        counter.value += 1
        player.take([counter.value - 1])
        return value

    def wait(self, player: Player, effect: e.Await) -> Carried[object]:
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
        self,
        player: Player,
        effect: e.AllReduce | e.Average,
        brought: object,
        result: Callable[[list[object]], Sequence[object]],
    ) -> Carried[object]:
        """Exchanges what it brought for its share of the result, computed in the order of the replicas."""
        group, member = effect.group, effect.replica.index
        meeting = self._meetings.setdefault(group, Meeting())
        meeting.brought[member] = brought
        if len(meeting.brought) == group.members:
            del self._meetings[group]
            meeting.results = meeting.result(result)
        yield Wait(lambda: int(meeting.results is None), lambda: f"the other members of {group.name}")
        assert meeting.results is not None
        return meeting.results[member]
